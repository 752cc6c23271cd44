"""What becomes of data between the wire and the application: RFC 6455 §5.6 and §6.2."""

from __future__ import annotations

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol

from tests.defects.echo import ECHO, echo_path
from tests.defects.framing import frames
from tests.defects.registry import around, chapter

defect = chapter("protocol/test_segments.py")
BINARY = ("protocol/test_binary.py",)


@defect("framing.long-segments")
def wants_a_64_bit_length_in_the_segment_of_its_frame() -> None:
    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        reader = read_exact.__self__
        head = yield from read_exact(2)
        if head[1] & 0x7F == 127 and 0 < len(reader.buffer) < 8:
            raise ProtocolError("short read")
        first = [head]

        def read(size):
            return first.pop() if first else (yield from read_exact(size))

        return (yield from original(read, **how))


@defect("framing.pipelined")
def takes_30_messages_from_one_read_at_most() -> None:
    taken = {}

    @around(Protocol, "receive_data")
    def receive_data(original, self, data):
        taken[self.id] = 0
        original(self, data)

    def each(protocol, frame):
        if frame.opcode is Opcode.TEXT:
            taken[protocol.id] += 1
        return frame if frame.opcode is not Opcode.TEXT or taken[protocol.id] <= 30 else None

    frames(each)


@defect("framing.text-message", files=("protocol/test_framing.py",))
def loses_a_text_of_119_bytes() -> None:
    frames(lambda _, frame: None if frame.opcode is Opcode.TEXT and len(frame.data) == 119 else frame)


@defect("framing.binary-message", files=BINARY, profile=ECHO)
def gives_back_a_binary_message_of_126_bytes_as_text() -> None:
    echo_path(lambda message: message if len(message) != 126 else message.decode("latin-1"))


@defect("framing.binary-message", files=BINARY, profile=ECHO)
def loses_binary_data_behind_a_fragment_of_nul() -> None:
    def each(protocol, frame):
        if frame.opcode is Opcode.CONT and bytes(frame.data) == b"" and not frame.fin:
            return None
        if frame.opcode is Opcode.BINARY and not frame.fin and bytes(frame.data) == b"\0":
            frame.data = b""
        return frame

    echo_path(lambda message: message)
    frames(each)


@defect("framing.binary-payload", files=("protocol/test_failing.py",))
def checks_binary_data_for_text() -> None:
    def each(_, frame):
        if frame.opcode is Opcode.BINARY and frame.fin:
            bytes(frame.data).decode()
        return frame

    frames(each)
