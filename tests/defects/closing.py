"""Closing: RFC 6455 §5.5.1 and §7."""

from __future__ import annotations

import asyncio
import socket
import struct

from websockets.frames import Close, Frame, Opcode, apply_mask
from websockets.protocol import Protocol

from reference_server.handshake import StrictConnection
from tests.defects.framing import frames
from tests.defects.registry import around, chapter

defect = chapter("protocol/test_closing.py", "protocol/test_control_frames.py")


@defect("closing.reply")
def does_not_answer_a_close_with_the_longest_reason() -> None:
    @around(Protocol, "send_frame")
    def send_frame(original, self, frame):
        if frame.opcode is not Opcode.CLOSE or len(frame.data) < 125:
            original(self, frame)


@defect("closing.reply")
def leaves_tcp_open_after_close_4999() -> None:
    @around(Protocol, "send_eof")
    def send_eof(original, self):
        if self.close_rcvd is None or self.close_rcvd.code != 4999:
            original(self)
        else:
            self.eof_sent = True


def closes(change):
    """Change a Close frame before it is read."""

    def each(_, frame):
        if frame.opcode is Opcode.CLOSE:
            frame.data = change(bytes(frame.data))
        return frame

    frames(each)


@defect("closing.code-echo")
def answers_every_close_with_1000() -> None:
    def change(data):
        return b"\x03\xe8" if b"\x0b\xb8" <= data[:2] < b"\x13\x88" else data

    closes(change)


@defect("closing.code-echo")
def does_not_know_the_codes_registered_later() -> None:
    closes(lambda data: b"\x03\xea" if data == b"\x03\xf4" else data)


@defect("closing.invalid-code")
def answers_1016_as_if_it_were_1000() -> None:
    closes(lambda data: b"\x03\xe8" if data[:2] == b"\x03\xf8" else data)


@defect(
    "closing.invalid-code",
    companions={"closing.server-close-payload": "1006 in the answer is 1006 on the wire"},
)
def answers_1006_in_kind() -> None:
    @around(Close, "check")
    def check(original, self):
        if self.code != 1006:
            original(self)


@defect("closing.one-byte")
def reads_a_close_of_one_byte_as_1000() -> None:
    closes(lambda data: b"\x03\xe8" if len(data) == 1 else data)


@defect("closing.after-close")
def answers_a_ping_behind_the_clients_close() -> None:
    def each(protocol, frame):
        rest = bytes(protocol.reader.buffer)
        if frame.opcode is Opcode.CLOSE and rest[:1] == b"\x89":
            payload = apply_mask(rest[6 : 6 + (rest[1] & 0x7F)], rest[2:6])
            protocol.send_frame(Frame(Opcode.PONG, payload))
        return frame

    frames(each)


@defect("closing.half-close")
def stays_when_the_client_ended_tcp() -> None:
    @around(StrictConnection, "eof_received")
    def eof_received(original, self):
        return True if self.protocol.state.name == "OPEN" else original(self)


def holding_tcp(held, seconds=None):
    """Keep TCP open where both sides have closed, for good or for some seconds."""

    @around(StrictConnection, "connection_made")
    def connection_made(original, self, transport):
        original(self, transport)
        self.protocol.tcp = transport

    @around(Protocol, "send_eof")
    def send_eof(original, self):
        if not held(self):
            original(self)
            return
        self.eof_sent = True
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, self.tcp.close)


@defect(
    "closing.prompt",
    files=("protocol/test_closing.py::test_close_is_answered_and_tcp_ended_soon",),
    sample=False,
)
def lingers_before_it_ends_tcp() -> None:
    holding_tcp(lambda protocol: protocol.close_rcvd is not None, 0.7)


@defect("closing.tcp-clean", sample=False)
def ends_tcp_with_a_reset() -> None:
    @around(Protocol, "send_eof")
    def send_eof(original, self):
        if self.close_rcvd is None or self.close_rcvd.code != 1000:
            original(self)
            return
        self.eof_sent = True
        raw = self.tcp.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        asyncio.get_running_loop().call_later(0.02, self.tcp.abort)

    @around(StrictConnection, "connection_made")
    def connection_made(original, self, transport):
        original(self, transport)
        self.protocol.tcp = transport


@defect(
    "closing.crossing",
    files=(
        "protocol/test_closing.py::test_close_frames_that_cross_end_the_connection",
        "protocol/test_closing.py::test_answer_to_the_servers_own_close_ends_the_connection",
    ),
)
def waits_for_a_close_that_came_before_its_own() -> None:
    # What is left of the faulty frame is a masking key and five bytes.
    holding_tcp(lambda protocol: b"\x88" in protocol.reader.buffer[9:10])


@defect("closing.nothing-after-failure", files=("protocol/test_failing.py",))
def answers_pings_behind_a_continuation_of_nothing() -> None:
    @around(Protocol, "fail")
    def fail(original, self, code, reason=""):
        rest = bytes(self.reader.buffer)
        if "continuation" in reason and rest[:1] == b"\x89":
            payload = apply_mask(rest[6 : 6 + (rest[1] & 0x7F)], rest[2:6])
            self.send_frame(Frame(Opcode.PONG, payload))
        original(self, code, reason)


@defect("robustness.others-unharmed", files=("protocol/test_closing.py",), sample=False)
def stops_reading_others_when_a_client_resets_tcp() -> None:
    """As a loop does that an unexpected error ends: who is connected stays so, and is heard no more."""
    connected, deaf = set(), set()

    @around(StrictConnection, "connection_made")
    def connection_made(original, self, transport):
        original(self, transport)
        connected.add(self.protocol)

    @around(StrictConnection, "connection_lost")
    def connection_lost(original, self, error):
        original(self, error)
        connected.discard(self.protocol)
        if isinstance(error, ConnectionResetError):
            deaf.update(connected)

    @around(Protocol, "receive_data")
    def receive_data(original, self, data):
        if self not in deaf:
            original(self, data)


def failing(change):
    @around(Protocol, "fail")
    def fail(original, self, code, reason=""):
        original(self, change(code, reason), reason)


@defect("closing.failure-close-frame")
def fails_without_a_close_frame_on_fragmented_pings() -> None:
    failing(lambda code, reason: 1006 if reason == "fragmented control frame" else code)


@defect("closing.failure-code")
def calls_a_long_ping_a_big_message() -> None:
    failing(lambda code, reason: 1009 if reason == "control frame too long" else code)
