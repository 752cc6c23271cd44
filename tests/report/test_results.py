"""Folding results into outcomes of requirements and one verdict, for every exit code."""

from __future__ import annotations

import json

import pytest
from folding import MAY, MUST, OTHER, SHOULD, charge, entry_of, result, results

from conformance.spec import requirements
from conformance.verdict.outcomes import GRAVEST_FIRST as OUTCOMES
from conformance.verdict.results import WITNESSES, Results

NAMES = {
    0: "conformant", 1: "non-conformant", 10: "inconclusive", 11: "suite-fault", 12: "baseline-stale",
}  # fmt: skip

# Folding.


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_single_outcome_is_the_requirements(outcome):
    assert entry_of(results(result(outcome))).outcome == outcome


GRAVEST_FIRST = [
    "failed", "inconclusive", "known-failure", "advised", "observed", "passed", "not-applicable",
]  # fmt: skip


@pytest.mark.parametrize(
    ("graver", "lighter"),
    [(g, one) for i, g in enumerate(GRAVEST_FIRST) for one in GRAVEST_FIRST[i + 1 :]],
)
def test_gravest_outcome_wins_whatever_the_order(graver, lighter):
    assert entry_of(results(result(graver), result(lighter))).outcome == graver
    assert entry_of(results(result(lighter), result(graver))).outcome == graver


def test_requirement_that_nobody_judged_is_untested():
    assert entry_of(results(result(requirement=OTHER))).outcome == "untested"


def test_every_requirement_has_an_entry():
    assert [one.requirement.id for one in results().requirements()] == list(requirements())


def test_reason_is_that_of_the_gravest():
    made = results(
        result("passed", observed=["fine"]),
        result("failed", message="broke"),
        result("failed", message="late"),
    )
    assert entry_of(made).reason == "broke"
    assert entry_of(made).tests == ["x.py::test_0", "x.py::test_1", "x.py::test_2"]


def test_reason_of_what_was_observed_is_what_occurred():
    made = results(result("observed", MAY, observed=["one", "other"]))
    assert (entry_of(made, MAY).outcome, entry_of(made, MAY).reason) == ("observed", "one; other")


def test_gravest_phase_of_a_test_stays():
    made = results(
        result("passed", name="same"), result("failed", name="same"), result("passed", name="same")
    )
    assert [one.outcome for one in made.tests.values()] == ["failed"]


@pytest.mark.parametrize(
    ("first", "then", "stays"),
    [
        ("suite-fault", "passed", "suite-fault"),
        ("known-failure", "suite-fault", "suite-fault"),
        ("passed", "suite-fault", "suite-fault"),
        ("failed", "suite-fault", "failed"),
        ("suite-fault", "inconclusive", "suite-fault"),
        ("inconclusive", "suite-fault", "inconclusive"),
        ("suite-fault", "failed", "failed"),
    ],
)
def test_fault_of_the_suite_weighs_as_what_could_not_be_judged(first, then, stays):
    made = results(result(first, name="same"), result(then, name="same"))
    assert [one.outcome for one in made.tests.values()] == [stays]
    assert made.suite_faults == ["x.py::same"]


def test_fault_of_the_suite_is_inconclusive_for_the_requirement():
    assert entry_of(results(result("suite-fault"))).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("requirement", "strict", "outcome"),
    [
        (OTHER, False, "failed"),
        (SHOULD, False, "advised"),
        (SHOULD, True, "failed"),
        (MAY, False, "observed"),
        (MAY, True, "observed"),
    ],
)
def test_charge_counts_by_the_level_of_its_requirement(requirement, strict, outcome):
    made = results(result(charges=[charge(requirement)]), strict=strict)
    assert entry_of(made, requirement).outcome == outcome
    assert entry_of(made, requirement).reason == "seen"
    assert entry_of(made).outcome == "passed"


def test_kept_charge_passes_its_requirement():
    made = results(result(charges=[charge(OTHER, kept=True)]))
    assert (entry_of(made, OTHER).outcome, entry_of(made, OTHER).tests) == ("passed", [])


def test_breach_outweighs_what_was_kept_elsewhere():
    made = results(result(charges=[charge(OTHER)]), result(charges=[charge(OTHER, kept=True)]))
    assert (entry_of(made, OTHER).outcome, entry_of(made, OTHER).tests) == ("failed", ["x.py::test_0"])


def test_charge_of_no_requirement_is_the_suites_fault():
    made = results(result(charges=[charge("no.such"), charge(OTHER, kept=True)]))
    assert made.verdict().exit_code == 11
    assert "no.such" in made.verdict().reason
    assert entry_of(made, OTHER).outcome == "passed"


# The verdict.


