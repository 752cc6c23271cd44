"""The search: what fails is made short and seen again, and nothing else becomes a verdict."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from conformance.errors import Inconclusive, Nonconformance
from conformance.fuzz.search import DEFAULT_SEED, Manner, Plan, planned, search


@dataclass(frozen=True)
class Numbers:
    values: tuple[int, ...]

    @property
    def size(self):
        return len(self.values), sum(self.values)


NUMBERS = st.lists(st.integers(0, 1000), max_size=8).map(lambda values: Numbers(tuple(values)))


def look(check, strategy=NUMBERS, **plan):
    async def awaited(example, manner):
        await asyncio.sleep(0)
        check(example, manner)

    asyncio.run(search(strategy, awaited, examples=60, plan=Plan(**plan), budget=5.0))


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


def test_nothing_to_draw_is_no_nonconformance():
    with pytest.raises(Exception) as raised:
        look(lambda *_: None, NUMBERS.filter(lambda _: assume(condition=False)))
    assert not isinstance(raised.value, Nonconformance)


def test_shrinking_is_bounded():
    calls = []

    async def check(example, manner):
        calls.append(manner)
        await asyncio.sleep(0.02)
        if len(example.values) > 1:
            raise Nonconformance("slow")

    with pytest.raises(Nonconformance):
        asyncio.run(search(NUMBERS, check, examples=60, plan=Plan(), budget=0.1))
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
