"""Look for a conversation that a check refuses, make it short, and see whether it is refused again.

Hypothesis draws and shrinks in a thread of its own while the check runs on the event loop. What Hypothesis
itself complains of never becomes a verdict about the target: a failure counts only when the shortest
conversation fails once more behind the search.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

from conformance.errors import Inconclusive, Nonconformance
from conformance.fuzz.steady import steady


class Sized(Protocol):
    """What is searched for: hashable, with a size by which the shortest is the least."""

    @property
    def size(self) -> tuple[int, ...]:
        """How long it is."""


T = TypeVar("T", bound=Sized)
DEFAULT_SEED = 6455


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


FIRST = Manner(pause=0.0005)
SHRINKING = Manner(hasty=True, pause=0.002)
CONFIRMING = (Manner(), Manner(pause=0.005), Manner(pause=0.02), Manner(pause=0.02))


class _Enough(BaseException):
    """Ends the search at once: Hypothesis lets what is no Exception through."""


class _Refused(Exception):
    """The check refused an example. Always raised in one line: to Hypothesis all failures are one."""


@dataclass(slots=True)
class _State(Generic[T]):
    loop: asyncio.AbstractEventLoop
    check: Callable[[T, Manner], Awaitable[None]]
    budget: float
    failures: dict[T, Nonconformance] = field(default_factory=dict)
    began: float | None = None
    fatal: BaseException | None = None
    stopped: bool = False

    def refuses(self, example: T) -> bool:
        """Whether the check refuses an example, or did so before."""
        if self.stopped or (self.began is not None and time.monotonic() - self.began > self.budget):
            raise _Enough
        if example in self.failures:
            return True
        try:
            self._run(example)
        except Nonconformance as error:
            self.failures[example] = error
            self.began = self.began or time.monotonic()
            return True
        except BaseException as error:
            self.fatal = error
            raise _Enough from error
        return False

    def _run(self, example: T) -> None:
        async def awaited() -> None:
            await self.check(example, FIRST if self.began is None else SHRINKING)

        future = asyncio.run_coroutine_threadsafe(awaited(), self.loop)
        while True:
            try:
                return future.result(0.5)
            except TimeoutError:
                if future.done():
                    raise
                if self.stopped:  # the run was interrupted: nobody turns the loop any more
                    future.cancel()
                    return None


async def search(
    strategy: SearchStrategy[T],
    check: Callable[[T, Manner], Awaitable[None]],
    *,
    examples: int,
    plan: Plan,
    budget: float,
) -> None:
    """Check ``examples`` of ``strategy``, and confirm the shortest that is refused.

    ``check`` raises :class:`Nonconformance` where it refuses; it is told in which manner.
    ``budget`` bounds shrinking, in seconds.

    Raises:
        Nonconformance: the shortest example that was found failed again; the last call of ``check`` was it.
        Inconclusive: something failed once, and not again.

    """
    state: _State[T] = _State(asyncio.get_running_loop(), check, budget)

    def body(example: T) -> None:
        if state.refuses(example):
            raise _Refused

    drawn = settings(
        max_examples=plan.count(examples),
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )(given(example=strategy)(body))

    def explore() -> None:
        with steady(), contextlib.suppress(_Refused, _Enough, Flaky):  # told below, from what the check saw
            seed(plan.seed)(drawn)()

    try:
        await asyncio.to_thread(explore)
    finally:
        state.stopped = True
    if state.fatal is not None:
        raise state.fatal
    if state.failures:
        await _confirm(state, plan)


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
                    actual=error.actual,
                ) from None
    raise Inconclusive(
        f"unstable: a drawn conversation failed once and not again ({first.message}: {first.actual}; "
        f"drawn again by {' '.join(plan.again)}), in: {found}"
    )
