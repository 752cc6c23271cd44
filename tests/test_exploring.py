"""The search for a failing example: what it finds, how it shrinks, and what it cannot repeat."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import strategies as st

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.fuzz.search import Plan
from conformance.suite.exploring import explore

NUMBERS = st.tuples(*[st.integers(0, 99)] * 6)


def searching(attempt, *, examples=None, seed=6455, default=60, patience=2.0, **how):
    """Run a search over tuples of six numbers."""

    async def run():
        return await explore(
            NUMBERS,
            attempt,
            plan=Plan(examples, seed),
            default=default,
            patience=patience,
            weigh=lambda one: (len(one), str(one)),
            **how,
        )

    return asyncio.run(run())


def broken(example):
    return Nonconformance("wrong", expected=["right"], actual=str(example))


def test_what_always_passes_is_tried_as_often_as_asked():
    tried = []

    async def attempt(example, hurried):
        tried.append((example, hurried))

    assert searching(attempt) == len(tried)
    assert 40 <= len(tried) <= 60
    assert len({example for example, _ in tried}) == len(tried)
    assert not any(hurried for _, hurried in tried)


def test_one_seed_draws_the_same_examples_and_another_draws_others():
    async def attempt(example, hurried):
        runs[-1].append(example)

    runs = []
    for seed in (1, 1, 2):
        runs.append([])
        searching(attempt, seed=seed)
    assert runs[0] == runs[1]
    assert runs[1] != runs[2]


def test_failure_shrinks_and_is_tried_once_more_without_hurry():
    seen = []

    async def attempt(example, hurried):
        seen.append((example, hurried))
        if any(number > 40 for number in example):
            raise broken(example)

    with pytest.raises(Nonconformance) as caught:
        searching(attempt, patience=20.0)
    assert caught.value.actual == "(0, 0, 0, 0, 0, 41)"
    assert seen[-1] == ((0, 0, 0, 0, 0, 41), False)
    first = next(number for number, (_, hurried) in enumerate(seen) if hurried)
    assert all(hurried for _, hurried in seen[first:-1])


def test_parts_that_can_be_left_out_are():
    async def attempt(example, hurried):
        if any(number > 40 for number in example):
            raise broken(example)

    with pytest.raises(Nonconformance) as caught:
        searching(attempt, patience=0.02, leave_out=lambda one, begin, end: one[:begin] + one[end:])
    assert caught.value.actual.count(",") <= 4


def test_shrinking_ends_in_time():
    async def attempt(example, hurried):
        await asyncio.sleep(0.05)
        raise broken(example)

    began = time.monotonic()
    with pytest.raises(Nonconformance):
        searching(attempt, patience=0.5)
    assert time.monotonic() - began < 5


def test_what_fails_once_only_is_unstable():
    failed = []

    async def attempt(example, hurried):
        if not failed and sum(example) > 200:
            failed.append(example)
            raise broken(example)

    with pytest.raises(Inconclusive, match="unstable: what failed once did not fail again; it had been: "):
        searching(attempt)


def test_what_depends_on_what_went_before_is_found_again():
    async def attempt(example, hurried):
        # A server that falls over at the third large number since it was last in order.
        history.append(example)
        if [number > 60 for one in history[-3:] for number in one[:1]] == [True] * 3:
            raise broken(example)

    history = []
    with pytest.raises(Nonconformance):
        searching(attempt, examples=200, default=200)


@pytest.mark.parametrize(
    "trouble", [Inconclusive("no connection"), ZeroDivisionError("a fault of the suite")]
)
def test_trouble_ends_the_search_as_what_it_is(trouble):
    async def attempt(example, hurried):
        raise trouble

    with pytest.raises(type(trouble), match=str(trouble)):
        searching(attempt)


def test_failure_is_kept_when_the_target_is_gone_afterwards():
    gone = []

    async def attempt(example, hurried):
        if gone:
            raise Inconclusive("no connection")
        if sum(example) > 200:
            gone.append(example)
            raise broken(example)

    with pytest.raises(Nonconformance, match="wrong"):
        searching(attempt)
