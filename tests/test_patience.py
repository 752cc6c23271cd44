"""When a run gives up a target that is there, but lets nothing pass: not too soon, and not never."""

from __future__ import annotations

import time

import pytest

from conformance.patience import FEWEST, REPLIES, Patience

AT_ONCE, NEVER = 0.0, 1e9  # bounds of a reply in seconds, and so the time that patience lasts


def feed(patience: Patience, outcomes: list[str], reply: float = AT_ONCE) -> list[int]:
    """Return after which of the outcomes patience was lost."""
    return [n for n, one in enumerate(outcomes, 1) if patience.lost(one, f"fault {n}", reply)]


@pytest.mark.parametrize("outcome", ["failed", "inconclusive"])
def test_patience_is_lost_with_the_last_of_many_in_a_row(outcome: str) -> None:
    patience = Patience()
    assert feed(patience, [outcome] * (FEWEST - 1)) == []
    assert patience.lost(outcome, "the last", AT_ONCE) == (
        f"in 0 s none of {FEWEST} tests in a row passed. The first: fault 1"
    )


@pytest.mark.parametrize("kept", ["passed", "observed", "advised", "known-failure", "suite-fault"])
def test_one_that_is_kept_begins_the_row_anew(kept: str) -> None:
    patience = Patience()
    row = ["failed"] * (FEWEST - 1)
    assert feed(patience, [*row, kept, *row]) == []
    assert patience.lost("failed", "the last", AT_ONCE).endswith(f"The first: fault {FEWEST + 1}")


def test_what_is_not_applicable_neither_begins_the_row_anew_nor_counts() -> None:
    patience = Patience()
    outcomes = ["not-applicable", *["failed", "not-applicable"] * FEWEST]
    assert feed(patience, outcomes) == [2 * FEWEST]


def test_many_in_a_row_are_no_reason_while_there_is_time() -> None:
    assert feed(Patience(), ["failed"] * FEWEST * 3, NEVER) == []


def test_time_is_counted_from_the_first_of_the_row() -> None:
    patience, reply = Patience(), 0.05 / REPLIES
    assert feed(patience, ["failed"] * FEWEST, reply) == []
    time.sleep(0.06)
    assert feed(patience, ["passed", *["failed"] * FEWEST], reply) == []
    time.sleep(0.06)
    assert feed(patience, ["failed", "failed"], reply) == [1, 2]
