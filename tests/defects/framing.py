"""How a server reads frames: RFC 6455 §5."""

from __future__ import annotations

import asyncio
import struct

from websockets.exceptions import ConnectionClosed, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol

from reference_server import server
from reference_server.handshake import StrictConnection
from tests.defects.registry import around, chapter

defect = chapter(
    "protocol/test_framing.py",
    "protocol/test_control_frames.py",
    "protocol/test_fragmentation.py",
    "protocol/test_invariants.py",
)
SEGMENTS = ("protocol/test_segments.py",)


def heads(change):
    """Change the first two bytes of each frame before they are read."""

    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        head = bytes(change(*(yield from read_exact(2))))

        def read(size):
            nonlocal head
            if head is not None:
                given, head = head, None
                return given
            return (yield from read_exact(size))

        return (yield from original(read, **how))


def frames(change):
    """Change each frame once it was read; a frame that became ``None`` never came."""

    @around(Protocol, "recv_frame")
    def recv_frame(original, self, frame):
        frame = change(self, frame)
        if frame is not None:
            original(self, frame)


def answers_pings(answer):
    """Change what is answered to a Ping; ``None`` answers nothing."""

    @around(Protocol, "send_frame")
    def send_frame(original, self, frame):
        if frame.opcode is Opcode.PONG:
            frame = answer(self, frame)
        if frame is not None:
            original(self, frame)


@defect("framing.ping-pong")
def drops_bytes_of_a_ping_that_are_no_ascii() -> None:
    answers_pings(lambda _, pong: Frame(Opcode.PONG, bytes(b for b in pong.data if b < 0x80)))


@defect("framing.ping-pong", companions={"framing.masking-key": "its Pings begin with the empty one"})
def does_not_answer_an_empty_ping() -> None:
    answers_pings(lambda _, pong: pong if pong.data else None)


@defect("framing.ping-burst")
def answers_32_pings_of_one_segment_at_most() -> None:
    answered = {}

    @around(Protocol, "receive_data")
    def receive_data(original, self, data):
        answered[self.id] = 0
        original(self, data)

    def answer(protocol, pong):
        answered[protocol.id] = answered.get(protocol.id, 0) + 1
        return pong if answered[protocol.id] <= 32 else None

    answers_pings(answer)


@defect("framing.ping-burst")
def answers_the_newest_ping_first() -> None:
    @around(Protocol, "receive_data")
    def receive_data(original, self, data):
        before = len(self.writes)
        original(self, data)
        if len(self.writes) - before >= 8 and all(one[:1] == b"\x8a" for one in self.writes[before:]):
            self.writes[before:] = [*self.writes[:before:-1], self.writes[before]]

    answers_pings(lambda _, pong: pong)


@defect("framing.pong-prompt", files=("protocol/test_control_frames.py",))
def answers_pings_inside_a_message_when_it_finds_the_time() -> None:
    @around(StrictConnection, "data_received")
    def data_received(original, self, data):
        self.protocol.connection = self
        original(self, data)

    def later(connection, pong):
        if not connection.protocol.eof_sent:
            Protocol.send_frame(connection.protocol, pong)
            connection.send_data()

    def answer(protocol, pong):
        if protocol.current_size is None or hasattr(pong, "late"):
            return pong
        pong = Pong(Opcode.PONG, pong.data)
        asyncio.get_running_loop().call_later(0.6, later, protocol.connection, pong)
        return None

    answers_pings(answer)


class Pong(Frame):
    late = True


@defect("framing.unsolicited-pong")
def answers_a_pong_that_nobody_asked_for() -> None:
    def change(protocol, frame):
        if frame.opcode is Opcode.PONG:
            protocol.send_frame(Frame(Opcode.PONG, frame.data))
        return frame

    frames(change)


def unchecked(skip):
    @around(Frame, "check")
    def check(original, self):
        if not skip(self):
            original(self)


@defect("framing.control-length")
def reads_pongs_of_any_length() -> None:
    unchecked(lambda frame: frame.opcode is Opcode.PONG and frame.fin and len(frame.data) > 125)


@defect("framing.control-length")
def reads_a_close_of_any_length() -> None:
    unchecked(lambda frame: frame.opcode is Opcode.CLOSE and len(frame.data) > 125)
    frames(lambda _, frame: Frame(frame.opcode, frame.data[:125], frame.fin) if frame.opcode >= 8 else frame)


