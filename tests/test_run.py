"""One run: what it takes from the user, when it writes a baseline, how a test is repeated."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conformance.errors import UsageProblem
from conformance.fuzz.search import Plan
from conformance.gate.baseline import load
from conformance.report.results import TestResult
from conformance.run import MAX_PRINTED, Options, Run, reference_profile
from conformance.target.launch import Adopted
from conformance.target.probe import endpoint_of
from conformance.target.target import Target

MUST, SHOULD = "handshake.accepted", "handshake.upgrade-list"
NOWHERE = "ws://127.0.0.1:1/"


@pytest.fixture
def begin(tmp_path):
    """Return a run with these options, in a folder of its own."""
    made = []

    def begun(**options):
        made.append(Run(Options(**{"folder": tmp_path, "server_url": NOWHERE} | options)))
        return made[-1]

    yield begun
    for run in made:
        run.stop()


def aim(run):
    run.target = Target(
        url=run.url,
        profile=run.profile,
        endpoint=endpoint_of(run.url, run.profile),
        recorder=run.recorder,
    )
    return run


def add(run, outcome="failed", requirement=MUST, **members):
    run.results.add(TestResult(id=outcome, requirement=requirement, outcome=outcome, **members))
    run.results.expected_tests = len(run.results.tests)


# What the user says.


def test_profile_in_the_folder_is_taken_unless_another_is_named(begin, tmp_path):
    (tmp_path / "conformance.toml").write_text('[target]\nurl = "ws://127.0.0.1:2/here"\n')
    other = tmp_path / "other.toml"
    other.write_text('[target]\nurl = "ws://127.0.0.1:3/other"\n')
    assert str(begin(server_url=None).url) == "ws://127.0.0.1:2/here"
    assert str(begin(server_url=None, profile=other).url) == "ws://127.0.0.1:3/other"
    assert str(begin().url) == NOWHERE


def test_without_url_and_profile_it_is_the_reference_server(begin):
    assert begin(server_url=None).profile.path == reference_profile()
    assert begin().profile.path is None


def test_server_that_is_named_is_not_started(begin):
    assert begin(server_url=None, profile=reference_profile()).profile.start
    assert not begin(profile=reference_profile()).profile.start


def test_profile_that_says_of_no_server_is_a_mistake(begin, tmp_path):
    (tmp_path / "conformance.toml").write_text("")
    with pytest.raises(UsageProblem, match=r"neither --server-url nor target\.url says where the server is"):
        begin(server_url=None)


def test_certificates_are_verified_unless_somebody_says_not(begin):
    assert not begin().profile.insecure
    assert begin(insecure=True).profile.insecure
    assert begin(ca_file=Path("ca.pem")).profile.ca_file == Path("ca.pem")


# How a test is repeated.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "--server-url=ws://127.0.0.1:1/ 'x.py::t[a]'"),
        (
            {"nodes": ("ws://127.0.0.1:2",)},
            "--server-url=ws://127.0.0.1:1/ --server-url=ws://127.0.0.1:2 'x.py::t[a]'",
        ),
        ({"repeat": 3}, "--server-url=ws://127.0.0.1:1/ --repeat=3 'x.py::t[a]'"),
        ({"server_url": None}, "'x.py::t[a]'"),
    ],
)
def test_command_repeats_one_test(begin, options, words):
    assert begin(**options).repeat("x.py::t[a]").endswith(f"pytest {words}")


def test_command_names_the_profile_and_what_was_drawn(begin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("")
    run = begin(profile=tmp_path / "mine.toml", plan=Plan(examples=7, seed=42))
    words = run.repeat("x.py::t").split()
    assert words[-1] == "x.py::t"
    assert words[words.index("--profile=mine.toml") + 1 : -1] == run.options.plan.options


# When a baseline is written: only from what judged something to its end.


@pytest.fixture
def updating(begin, tmp_path):
    run = begin(baseline=tmp_path / "baseline.toml", update_baseline=True)
    add(run, message="broke")
    return run


def test_baseline_is_written_from_a_run_that_judged(updating, tmp_path):
    add(updating, "advised", SHOULD)
    updating.update_baseline()
    assert [one.requirement for one in load(tmp_path / "baseline.toml").entries] == [MUST]
    assert updating.results.verdict().exit_code == 0
    assert updating.changes.added == 1


def test_strict_run_writes_what_should_be_too(begin, tmp_path):
    run = begin(baseline=tmp_path / "baseline.toml", update_baseline=True, strict=True)
    add(run, "failed", SHOULD)
    run.update_baseline()
    assert [one.requirement for one in load(tmp_path / "baseline.toml").entries] == [SHOULD]


@pytest.mark.parametrize("change", ["not asked for", "interrupted", "in trouble", "nothing judged"])
def test_baseline_is_left_alone_otherwise(updating, tmp_path, change):
    if change == "not asked for":
        updating.options.update_baseline = False
    if change == "interrupted":
        updating.complete = False
    if change == "in trouble":
        updating.results.trouble = "the target died."
    if change == "nothing judged":
        updating.results.tests.clear()
        add(updating, "not-applicable")
        add(updating, "inconclusive")
    updating.update_baseline()
    assert (updating.changes, (tmp_path / "baseline.toml").exists()) == (None, False)


def test_baseline_that_is_not_there_is_a_mistake_unless_it_will_be_written(begin, tmp_path):
    with pytest.raises(UsageProblem, match="no such file"):
        begin(baseline=tmp_path / "baseline.toml")


def test_run_without_a_target_is_dead(begin):
    assert begin().why_dead() == "there is no target"


# What the server printed.


@pytest.fixture
def printing(begin, tmp_path):
    """Return a run whose server, this very process, prints into a file."""
    run = aim(begin())
    run.target.instance = Adopted(os.getpid(), tmp_path / "output", run.url, "a server")
    return run


@pytest.mark.parametrize("more", [0, 1, MAX_PRINTED, 3 * MAX_PRINTED])
@pytest.mark.parametrize("start", [0, 7])
def test_end_of_what_was_printed_since_is_shown(printing, tmp_path, start, more):
    output = b"before;" + b"x" * MAX_PRINTED + b"y" * more
    (tmp_path / "output").write_bytes(output)
    since = output[start:].decode()
    shown = since if len(since) <= MAX_PRINTED else f"… {since[-MAX_PRINTED:]}"
    assert printing.printed_since(start) == shown
    assert printing.printed_size() == len(output)


def test_no_secret_is_printed_not_even_where_it_is_cut(printing, tmp_path):
    printing.recorder.hide("s3cret" * 20)
    for room in range(MAX_PRINTED - 130, MAX_PRINTED + 10):
        (tmp_path / "output").write_text("a" * 99 + "s3cret" * 20 + "z" * room)
        assert "s3cret" not in printing.printed_since(0)


def test_octets_that_are_no_text_are_shown_all_the_same(printing, tmp_path):
    (tmp_path / "output").write_bytes(b"a\xffb")
    assert printing.printed_since(0) == "a\ufffdb"


def test_server_that_is_not_ours_has_printed_nothing(begin, printing):
    assert (printing.printed_size(), printing.printed_since(0)) == (0, "")  # there is no such file yet
    assert (aim(begin()).printed_size(), aim(begin()).printed_since(0)) == (0, "")
    assert (begin().printed_size(), begin().printed_since(0)) == (0, "")


# What the reports are made of.


def test_document_has_no_secret_and_says_whether_the_run_is_whole(begin):
    run = aim(begin(repeat=2, command="pytest --header=t0ken"))
    run.recorder.hide("t0ken")
    add(run, message="said t0ken")
    about = run.document()["run"]
    assert (about["complete"], about["partial"], about["tier"]) == (True, False, "full")
    assert (about["command"], about["options"]["repeat"]) == ("pytest --header=[secret]", 2)
    assert "t0ken" not in json.dumps(run.document())
    run.complete, run.results.partial = False, True
    about = run.document()["run"]
    assert (about["complete"], about["partial"]) == (False, True)
    run.complete, run.results.trouble = True, "the target died."
    assert run.document()["run"]["complete"] is False


def test_document_of_a_run_that_found_no_target_names_it_all_the_same(begin):
    made = begin().document()
    assert (made["target"], made["run"]["tier"]) == ({"url": NOWHERE}, None)


def test_document_tells_the_options_and_how_near_the_target_was(begin):
    run = aim(begin(strict=True, time_scale=2.5, plan=Plan(examples=7, seed=42)))
    run.round_trip = 0.0123456
    made = run.document()["run"]
    assert made["options"] == {"strict": True, "time_scale": 2.5, "examples": 7, "seed": 42}
    assert (made["round_trip_ms"], made["profile"], made["id"]) == (12.346, None, run.id)
    assert made["started"].endswith("+00:00")
    assert 0 <= made["duration"] < 60
    assert begin(server_url=None).document()["run"]["profile"] == "conformance.toml"


def test_profile_and_options_decide_together_what_is_tolerated(begin, tmp_path):
    (tmp_path / "conformance.toml").write_text('[target]\nfamily = ["daphne"]\n')
    declared = begin().results.gate.declared
    assert {one.family for one in declared} == {"Daphne"}
    assert begin(families=("daphne",)).results.gate.declared == declared
    both = begin(families=("daphne", "uvicorn")).results.gate.declared
    assert len({one.family for one in both}) == 2
    assert both[: len(declared)] == declared


def test_every_report_is_written_whole_or_the_mistake_is_told(begin, tmp_path):
    run = begin(report_dir=tmp_path / "deep" / "reports")
    add(run)
    run.write_reports()
    assert {one.name for one in run.written} <= {one.name for one in (tmp_path / "deep/reports").iterdir()}
    assert not list((tmp_path / "deep/reports").glob("*.part"))
    assert json.loads((tmp_path / "deep/reports/conformance.json").read_text("utf-8")) == run.made
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageProblem, match=r"--report-dir .*file: (Not a directory|File exists): "):
        begin(report_dir=tmp_path / "file").write_reports()
