"""A TCP proxy that makes a server on loopback as far away as one wants: ``python delaying.py PORT BEHIND …``.

Each direction is delayed by ``--delay`` milliseconds and up to ``--jitter`` more; bytes keep their order, as
TCP's do. With ``--segment`` no piece that is passed on is longer than so many bytes. ``--cut`` cuts the ends
of each burst anew into pieces of 1 to so many bytes, a moment apart. ``--gather`` waits so long for more and
passes all on at once. ``--rate`` is what the line carries. ``--stall`` is how many of a thousand pieces are
lost: TCP sends such a segment again, and nothing that follows overtakes it, so all is 200 to 400 ms late.
A FIN stays a FIN and a reset a reset, each as late as the bytes before it; whoever does not read is not
written to. What is drawn is drawn from ``--seed`` and the connection's number.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import socket
import struct
from collections.abc import Callable, Iterator
from functools import partial

HOST = "127.0.0.1"
APART = 0.0002  # seconds between pieces, so that a reader sees them one by one
CUT_AT_EACH_END = 512  # bytes of a burst: a message of megabytes has edges too, and would last minutes
STALL = (0.2, 0.4)  # seconds; the least time-out of a retransmission on Linux, and its double
_numbers = itertools.count()


class Side(asyncio.Protocol):
    """One of a pair of connections: what comes in here goes out, later, at the other."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.due = 0.0
        self.fin_in = self.fin_out = False
        self.gathered = bytearray()
        self.drawn = random.Random(f"{options.seed} {next(_numbers)}")

    def later(self, act: Callable[[], None], size: int = 0) -> None:
        """Do what this side caused, after its delay and after everything that it caused before."""
        loop = asyncio.get_running_loop()
        delay = self.options.delay + self.drawn.uniform(0, self.options.jitter)
        # A microsecond apart at least, since the loop keeps no order among equals.
        apart = APART if self.options.cut else 1e-6
        if self.options.rate:
            apart = max(apart, size / self.options.rate)
        self.due = max(self.due + apart, loop.time() + delay / 1000)
        if size and self.drawn.random() * 1000 < self.options.stall:
            self.due += self.drawn.uniform(*STALL)
        loop.call_at(self.due, act)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.options.gather:
            self.pass_on(data)
            return
        if not self.gathered:
            asyncio.get_running_loop().call_later(self.options.gather / 1000, self.pass_on)
        self.gathered += data

    def pass_on(self, data: bytes = b"") -> None:
        """Pass on what came, and what was gathered before it."""
        data, self.gathered = bytes(self.gathered) + data, bytearray()
        assert self.other is not None
        for piece in self.pieces(data):
            self.later(partial(self.other.write, piece), len(piece))

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Cut a burst as the options say."""
        at = 0
        while at < len(data):
            size = self.options.segment or len(data)
            if self.options.cut:
                left = len(data) - at
                inside = CUT_AT_EACH_END <= at < len(data) - CUT_AT_EACH_END
                size = left - CUT_AT_EACH_END if inside else self.drawn.randint(1, self.options.cut)
            yield data[at : at + size]
            at += size

    def eof_received(self) -> bool:
        self.fin_in = True
        assert self.other is not None
        self.pass_on()
        self.later(self.other.finish)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and exc is not None:
            self.pass_on()
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int)
    parser.add_argument("behind", type=int, help="the port of the server behind, on loopback")
    parser.add_argument("--delay", type=float, default=25.0, help="milliseconds, one way")
    parser.add_argument("--jitter", type=float, default=0.0, help="milliseconds at most, one way")
    parser.add_argument("--segment", type=int, default=0, help="bytes at most; 0: as they come")
    parser.add_argument("--cut", type=int, default=0, help="bytes at most, drawn; 0: as they come")
    parser.add_argument("--gather", type=float, default=0.0, help="milliseconds; 0: nothing waits for more")
    parser.add_argument("--rate", type=float, default=0.0, help="bytes a second; 0: as fast as it goes")
    parser.add_argument("--stall", type=float, default=0.0, help="of a thousand pieces")
    parser.add_argument("--seed", default="1", help="of what is drawn")
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Near(options), HOST, options.port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
