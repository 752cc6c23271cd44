"""What is tolerated of a target, folded into outcomes, and the verdict of what no longer fits."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from folding import MUST, OTHER, charge, entry_of, result, results

from conformance.spec import requirements
from conformance.verdict.baseline import Baseline
from conformance.verdict.known_failures import KnownFailure


def test_partial_run_calls_no_known_failure_stale():
    made = results(result(), known=[MUST])
    made.partial = True
    assert made.verdict().exit_code == 0


def test_known_failure_that_was_not_judged_is_not_stale():
    made = results(result(), result("not-applicable", OTHER), known=[OTHER])
    assert (made.verdict().exit_code, entry_of(made, OTHER).outcome) == (0, "not-applicable")


def test_entry_keeps_why_a_failure_is_known():
    made = results(result("failed", message="broke"), known=[MUST])
    entry = entry_of(made)
    assert (entry.outcome, entry.reason, entry.known_failure.reason) == ("known-failure", "broke", "for now")


FAMILY = KnownFailure(MUST, "as all of its family", family="daphne")
OWN = KnownFailure(MUST, "ours", where="baseline.toml")


@pytest.mark.parametrize("entries", [(OWN, FAMILY), (FAMILY, OWN)], ids=["own-first", "family-first"])
@pytest.mark.parametrize(("outcome", "stale"), [("passed", True), ("failed", False)])
def test_entry_of_ones_own_is_told_before_that_of_a_family(entries, outcome, stale):
    made = results(result(outcome))
    made.gate.declared = entries
    assert (entry_of(made).known_failure, entry_of(made).stale) == (OWN, stale)


@pytest.mark.parametrize(
    ("outcome", "known", "partial", "stale"),
    [
        ("passed", OWN, False, True),
        ("observed", OWN, False, True),
        ("passed", OWN, True, False),
        ("passed", FAMILY, False, False),
        ("not-applicable", OWN, False, False),
        ("inconclusive", OWN, False, False),
        ("failed", OWN, False, False),
    ],
)
def test_entry_is_stale_where_a_whole_run_shows_the_rule_kept(outcome, known, partial, stale):
    made = results(result(outcome))
    made.gate.declared, made.partial = (known,), partial
    assert entry_of(made).stale is stale
    assert entry_of(made, OTHER).stale is False


# What is newer than the pin advises, what is not fails as ever.


@pytest.mark.parametrize(
    ("version", "outcome", "new"),
    [
        (requirements()[OTHER].since, "failed", False),
        ("0.1", "advised", True),
        (None, "failed", False),
    ],
)
def test_breach_of_a_rule_that_is_newer_than_the_pin_only_advises(version, outcome, new):
    made = results(result("failed"), result(charges=[charge(OTHER)]))
    made.gate.baseline = None if version is None else Baseline(Path("b"), version=version)
    assert (entry_of(made, OTHER).outcome, entry_of(made, OTHER).new) == (outcome, new)


# What the verdict says of entries that no longer fit.


def pinned(*entries, expect=False):
    """Return the verdict of a run that broke one rule and kept another."""
    made = results(result("failed", message="broke"), result("passed", OTHER))
    made.gate.baseline = Baseline(Path("baseline.toml"), entries=(KnownFailure(MUST, "r"), *entries))
    made.gate.expect = expect
    return made.verdict()


PAST = dt.date(2020, 1, 1)
DIFFERENT = KnownFailure(MUST, "r", symptom=("otherwise",))
EXPIRED = KnownFailure(MUST, "r", expires=PAST)
STALE = KnownFailure(OTHER, "r", where="baseline.toml")
UNMATCHED = KnownFailure("no.such", "r")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([EXPIRED], f"known failures that have expired: {MUST}."),
        ([STALE], f"known failures that now pass, remove them from baseline.toml: {OTHER}."),
        (
            [STALE, KnownFailure(OTHER, "r", where="a profile")],
            f"known failures that now pass, remove them from a profile and baseline.toml: {OTHER}.",
        ),
        ([UNMATCHED], "entries that match nothing: no.such."),
        (
            [UNMATCHED, EXPIRED],
            f"known failures that have expired: {MUST}. entries that match nothing: no.such.",
        ),
    ],
    ids=["expired", "stale", "two-files", "unmatched", "both"],
)
def test_verdict_says_which_entries_do_not_fit_and_how(entries, reason):
    assert (pinned(*entries).exit_code, pinned(*entries).reason) == (12, reason)


def test_verdict_says_what_fails_differently_and_what_is_gone():
    made = results(result("failed", message="broke"))
    made.gate.baseline = Baseline(Path("baseline.toml"), entries=(DIFFERENT,))
    assert made.verdict().reason == f"known failures that fail differently now: {MUST}."
    gone = [name for name in requirements() if name != MUST]
    made.gate.baseline, made.gate.declared, made.gate.expect = None, (KnownFailure(MUST, "r"),), True
    assert made.verdict().reason == (
        f"requirements that are no longer judged: {', '.join(gone[:3])} and {len(gone) - 3} more."
    )
