"""A hostile server on a real socket: what each of its connections says, when, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import psutil
from hypothesis import strategies as st

from conformance.wire.handshake import accept_for
from tests.hostile.drawing import ACCEPT, anything, conversations, cut, cuts, h2_conversations

ENDS = ("fin", "reset", "half", "stay", "flood", "deaf")
FLOOD = b"\x81\x7e\xff\xff" + b"f" * 65535
HANG = (
    40.0  # seconds; everything that is tried has bounds of a tenth of a second, but the machine may be busy
)


@dataclass(frozen=True)
class Manner:
    """What one connection is told, in which segments, whether before it has asked, and how it ends."""

    says: bytes
    at: list[int] = field(default_factory=list)
    end: str = "stay"
    early: bool = False
    pause: bool = False


manners = st.builds(
    Manner,
    conversations | conversations | anything | h2_conversations | st.just(b""),
    cuts,
    st.sampled_from(ENDS),
    st.sampled_from([False] * 5 + [True]),
    st.booleans(),
)
programs = st.lists(manners, min_size=1, max_size=5)


async def follow(manner: Manner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say what a connection is told."""
    head = b"" if manner.early else await reader.readuntil(b"\r\n\r\n")
    key = head.lower().find(b"sec-websocket-key:")
    accept = accept_for(head[key + 18 :].partition(b"\r\n")[0].decode("latin-1") if key >= 0 else "")
    for piece in cut(manner.says.replace(ACCEPT, accept.encode()), manner.at):
        writer.write(piece)
        await writer.drain()
        if manner.pause:
            await asyncio.sleep(0.001)
    if manner.end == "half":
        writer.write_eof()
    if manner.end == "reset":
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    elif manner.end == "flood":
        for _ in range(100):
            writer.write(FLOOD)
            await writer.drain()
    elif manner.end == "deaf":
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(HANG)
    if manner.end in {"half", "stay"}:
        while await reader.read(65536):
            pass


@contextlib.asynccontextmanager
async def serving(program: list[Manner]) -> AsyncIterator[int]:
    """Serve each connection by the next of these manners, again from the first; yield the port."""
    turns = itertools.cycle(program)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
                await follow(next(turns), reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def descriptors() -> int:
    """Return how many descriptors are open."""
    return psutil.Process().num_fds()


def unharmed(program: list[Manner], act: Callable[[int], Awaitable[None]]) -> None:
    """Let ``act(port)`` meet a server: it ends in time, and leaves no task, descriptor or complaint."""
    complaints: list[str] = []

    async def meet() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(f"{context}"))
        async with serving(program) as port:
            before = descriptors()
            running = asyncio.all_tasks()
            async with asyncio.timeout(HANG):
                await act(port)
            left = set()
            for _ in range(100):
                left = _ours(asyncio.all_tasks() - running)
                if not left and descriptors() <= before:
                    break
                await asyncio.sleep(0.01)
            assert not left, left

    before = descriptors()
    asyncio.run(meet())
    assert descriptors() <= before
    assert not complaints, complaints


def _ours(tasks: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    return {one for one in tasks if "serve" not in getattr(one.get_coro(), "__qualname__", "")}
