"""What an abuse is judged by: how long a connection that takes no part waits for its Pongs meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from conformance.client.session import Client
from conformance.core.errors import Nonconformance
from conformance.target.bystanders import MOST_PINGS, given_up, sent_away
from conformance.target.target import Target

FEWEST = 5
ALTOGETHER, OFTEN, SELDOM = 4, 0.005, 0.05  # bystanders, and seconds between two Pings


class Watch:
    """The bystanders' Pings, in turns, while something goes on beside them."""

    def __init__(self, target: Target, group: list[Client], what: str) -> None:
        self.times: list[float] = []
        self._target = target
        self._group = group
        self._what = what
        self._over = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self._over.is_set() or len(self.times) < FEWEST:
            self.times.append(await self._next())
            self._target.recorder.sample(f"bystander's Pong during {self._what}", self.times[-1])
            # Hundreds of Pings on a connection, or in a second, would be an abuse too.
            pause = OFTEN if len(self.times) < ALTOGETHER * MOST_PINGS else SELDOM
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), pause)

    async def _next(self) -> float:
        """Return how long the next bystander waits, without those that the server sent away by its own rules.

        Raises:
            Nonconformance: one is not answered.

        """
        while True:
            bystander = self._group[len(self.times) % len(self._group)]
            try:
                return await _ping(bystander, self._target, self._what)
            except Nonconformance:
                if not await self._own_rule(bystander):
                    raise
            bystander.connection.shut()
            self._group.remove(bystander)
            if not self._group:
                self._group.append(await self._target.bystanders.fresh())

    async def _own_rule(self, bystander: Client) -> bool:
        """Whether a bystander's end is no harm: the others were not sent away, or idle ones always are."""
        connection = bystander.connection
        if given_up(connection) or (sent_away(connection) and len(self._group) > 1):
            return True
        return await self._target.bystanders.excused(bystander)

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
    """Ping a few bystanders again and again while the block runs, and judge that they are answered in time.

    That a Pong comes at all, within the bound of a reply, is what the test is about; that each comes
    promptly is charged to ``robustness.prompt``.

    Raises:
        Nonconformance: a bystander was not answered.

    """
    bystander = await target.bystander()
    with contextlib.suppress(Nonconformance):
        # A server may have given it up between two tests, when no Pong of ours could go out: then it is new.
        await bystander.ping()
    bystander = await target.bystander()
    before = await _ping(bystander, target, what)
    others = [await target.bystanders.fresh() for _ in range(ALTOGETHER - 1)]
    watch = Watch(target, [bystander, *others], what)
    try:
        yield watch
    finally:
        await watch.end()
        for one in others:
            await one.leave()
    worst = max(watch.times)
    target.recorder.note(
        f"a bystander waited {before * 1000:.1f} ms before, at most {worst * 1000:.1f} ms during {what}"
    )
    target.recorder.charge(
        "robustness.prompt",
        kept=worst <= target.limits.prompt + before,
        message=f"a bystander waited {worst:.1f} s for its Pong during {what}, {before * 1000:.1f} ms before",
    )
    await target.aftermath()


async def _ping(bystander: Client, target: Target, what: str) -> float:
    clock = bystander.connection.transcript
    began = clock.now()
    try:
        pong = await bystander.ping()
    except Nonconformance as error:
        raise Nonconformance(
            f"a connection that took no part was not answered during {what}",
            expected=[f"a Pong within {target.limits.reply:.1f} s"],
            actual=error.came,
        ) from error
    bystander.inbox.clear()
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
