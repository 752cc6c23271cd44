"""The outcome of a test: what gives it, what takes it back, and that nothing else sets it."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import conformance
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable, Unreachable
from conformance.spec import requirements
from conformance.verdict import deciding
from conformance.verdict.outcomes import Outcome
from conformance.verdict.result_data import TestResult

PACKAGE = Path(conformance.__file__).parent
SETTING = ["verdict/deciding.py", "verdict/result_data.py", "verdict/results.py"]
MUST = requirements()["framing.ping-pong"]
MAY = next(one for one in requirements().values() if one.level == "MAY")
HARM = {"requirement": "robustness.others-unharmed", "kept": False, "message": "it was ended"}
LATE = {"requirement": "framing.pong-prompt", "kept": False, "message": "late"}
KEPT = {"requirement": "robustness.others-unharmed", "kept": True, "message": ""}


def result(outcome: Outcome = Outcome.UNTESTED, **members: object) -> TestResult:
    return TestResult(id="x.py::t", requirement=MUST.id, outcome=outcome, **members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "rule", "outcome", "confined"),
    [
        (None, MUST, Outcome.PASSED, False),
        (None, MAY, Outcome.OBSERVED, False),
        (NotApplicable("no"), MUST, Outcome.NOT_APPLICABLE, False),
        (Inconclusive("perhaps"), MUST, Outcome.INCONCLUSIVE, True),
        (Unreachable("gone"), MUST, Outcome.INCONCLUSIVE, False),
        (Nonconformance("broke"), MUST, Outcome.FAILED_STRICT_ONLY, False),
        (ValueError("ours"), MUST, Outcome.SUITE_FAULT, False),
    ],
)
def test_what_a_test_raised_gives_its_outcome(error, rule, outcome, confined):
    made = result()
    deciding.decide(made, error, rule, lambda: Outcome.FAILED_STRICT_ONLY)
    assert (made.outcome, made.confined) == (outcome, confined)


def test_death_takes_back_what_it_may_have_caused_itself():
    made = result(Outcome.FAILED, message="broke", charges=[HARM, LATE, KEPT], confined=True)
    deciding.died(made, "its process ended")
    assert (made.outcome, made.confined, made.charges) == (Outcome.INCONCLUSIVE, False, [LATE, KEPT])
    assert made.message == "the target died in this test: its process ended. Before that: broke"


def test_silence_takes_back_what_was_kept():
    made = result(Outcome.PASSED, charges=[KEPT, LATE])
    assert deciding.found_nothing_wrong(made)
    deciding.nobody_answered(made, "")
    assert (made.outcome, made.message, made.charges) == (Outcome.INCONCLUSIVE, deciding.SILENT, [LATE])


@pytest.mark.parametrize(
    ("outcome", "charges", "ended", "asked"),
    [
        (Outcome.PASSED, [], False, False),
        (Outcome.PASSED, [], True, True),
        (Outcome.PASSED, [HARM], False, True),
        (Outcome.PASSED, [LATE], False, False),
        (Outcome.ADVISED, [], False, False),
        (Outcome.FAILED, [], False, True),
        (Outcome.INCONCLUSIVE, [], False, True),
        (Outcome.SUITE_FAULT, [], False, True),
    ],
)
def test_target_is_asked_whether_it_lives_where_a_death_could_be_the_cause(outcome, charges, ended, asked):
    assert deciding.may_have_died(result(outcome, charges=charges), ended=ended) is asked


@pytest.mark.parametrize(
    ("before", "elsewhere", "tolerated"),
    [
        (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.KNOWN_FAILURE),
        (Outcome.ADVISED, Outcome.INCONCLUSIVE, Outcome.KNOWN_FAILURE),
        (Outcome.PASSED, Outcome.PASSED, Outcome.PASSED),
        (Outcome.SUITE_FAULT, Outcome.SUITE_FAULT, Outcome.SUITE_FAULT),
    ],
)
def test_breach_alone_is_taken_back_or_tolerated(before, elsewhere, tolerated):
    one, other, unknown = result(before), result(before), result(before)
    deciding.died_elsewhere(one)
    deciding.tolerate(other, lambda _: True)
    deciding.tolerate(unknown, lambda _: False)
    assert (one.outcome, other.outcome, unknown.outcome) == (elsewhere, tolerated, before)


def test_rounds_that_differ_are_unstable_and_a_fault_of_the_suite_stays_one():
    rounds = [result(Outcome.PASSED), result(Outcome.FAILED, message="broke")]
    made = deciding.gravest(rounds)
    deciding.unstable(made, Counter(one.outcome for one in rounds))
    assert (made.outcome, made.unstable) == (Outcome.INCONCLUSIVE, "failed in 1 of 2, passed in 1 of 2")
    assert made.message == "unstable: failed in 1 of 2, passed in 1 of 2; failed: broke"
    faulty = deciding.gravest([result(Outcome.FAILED), result(Outcome.SUITE_FAULT)])
    deciding.unstable(faulty, Counter({Outcome.FAILED: 1, Outcome.SUITE_FAULT: 1}))
    assert (faulty.outcome, faulty.unstable) == (Outcome.SUITE_FAULT, "")


def setters(source: str) -> list[int]:
    """Return the lines on which the outcome of anything but one of pytest's reports is set."""
    return [
        target.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
        for whole in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for target in ast.walk(whole)
        if isinstance(target, ast.Attribute) and target.attr == "outcome"
        if not (isinstance(target.value, ast.Name) and target.value.id == "report")
    ]


def test_outcomes_are_set_in_one_place():
    assert setters("result.outcome, result.message = 1, 2") == [1]
    assert setters("report.outcome = 'failed'") == []
    found = [
        file.relative_to(PACKAGE).as_posix()
        for file in sorted(PACKAGE.rglob("*.py"))
        if setters(file.read_text("utf-8"))
    ]
    assert found == SETTING