@pytest.mark.parametrize(
    ("made", "code", "words"),
    [
        pytest.param(results(result()), 0, "1 requirement passed, ", id="passed"),
        pytest.param(results(result(), result("advised", SHOULD)), 0, "1 advised", id="advised"),
        pytest.param(
            results(result("advised", SHOULD)), 0, "0 requirements passed, 1 advised", id="only-advised"
        ),
        pytest.param(results(result(), result("observed", MAY)), 0, "1 observed", id="observed"),
        pytest.param(
            results(result(), result("not-applicable", OTHER)), 0, "1 not applicable", id="not-applicable"
        ),
        pytest.param(results(result("failed")), 1, f"1 requirement failed: {MUST}.", id="failed"),
        pytest.param(results(result(charges=[charge(OTHER)])), 1, OTHER, id="breach"),
        pytest.param(results(result(charges=[charge(SHOULD)]), strict=True), 1, SHOULD, id="strict-breach"),
        pytest.param(
            results(result("failed"), result("inconclusive", OTHER)), 1, MUST, id="failed-and-unsure"
        ),
        pytest.param(results(result("failed"), result("suite-fault", OTHER)), 1, MUST, id="failed-and-fault"),
        pytest.param(results(result("failed"), expected=5), 1, MUST, id="failed-and-missing"),
        pytest.param(
            results(result(), result("inconclusive", OTHER)),
            10,
            "1 requirement could not be judged",
            id="unsure",
        ),
        pytest.param(results(), 10, "nothing was judged", id="nothing"),
        pytest.param(results(result("not-applicable")), 10, "nothing was judged", id="all-skipped"),
        pytest.param(results(result("observed", MAY)), 10, "nothing was judged", id="only-observed"),
        pytest.param(results(result(), expected=3), 10, "2 tests of 3 gave no result.", id="missing"),
        pytest.param(results(expected=1), 10, "1 test of 1 gave no result.", id="all-missing"),
        pytest.param(results(result(), result("suite-fault", OTHER)), 11, "x.py::test_1", id="suite-fault"),
        pytest.param(
            results(result(), known=[MUST]),
            12,
            f"now pass, remove them from the profile: {MUST}.",
            id="stale",
        ),
        pytest.param(results(result("failed"), known=[MUST]), 0, "1 known failure", id="known-failure"),
        pytest.param(
            results(result("known-failure"), known=[MUST]), 0, "1 known failure", id="known-already"
        ),
        pytest.param(
            results(result(charges=[charge(OTHER)]), known=[OTHER]), 0, "1 known failure", id="known-breach"
        ),
        pytest.param(
            results(result("advised", SHOULD), known=[SHOULD]), 0, "1 known failure", id="known-advice"
        ),
        pytest.param(results(result("inconclusive"), known=[MUST]), 10, MUST, id="known-and-unsure"),
        pytest.param(
            results(result("failed"), result("failed", OTHER), known=[MUST]), 1, OTHER, id="known-and-failed"
        ),
        pytest.param(
            results(result("failed", OTHER), result(), known=[MUST]), 1, OTHER, id="failed-and-stale"
        ),
    ],
)
def test_verdict(made, code, words):
    verdict = made.verdict()
    assert (verdict.exit_code, verdict.name) == (code, NAMES[code])
    assert words in verdict.reason
    assert verdict.reason.endswith(".")


def test_run_begins_with_nothing_judged_and_no_rule_but_the_levels():
    made = Results()
    assert (made.strict, made.trouble, made.partial, made.expected_tests) == (False, "", False, 0)
    assert made.verdict().exit_code == 10
    assert made.verdict().reason.startswith("nothing was judged")


def test_death_hides_nothing_that_was_proven_before_it():
    made = results(result("failed"), known=[OTHER])
    made.trouble, made.expected_tests = "the target died.", 3
    assert (made.verdict().exit_code, made.verdict().reason) == (
        1,
        f"1 requirement failed: {MUST}. Then the target died. 2 tests of 3 gave no result.",
    )


def test_death_without_a_failure_is_inconclusive_and_tells_what_could_not_be_judged():
    made = results(result("inconclusive"))
    made.trouble = "the target died."
    assert (made.verdict().exit_code, made.verdict().reason) == (
        10,
        f"the target died. 1 requirement could not be judged: {MUST}.",
    )


@pytest.mark.parametrize(("outcome", "code"), [("failed", 1), ("inconclusive", 10)])
def test_fault_from_the_first_byte_is_the_cause_of_what_could_not_be_judged(outcome, code):
    made = results(result(outcome), result("inconclusive", SHOULD, name="other"))
    made.fault = "/ does not answer a Ping"
    assert made.verdict().exit_code == code
    assert made.verdict().reason.endswith("The cause: / does not answer a Ping.")


def test_trouble_at_the_start_is_all_there_is_to_say():
    made = results()
    made.trouble = "nothing listens."
    assert made.verdict().reason == "nothing listens."


def test_long_list_of_failures_is_cut():
    names = [one.id for one in requirements().values() if one.binding][:5]
    made = results(*(result("failed", one) for one in names))
    assert made.verdict().reason == f"5 requirements failed: {', '.join(names[:3])} and 2 more."


