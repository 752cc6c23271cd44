"""From a test's result to what pytest is told, and so to what the console prints."""

from __future__ import annotations

import datetime as dt

import pytest

from conformance.plugin.judging import dress
from conformance.spec import requirements
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.result_data import TestResult


def first(level):
    return next(one for one in requirements().values() if one.level == level)


MUST, SHOULD, MAY = requirements()["handshake.accepted"], first("SHOULD"), first("MAY")
OTHER = requirements()["closing.reply"]


@pytest.fixture
def tell(run):
    """Return pytest's report of a result, as a test that passed or failed would have it."""

    def told(outcome, requirement=MUST, *, was="failed", line=7, **members):
        members = {"message": "it broke", "id": "x.py::t", "script": ""} | members
        made = TestResult(requirement=requirement.id, outcome=outcome, **members)
        report = pytest.TestReport("x.py::t", ("x.py", line, "t"), {}, was, "traceback", "call")
        dress(report, run, made, requirement)
        return report

    return told


def breach(requirement, *, kept=False):
    return {"requirement": requirement.id, "kept": kept, "message": "seen on the way"}


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("failed", "failed"),
        ("inconclusive", "failed"),
        ("passed", "passed"),
        ("observed", "passed"),
        ("advised", "skipped"),
        ("known-failure", "skipped"),
        ("not-applicable", "skipped"),
    ],
)
def test_report_follows_the_outcome_and_names_the_requirement(tell, outcome, told):
    report = tell(outcome, was="failed" if told != "failed" else "passed")
    assert (report.outcome, report.user_properties) == (told, [("requirement", MUST.id)])


def test_failure_is_told_with_rule_answer_and_where_the_evidence_is(run, tell):
    text = tell("failed", expected=("a Pong",), actual="nothing", repeat="pytest x").longrepr
    lines = text.splitlines()
    assert lines[0].startswith(MUST.id)
    assert lines[2:] == [
        "  found:     it broke",
        "  expected:  a Pong",
        "  came back: nothing",
        "  repeat:    pytest x",
        f"  evidence:  {run.options.report_dir / 'conformance.html'}#req-{MUST.id}",
    ]


def test_script_is_told_where_there_is_one(run, tell):
    last = tell("failed", script="#!/usr/bin/env python3").longrepr.splitlines()[-1]
    assert last == f"  script:    {run.options.report_dir / 'repro' / 'x-t.py'}"


def test_what_passed_has_nothing_to_say(tell):
    assert tell("passed").longrepr is None


@pytest.mark.parametrize(("line", "told"), [(7, 7), (None, 0)])
def test_advice_is_a_line_at_its_place(tell, line, told):
    report = tell("advised", message="rather\x1b[31m not", line=line)
    assert report.longrepr == ("x.py", told, "advised: rather\\x1b[31m not")


def test_fault_of_the_suite_keeps_its_traceback(tell):
    report = tell("suite-fault", charges=[breach(OTHER)])
    assert (report.outcome, report.longrepr) == ("failed", "traceback")
    assert report.user_properties == [("requirement", MUST.id)]


def test_breach_turns_a_test_red_that_passed(run, tell):
    report = tell("passed", charges=[breach(OTHER)], script="s", repeat="pytest x")
    lines = report.longrepr.splitlines()
    assert report.outcome == "failed"
    assert lines[0].startswith(OTHER.id)
    assert lines[2:] == [
        "  found:     seen on the way",
        "  repeat:    pytest x",
        f"  evidence:  {run.options.report_dir / 'conformance.html'}#req-{OTHER.id}",
        f"  script:    {run.options.report_dir / 'repro' / 'x-t.py'}",
    ]


@pytest.mark.parametrize("outcome", ["failed", "inconclusive"])
def test_what_is_the_tests_own_stands_before_the_breaches_and_the_evidence_last(tell, outcome):
    lines = tell(outcome, charges=[breach(OTHER)], script="s").longrepr.splitlines()
    assert lines[0].startswith(MUST.id)
    assert [line for line in lines if line.startswith(OTHER.id)]
    assert lines[-2].endswith(f"#req-{MUST.id}")
    assert lines[-1].startswith("  script: ")


@pytest.mark.parametrize("requirement", [SHOULD, MAY], ids=lambda one: one.level)
def test_breach_of_what_does_not_bind_turns_nothing_red(tell, requirement):
    assert tell("passed", charges=[breach(requirement)]).outcome == "passed"


def test_charge_that_was_kept_turns_nothing_red(tell):
    assert tell("passed", charges=[breach(OTHER, kept=True)]).outcome == "passed"


def test_breach_that_is_known_turns_nothing_red(run, tell):
    run.results.gate.declared = (KnownFailure(OTHER.id, "for now", expires=dt.date(2999, 1, 1)),)
    assert tell("passed", charges=[breach(OTHER)]).outcome == "passed"


def test_breach_that_many_tests_see_turns_only_the_first_red(run, tell):
    assert tell("passed", charges=[breach(OTHER)]).outcome == "failed"
    run.results.add(TestResult(id="a", requirement=MUST.id, outcome="passed", charges=[breach(OTHER)]))
    assert tell("passed", charges=[breach(OTHER)]).outcome == "passed"
    third = requirements()["framing.ping-pong"]
    assert tell("passed", charges=[breach(OTHER), breach(third)]).longrepr.startswith(third.id)


def test_traceback_of_the_suites_fault_and_what_was_captured_hold_no_secret(run):
    run.recorder.hide("canary-4f9c2e")
    made = TestResult(requirement=MUST.id, outcome="suite-fault", id="x.py::t")
    traceback, sections = "token = 'canary-4f9c2e'", [("Captured log call", "sent canary%2d4f9c2e")]
    report = pytest.TestReport(
        "x.py::t", ("x.py", 7, "t"), {}, "failed", traceback, "call", sections=sections
    )
    dress(report, run, made, MUST)
    assert report.longrepr == "token = '[secret]'"
    assert report.sections == [("Captured log call", "sent [secret]")]
