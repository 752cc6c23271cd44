"""From what a test raised and recorded to its result, and from the result to what pytest is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable, Unreachable
from conformance.plugin.judging import judged
from conformance.spec import requirements
from conformance.target.launch import Adopted
from conformance.target.liveness import Dead, Sign
from conformance.verdict.baseline import Baseline
from conformance.verdict.deciding import SILENT
from conformance.verdict.symptom import Symptom
from conformance.wire.ending import came
from conformance.wire.events import Close
from conformance.wire.frames import CLOSE, Frame, close_payload
from conformance.wire.transcript import Transcript


def first(level):
    return next(one for one in requirements().values() if one.level == level)


MUST, SHOULD, MAY = requirements()["handshake.accepted"], first("SHOULD"), first("MAY")
OTHER = requirements()["closing.reply"]
BROKEN = Nonconformance("it broke", expected=["a Pong"], actual="nothing")
LEVELS = [MUST, SHOULD, MAY]


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


@pytest.mark.usefixtures("run")
@pytest.mark.requirement("handshake.accepted", since="1.2")
@pytest.mark.usefixtures("judge")
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
    (late, fine), way = found.charges, Symptom("what_was_recorded_is_in_the_result", "late", "late")
    assert late == {"requirement": OTHER.id, "kept": False, "message": "late", "symptoms": [way.as_data()]}
    assert fine == {"requirement": MUST.id, "kept": True, "message": "fine", "symptoms": []}


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


@pytest.mark.parametrize(
    ("error", "requirement"),
    [
        pytest.param(None, MUST, id="passed"),
        pytest.param(None, MAY, id="observed"),
        pytest.param(BROKEN, MAY, id="observed-otherwise"),
        pytest.param(NotApplicable("none"), MUST, id="not-applicable"),
        pytest.param(pytest.skip.Exception("later"), MUST, id="skipped"),
    ],
)
def test_what_is_well_keeps_none(run, judge, error, requirement):
    evidence(run)
    found = judge(error, requirement)
    assert not (found.transcripts or found.controls or found.browser or found.script or found.server_output)


@pytest.mark.parametrize(
    ("error", "requirement", "outcome"),
    [
        pytest.param(None, MUST, "passed", id="passed"),
        pytest.param(None, MAY, "observed", id="observed"),
        pytest.param(NotApplicable("none"), MUST, "not-applicable", id="not-applicable"),
    ],
)
def test_nobody_was_judged_where_no_connection_was_answered(run, judge, error, requirement, outcome):
    run.recorder.transcript(Transcript("silent"))
    run.recorder.charge(OTHER.id, kept=True, message="nothing came")
    run.recorder.charge(MUST.id, kept=False, message="a frame came")
    found = judge(error, requirement)
    assert (found.outcome, found.message) == ("inconclusive", SILENT)
    assert [one["message"] for one in found.charges] == ["a frame came"]
    assert judge(BROKEN).outcome == "failed"
    run.recorder.transcript(conversation())
    assert judge(error, requirement).outcome == outcome
    assert len(judge(error, requirement).charges) == 2


@pytest.mark.parametrize(
    ("why", "outcome"), [(None, "passed"), (Dead(Sign.ENDED, "it ended"), "inconclusive")]
)
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


@pytest.mark.parametrize("error", [BROKEN, None], ids=["failed", "passed"])
def test_what_the_server_printed_meanwhile_is_kept_where_it_failed(run, judge, tmp_path, error):
    output = tmp_path / "output"
    output.write_text("begun\nin the test, t0ken\n")
    run.target.instance = Adopted(os.getpid(), output, run.url, "a server")
    run.recorder.record.printed = len("begun\n")
    assert judge(error).server_output == ("in the test, [secret]\n" if error else "")


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
    blamed = judge(
        Nonconformance("wrong code", expected=["Close 1000"], actual=came(Close(1002, b"", 1.0)))
    ).transcripts
    assert "'name': 'status code', 'value': '1002', 'fault': True" in repr(blamed)
    run.recorder.begin()
    run.recorder.transcript(conversation())
    assert "'fault': True" not in repr(judge(Inconclusive("Close 1002")).transcripts)
