"""From what a test raised and recorded to its result, and from the result to what pytest is told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from conformance.errors import Inconclusive, Nonconformance, NotApplicable, Unreachable
from conformance.gate.baseline import Baseline
from conformance.gate.entries import KnownFailure
from conformance.judging import dress, judged
from conformance.report.results import TestResult
from conformance.run import Options, Run
from conformance.spec import requirements
from conformance.target.probe import endpoint_of
from conformance.target.target import Target
from conformance.wire.frames import CLOSE, Frame, close_payload
from conformance.wire.transcript import Transcript


def first(level):
    return next(one for one in requirements().values() if one.level == level)


MUST, SHOULD, MAY = requirements()["handshake.accepted"], first("SHOULD"), first("MAY")
OTHER = requirements()["closing.reply"]
BROKEN = Nonconformance("it broke", expected=["a Pong"], actual="nothing")
LEVELS = [MUST, SHOULD, MAY]


@pytest.fixture
def run(tmp_path):
    """Return a run against nothing, which knows a secret and has begun a test."""
    made = Run(Options(server_url="ws://127.0.0.1:1", folder=tmp_path, report_dir=tmp_path / "reports"))
    made.target = Target(
        url=made.url,
        profile=made.profile,
        endpoint=endpoint_of(made.url, made.profile),
        recorder=made.recorder,
    )
    made.recorder.hide("t0ken")
    made.recorder.begin()
    yield made
    made.stop()


@pytest.fixture
def judge(run, request):
    """Return what this very test amounts to, had it raised an error while it judged a requirement."""

    def made(error=None, requirement=MUST):
        def ends():
            if error is not None:
                raise error

        call = pytest.CallInfo.from_call(ends, "call")
        call.duration = 1.23456
        return judged(run, request.node, call, requirement)

    return made


def conversation(label="connection"):
    made = Transcript(label)
    made.answered = True
    made.add("received", Frame(CLOSE, close_payload(1002), mask=None).encode())
    return made


# What a test raised.


@pytest.mark.parametrize(
    ("error", "outcomes"),
    [
        pytest.param(None, ["passed", "passed", "observed"], id="nothing"),
        pytest.param(BROKEN, ["failed", "advised", "observed"], id="nonconformance"),
        pytest.param(NotApplicable("none here"), ["not-applicable"] * 3, id="not-applicable"),
        pytest.param(pytest.skip.Exception("later"), ["not-applicable"] * 3, id="skip"),
        pytest.param(Inconclusive("no answer"), ["inconclusive"] * 3, id="inconclusive"),
        pytest.param(Unreachable("gone"), ["inconclusive"] * 3, id="unreachable"),
        pytest.param(AssertionError("assert 1 == 2"), ["suite-fault"] * 3, id="assert"),
        pytest.param(TimeoutError("late"), ["suite-fault"] * 3, id="exception"),
        pytest.param(pytest.fail.Exception("by hand"), ["suite-fault"] * 3, id="pytest-fail"),
    ],
)
def test_what_was_raised_and_the_level_make_the_outcome(judge, error, outcomes):
    found = [judge(error, one) for one in LEVELS]
    assert [one.outcome for one in found] == outcomes
    assert [one.requirement for one in found] == [one.id for one in LEVELS]
    assert {one.message for one in found} == {"" if error is None else str(error)}


def test_strict_run_fails_what_should_be(run, judge):
    run.results.strict = True
    assert [judge(BROKEN, one).outcome for one in LEVELS] == ["failed", "failed", "observed"]


def test_nonconformance_says_what_was_accepted_and_what_came(judge):
    found = judge(BROKEN)
    assert (list(found.expected), found.actual) == (["a Pong"], "nothing")


def test_fault_of_the_suite_names_what_was_raised_behind_its_own_notes(run, judge):
    run.recorder.note("round 1")
    assert judge(KeyError("x")).notes == ["round 1", "KeyError raised by the suite"]


def test_result_is_the_tests_own(run, judge, request):
    run.options.repeat = 3
    found = judge()
    assert found.id == request.node.nodeid
    assert found.repeat == run.repeat(request.node.nodeid)
    assert found.duration == 1.2346
    assert found.since == ""


@pytest.mark.requirement("handshake.accepted", since="1.2")
def test_test_that_came_later_than_the_pin_only_advises(run, judge):
    run.results.gate.baseline = Baseline(Path("b"), version="1.1")
    assert (judge(BROKEN).since, judge(BROKEN).outcome) == ("1.2", "advised")
    run.results.gate.baseline = Baseline(Path("b"), version="1.2")
    assert judge(BROKEN).outcome == "failed"


@pytest.mark.requirement("handshake.accepted")
def test_test_that_was_always_there_has_no_day(judge):
    assert judge().since == ""


# What a test recorded.


def test_what_was_recorded_is_in_the_result(run, judge):
    recorder = run.recorder
    recorder.note("a note")
    recorder.observe("an answer")
    recorder.sample("reply", 0.25)
    recorder.charge(OTHER.id, kept=False, message="late")
    recorder.charge(MUST.id, kept=True, message="fine")
    found = judge()
    assert (found.outcome, found.notes, found.observed) == ("passed", ["a note"], ["an answer"])
    assert found.samples == {"reply": [0.25]}
    assert found.charges == [
        {"requirement": OTHER.id, "kept": False, "message": "late"},
        {"requirement": MUST.id, "kept": True, "message": "fine"},
    ]


def test_no_text_of_a_result_has_a_secret(run, judge):
    recorder = run.recorder
    recorder.note("note t0ken")
    recorder.observe("saw t0ken")
    recorder.charge(OTHER.id, kept=False, message="charged t0ken")
    recorder.control("control t0ken")
    recorder.transcript(conversation("GET /?t0ken"))
    recorder.record.browser = lambda: {"console": ["log t0ken"], "screenshot": "iVBORw0KGgo="}
    found = judge(Nonconformance("said t0ken", expected=["no t0ken"], actual="got t0ken"))
    assert found.browser == {"console": ["log [secret]"], "screenshot": "iVBORw0KGgo="}
    found.browser = {}
    assert "t0ken" not in repr(found)
    assert repr(found).count("[secret]") >= 8


def test_dialect_is_told_once_in_a_run(run, judge):
    run.profile.dialect.seen.update({"a", "b", "c"})
    run.results.dialect_seen.add("b")
    assert judge().dialect == ["a", "c"]


# Evidence: kept where somebody has to look, not where all is well.


def evidence(run):
    run.recorder.transcript(conversation())
    run.recorder.control("a Ping was answered")
    run.recorder.record.browser = lambda: {"console": ["x" * 100_000]}


@pytest.mark.parametrize("error", [BROKEN, Inconclusive("no answer"), KeyError("x")], ids=type)
def test_what_went_wrong_keeps_its_evidence(run, judge, error):
    evidence(run)
    found = judge(error)
    assert [one["label"] for one in found.transcripts] == ["connection"]
    assert list(found.controls) == ["a Ping was answered"]
    assert found.browser["console"][0].startswith("xxx")
    assert len(found.browser["console"][0]) < 20_000


@pytest.mark.parametrize("error", [None, NotApplicable("none"), pytest.skip.Exception("later")], ids=type)
def test_what_is_well_keeps_none(run, judge, error):
    evidence(run)
    found = judge(error)
    assert not (found.transcripts or found.controls or found.browser or found.script or found.server_output)


@pytest.mark.parametrize("error", [None, NotApplicable("none")], ids=type)
def test_nobody_was_judged_where_no_connection_was_answered(run, judge, error):
    run.recorder.transcript(Transcript("silent"))
    assert judge(error).outcome == "inconclusive"
    assert judge(BROKEN).outcome == "failed"
    run.recorder.transcript(conversation())
    assert judge(error).outcome == ("passed" if error is None else "not-applicable")


@pytest.mark.parametrize(("why", "outcome"), [("", "passed"), ("connecting fails", "inconclusive")])
def test_ended_connections_judge_a_server_that_is_alive(run, judge, monkeypatch, why, outcome):
    refused = Transcript("ended by the server")
    refused.ended = True
    run.recorder.transcript(refused)
    monkeypatch.setattr(run, "why_dead", lambda: why)
    found = judge(None)
    assert found.outcome == outcome
    assert found.message.endswith(f", for {why}" if why else "")
    assert bool(found.notes) is not bool(why)


def test_what_is_well_but_saw_a_breach_keeps_it(run, judge):
    evidence(run)
    run.recorder.charge(OTHER.id, kept=False, message="late")
    found = judge()
    assert (found.outcome, len(found.transcripts), list(found.controls)) == (
        "passed",
        1,
        ["a Ping was answered"],
    )
    assert "late" in found.script


@pytest.mark.parametrize(
    ("error", "requirement", "scripted"),
    [
        pytest.param(BROKEN, MUST, True, id="failed"),
        pytest.param(BROKEN, SHOULD, True, id="advised"),
        pytest.param(BROKEN, MAY, False, id="observed"),
        pytest.param(Inconclusive("x"), MUST, False, id="inconclusive"),
        pytest.param(KeyError("x"), MUST, False, id="suite-fault"),
    ],
)
def test_what_can_be_repeated_has_its_script(run, judge, error, requirement, scripted):
    evidence(run)
    assert bool(judge(error, requirement).script) == scripted


def test_answer_that_was_wrong_is_marked_in_the_conversation(run, judge):
    run.recorder.transcript(conversation())
    blamed = judge(Nonconformance("wrong code", expected=["Close 1000"], actual="Close 1002")).transcripts
    assert "'name': 'status code', 'value': '1002', 'fault': True" in repr(blamed)
    run.recorder.begin()
    run.recorder.transcript(conversation())
    assert "'fault': True" not in repr(judge(Inconclusive("Close 1002")).transcripts)


# What pytest is told.


@pytest.fixture
def tell(run):
    """Return pytest's report of a result, as a test that passed or failed would have it."""

    def told(outcome, requirement=MUST, *, was="failed", **members):
        members = {"message": "it broke", "id": "x.py::t", "script": ""} | members
        made = TestResult(requirement=requirement.id, outcome=outcome, **members)
        report = pytest.TestReport("x.py::t", ("x.py", 7, "t"), {}, was, "traceback", "call")
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


def test_advice_is_a_line_at_its_place(tell):
    assert tell("advised", message="rather\x1b[31m not").longrepr == (
        "x.py",
        7,
        "advised: rather\\x1b[31m not",
    )


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


def test_own_failure_stands_before_the_breaches(run, tell):
    lines = tell("failed", charges=[breach(OTHER)]).longrepr.splitlines()
    assert lines[0].startswith(MUST.id)
    assert [line for line in lines if line.startswith(OTHER.id)]
    assert lines[-1].endswith(f"#req-{MUST.id}")


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
