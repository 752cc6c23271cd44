"""Look for an example that a check refuses, make it short, and see whether it is refused again.

Examples are drawn by a seeded generator, some at a time: Hypothesis takes twenty times as long to draw one,
and a quarter of a second to load. Only when one is refused Hypothesis makes it short, in a thread of its own
while the check runs on the event loop. What Hypothesis complains of itself never becomes a verdict about the
target: a failure counts only when the shortest example fails once more after the search.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from operator import attrgetter
from typing import Any, Generic, TypeVar

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.core.evidence import other
from conformance.fuzz.drawing import Draw, Unfit, at_random, simplest
from conformance.fuzz.shrinking import load, shrink

T = TypeVar("T", bound=Hashable)
DEFAULT_SEED = 6455
SEARCH_SECONDS = 15.0  # in which the examples of a stateful search end by default, however slow the target is
TRIES = 20  # for each example: some draws make none, or one that was there before


@dataclass(frozen=True, slots=True)
class Plan:
    """How many examples each test draws, by default its own number, and from which seed.

    The same seed draws the same examples. A run without options has a seed that never changes, so that
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
        """The options that draw the same examples, whatever the run's defaults become."""
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
    failures: dict[T, Nonconformance] = field(default_factory=dict)
    played: dict[T, None] = field(default_factory=dict)  # in this order
    chosen: list[int] = field(default_factory=list)
    ends: float = inf
    fatal: BaseException | None = None
    stopped: bool = False

    async def holds(self, example: T, manner: Manner) -> bool:
        """Return whether the check accepts an example; why not is kept."""
        self.played[example] = None
        try:
            await self.check(example, manner)
        except Nonconformance as error:
            self.failures[example] = error
            return False
        return True

    def refuses(self, example: T) -> bool:
        """Return whether the check refuses an example, or did so before.

        It is called from another thread.

        Raises:
            _Enough: there is no time left, or something else failed than the check.

        """
        if example in self.failures:
            return True
        if example in self.played:
            return False
        if self.stopped or time.monotonic() > self.ends:
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
    """Draw different examples, the simplest first.

    Args:
        make: draws an example.
        seed: the same seed draws the same examples.
        count: how many at most.

    Yields:
        Each example, with the numbers that make it.

    """
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
    size: Callable[[T], Any] = attrgetter("size"),
    leave_out: Callable[[T, int, int], T] | None = None,
    stateful: bool = False,
) -> int:
    """Check ``examples`` of what ``make`` draws, and confirm the shortest that is refused.

    Args:
        make: draws an example, which is hashable.
        check: raises :class:`Nonconformance` where it refuses; it is told in which manner to look.
        examples: how many, where the plan does not say.
        plan: how many, and from which seed.
        budget: seconds for making a failure short.
        at_once: how many are checked at a time, until one is refused.
        size: orders examples by how long they are to read; its first item counts their parts.
        leave_out: returns an example without the parts from one number to below another. It is quicker
            than Hypothesis, which goes on from the numbers that were drawn.
        stateful: examples change the server one after the other. What is not refused again alone is tried
            behind those that came before it.

    Returns:
        How many examples were checked.

    Raises:
        Nonconformance: the shortest example that was found failed again; the last call of ``check`` was it.
        Inconclusive: something failed once, and not again.

    """
    state: _State[T] = _State(asyncio.get_running_loop(), check)
    waiting = drawn(make, plan.seed, plan.count(examples))
    closing = time.monotonic() + SEARCH_SECONDS if stateful and plan.examples is None else inf

    async def go_on() -> None:
        for example, chosen in waiting:
            if state.failures or time.monotonic() > closing:
                return
            if not await state.holds(example, FIRST):
                state.chosen = state.chosen or chosen

    async with _all_or_none() as group:
        for _ in range(at_once):
            group.create_task(go_on())
    if not state.failures:
        return len(state.played)

    def shorten() -> None:
        load()
        state.ends = time.monotonic() + budget
        with contextlib.suppress(_Enough):  # told below, from what the check saw
            if leave_out is not None:
                _leave_out(next(iter(state.failures)), state.refuses, size, leave_out)
            shrink(make, state.chosen, state.refuses)

    before = list(state.played)
    try:
        await asyncio.to_thread(shorten)
    finally:
        state.stopped = True
    if state.fatal is not None and not stateful:
        raise state.fatal
    found, shortest = next(iter(state.failures)), min(state.failures, key=size)
    if stateful:
        raise await _confirmed_in_order(state, shortest, before[: before.index(found) + 1])
    raise await _confirmed(state, dict.fromkeys((shortest, found)), plan)


@contextlib.asynccontextmanager
async def _all_or_none() -> AsyncIterator[asyncio.TaskGroup]:
    """Wait for tasks; what one of them raises ends the others, and is raised as it is.

    Yields:
        The group to start the tasks in.

    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


def _leave_out(
    example: T, refuses: Callable[[T], bool], size: Callable[[T], Any], leave_out: Callable[[T, int, int], T]
) -> None:
    """Leave parts out, half of them first and single ones last, as long as the example still fails."""
    length = size(example)[0]
    while length > 0:
        begin = size(example)[0] - length
        while begin > -length:
            shorter = leave_out(example, max(begin, 0), begin + length)
            if shorter != example and refuses(shorter):
                example = shorter
            begin -= length
        length //= 2


async def _confirmed(state: _State[T], examples: Iterable[T], plan: Plan) -> Exception:
    """Return the verdict of trying examples again in every manner."""
    again = f"drawn again by {' '.join(plan.again)}"
    for example, manner in itertools.product(examples, CONFIRMING):
        try:
            await state.check(example, manner)
        except Nonconformance as error:
            return Nonconformance(
                f"{error.message} ({again}), in: {example}",
                expected=error.expected,
                actual=error.came,
                happened=error.happened or other(error.message),
            )
    found, first = next(iter(state.failures.items()))
    return Inconclusive(
        f"unstable: a drawn conversation failed once and not again ({first.message}: {first.actual}; "
        f"{again}), in: {found}"
    )


async def _confirmed_in_order(state: _State[T], shortest: T, history: Sequence[T]) -> Exception:
    """Return the verdict of trying the shortest failure once more, else what came before the first one."""
    # What an earlier example left behind in the server may be what this one stumbled over.
    lengths = [1 << power for power in range((2 * len(history) - 1).bit_length())]
    for examples in ([shortest], *(history[-length:] for length in lengths)):
        before = [f"(only with {len(examples) - 1} others before it)"] if len(examples) > 1 else []
        for example in examples:
            try:
                await state.check(example, Manner())
            except Nonconformance as fault:
                return Nonconformance(
                    fault.message,
                    expected=fault.expected,
                    actual=fault.came,
                    happened=fault.happened,
                    story=[*fault.story, *before],
                )
            except Inconclusive as trouble:
                return state.failures.get(example, trouble)
    first = state.failures[history[-1]]
    came = f"; it had been: {first.actual}" if first.actual else ""
    return Inconclusive(f"unstable: what failed once did not fail again{came}\n{first}")
