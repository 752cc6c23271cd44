from __future__ import annotations

import json

import execnet
import pytest

from conformance.plugin.repeat import folded
from conformance.report.document import schema
from conformance.report.vocabulary import OUTCOMES, VERDICTS
from conformance.verdict.outcomes import BREACHES, GRAVEST_FIRST, JUDGED, Outcome, RunVerdict, gravity
from conformance.verdict.result_data import TestResult

OF_A_REQUIREMENT = set(Outcome) - {Outcome.SUITE_FAULT}


def test_every_outcome_of_a_requirement_has_its_place_and_its_word() -> None:
    assert set(GRAVEST_FIRST) == OF_A_REQUIREMENT
    assert set(OUTCOMES) == OF_A_REQUIREMENT
    assert list(OUTCOMES) == [one for one in Outcome if one in OF_A_REQUIREMENT]
    assert set(VERDICTS) == set(RunVerdict)


def test_fault_of_the_suite_weighs_as_much_as_inconclusive() -> None:
    assert gravity(Outcome.SUITE_FAULT) == gravity(Outcome.INCONCLUSIVE)
    assert gravity(Outcome.FAILED) < gravity(Outcome.INCONCLUSIVE) < gravity(Outcome.PASSED)


def test_each_breach_is_a_judgement_and_what_could_not_be_judged_is_not() -> None:
    assert BREACHES < JUDGED
    assert not JUDGED & {Outcome.INCONCLUSIVE, Outcome.NOT_APPLICABLE, Outcome.UNTESTED, Outcome.SUITE_FAULT}


def test_exit_codes_are_those_that_are_documented() -> None:
    found = {str(one): one.exit_code for one in RunVerdict}
    assert found == {
        "conformant": 0,
        "non-conformant": 1,
        "inconclusive": 10,
        "suite-fault": 11,
        "baseline-stale": 12,
    }


@pytest.mark.parametrize("outcome", Outcome)
def test_result_crosses_a_process_boundary_as_plain_data(outcome: Outcome) -> None:
    # execnet, which carries results between workers, refuses every subclass of str.
    made = folded([TestResult("x.py::t", "framing.ping-pong", outcome)] * 2)
    data = execnet.loads(execnet.dumps(made.as_data()))
    assert data["outcome"] == outcome.value
    back = TestResult(**data)
    assert back.outcome is outcome
    assert back == made


def test_word_that_is_no_outcome_is_refused() -> None:
    with pytest.raises(ValueError, match="green"):
        TestResult("x.py::t", "framing.ping-pong", "green")  # type: ignore[arg-type]


def test_schema_knows_the_same_words() -> None:
    text = json.dumps(schema())
    assert all(f'"{one}"' in text for one in RunVerdict)
    assert all(f'"{one}"' in text for one in Outcome)
