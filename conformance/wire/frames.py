"""Frames of RFC 6455 §5.2: an encoder that can lie, and a parser that forgives in order to report."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
DATA_OPCODES = frozenset({CONTINUATION, TEXT, BINARY})
CONTROL_OPCODES = frozenset({CLOSE, PING, PONG})
NAMES = {
    CONTINUATION: "Continuation",
    TEXT: "Text",
    BINARY: "Binary",
    CLOSE: "Close",
    PING: "Ping",
    PONG: "Pong",
}

LengthForm = Literal[7, 16, 64]
FLOOD = 10_000  # frames in one piece, behind which nobody asks where the last one ends
MAX_LENGTH = 32 * 1024 * 1024  # bytes of a payload, beyond which nothing is read


def name_of(opcode: int) -> str:
    """Return the RFC's name of an opcode, or ``Reserved 0x…``."""
    return NAMES.get(opcode, f"Reserved 0x{opcode:X}")


def apply_mask(payload: bytes, key: bytes) -> bytes:
    """Return the payload, its octet i XORed with octet i mod 4 of the masking key (RFC 6455 §5.3)."""
    if not payload:
        return b""
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(size, "big")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame to send. Every field may be illegal.

    ``mask`` is the 4-byte masking key, or ``None`` for an unmasked frame. ``length_form`` forces the 7, 16
    or 64 bit form of the length; ``declared_length`` writes another length than the payload has.
    """

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv1: bool = False
    rsv2: bool = False
    rsv3: bool = False
    mask: bytes | None = field(default_factory=lambda: os.urandom(4))
    length_form: LengthForm | None = None
    declared_length: int | None = None

    def encode(self) -> bytes:
        """Return the frame's bytes as they go on the wire."""
        first = self.fin << 7 | self.rsv1 << 6 | self.rsv2 << 5 | self.rsv3 << 4 | self.opcode & 0x0F
        length = len(self.payload) if self.declared_length is None else self.declared_length
        form = self.length_form or (7 if length < 126 else 16 if length < 0x1_0000 else 64)
        masked = 0 if self.mask is None else 0x80
        if form == 7:
            head = struct.pack("!BB", first, masked | length)
        elif form == 16:
            head = struct.pack("!BBH", first, masked | 126, length)
        else:
            head = struct.pack("!BBQ", first, masked | 127, length)
        if self.mask is None:
            return head + self.payload
        return head + self.mask + apply_mask(self.payload, self.mask)


def close_payload(code: int | None = None, reason: str | bytes = b"") -> bytes:
    """Return the body of a Close frame: nothing, or a 2-byte code and a reason."""
    if code is None:
        return b""
    return struct.pack("!H", code) + (reason.encode() if isinstance(reason, str) else reason)


class ReceivedFrame(NamedTuple):
    """A frame as the server sent it, with everything that can be wrong kept."""

    opcode: int
    payload: bytes
    fin: bool
    rsv: tuple[bool, bool, bool]
    mask: bytes | None
    length_form: LengthForm
    declared_length: int
    header: bytes
    time: float

    @property
    def close_code(self) -> int | None:
        """The status code of a Close frame, or ``None`` where it has none."""
        return struct.unpack_from("!H", self.payload)[0] if len(self.payload) >= 2 else None

    @property
    def close_reason(self) -> bytes:
        """The reason of a Close frame as bytes."""
        return self.payload[2:]


class FrameParser:
    """Cut a byte stream into frames, one ``feed`` at a time.

    It accepts masked, reserved and over-long frames, because the judge must see them. It gives up only on
    a declared length over ``max_length`` bytes, which it reports in ``overrun``.
    """

    def __init__(self, max_length: int = MAX_LENGTH) -> None:
        self._buffer = bytearray()
        self._max_length = max_length
        self.overrun: int | None = None
        self.http = b""  # where a frame should begin, and HTTP does: no frame begins with these octets

    @property
    def pending(self) -> int:
        """Bytes received that do not make a whole frame yet."""
        return len(self._buffer)

    def feed(self, data: bytes, time: float = 0.0) -> list[ReceivedFrame]:
        """Return the frames that ``data`` completes; ``time`` is kept on each."""
        frames: list[ReceivedFrame] = []
        if self.overrun is not None or self.http:
            return frames
        self._buffer += data
        while self.overrun is None and not self.http and (frame := self._next(time)) is not None:
            frames.append(frame)
        return frames

    def _next(self, time: float) -> ReceivedFrame | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        if buffer.startswith(b"HTTP/"):
            self.http = bytes(buffer)
            return None
        first, second = buffer[0], buffer[1]
        length = second & 0x7F
        position = 2
        form: LengthForm = 7
        if length == 126:
            form, position = 16, 4
            if len(buffer) < position:
                return None
            length = struct.unpack_from("!H", buffer, 2)[0]
        elif length == 127:
            form, position = 64, 10
            if len(buffer) < position:
                return None
            length = struct.unpack_from("!Q", buffer, 2)[0]
        mask = None
        if second & 0x80:
            mask = bytes(buffer[position : position + 4])
            position += 4
        if length > self._max_length:
            self.overrun = length
            return None
        if len(buffer) < position + length:
            return None
        with memoryview(buffer) as whole:  # a slice of the buffer itself would be a second copy
            payload = bytes(whole[position : position + length])
        header = bytes(buffer[:position])
        del buffer[: position + length]
        return ReceivedFrame(
            opcode=first & 0x0F,
            payload=payload if mask is None else apply_mask(payload, mask),
            fin=bool(first & 0x80),
            rsv=(bool(first & 0x40), bool(first & 0x20), bool(first & 0x10)),
            mask=mask,
            length_form=form,
            declared_length=length,
            header=header,
            time=time,
        )


class Outgoing:
    """Where frames end in what is sent, however it is cut: inside one, nothing else may be said.

    ``closed`` says that a Close frame was among them.
    """

    def __init__(self) -> None:
        self._head = bytearray()
        self._left = 0
        self.closed = False

    @property
    def inside(self) -> bool:
        """Whether a frame is not sent to its end."""
        return bool(self._head or self._left)

    def feed(self, data: bytes) -> None:
        """Take what is sent; a flood of small frames is taken to end with a whole one."""
        at = frames = 0
        while at < len(data) and frames <= FLOOD:
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            step = self._size_of_head() - len(self._head)
            self._head += data[at : at + step]
            at += step
            if len(self._head) > 1 and len(self._head) == self._size_of_head():
                self._begin()
                frames += 1
        if frames > FLOOD:
            self._left = 0

    def _size_of_head(self) -> int:
        """Return how long the head is, as far as that is known: its first two octets say it."""
        if len(self._head) < 2:
            return 2
        length = self._head[1] & 0x7F
        return 2 + (2 if length == 126 else 8 if length == 127 else 0) + (4 if self._head[1] & 0x80 else 0)

    def _begin(self) -> None:
        length = self._head[1] & 0x7F
        if length >= 126:
            length = int.from_bytes(self._head[2 : 4 if length == 126 else 10], "big")
        self.closed = self.closed or self._head[0] & 0x0F == CLOSE
        self._left = length
        self._head.clear()
