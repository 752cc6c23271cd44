"""A TCP proxy that makes a server on loopback as far away as one wants: ``python delaying.py PORT BEHIND …``.

Each direction is delayed by ``--delay`` milliseconds and up to ``--jitter`` more; bytes keep their order, as
TCP's do. With ``--segment`` no piece that is passed on is longer than so many bytes. A FIN stays a FIN and a
reset a reset, each as late as the bytes before it; whoever does not read is not written to.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable

HOST = "127.0.0.1"


class Side(asyncio.Protocol):
    """One of a pair of connections: what comes in here goes out, later, at the other."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.due = 0.0
        self.fin_in = self.fin_out = False

    def later(self, act: Callable[[], None]) -> None:
        """Do what this side caused, after its delay and after everything that it caused before."""
        loop = asyncio.get_running_loop()
        delay = self.options.delay + random.uniform(0, self.options.jitter)
        # A microsecond apart, since the loop keeps no order among equals.
        self.due = max(self.due + 1e-6, loop.time() + delay / 1000)
        loop.call_at(self.due, act)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        size = self.options.segment or len(data)
        assert self.other is not None
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            self.later(lambda piece=piece: self.other.write(piece))  # type: ignore[misc]

    def eof_received(self) -> bool:
        self.fin_in = True
        assert self.other is not None
        self.later(self.other.finish)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and exc is not None:
            self.later(self.other.reset)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def finish(self) -> None:
        """Pass on a FIN; the second of a pair ends both connections."""
        if self.transport is None or self.transport.is_closing():
            return
        self.fin_out = True
        with contextlib.suppress(OSError):
            self.transport.write_eof()
        if self.fin_in:
            self.transport.close()
            if self.other is not None and self.other.transport is not None:
                self.other.transport.close()

    def reset(self) -> None:
        """Pass on a reset."""
        if self.transport is None or self.transport.is_closing():
            return
        raw = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Near(Side):
    """The client's side: it connects to the server behind before it reads."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self.connecting = asyncio.ensure_future(self.connect())

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, far = await loop.create_connection(lambda: Side(self.options), HOST, self.options.behind)
        except OSError:
            self.reset()  # so that a server that is gone is seen to be gone
            return
        far.other, self.other = self, far
        assert self.transport is not None
        self.transport.resume_reading()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("behind", type=int, help="the port of the server behind, on loopback")
    parser.add_argument("--delay", type=float, default=25.0, help="milliseconds, one way")
    parser.add_argument("--jitter", type=float, default=0.0, help="milliseconds at most, one way")
    parser.add_argument("--segment", type=int, default=0, help="bytes at most; 0: as they come")
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Near(options), HOST, options.port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
