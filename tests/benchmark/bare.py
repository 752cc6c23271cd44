"""The bare loop: the same connections and the same bytes as a recorded run, and nothing else.

``python -m tests.benchmark.bare RECORDING HOST PORT [pausing]`` prints the seconds that it took, by the clock
and of the processor, and how many waits it gave up.

It is what a minimal client has to do that says the same: connect, write, cut what comes into responses
and frames, and wait where the suite had waited, until as many of them have come as the suite had
received, or until TCP has ended where the suite had seen its end. It looks into none of them, and keeps
nothing. So what the server's own timing imposes is in it; what the suite spends on drawing, judging,
recording and reporting is not. Cases over HTTP/2 are not replayed: their time counts against the suite.

Between the segments of a frame that is cut, the suite pauses, or TCP would put them together again. With
``pausing`` the loop does so too, and only then the server reads what it read from the suite.

An answer may depend on the run, so that one of those waits may be in vain. It is given up after a second, and
that second is taken off the clock: no client has to wait it, and it would flatter the suite's ratio.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

BOUND = 1.0
PING = 9


class Bare(asyncio.Protocol):
    """A connection that counts responses and frames, but a server's Pings: these come by the clock."""

    given_up = 0
    in_vain = 0.0

    def __init__(self) -> None:
        self.received = 0
        self.missing = 0
        self.over = False
        self.frames = False
        self.buffer = bytearray()
        self.waiter: asyncio.Future[None] | None = None
        self.written = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self.cut():
            pass
        self.wake()

    def cut(self) -> bool:
        """Cut one response head or frame from what came; say whether there was one."""
        buffer = self.buffer
        if not self.frames:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.frames = buffer[9:12] == b"101"
            self.received += self.frames or buffer[9:10] != b"1"
            del buffer[: end + 4]
            return True
        if len(buffer) < 2:
            return False
        head, size = 2, buffer[1] & 0x7F
        if size > 125:
            head = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:head], "big")
        if len(buffer) < head + size:
            return False
        self.received += buffer[0] & 0x0F != PING
        del buffer[: head + size]
        return True

    def eof_received(self) -> bool:
        self.over = True
        self.wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.over = True
        self.wake()

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def until(self, received: int, *, over: bool = False) -> None:
        """Wait for so many responses and frames, or for the end of TCP where the suite had seen it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self.over and (over or self.received + self.missing < received):
            self.waiter = loop.create_future()
            timer = loop.call_at(began + BOUND, self.wake)
            await self.waiter
            timer.cancel()
            if loop.time() >= began + BOUND:
                Bare.given_up += 1
                Bare.in_vain += loop.time() - began
                self.missing = max(self.missing, received - self.received)
                return

    def end(self, kind: str) -> None:
        if self.transport.is_closing():
            return
        if kind == "half_close":
            self.transport.write_eof()
            return
        if kind == "reset":
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
            return
        self.transport.close()


async def replay(steps: list[list[Any]], host: str, port: int, *, pausing: bool) -> tuple[float, float, int]:
    """Take the steps of a recording; return its seconds, the processor's, and waits given up."""
    loop = asyncio.get_running_loop()
    connections: dict[int, Bare] = {}
    began = None
    for kind, *step in steps:
        if kind == "case":
            began = began or (time.perf_counter(), time.process_time())
            continue
        number = step[0]
        if kind == "open":
            _, connections[number] = await loop.create_connection(Bare, host, port)
        elif kind == "write":
            one = connections[number]
            await one.until(step[2])
            if pausing and (rest := one.written + step[3] - loop.time()) > 0:
                await asyncio.sleep(rest)
            if not one.transport.is_closing():
                one.transport.write(bytes.fromhex(step[1]))
            one.written = loop.time()
        else:
            _, received, how, over = step
            await connections[number].until(received, over=over)
            connections[number].end(how)
    assert began is not None, "the recording holds no case"
    return time.perf_counter() - began[0] - Bare.in_vain, time.process_time() - began[1], Bare.given_up


if __name__ == "__main__":
    recording = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    print(
        *asyncio.run(replay(recording["steps"], sys.argv[2], int(sys.argv[3]), pausing="pausing" in sys.argv))
    )
