"""Generated examples against a live target: Hypothesis draws and shrinks, the session's loop executes.

Hypothesis is synchronous, so it runs in a thread and hands each example to the loop of the session. That
leaves the last word here: what failed once is remembered, so that its replay need not be waited for again;
shrinking ends after a bounded time; and what does not fail a second time is called unstable, not broken.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Generic, TypeVar

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.fuzz import hypothesis_setup
from conformance.fuzz.search import Plan

if TYPE_CHECKING:  # Hypothesis is loaded by the tests that need it, not by all who collect them
    from hypothesis.strategies import SearchStrategy

E = TypeVar("E", bound=Hashable)
SEARCH_SECONDS = 15.0


class _Enough(BaseException):
    """Ends the search; no Exception, which Hypothesis would take for a failure and shrink."""


async def explore(
    strategy: SearchStrategy[E],
    attempt: Callable[[E, bool], Awaitable[None]],
    *,
    plan: Plan,
    default: int,
    patience: float,
    weigh: Callable[[E], tuple[int, str]],
    leave_out: Callable[[E, int, int], E] | None = None,
) -> int:
    """Try examples until one breaks the target, shrink it, and return how many were tried.

    ``attempt(example, hurried)`` raises Nonconformance where the target is wrong. Once something failed it is
    ``hurried``: what did not come in the full bound of ``patience`` seconds the first time is waited for but
    shortly while smaller examples are tried, for half of ``patience`` seconds altogether. ``weigh`` orders
    failures by how long they are to read, and ``leave_out`` returns an example without some of its parts, for
    Hypothesis is thorough in shrinking, but slow. The ``default`` examples end after 15 seconds however slow
    the target is; more of them, where the ``plan`` says so, take their time.

    Raises:
        Nonconformance: the smallest example that failed did so again.
        Inconclusive: what failed did not do so again, or a prerequisite was missing.

    """
    hypothesis_setup.tell()
    from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings  # noqa: PLC0415 - see above

    search = _Search(attempt, asyncio.get_running_loop(), patience, weigh, leave_out)
    if plan.examples is None:
        search.ends = time.monotonic() + SEARCH_SECONDS

    @settings(
        max_examples=plan.count(default),
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    @seed(plan.seed)
    @given(strategy)
    def one(example: E) -> None:
        search.try_one(example)

    await asyncio.to_thread(search.run, one)
    if search.trouble is not None and not search.failures:
        raise search.trouble
    if search.failures:
        await search.confirm()
    return len(search.played)


class _Search(Generic[E]):
    """What one search has found so far; everything but :meth:`confirm` runs in Hypothesis's thread."""

    def __init__(
        self,
        attempt: Callable[[E, bool], Awaitable[None]],
        loop: asyncio.AbstractEventLoop,
        patience: float,
        weigh: Callable[[E], tuple[int, str]],
        leave_out: Callable[[E, int, int], E] | None,
    ) -> None:
        self.attempt = attempt
        self.loop = loop
        self.patience = patience
        self.weigh = weigh
        self.leave_out = leave_out
        self.ends: float | None = None
        self.played: list[E] = []
        self.failures: dict[E, Nonconformance] = {}
        self.trouble: BaseException | None = None
        self._passed: set[E] = set()

    def run(self, one: Callable[[], None]) -> None:
        """Let Hypothesis search; every failure is in ``failures`` behind it."""
        with hypothesis_setup.steady(), contextlib.suppress(_Enough, Nonconformance):
            one()

    def try_one(self, example: E) -> None:
        """Execute an example on the session's loop, once; the first that fails is shortened at once.

        Raises:
            Nonconformance: the target broke on it.

        """
        fresh = not self.failures
        fault = self._fault(example)
        if fault is not None:
            if fresh and self.leave_out is not None:
                self._shorten(example, self.leave_out)
            raise fault

    def _shorten(self, example: E, leave_out: Callable[[E, int, int], E]) -> None:
        size = self.weigh(example)[0]
        while size > 0:
            begin = self.weigh(example)[0] - size
            while begin > -size:
                shorter = leave_out(example, max(begin, 0), begin + size)
                if shorter != example and self._fault(shorter) is not None:
                    example = shorter
                begin -= size
            size //= 2

    def _fault(self, example: E) -> Nonconformance | None:
        if example in self.failures:
            return self.failures[example]
        if example in self._passed:
            return None
        if self.ends is not None and time.monotonic() > self.ends:
            raise _Enough
        self.played.append(example)
        future = asyncio.run_coroutine_threadsafe(self._await(example), self.loop)
        try:
            future.result()
        except Nonconformance as fault:
            if not self.failures:
                self.ends = time.monotonic() + self.patience / 2
            self.failures[example] = fault
            return fault
        except CancelledError as trouble:  # the session ends
            raise _Enough from trouble
        except BaseException as trouble:
            self.trouble = trouble
            raise _Enough from trouble
        self._passed.add(example)
        return None

    async def _await(self, example: E) -> None:
        await self.attempt(example, bool(self.failures))

    async def confirm(self) -> None:
        """Try the smallest failure once more, else what came before the first one, and raise what it does.

        Raises:
            Nonconformance: something failed again, or the target is no longer there to be asked.
            Inconclusive: nothing did.

        """
        smallest = min(self.failures, key=self.weigh)
        first = next(iter(self.failures))
        await self._again([smallest])
        # What an earlier example left behind in the server may be what this one stumbled over.
        history = self.played[: self.played.index(first) + 1]
        length = 1
        while length < 2 * len(history):
            await self._again(history[-length:])
            length *= 2
        fault = self.failures[first]
        came = f"; it had been: {fault.actual}" if fault.actual else ""
        raise Inconclusive(f"unstable: what failed once did not fail again{came}\n{fault}")

    async def _again(self, examples: Sequence[E]) -> None:
        before = [f"(only with {len(examples) - 1} others before it)"] if len(examples) > 1 else []
        for example in examples:
            try:
                await self.attempt(example, False)  # noqa: FBT003 - as the type says: not hurried
            except Nonconformance as fault:
                raise Nonconformance(
                    fault.message,
                    expected=fault.expected,
                    actual=fault.came,
                    happened=fault.happened,
                    story=[*fault.story, *before],
                ) from None
            except Inconclusive:
                if example in self.failures:
                    raise self.failures[example] from None
                raise
