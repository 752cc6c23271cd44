"""Many cases in one test: each that fails is named, also behind one that failed before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.client.recorder import Recorder
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.protocol.packed import MOST, in_shares, in_turn, named
from conformance.verdict.symptom import symptoms_of
from conformance.wire.events import Close

Judge = Callable[[Sequence[int]], Awaitable[None]]


def failing(*broken: int, log: list[list[int]] | None = None, by_code: bool = False) -> Judge:
    """Return a judge of numbers, as on one connection: it ends with the first that is broken."""

    async def judge(cases: Sequence[int]) -> None:
        own: list[int] = []
        if log is not None:
            log.append(own)
        for case in cases:
            own.append(case)
            if case in broken:
                error = Nonconformance("it broke", actual=Close(4000 + case if by_code else 4000, b"", 0.0))
                raise named(f"number {case}", error)

    return judge


def told(call: Awaitable[None]) -> list[str]:
    async def run() -> None:
        await call

    with pytest.raises(Nonconformance) as caught:
        asyncio.run(run())
    return [str(one).removeprefix("t/number ") for one in symptoms_of("t", caught.value)]


def test_case_behind_a_broken_one_is_judged_on_another_connection() -> None:
    log: list[list[int]] = []
    assert told(in_turn(range(6), failing(1, 4, log=log))) == ["1: Close 4000", "4: Close 4000"]
    assert log == [[0, 1], [2, 3, 4], [5]]


def test_every_share_names_its_broken_cases() -> None:
    target: Any = SimpleNamespace(recorder=Recorder())
    seen = told(in_shares(target, range(40), failing(0, 3, 4, 39)))
    assert set(seen) == {f"{number}: Close 4000" for number in (0, 3, 4, 39)}


def test_whoever_fails_all_of_them_alike_is_given_up_and_has_one_symptom() -> None:
    log: list[list[int]] = []
    assert told(in_turn(range(100), failing(*range(100), log=log))) == ["t/*: Close 4000"]
    assert len(log) == MOST


def test_who_is_given_up_differently_says_that_there_may_be_more() -> None:
    seen = told(in_turn(range(100), failing(*range(1, 100))))
    assert len(seen) == MOST + 1
    assert seen[-1] == "t/further: Close 4000"
    assert len(told(in_turn(range(100), failing(*range(100), by_code=True)))) == MOST + 1


def test_what_fails_before_any_case_is_charged_to_none_and_not_repeated() -> None:
    calls = []

    async def judge(cases: Sequence[int]) -> None:
        calls.append(cases)
        raise Nonconformance("refused", actual=Close(1013, b"", 0.0))

    assert told(in_turn(range(9), judge)) == ["t: Close 1013"]
    assert len(calls) == 1


def test_rest_that_could_not_be_judged_hides_no_failure() -> None:
    async def judge(cases: Sequence[int]) -> None:
        for case in cases:
            if case == 1:
                raise named("number 1", Nonconformance("it broke"))
            if case == 2:
                raise Inconclusive("nobody is there")

    assert told(in_turn(range(4), judge)) == ["1: number 1: it broke"]

    async def only() -> None:
        with pytest.raises(Inconclusive, match="nobody is there"):
            await in_turn((0, 2, 3), judge)

    asyncio.run(only())


def test_cases_that_hold_raise_nothing() -> None:
    asyncio.run(in_turn(range(9), failing()))  # type: ignore[arg-type]
