"""The search: what fails is made short and seen again, and nothing else becomes a verdict."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from dataclasses import dataclass

import pytest

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.fuzz.drawing import Unfit
from conformance.fuzz.search import DEFAULT_SEED, Manner, Plan, planned, search


@dataclass(frozen=True)
class Numbers:
    values: tuple[int, ...]

    @property
    def size(self):
        return len(self.values), sum(self.values)


def numbers(draw):
    return Numbers(tuple(draw.up_to(8, lambda: draw.integer(0, 1000))))


def look(check, make=numbers, at_once=1, **plan):
    async def awaited(example, manner):
        await asyncio.sleep(0)
        check(example, manner)

    asyncio.run(search(make, awaited, examples=60, plan=Plan(**plan), budget=5.0, at_once=at_once))


def drawn(**plan):
    seen = []
    look(lambda example, _: seen.append(example), **plan)
    return seen


def test_failure_is_made_short_and_printed_with_its_seed():
    def check(example, _):
        if any(value > 100 for value in example.values):
            raise Nonconformance("too large", expected=["small"], actual="large")

    with pytest.raises(Nonconformance) as raised:
        look(check, seed=7)
    found = "too large (drawn again by --hypothesis-seed=7), in: Numbers(values=(101,))"
    assert raised.value.message == found
    assert (raised.value.expected, raised.value.actual) == (("small",), "large")


def test_what_fails_once_is_inconclusive():
    failed = []

    def check(example, _):
        if len(example.values) > 2 and not failed:
            failed.append(example)
            raise Nonconformance("once", actual="nothing")

    with pytest.raises(Inconclusive, match=r"^unstable: a drawn conversation failed once and not again"):
        look(check)


def test_shortest_that_failed_in_haste_only_gives_way_to_the_one_found():
    def check(example, manner):
        if len(example.values) > 4 or (manner.hasty and example.values):
            raise Nonconformance("slow")

    with pytest.raises(Nonconformance) as raised:
        look(check)
    assert raised.value.message.count(",") >= 4, raised.value.message


def test_missing_target_ends_the_search_at_once():
    seen = []

    def check(example, _):
        seen.append(example)
        raise Inconclusive("gone")

    with pytest.raises(Inconclusive, match=r"^gone$"):
        look(check)
    assert len(seen) == 1


def test_fault_of_the_suite_is_raised_as_it_is():
    def check(_example, _manner):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look(check)


def test_what_makes_no_example_is_passed_over():
    def make(draw):
        if draw.below(4):
            raise Unfit
        return numbers(draw)

    seen = []
    look(lambda example, _: seen.append(example), make)
    assert len(seen) == len(set(seen)) == 60


def test_nothing_to_draw_is_no_nonconformance():
    def make(_draw):
        raise Unfit

    look(lambda *_: None, make)


def test_failure_that_needs_a_fit_example_is_made_short():
    def make(draw):
        found = numbers(draw)
        if sum(found.values) % 7:
            raise Unfit
        return found

    def check(example, _):
        if any(value > 100 for value in example.values):
            raise Nonconformance("too large")

    with pytest.raises(Nonconformance) as raised:
        look(check, make)
    assert re.search(r"values=\(\d+,\)", raised.value.message)  # one number, if not the least


def test_shrinking_is_bounded():
    calls = []

    async def check(example, manner):
        calls.append(manner)
        await asyncio.sleep(0.02)
        if len(example.values) > 1:
            raise Nonconformance("slow")

    with pytest.raises(Nonconformance):
        asyncio.run(search(numbers, check, examples=60, plan=Plan(), budget=0.1))
    assert sum(manner.hasty for manner in calls) < 30


def test_first_look_and_confirmation_are_not_hasty():
    manners = []

    def check(example, manner):
        manners.append(manner)
        if example.values:
            raise Nonconformance("always")

    with pytest.raises(Nonconformance):
        look(check)
    assert manners[0].hasty is False
    assert manners[-1] == Manner()


# Some at a time.


def at_once(check, count):
    """Return the most checks that were under way at the same time."""
    under_way = most = 0

    async def counted(example, manner):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            await asyncio.sleep(0.001)
            check(example, manner)
        finally:
            under_way -= 1

    with contextlib.suppress(Nonconformance):
        asyncio.run(search(numbers, counted, examples=60, plan=Plan(), budget=2.0, at_once=count))
    return most


def test_as_many_are_checked_at_a_time_as_asked_for():
    assert at_once(lambda *_: None, 4) == 4
    assert at_once(lambda *_: None, 1) == 1


def test_failure_is_looked_at_alone():
    def check(example, manner):
        if example.values:
            raise Nonconformance("always")
        assert not manner.hasty or not example.values

    alone = []

    async def counted(example, manner):
        alone.append((len(asyncio.all_tasks()), manner))
        check(example, manner)

    with pytest.raises(Nonconformance, match=r"values=\(0,\)"):
        asyncio.run(search(numbers, counted, examples=60, plan=Plan(), budget=5.0, at_once=4))
    assert max(tasks for tasks, manner in alone if manner.hasty or manner == Manner()) <= 2


def test_trouble_among_several_is_raised_as_it_is():
    def check(example, _):
        if example.values:
            raise Inconclusive("gone")

    with pytest.raises(Inconclusive, match=r"^gone$"):
        look(check, at_once=4)


# Drawing again.


def test_same_seed_draws_the_same_whatever_is_loaded(tmp_path, monkeypatch):
    first = drawn(seed=11)
    (tmp_path / "full_of_numbers.py").write_text(f"NUMBERS = {list(range(1, 999, 3))}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("full_of_numbers")
    try:
        assert drawn(seed=11) == first
    finally:
        del sys.modules["full_of_numbers"]
    assert drawn(seed=12) != first


def test_examples_are_as_many_as_asked_for():
    assert 20 < len(drawn(examples=25)) <= 25


def test_run_without_options_is_the_same_each_time():
    assert planned(None, None) == Plan(None, DEFAULT_SEED)
    assert planned(None, None).options == []
    assert planned(None, None).again == [f"--hypothesis-seed={DEFAULT_SEED}"]


def test_more_examples_are_drawn_afresh_and_say_their_seed():
    one, other = planned(500, None), planned(500, None)
    assert one.seed != other.seed
    assert one.options == ["--examples=500", f"--hypothesis-seed={one.seed}"]


def test_seed_that_is_given_is_taken():
    assert planned(None, "42").options == ["--hypothesis-seed=42"]
    assert planned(9, "-3").seed == -3
    assert planned(9, "a night").seed == "a night"
