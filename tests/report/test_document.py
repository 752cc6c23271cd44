"""The JSON document: complete, plain data, and free of secrets."""

from __future__ import annotations

import json

import pytest

from conformance.client.recorder import Recorder
from conformance.net.endpoint import Endpoint
from conformance.plugin.run import Options, Run
from conformance.report.artefacts import MAKERS
from conformance.report.document import FORMAT, document, level_of
from conformance.spec import NEEDS, requirements
from conformance.target.profile import KnownFailure, Profile
from conformance.target.snapshot import Capability
from conformance.target.target import Target
from conformance.target.url import parse
from conformance.verdict.result_data import TestResult
from conformance.verdict.results import Results

SECRET = "alice-secret+7f3a"
MUST = "handshake.accepted"
RUN = {"id": "1", "round_trip_ms": 0.25}


def target(*capabilities):
    made = Target(
        url=parse("ws://h:1"),
        profile=Profile(),
        endpoint=Endpoint("h", 1, addresses=("127.0.0.1",)),
        recorder=Recorder(),
    )
    for name in capabilities:
        made.learn(Capability(name, present=True, evidence="seen"))
    return made


def results(*added, known=()):
    made = Results(known_failures=known)
    for one in added:
        made.add(one)
    return made


def entry_of(made, name):
    return next(one for one in made["requirements"] if one["id"] == name)


def test_document_is_plain_data():
    one = TestResult(id="x.py::t", requirement=MUST, outcome="failed", message="\ud800\x00<b>")
    again = json.loads(json.dumps(document(results(one), target("session"), RUN)))
    assert (again["format"], again["tests"][0]["message"]) == (FORMAT, "\ud800\x00<b>")
    assert again["target"]["capabilities"] == [
        {"name": "session", "present": True, "evidence": "seen", "unlock": None}
    ]


def test_document_without_a_target_is_plain_data():
    made = document(results(), None, {})
    assert json.loads(json.dumps(made)) == made
    assert (made["target"], made["environment"]["calibration"]["limits"]) == ({}, {})


def test_verdict_and_counts_are_those_of_the_results():
    made = document(results(TestResult(id="t", requirement=MUST, outcome="failed")), target(), RUN)
    assert (made["verdict"]["name"], made["verdict"]["exit_code"]) == ("non-conformant", 1)
    assert made["counts"] == {"failed": 1, "untested": len(requirements()) - 1}
    assert [one["id"] for one in made["tests"]] == ["t"]


def test_every_requirement_is_told_with_its_rule():
    made = document(results(), target(), RUN)
    assert [one["id"] for one in made["requirements"]] == list(requirements())
    entry = entry_of(made, MUST)
    assert entry["text"] == requirements()[MUST].text
    assert entry["reason"] == "no selected test judged it"


def test_missing_capability_is_told_with_what_would_unlock_it():
    one = target()
    one.learn(Capability("session", present=False, evidence="no", unlock="serve it"))
    entry = entry_of(document(results(), one, RUN), "session.confirmation-first")
    assert (entry["reason"], entry["unlock"]) == (f"needs {NEEDS['session']}", "serve it")


def test_known_failure_is_told_with_its_reason():
    known = KnownFailure(MUST, "for now", "https://bugs.example/1")
    made = document(
        results(TestResult(id="t", requirement=MUST, outcome="failed"), known=[known]), target(), RUN
    )
    assert entry_of(made, MUST)["known_failure"] == {
        "reason": "for now",
        "link": "https://bugs.example/1",
        "stale": False,
    }


@pytest.mark.parametrize(
    ("capabilities", "level"),
    [
        ((), 0),
        (("session",), 1),
        (("credentials",), 0),
        (("session", "credentials"), 2),
        (("session", "control"), 1),
        (("session", "credentials", "control"), 3),
        (("session", "credentials", "control", "start-command"), 4),
    ],
)
def test_rung_of_the_ladder_is_the_last_without_a_gap(capabilities, level):
    assert level_of(target(*capabilities)) == level


def test_endpoint_has_no_query():
    one = target()
    one.learn(path=f"/ws/permissions/?token={SECRET}")
    assert document(results(), one, RUN)["target"]["endpoint"] == "/ws/permissions/"


# A run's own document.


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a run against nothing, whose profile holds a secret."""
    monkeypatch.setenv("ALICE_TOKEN", SECRET)
    (tmp_path / "conformance.toml").write_text(
        '[carriers]\noffered = ["query"]\n[credentials.alice]\nuser_id = 1\ntoken = { env = "ALICE_TOKEN" }\n'
    )
    made = Run(Options(server_url="ws://127.0.0.1:1", folder=tmp_path, report_dir=tmp_path / "reports"))
    yield made
    made.stop()


def leave_secrets(run):
    """Let every text that a test may leave behind hold the secret."""
    entry = {"t": 0.0, "direction": "event", "summary": SECRET}
    run.options.command = f"pytest -k {SECRET}"
    run.results.trouble = f"answered {SECRET}."
    run.results.add(
        TestResult(
            id=f"x.py::t[{SECRET}]",
            requirement=MUST,
            outcome="failed",
            message=f"sent {SECRET}",
            expected=[SECRET],
            actual=SECRET,
            notes=[SECRET],
            observed=[SECRET],
            charges=[{"requirement": "closing.reply", "kept": False, "message": SECRET}],
            transcripts=[{"label": SECRET, "dropped": 0, "entries": [entry]}],
            repeat=f"pytest 'x.py::t[{SECRET}]'",
        )
    )


def test_no_text_of_the_document_holds_a_secret(run):
    leave_secrets(run)
    text = json.dumps(run.document())
    assert SECRET not in text
    assert text.count("[secret]") > 10


def test_percent_encoded_secret_is_one_too(run):
    run.results.trouble = "GET /?token=alice-secret%2B7f3a failed."
    assert run.document()["verdict"]["reason"] == "GET /?token=[secret] failed."


def test_no_report_file_holds_a_secret(run):
    leave_secrets(run)
    run.write_reports()
    assert sorted(path.name for path in run.written) == sorted(MAKERS)
    for path in run.written:
        assert SECRET not in path.read_text("utf-8")


def test_document_of_an_unreached_target_names_its_url(run):
    assert run.document()["target"] == {"url": "ws://127.0.0.1:1/"}


def test_lone_surrogate_does_not_stop_the_reports(run):
    run.results.add(TestResult(id="t", requirement=MUST, outcome="failed", message="\ud800"))
    run.write_reports()
    assert (
        json.loads((run.options.report_dir / "conformance.json").read_text())["tests"][0]["message"]
        == "\ud800"
    )


def test_run_that_had_trouble_is_not_complete(run):
    assert run.document()["run"]["complete"] is True
    run.results.trouble = "the target died."
    assert run.document()["run"]["complete"] is False
