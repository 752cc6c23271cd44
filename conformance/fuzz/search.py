"""Look for a conversation that a check refuses, make it short, and see whether it is refused again.

Conversations are drawn by a seeded generator and held some at a time. Only when one is refused Hypothesis
makes it short, in a thread of its own while the check runs on the event loop. What Hypothesis complains of
itself never becomes a verdict about the target: a failure counts only when the shortest conversation fails
once more behind the search.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.core.evidence import other
from conformance.fuzz import hypothesis_setup
from conformance.fuzz.drawing import Draw, Unfit, at_random, simplest


class Sized(Protocol):
    """What is searched for: hashable, with a size by which the shortest is the least."""

    @property
    def size(self) -> tuple[int, ...]:
        """How long it is."""


T = TypeVar("T", bound=Sized)
DEFAULT_SEED = 6455
TRIES = 20  # for each example: some draws make none, or one that was there before


@dataclass(frozen=True, slots=True)
class Plan:
    """How many conversations each test draws, by default its own number, and from which seed.

    The same seed draws the same conversations. A run without options has a seed that never changes, so that
    a gate gives the same verdict twice; a run that asks for more examples draws them afresh each time.
    """

    examples: int | None = None
    seed: int | str = DEFAULT_SEED
    chosen: bool = False

    @property
    def options(self) -> list[str]:
        """The options that repeat it, none for a run by default."""
        words = [] if self.examples is None else [f"--examples={self.examples}"]
        return [*words, f"--hypothesis-seed={self.seed}"] if self.chosen or words else []

    @property
    def again(self) -> list[str]:
        """The options that draw the same conversations, whatever the run's defaults become."""
        return [*self.options, *([] if self.options else [f"--hypothesis-seed={self.seed}"])]

    def count(self, usual: int) -> int:
        """Return how many examples a test draws."""
        return self.examples or usual


def planned(examples: int | None, chosen: str | None) -> Plan:
    """Return the plan of a run from its options; ``chosen`` is the seed that was given, if any."""
    if chosen is not None:
        return Plan(examples, int(chosen) if chosen.lstrip("-").isdecimal() else chosen, chosen=True)
    return Plan(examples, DEFAULT_SEED if examples is None else secrets.randbelow(1 << 32))


@dataclass(frozen=True, slots=True)
class Manner:
    """How a check is to go about it.

    ``hasty`` waits short, as while a failure is made shorter. ``pause`` is the time between two segments in
    seconds: a busy server reads those that follow each other at once as one, and a fault that lies in a cut
    is not seen again.
    """

    hasty: bool = False
    pause: float = 0.0


FIRST = Manner(pause=0.001)
SHRINKING = Manner(hasty=True, pause=0.002)
CONFIRMING = (Manner(), Manner(pause=0.005), Manner(pause=0.02), Manner(pause=0.02))


class _Enough(BaseException):
    """Ends the search at once: Hypothesis lets what is no Exception through."""


@dataclass(slots=True)
class _State(Generic[T]):
    loop: asyncio.AbstractEventLoop
    check: Callable[[T, Manner], Awaitable[None]]
    budget: float
    failures: dict[T, Nonconformance] = field(default_factory=dict)
    passed: set[T] = field(default_factory=set)
    chosen: list[int] = field(default_factory=list)
    began: float = 0.0
    fatal: BaseException | None = None
    stopped: bool = False

    async def holds(self, example: T, manner: Manner) -> bool:
        """Whether the check accepts an example; why not is kept."""
        try:
            await self.check(example, manner)
        except Nonconformance as error:
            self.failures[example] = error
            return False
        self.passed.add(example)
        return True

    def refuses(self, example: T) -> bool:
        """Whether the check refuses an example, or did so before; called from another thread."""
        if example in self.failures:
            return True
        if example in self.passed:
            return False
        if self.stopped or time.monotonic() - self.began > self.budget:
            raise _Enough
        try:
            return not self._run(example)
        except BaseException as error:
            self.fatal = error
            raise _Enough from error

    def _run(self, example: T) -> bool:
        future = asyncio.run_coroutine_threadsafe(self.holds(example, SHRINKING), self.loop)
        while True:
            try:
                return future.result(0.5)
            except TimeoutError:
                if future.done():
                    raise
                if self.stopped:  # the run was interrupted: nobody turns the loop any more
                    future.cancel()
                    return True


def drawn(make: Callable[[Draw], T], seed: int | str, count: int) -> Iterator[tuple[T, list[int]]]:
    """Draw up to ``count`` different examples, the simplest first, each with the numbers that make it."""
    source = at_random(seed)
    seen: set[T] = set()
    for number in range(count * TRIES):
        if len(seen) == count:
            return
        draw = Draw(source if number else simplest)
        with contextlib.suppress(Unfit):
            example = make(draw)
            if example not in seen:
                seen.add(example)
                yield example, draw.chosen


async def search(
    make: Callable[[Draw], T],
    check: Callable[[T, Manner], Awaitable[None]],
    *,
    examples: int,
    plan: Plan,
    budget: float,
    at_once: int = 1,
) -> None:
    """Check ``examples`` of what ``make`` draws, and confirm the shortest that is refused.

    They are checked ``at_once`` at a time, but one by one as soon as one of them was refused.
    ``check`` raises :class:`Nonconformance` where it refuses; it is told in which manner.
    ``budget`` bounds shrinking, in seconds.

    Raises:
        Nonconformance: the shortest example that was found failed again; the last call of ``check`` was it.
        Inconclusive: something failed once, and not again.

    """
    state: _State[T] = _State(asyncio.get_running_loop(), check, budget)
    waiting = drawn(make, plan.seed, plan.count(examples))

    async def go_on() -> None:
        for example, chosen in waiting:
            if not await state.holds(example, FIRST):
                state.chosen = state.chosen or chosen
            if state.failures:
                return

    async with _all_or_none() as group:
        for _ in range(at_once):
            group.create_task(go_on())
    if not state.failures:
        return

    def shorten() -> None:
        hypothesis_setup.tell()
        from conformance.fuzz.shrinking import shrink  # noqa: PLC0415 - it loads Hypothesis

        state.began = time.monotonic()
        with contextlib.suppress(_Enough):  # told below, from what the check saw
            shrink(make, state.chosen, state.refuses)

    try:
        await asyncio.to_thread(shorten)
    finally:
        state.stopped = True
    if state.fatal is not None:
        raise state.fatal
    await _confirm(state, plan)


@contextlib.asynccontextmanager
async def _all_or_none() -> AsyncIterator[asyncio.TaskGroup]:
    """Wait for tasks; what one of them raises ends the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


async def _confirm(state: _State[T], plan: Plan) -> None:
    found, first = next(iter(state.failures.items()))
    for example in dict.fromkeys((min(state.failures, key=lambda one: one.size), found)):
        for manner in CONFIRMING:
            try:
                await state.check(example, manner)
            except Nonconformance as error:
                raise Nonconformance(
                    f"{error.message} (drawn again by {' '.join(plan.again)}), in: {example}",
                    expected=error.expected,
                    actual=error.came,
                    happened=error.happened or other(error.message),
                ) from None
    raise Inconclusive(
        f"unstable: a drawn conversation failed once and not again ({first.message}: {first.actual}; "
        f"drawn again by {' '.join(plan.again)}), in: {found}"
    )
