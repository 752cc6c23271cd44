"""When a run gives up a target that is there, but lets nothing pass: not too soon, and not never."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.client.peer import Limits
from conformance.plugin.run_limits import FEWEST, REPLIES, Patience

MUST = "framing.ping-pong"


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that tests turn themselves."""
    now = [0.0]
    monkeypatch.setattr("conformance.plugin.run_limits.time.monotonic", lambda: now[0])
    return now


def wait(patience, clock, outcomes, seconds):
    """Tell of outcomes, each that many seconds behind the one before; return the last answer."""
    why = ""
    for outcome in outcomes:
        why = patience.lost(outcome, f"{outcome} because", 1.0)
        clock[0] += seconds
    return why


def test_patience_ends_when_nothing_passes_for_long(clock):
    step = REPLIES / FEWEST
    assert wait(Patience(), clock, ["inconclusive", "failed"] * FEWEST, step) == (
        f"in {step * (2 * FEWEST - 1):.0f} s none of {2 * FEWEST} tests in a row passed. "
        "The first: inconclusive because"
    )


@pytest.mark.parametrize(
    ("outcomes", "seconds"),
    [
        (["failed"] * 1000, 0.01),  # many, but quick: the user sees them all
        (["failed"] * (FEWEST - 1), REPLIES),  # slow, but few
        (["failed", "failed", "passed"] * 100, REPLIES),
        (["failed", "observed"] * 100, REPLIES),
        (["not-applicable"] * 100, REPLIES),
    ],
)
def test_patience_holds(clock, outcomes, seconds):
    assert wait(Patience(), clock, outcomes, seconds) == ""


@pytest.mark.parametrize("outcome", ["failed", "inconclusive"])
def test_patience_is_lost_with_the_last_of_many_in_a_row(clock, outcome):
    patience, step = Patience(), REPLIES / (FEWEST - 1)
    assert wait(patience, clock, [outcome] * (FEWEST - 1), step) == ""
    assert wait(patience, clock, [outcome], step).startswith(f"in {REPLIES} s none of {FEWEST} tests ")


def test_time_is_counted_from_the_first_of_the_row(clock):
    patience = Patience()
    assert wait(patience, clock, ["failed"] * (FEWEST - 1), REPLIES) == ""
    assert wait(patience, clock, ["passed", *["failed"] * FEWEST], 0.0) == ""
    clock[0] += REPLIES - 1
    assert wait(patience, clock, ["failed"], 1.0) == ""
    assert wait(patience, clock, ["failed"], 1.0).startswith(f"in {REPLIES} s none of {FEWEST + 2} tests ")


@pytest.mark.parametrize("kept", ["passed", "observed", "advised", "known-failure", "suite-fault"])
def test_one_that_is_kept_begins_the_row_anew(clock, kept):
    patience, row = Patience(), ["failed"] * (FEWEST - 1)
    assert wait(patience, clock, [*row, kept, *row], REPLIES) == ""
    assert wait(patience, clock, ["inconclusive"], REPLIES).endswith("The first: failed because")


def test_what_is_not_applicable_neither_begins_the_row_anew_nor_counts(clock):
    patience = Patience()
    outcomes = ["not-applicable", *["failed", "not-applicable"] * (FEWEST - 1)]
    assert wait(patience, clock, outcomes, REPLIES) == ""
    assert f"none of {FEWEST} tests" in wait(patience, clock, ["failed"], REPLIES)


# How long one test waits for what others waited for in vain.


@pytest.mark.parametrize("outcome", ["failed", "advised", "known-failure"])
def test_third_test_of_what_is_broken_waits_shorter_for_an_end(outcome):
    full, patience = Limits(close=3.0, prompt=0.5), Patience()
    for _ in range(2):
        assert patience.limits(MUST, full) == full
        patience.waited(MUST, outcome, 3.0)
    assert patience.limits(MUST, full) == replace(full, close=0.5)
    assert patience.limits("framing.minimal-length", replace(full, close=0.5)) == full, "another one"


@pytest.mark.parametrize(("outcome", "seconds"), [("failed", 2.9), ("passed", 60.0), ("inconclusive", 60.0)])
def test_nothing_is_shortened_by_what_was_quick_or_did_not_fail(outcome, seconds):
    full, patience = Limits(close=3.0, prompt=0.5), Patience()
    for _ in range(9):
        assert patience.limits(MUST, full) == full
        patience.waited(MUST, outcome, seconds)
