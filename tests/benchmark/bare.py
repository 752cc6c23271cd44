"""The bare loop: the same connections and the same bytes as a recorded run, and nothing else.

``python -m tests.benchmark.bare RECORDING HOST PORT`` prints the seconds that it took, by the clock and
of the processor, and how many waits it gave up. It waits where the suite waited, for as many bytes as the
suite had received, but looks at none of them.
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

SLACK = 32  # bytes by which answers may differ from run to run: times are not padded, nor compressed alike
BOUND = 0.05  # then it goes on: what an answer depends on may differ from run to run


class Bare(asyncio.Protocol):
    """A connection that counts."""

    given_up = 0

    def __init__(self) -> None:
        self.received = 0
        self.over = False
        self.waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.wake()

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
        """Wait for so many bytes, and for the end of TCP where the suite had seen it."""
        loop = asyncio.get_running_loop()
        while not self.over and (over or self.received < received - SLACK):
            self.waiter = loop.create_future()
            try:
                await asyncio.wait_for(self.waiter, BOUND)
            except TimeoutError:
                Bare.given_up += 1
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


async def replay(steps: list[list[Any]], host: str, port: int) -> tuple[float, float, int]:
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
            await connections[number].until(step[2])
            if not connections[number].transport.is_closing():
                connections[number].transport.write(bytes.fromhex(step[1]))
        else:
            _, received, how, over = step
            await connections[number].until(received, over=over)
            connections[number].end(how)
    assert began is not None, "the recording holds no case"
    return time.perf_counter() - began[0], time.process_time() - began[1], Bare.given_up


if __name__ == "__main__":
    recording = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    print(*asyncio.run(replay(recording["steps"], sys.argv[2], int(sys.argv[3]))))
