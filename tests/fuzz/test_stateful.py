"""The search among examples that change the server: what it finds, how it shrinks, what it cannot repeat."""

from __future__ import annotations

import asyncio
import time

import pytest

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.fuzz.search import Plan, search


def numbers(draw):
    return tuple(draw.below(100) for _ in range(6))


def searching(check, *, examples=None, seed=6455, default=60, budget=1.0, **how):
    """Run a search over tuples of six numbers."""

    async def run():
        return await search(
            numbers,
            check,
            examples=default,
            plan=Plan(examples, seed),
            budget=budget,
            size=lambda example: (len(example), str(example)),
            stateful=True,
            **how,
        )

    return asyncio.run(run())


def broken(example):
    return Nonconformance("wrong", expected=["right"], actual=str(example))


def test_what_always_passes_is_tried_as_often_as_asked():
    tried = []

    async def check(example, manner):
        tried.append((example, manner.hasty))

    assert searching(check) == len(tried)
    assert len(tried) == 60
    assert len({example for example, _ in tried}) == len(tried)
    assert not any(hurried for _, hurried in tried)


def test_one_seed_draws_the_same_examples_and_another_draws_others():
    async def check(example, manner):
        runs[-1].append(example)

    runs = []
    for seed in (1, 1, 2):
        runs.append([])
        searching(check, seed=seed)
    assert runs[0] == runs[1]
    assert runs[1] != runs[2]


def test_failure_shrinks_and_is_tried_once_more_without_hurry():
    seen = []

    async def check(example, manner):
        seen.append((example, manner.hasty))
        if any(number > 40 for number in example):
            raise broken(example)

    with pytest.raises(Nonconformance) as caught:
        searching(check, budget=10.0)
    assert caught.value.actual == "(0, 0, 0, 0, 0, 41)"
    assert seen[-1] == ((0, 0, 0, 0, 0, 41), False)
    first = next(number for number, (_, hurried) in enumerate(seen) if hurried)
    assert all(hurried for _, hurried in seen[first:-1])


def test_parts_that_can_be_left_out_are():
    async def check(example, manner):
        if any(number > 40 for number in example):
            raise broken(example)

    with pytest.raises(Nonconformance) as caught:
        searching(check, budget=0.01, leave_out=lambda one, begin, end: one[:begin] + one[end:])
    assert caught.value.actual.count(",") <= 4


def test_shrinking_ends_in_time():
    async def check(example, manner):
        await asyncio.sleep(0.05)
        raise broken(example)

    began = time.monotonic()
    with pytest.raises(Nonconformance):
        searching(check, budget=0.25)
    assert time.monotonic() - began < 5


def test_what_fails_once_only_is_unstable():
    failed = []

    async def check(example, manner):
        if not failed and sum(example) > 200:
            failed.append(example)
            raise broken(example)

    with pytest.raises(Inconclusive, match="unstable: what failed once did not fail again; it had been: "):
        searching(check)


def test_what_depends_on_what_went_before_is_found_again():
    async def check(example, manner):
        # A server that falls over at the third large number since it was last in order.
        history.append(example)
        if [number > 60 for one in history[-3:] for number in one[:1]] == [True] * 3:
            raise broken(example)

    history = []
    with pytest.raises(Nonconformance):
        searching(check, examples=200, default=200)


@pytest.mark.parametrize(
    "trouble", [Inconclusive("no connection"), ZeroDivisionError("a fault of the suite")]
)
def test_trouble_ends_the_search_as_what_it_is(trouble):
    async def check(example, manner):
        raise trouble

    with pytest.raises(type(trouble), match=str(trouble)):
        searching(check)


def test_failure_is_kept_when_the_target_is_gone_afterwards():
    gone = []

    async def check(example, manner):
        if gone:
            raise Inconclusive("no connection")
        if sum(example) > 200:
            gone.append(example)
            raise broken(example)

    with pytest.raises(Nonconformance, match="wrong"):
        searching(check)
