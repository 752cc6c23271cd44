"""What a server itself sends: the rules that every frame is watched for."""

from __future__ import annotations

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol

from reference_server import session
from reference_server.events import Hub
from tests.defects.registry import around, chapter

defect = chapter("protocol/test_invariants.py", "protocol/test_framing.py", "protocol/test_closing.py")


@defect("framing.server-unmasked")
def masks_frames_of_126_bytes_and_more() -> None:
    @around(Frame, "serialize")
    def serialize(original, self, *, mask, extensions=None):
        return original(self, mask=mask or len(self.data) >= 126, extensions=extensions)


def bytes_of(change):
    @around(Frame, "serialize")
    def serialize(original, self, **how):
        return change(self, original(self, **how))


@defect("framing.server-reserved-bits")
def sets_rsv2_in_its_longest_pongs() -> None:
    def change(frame, data):
        longest = frame.opcode is Opcode.PONG and len(frame.data) == 125
        return bytes([data[0] | 0x20, *data[1:]]) if longest else data

    bytes_of(change)


@defect("framing.server-opcodes")
def sends_opcode_3_behind_long_messages() -> None:
    bytes_of(lambda frame, data: data + b"\x83\x00" if len(frame.data) > 65535 else data)


@defect("framing.server-control-frames")
def pings_with_126_bytes() -> None:
    @around(Hub, "join")
    def join(original, self, peer, confirmation):
        peer.websocket.protocol.writes.append(b"\x89\x7e\x00\x7e" + bytes(126))
        original(self, peer, confirmation)


@defect("framing.server-minimal-length")
def writes_125_bytes_in_the_16_bit_form() -> None:
    def change(frame, data):
        return data[:1] + b"\x7e\x00\x7d" + data[2:] if len(frame.data) == 125 else data

    bytes_of(change)


@defect("framing.server-fragments")
def ends_long_messages_twice() -> None:
    bytes_of(lambda frame, data: data + b"\x80\x00" if len(frame.data) > 65535 else data)


NO_JSON = "a text that is not UTF-8 is no JSON either"


@defect(
    "utf8.server-text",
    companions={"session.message-schema": NO_JSON, "session.invalid-json": NO_JSON},
)
def answers_an_empty_text_in_latin_1() -> None:
    mark = "Cl\u00f4ture"

    @around(session, "decode")
    def decode(original, received):
        if not received:
            raise session.MessageError("invalid_json", mark)
        return original(received)

    @around(Protocol, "send_text")
    def send_text(original, self, data, *fin):
        original(self, bytes(data).replace(mark.encode(), mark.encode("latin-1")), *fin)


def close_frames(change):
    @around(Protocol, "send_frame")
    def send_frame(original, self, frame):
        original(self, Frame(frame.opcode, change(frame.data)) if frame.opcode is Opcode.CLOSE else frame)


@defect("closing.server-close-payload")
def cuts_the_reason_inside_a_character() -> None:
    close_frames(lambda data: data[:12])


@defect(
    "closing.server-close-payload",
    companions={"closing.code-echo": "1005 is neither no code nor 1000"},
)
def writes_1005_where_there_was_no_code() -> None:
    close_frames(lambda data: data or (1005).to_bytes(2, "big"))


@defect("closing.nothing-after-close", files=("protocol/test_closing.py",))
def says_goodbye_behind_its_close() -> None:
    @around(Protocol, "send_frame")
    def send_frame(original, self, frame):
        original(self, frame)
        if frame.opcode is Opcode.CLOSE and frame.data.startswith(b"\x03\xe9"):  # 1001
            original(self, Frame(Opcode.TEXT, b'{"type":"goodbye"}'))