@defect("framing.control-fragmented")
def reads_a_ping_whose_fin_is_not_set() -> None:
    heads(lambda first, second: (first | 0x80 if first & 0x0F == 9 else first, second))


@defect("framing.control-between-fragments")
def drops_a_ping_at_the_begin_of_a_fragmented_message() -> None:
    answers_pings(lambda protocol, pong: pong if (protocol.current_size or 10) >= 10 else None)


@defect("framing.unmasked")
def reads_an_unmasked_close() -> None:
    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        head = yield from read_exact(2)
        if head[0] & 0x0F == 8 and not head[1] & 0x80:
            how["mask"] = False
        first = [head]

        def read(size):
            return first.pop() if first else (yield from read_exact(size))

        return (yield from original(read, **how))


@defect("framing.masking-key")
def takes_a_key_of_zeros_for_a_mistake() -> None:
    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        pieces = []

        def read(size):
            piece = yield from read_exact(size)
            pieces.append(bytes(piece))
            if len(pieces) == 2 and piece == bytes(4):
                raise ProtocolError("no masking key")
            return piece

        return (yield from original(read, **how))


@defect("framing.reserved-bits")
def overlooks_rsv2_of_a_ping() -> None:
    heads(lambda first, second: (first & ~0x20 if first & 0x2F == 0x29 else first, second))


@defect("framing.reserved-bits")
def overlooks_rsv3_of_a_text() -> None:
    heads(lambda first, second: (first & ~0x10 if first & 0x7F == 0x11 else first, second))


@defect("framing.reserved-opcode")
def overlooks_opcode_11() -> None:
    heads(lambda first, second: (first & 0xF0 | 0x0A if first & 0x0F == 0x0B else first, second))


@defect("framing.reserved-opcode")
def overlooks_an_empty_frame_of_opcode_3() -> None:
    heads(lambda first, second: (0x8A if (first, second) == (0x83, 0x80) else first, second))


@defect("framing.continuation-first")
def takes_a_lone_continuation_for_a_text() -> None:
    def change(protocol, frame):
        if frame.opcode is Opcode.CONT and frame.fin and protocol.current_size is None:
            frame.opcode = Opcode.TEXT
        return frame

    frames(change)


@defect("framing.message-inside-message")
def takes_a_message_inside_a_message_for_its_end() -> None:
    def change(protocol, frame):
        if frame.opcode is Opcode.TEXT and frame.fin and protocol.current_size is not None:
            frame.opcode = Opcode.CONT
        return frame

    frames(change)


@defect("framing.reassembly")
def refuses_an_empty_fragment_between_others() -> None:
    def change(_, frame):
        if frame.opcode is Opcode.CONT and not frame.fin and not frame.data:
            raise ProtocolError("empty fragment")
        return frame

    frames(change)


@defect("framing.segmentation", files=SEGMENTS)
def wants_a_ping_in_one_segment() -> None:
    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        reader = read_exact.__self__
        head = yield from read_exact(2)
        if head[0] & 0x0F == 9 and len(reader.buffer) < 4 + (head[1] & 0x7F):
            raise ProtocolError("short read")
        first = [head]

        def read(size):
            return first.pop() if first else (yield from read_exact(size))

        return (yield from original(read, **how))


@defect("framing.length-forms")
def takes_the_largest_16_bit_length_for_minus_one() -> None:
    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        def read(size):
            piece = yield from read_exact(size)
            if size == 2 and struct.unpack("!h", piece) == (-1,):
                raise ProtocolError("negative length")
            return piece

        return (yield from original(read, **how))


@defect("framing.length-top-bit")
def drops_the_top_bit_of_a_length() -> None:
    @around(Frame, "parse")
    def parse(original, read_exact, **how):
        head = []

        def read(size):
            piece = yield from read_exact(size)
            head.append(bytes(piece))
            if len(head) == 2 and head[0][1] & 0x7F == 127:
                return bytes([piece[0] & 0x7F, *piece[1:]])
            return piece

        return (yield from original(read, **how))


@defect(
    "framing.empty-message",
    companions={"session.invalid-json": "the empty text is one of its cases: it must be answered"},
)
def takes_an_empty_message_for_the_end() -> None:
    @around(server.PermissionsServer, "listen")
    async def listen(_, self, peer):
        try:
            while received := await peer.websocket.recv():
                if (text := server.answer(self.state, peer.identity, received)) is not None:
                    await peer.reply(text)
        except ConnectionClosed:
            pass
