"""What the gate is red for, rule by rule, on results alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.gate.baseline import Baseline
from conformance.gate.entries import KnownFailure
from conformance.gate.repeat import folded
from conformance.report.results import Results, TestResult

MUST, OTHER = "handshake.accepted", "closing.reply"
PAST, FUTURE = dt.date(2020, 1, 1), dt.date(2999, 1, 1)
ENTRY = KnownFailure(MUST, "for now", where="baseline.toml", symptom=("broke",), expires=FUTURE)


def judged(
    *entries: KnownFailure, outcome: str = "failed", message: str = "broke", partial: bool = False
) -> Results:
    made = Results()
    made.gate.baseline = Baseline(Path("baseline.toml"), entries=entries)
    made.gate.choose(("ws://staging.example/ws", "staging.example", "Daphne"))
    made.add(TestResult(id="a", requirement=MUST, outcome=outcome, message=message))
    made.add(TestResult(id="b", requirement=OTHER, outcome="passed"))
    made.expected_tests, made.partial = 2, partial
    return made


def kinds(made: Results) -> list[str]:
    return [one.kind for one in made.findings()]


def test_known_failure_is_no_red() -> None:
    assert judged(ENTRY).verdict().exit_code == 0


@pytest.mark.parametrize(
    ("entry", "outcome", "message", "kind"),
    [
        (ENTRY, "passed", "", "stale"),
        (replace(ENTRY, expires=PAST), "passed", "", "stale"),
        (replace(ENTRY, expires=PAST), "failed", "broke", "expired"),
        (ENTRY, "failed", "otherwise", "different"),
        (ENTRY, "not-applicable", "", "unmatched"),
        (replace(ENTRY, requirement="no.such"), "passed", "", "unmatched"),
    ],
)
def test_entry_that_no_longer_fits_is_12(entry: KnownFailure, outcome: str, message: str, kind: str) -> None:
    made = judged(entry, outcome=outcome, message=message)
    assert (kinds(made), made.verdict().exit_code) == ([kind], 12)
    assert made.findings()[0].requirement in made.verdict().reason
    assert "\n" not in made.findings()[0].line


@pytest.mark.parametrize("outcome", ["passed", "not-applicable"])
def test_part_of_the_suite_calls_nothing_stale_or_unmatched(outcome: str) -> None:
    assert kinds(judged(ENTRY, outcome=outcome, partial=True)) == []


def test_run_that_lost_tests_calls_nothing_stale() -> None:
    made = judged(ENTRY, outcome="passed")
    made.expected_tests = 3
    assert kinds(made) == []


def test_inconclusive_entry_is_neither_stale_nor_green() -> None:
    made = judged(ENTRY, outcome="inconclusive")
    assert (kinds(made), made.verdict().exit_code) == ([], 10)


def test_last_day_is_not_over() -> None:
    made = judged(replace(ENTRY, expires=PAST))
    made.gate.today = PAST
    assert kinds(made) == []


@pytest.mark.parametrize("pattern", ["*", "ws://staging.*", "staging.example", "daphne"])
def test_entry_concerns_the_target_that_its_pattern_names(pattern: str) -> None:
    assert judged(replace(ENTRY, target=pattern)).verdict().exit_code == 0


def test_entry_for_another_target_tolerates_nothing() -> None:
    assert judged(replace(ENTRY, target="*.other.example")).verdict().exit_code == 1


def test_second_entry_knows_the_second_symptom() -> None:
    assert kinds(judged(ENTRY, replace(ENTRY, symptom=("otherwise",)), message="otherwise")) == []


def test_new_failure_outweighs_a_stale_entry() -> None:
    assert judged(replace(ENTRY, requirement=OTHER)).verdict().exit_code == 1


def test_requirement_newer_than_the_pin_is_reported_but_not_red() -> None:
    made = judged()
    made.gate.baseline = Baseline(Path("b"), version="1.0")
    made.tests["a"].outcome, made.tests["a"].since = (
        made.level_outcome(made.requirements()[0].requirement, "1.1"),
        "1.1",
    )
    (new,) = [one for one in made.requirements() if one.new]
    assert (new.requirement.id, new.outcome, made.verdict().exit_code) == (MUST, "advised", 0)


def test_nothing_of_what_is_pinned_was_judged_is_never_green() -> None:
    made = judged(outcome="passed")
    made.gate.baseline = Baseline(Path("b"), version="0.1")
    assert made.verdict().exit_code == 10


# Repeats.


def rounds(*outcomes: str) -> TestResult:
    return folded(
        [TestResult(id="a", requirement=MUST, outcome=one, message=f"said {one}") for one in outcomes]
    )


def test_same_verdict_each_time_is_the_verdict() -> None:
    found = rounds(*["failed"] * 3)
    assert (found.outcome, found.unstable, found.rounds) == ("failed", "", {"failed": 3})


@pytest.mark.parametrize("other", ["failed", "advised", "not-applicable", "known-failure", "observed"])
def test_verdict_that_differs_is_inconclusive(other: str) -> None:
    found = rounds(*["passed"] * 13, *[other] * 7)
    assert found.outcome == "inconclusive"
    assert f"{other} in 7 of 20" in found.message


def test_fault_of_the_suite_stays_one() -> None:
    assert rounds("passed", "suite-fault").outcome == "suite-fault"


def test_breach_seen_in_some_rounds_is_inconclusive() -> None:
    breach = {"requirement": OTHER, "kept": False, "message": "late"}
    found = folded(
        [
            TestResult(id="a", requirement=MUST, outcome="passed", charges=[breach] if n < 2 else [])
            for n in range(5)
        ]
    )
    made = Results()
    made.add(found)
    made.expected_tests = 1
    entry = next(one for one in made.requirements() if one.requirement.id == OTHER)
    assert (entry.outcome, made.verdict().exit_code) == ("inconclusive", 10)
    assert "broken in 2 of 5" in entry.reason
