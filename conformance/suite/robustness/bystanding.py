"""What an abuse is judged by: how long a connection that takes no part waits for its Pongs meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from conformance.errors import Nonconformance
from conformance.target.target import Target
from conformance.wire.peer import Peer

FEWEST = 5


class Watch:
    """The bystander's Pings while something goes on beside it."""

    def __init__(self, target: Target, bystander: Peer, what: str) -> None:
        self.times: list[float] = []
        self._target = target
        self._bystander = bystander
        self._what = what
        self._over = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self._over.is_set() or len(self.times) < FEWEST:
            self.times.append(await _ping(self._target, self._bystander, self._what))
            self._target.recorder.sample(f"bystander's Pong during {self._what}", self.times[-1])
            with contextlib.suppress(TimeoutError):  # hundreds of Pings a second would be an abuse too
                await asyncio.wait_for(self._over.wait(), 0.005)

    async def more(self, count: int) -> None:
        """Wait until that many Pings more were answered, so that what was sent takes its effect."""
        wanted = len(self.times) + count
        while len(self.times) < wanted and not self.task.done():
            await asyncio.wait([self.task], timeout=0.005)

    async def end(self) -> None:
        """Stop, and raise what the bystander missed."""
        self._over.set()
        await self.task


@contextlib.asynccontextmanager
async def bystanding(target: Target, what: str) -> AsyncIterator[Watch]:
    """Ping the bystander again and again while the block runs, and judge that it is answered in time.

    That a Pong comes at all, within the bound of a reply, is what the test is about; that each comes
    promptly is charged to ``robustness.prompt``.

    Raises:
        Nonconformance: the bystander was not answered.

    """
    bystander = await target.bystander()
    with contextlib.suppress(Nonconformance):
        # A server may have given it up between two tests, when no Pong of ours could go out: then it is new.
        await bystander.ping()
    bystander = await target.bystander()
    before = await _ping(target, bystander, what)
    watch = Watch(target, bystander, what)
    try:
        yield watch
    finally:
        await watch.end()
    worst = max(watch.times)
    target.recorder.note(
        f"the bystander waited {before * 1000:.1f} ms before, at most {worst * 1000:.1f} ms during {what}"
    )
    target.recorder.charge(
        "robustness.prompt",
        kept=worst <= target.limits.prompt + before,
        message=f"a bystander waited {worst:.1f} s for its Pong during {what}, {before * 1000:.1f} ms before",
    )
    await target.aftermath()


async def _ping(target: Target, bystander: Peer, what: str) -> float:
    clock = bystander.connection.transcript
    began = clock.now()
    try:
        pong = await bystander.ping()
    except Nonconformance as error:
        raise Nonconformance(
            f"a connection that took no part was not answered during {what}",
            expected=[f"a Pong within {target.limits.reply:.1f} s"],
            actual=error.actual,
        ) from error
    return pong.time - began


async def all_of(doing: list[Coroutine[Any, Any, Any]], *, at_once: int = 50) -> list[Any]:
    """Do many things, some at a time, and return what they returned; the first error ends it."""
    gate = asyncio.Semaphore(at_once)

    async def one(what: Coroutine[Any, Any, Any]) -> Any:
        async with gate:
            return await what

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(what)) for what in doing]
    except BaseExceptionGroup as several:  # a verdict about the target, or none, is told by one of them
        raise several.exceptions[0] from None
    finally:
        for what in doing:
            what.close()  # what was not begun when another failed
    return [task.result() for task in tasks]