def test_counts_add_up_to_the_specification():
    made = results(result(), result("failed", OTHER))
    assert made.counts()["untested"] == len(requirements()) - 2
    assert sum(made.counts().values()) == len(requirements())


def test_tests_are_data_with_their_breaches():
    made = results(result(charges=[charge(OTHER), charge(SHOULD, kept=True)], expected=("a",)))
    (row,) = made.tests_as_data()
    assert row["breaches"] == [{"requirement": OTHER, "message": "seen"}]
    assert "charges" not in row
    assert json.loads(json.dumps(row))["expected"] == ["a"]


def test_evidence_of_what_every_test_sees_broken_is_kept_a_few_times():
    seen = [charge(OTHER, kept=False)]
    many = [result(name=f"t{n}", charges=seen, transcripts=[{"label": "x"}], script="s") for n in range(30)]
    many.append(result("failed", name="own", charges=seen, transcripts=[{"label": "x"}]))
    made = results(*many)
    kept = [test.id for test in made.tests.values() if test.transcripts]
    assert kept == [*(f"x.py::t{n}" for n in range(WITNESSES)), "x.py::own"]
    assert all(test.breaches for test in made.tests.values())


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_evidence_is_thinned_only_where_all_is_well_and_every_breach_is_known(outcome):
    rare = [charge(OTHER), charge(SHOULD)]
    made = results(*(result(name=f"t{n}", charges=[charge(OTHER)]) for n in range(WITNESSES)))
    evidence = {"transcripts": [{"label": "x"}], "script": "s", "server_output": "o"}
    both = result(outcome, name="both", charges=rare, **evidence)
    late = result(outcome, name="late", charges=[charge(OTHER)], **evidence)
    made.add(both)
    made.add(late)
    assert (both.transcripts, both.script, both.server_output) == ([{"label": "x"}], "s", "o")
    thinned = outcome in {"passed", "observed", "not-applicable"}
    assert (late.transcripts, late.script, late.server_output) == (
        ((), "", "") if thinned else ([{"label": "x"}], "s", "o")
    )


def test_times_are_told_in_milliseconds_by_their_percentiles():
    times = [n / 1000 for n in range(1, 201)]
    made = results(
        result(samples={"reply": times[50:]}),
        result(samples={"reply": times[:50], "open": [0.0012345], "none": []}),
    )
    assert made.measurements() == {
        "reply": {"count": 200, "p50": 101.0, "p95": 191.0, "p99": 199.0, "max": 200.0},
        "open": {"count": 1, "p50": 1.234, "p95": 1.234, "p99": 1.234, "max": 1.234},
    }


def test_unstable_charge_is_inconclusive_and_no_symptom():
    made = results(result(charges=[{**charge(OTHER), "unstable": True}]))
    entry = entry_of(made, OTHER)
    assert (entry.outcome, entry.reason, entry.symptoms) == ("inconclusive", "seen", [])
    assert made.verdict().exit_code == 10


def test_symptoms_are_those_of_tests_and_charges_each_once():
    made = results(
        result("failed", message="broke"),
        result("failed", message="broke"),
        result("failed", message="not accepted"),
        result(charges=[charge(MUST, message="charged"), charge(SHOULD, message="advised")]),
        result("known-failure", message="was known"),
        result("observed", message="nothing of it"),
        result("inconclusive", message="nor of this"),
    )
    told = [str(one) for one in entry_of(made).symptoms]
    assert told == ["broke", "not accepted", "charged", "was known"]
    assert [str(one) for one in entry_of(made, SHOULD).symptoms] == ["advised"]


def test_run_is_whole_when_every_test_gave_its_result():
    made = results(result(), expected=1)
    assert made.whole
    made.expected_tests = 2
    assert not made.whole
    made.expected_tests, made.partial = 1, True
    assert not made.whole
    made.partial, made.trouble = False, "the target died."
    assert not made.whole


def test_dialect_of_every_test_is_gathered():
    assert results(result(dialect=["a"]), result(dialect=["b", "a"])).dialect_seen == {"a", "b"}


def test_verdict_counts_what_passed_and_what_else_there_was():
    made = results(
        result(), result("advised", SHOULD), result("observed", MAY), result("not-applicable", OTHER)
    )
    left = len(requirements()) - 4
    assert made.verdict().reason == (
        f"1 requirement passed, 1 advised, 1 observed, 1 not applicable, {left} untested."
    )
    assert results(result("failed"), known=[MUST]).verdict().reason == (
        f"0 requirements passed, 1 known failure, {len(requirements()) - 1} untested."
    )


def test_list_is_cut_only_where_that_spares_something():
    names = [one.id for one in requirements().values() if one.binding][:4]
    made = results(*(result("failed", one) for one in names[:3]))
    assert made.verdict().reason == f"3 requirements failed: {', '.join(names[:3])}."
    made = results(*(result("inconclusive", one) for one in names))
    assert made.verdict().reason == (
        f"4 requirements could not be judged: {', '.join(names[:3])} and 1 more."
    )
