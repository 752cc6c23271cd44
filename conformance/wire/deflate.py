"""permessage-deflate of RFC 7692: what was agreed, and a decompressor that keeps to it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from conformance.wire.handshake import parse_extensions

NAME = "permessage-deflate"
TAIL = b"\x00\x00\xff\xff"
MAX_INFLATED = 32 * 1024 * 1024
MAX_STREAMS = 1000
EXACT, COARSE = 4 * 1024, 64
_PIECE = 16 * 1024
_ROOM = 8 * 258  # octets that one octet can add: each of its bits may complete a match


class Unread(Exception):
    """A message inflates to more than is read: no fault that we judge, but nothing behind it is known."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The parameters in force after negotiation (RFC 7692 §7.1)."""

    server_max_window_bits: int = 15
    client_max_window_bits: int = 15
    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False


def agreement(header: str | None) -> Agreement | None:
    """Read the agreement from a response's extension header.

    Returns:
        The agreement; ``None`` where compression is not in force.

    """
    for name, parameters in parse_extensions(header or "") or ():
        if name == NAME:
            values = dict(parameters)
            return Agreement(
                server_max_window_bits=_bits(values.get("server_max_window_bits")),
                client_max_window_bits=_bits(values.get("client_max_window_bits")),
                server_no_context_takeover="server_no_context_takeover" in values,
                client_no_context_takeover="client_no_context_takeover" in values,
            )
    return None


def _bits(value: str | None) -> int:
    # No number of many digits: Python refuses to read those of thousands.
    return int(value) if value in {"8", "9", "10", "11", "12", "13", "14", "15"} else 15


class Inflater:
    """Decompress the server's messages with exactly the window and the context that it agreed to."""

    def __init__(self, agreed: Agreement) -> None:
        self._agreed = agreed
        self._stream = self._new()

    def _new(self) -> zlib._Decompress:
        self._length = 0  # octets that the stream has put out
        return zlib.decompressobj(-max(9, self._agreed.server_max_window_bits))

    def inflate(self, payload: bytes) -> bytes:
        """Return one message's content (RFC 7692 §7.2.2).

        Raises:
            zlib.error: the payload is no DEFLATE stream within the agreed window.
            Unread: there are more than ``MAX_INFLATED`` bytes in it, or more than ``MAX_STREAMS`` streams.

        """
        if self._agreed.server_no_context_takeover:
            self._stream = self._new()
        content, data, at, streams, begun = bytearray(), payload + TAIL, 0, 0, False
        while at < len(data) and (begun or not at or len(data) - at != len(TAIL)):
            # Never the whole rest: zlib copies what lies behind a stream's end, each time.
            piece = data[at : at + _PIECE]
            at += len(piece) - len(self._one_stream(piece, content))
            begun = not self._stream.eof
            if not begun:  # a block with BFINAL ends the stream; what follows begins a new one
                self._stream = self._new()
                streams += 1
            if len(content) > MAX_INFLATED or streams > MAX_STREAMS:
                raise Unread
        return bytes(content)

    def _one_stream(self, data: bytes, content: bytearray) -> bytes:
        """Add what ``data`` inflates to, as far as it is read.

        Returns:
            What lies behind the stream's end.

        """
        stream = self._stream
        if self._agreed.server_max_window_bits == 15:
            content += stream.decompress(data, MAX_INFLATED - len(content) + 1)
            return stream.unused_data
        before = len(content)
        try:
            return self._within_window(data, content)
        finally:
            self._length += len(content) - before

    def _within_window(self, data: bytes, content: bytearray) -> bytes:
        stream = self._stream
        # zlib looks back into the window, and into all that the same call has put out.
        free = (1 << self._agreed.server_max_window_bits) - self._length
        if free > 0:  # nothing lies further back than the window while the stream is not longer than that
            content += stream.decompress(data, free)
            if stream.eof:
                return stream.unused_data
            data = stream.unconsumed_tail
            content += stream.decompress(b"", _ROOM)  # what was decoded and found no room
            if stream.eof:
                return data
        # A match that reaches too far takes nine bits and more. So it begins in an octet before the one that
        # completes it, and is the first thing that a call puts out which is given that one octet alone.
        at = 0
        while at < len(data) and len(content) < EXACT:
            at += 1
            content += stream.decompress(data[at - 1 : at], _ROOM)
            if stream.eof:
                return data[at:]
        # That takes half a microsecond each; behind EXACT octets of a message the window is kept to within
        # COARSE.
        for start in range(at, len(data), COARSE):
            piece = data[start : start + COARSE]
            while not stream.eof and len(content) <= MAX_INFLATED:
                octets = stream.decompress(piece, COARSE)
                content += octets
                piece = stream.unconsumed_tail
                if not octets and not piece:
                    break
            if stream.eof:
                return stream.unused_data + data[start + COARSE :]
        return b""


class Deflater:
    """Compress messages for the server as a well-behaved client does (RFC 7692 §7.2.1).

    ``level`` is zlib's; 1 takes a third of the time for long runs of one letter.
    """

    def __init__(self, agreed: Agreement, level: int = zlib.Z_DEFAULT_COMPRESSION) -> None:
        self._agreed = agreed
        self._level = level
        self._stream = self._new()

    def _new(self) -> zlib._Compress:
        # zlib cannot write a window of 256 bytes; 9 bits is its smallest raw window.
        return zlib.compressobj(self._level, wbits=-max(9, self._agreed.client_max_window_bits))

    def deflate(self, content: bytes) -> bytes:
        """Return the payload of one compressed message, its four-byte tail removed."""
        if self._agreed.client_no_context_takeover:
            self._stream = self._new()
        data = self._stream.compress(content) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        return data.removesuffix(TAIL)
