"""What a run tells of itself: the document that every report is made from, and the written reports."""

from __future__ import annotations

import json

import pytest

from conformance.core.errors import UsageProblem
from conformance.fuzz.search import Plan
from conformance.net.pace import Pace
from tests.run_harness import MUST, NOWHERE, add, aim, beginning

begin = pytest.fixture(beginning)


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


@pytest.mark.parametrize("polite", [True, False])
def test_document_tells_the_target_and_how_it_was_handled(begin, tmp_path, polite):
    run = aim(begin())
    run.pace = Pace(tmp_path) if polite else None
    made = run.document()
    assert made["run"]["tier"] == ("polite" if polite else "full")
    assert made["target"]["url"] == NOWHERE
    assert len(made["target"]) > 1


@pytest.mark.parametrize("change", ["whole", "partial", "interrupted", "in trouble"])
def test_dialect_is_told_with_what_was_met_of_it(begin, tmp_path, change):
    (tmp_path / "conformance.toml").write_text(
        '[dialect.types]\nheartbeat = "ping"\nheartbeat_ack = "pong"\n'
    )
    run = begin()
    run.results.dialect_seen.add("types.heartbeat")
    run.results.partial = change == "partial"
    run.complete = change != "interrupted"
    run.results.trouble = "it died." if change == "in trouble" else ""
    told = run.document()["dialect"]
    assert told["partial"] is (change != "whole")
    assert {one["key"]: one["seen"] for one in told["entries"]} == {
        "types.heartbeat": True,
        "types.heartbeat_ack": False,
    }
    (tmp_path / "conformance.toml").unlink()
    assert begin().dialect() is None


def test_reports_are_written_again_and_with_any_character(begin, tmp_path):
    for said in ("first \ud800 ü", "second \ud800 ü"):
        run = begin(report_dir=tmp_path)
        add(run, message=said, notes=[f"note {said}"])
        run.write_reports()
        (test,) = json.loads((tmp_path / "conformance.json").read_text("utf-8"))["tests"]
        assert test["requirement"] == MUST
        assert test["notes"][0].startswith(f"note {said.split()[0]}")
        assert test["notes"][0].endswith("ü")
