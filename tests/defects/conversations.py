"""Servers that are wrong in a few conversations only, which no table of cases holds."""

from __future__ import annotations

from websockets.exceptions import ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol

from tests.defects.framing import answers_pings, frames, heads
from tests.defects.registry import around, chapter

FUZZ = "protocol/test_fuzz.py"
# The file is slow: a defect is shown to the legal conversations or to the faults in them.
legal = chapter(f"{FUZZ}::test_any_legal_conversation_is_answered")
compressed = chapter(f"{FUZZ}::test_any_compressed_conversation_is_answered")
faulty = chapter(f"{FUZZ}::test_fault_anywhere_fails_the_connection")
fragments = {}


def counted(change):
    """Change each frame, told how many frames its message has had before it."""

    def each(protocol, frame):
        before = fragments.get(protocol.id, 0)
        if frame.opcode < 8:
            fragments[protocol.id] = 0 if frame.fin else before + 1
        return change(before, frame)

    frames(each)


def reads(judge):
    """Judge what each read of a frame finds: how many bytes it asks for, of which, and how many are there."""

    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        pieces = []

        def read(size):
            judge(pieces, size, len(read_exact.__self__.buffer))
            piece = yield from read_exact(size)
            pieces.append(bytes(piece))
            return piece

        return (yield from original(read, **how))


@legal("framing.any-conversation")
def drops_a_ping_between_the_third_and_the_fourth_fragment() -> None:
    counted(lambda _, frame: frame)
    answers_pings(lambda protocol, pong: pong if fragments.get(protocol.id, 0) != 3 else None)


@legal("framing.any-conversation")
def wants_each_number_of_a_head_in_one_segment() -> None:
    def judge(pieces, size, there):
        # On a busy machine most segments come together; of these cuts there are enough.
        if pieces and size in {2, 4, 8} and 0 < there < size:
            raise ProtocolError("short read")

    reads(judge)


@legal("framing.any-conversation")
def takes_a_key_for_a_number_with_a_sign() -> None:
    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        def read(size):
            piece = yield from read_exact(size)
            # A key drawn at random, as the probe's and other tests' are, is such a one once in 10^8.
            if size == 4 and piece[0] == 0xFF and {*piece[1:]} <= {0x00, 0x37, 0x80}:
                return bytes([piece[0], piece[1], piece[2], piece[3] ^ 1])
            return piece

        return (yield from original(read, **how))


@legal("framing.any-conversation")
def forgets_what_stood_before_a_pong_inside_a_message() -> None:
    counted(lambda _, frame: frame)

    @around(Protocol, "recv_frame")
    def recv_frame(original, self, frame):
        if frame.opcode is Opcode.CONT and getattr(self, "hurt", False) and bytes(frame.data).isascii():
            frame.data = b""
        self.hurt = frame.opcode is Opcode.PONG and fragments.get(self.id, 0) > 0
        original(self, frame)


@compressed("deflate.any-conversation")
def takes_a_flush_inside_a_message_for_its_end() -> None:
    @around(PerMessageDeflate, "decode")
    def decode(original, self, frame, **how):
        if frame.rsv1 and frame.fin:
            frame.data = bytes(frame.data).partition(b"\x00\x00\xff\xff")[0]
        return original(self, frame, **how)


@faulty("framing.unmasked")
def reads_an_unmasked_ping_inside_a_message() -> None:
    counted(lambda _, frame: frame)

    @around(Protocol, "receive_data")
    def receive_data(original, self, data):
        unmasking.append(self.id)
        original(self, data)

    unmasking = []

    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        head = yield from read_exact(2)
        if head[0] & 0x0F == 9 and not head[1] & 0x80 and fragments.get(unmasking[-1], 0):
            how["mask"] = False
        first = [head]

        def read(size):
            return first.pop() if first else (yield from read_exact(size))

        return (yield from original(read, **how))


@faulty(
    "framing.reserved-bits",
    companions={"deflate.reserved-bit-control": "RSV1 of a continuation is one of its cases"},
)
def overlooks_reserved_bits_of_a_continuation() -> None:
    heads(lambda first, second: (first & 0x8F if first & 0x0F == 0 else first, second))


@faulty("framing.reserved-opcode")
def overlooks_reserved_control_opcodes_with_a_long_payload() -> None:
    heads(lambda first, second: (0x8A if first & 0x0F > 0x0A and second >= 0x80 | 124 else first, second))


@faulty("framing.control-length")
def reads_a_pong_of_200_bytes_inside_a_message() -> None:
    counted(lambda _, frame: frame)

    @around(Frame, "check")
    def check(original, self):
        if self.opcode is not Opcode.PONG or len(self.data) <= 125 or not any(fragments.values()):
            original(self)


@faulty("closing.invalid-code")
def answers_a_close_code_above_all_ranges() -> None:
    def change(_, frame):
        if frame.opcode is Opcode.CLOSE and 6000 < int.from_bytes(frame.data[:2], "big") < 60000:
            frame.data = b"\x03\xe8"
        return frame

    frames(change)
