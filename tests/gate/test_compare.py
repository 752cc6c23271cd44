"""Comparing runs: what counts as worse, and what the command says, writes and returns."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.commands.cli import main
from conformance.commands.compare.differences import kind_of
from conformance.commands.compare.documents import load
from tests.conftest import ROOT

HOSTILE = "<script>alert(1)</script>|[x](http://x)\x1b[31m"
Server = Callable[..., int]
Command = Callable[..., subprocess.CompletedProcess[str]]


def results(
    folder: Path, name: str, *, complete: bool = True, partial: bool = False, **outcomes: str | None
) -> Path:
    """Write a results document; ``a__b`` is the requirement ``a.b``, None one that is not known there."""
    path = folder / f"{name}.json"
    rows = [
        {"id": one.replace("__", "."), "level": "MUST", "title": HOSTILE, "chapter": "x", "outcome": outcome,
         "reason": HOSTILE if outcome in {"failed", "not-applicable"} else ""}
        for one, outcome in outcomes.items() if outcome
    ]  # fmt: skip
    verdict = {"name": "conformant" if complete else "inconclusive", "exit_code": 0, "reason": HOSTILE}
    path.write_text(
        json.dumps(
            {
                "format": "conformance-results/1",
                "suite": {"version": "1"},
                "run": {"complete": complete, "partial": partial, "started": "2026"},
                "target": {"url": f"ws://{name}/", "server": HOSTILE},
                "verdict": verdict,
                "requirements": rows,
            }
        )
    )
    return path


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run the command as ``conformance compare`` does."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = ["compare", *map(str, arguments)]
        code = main(words)
        said, complaint = capfd.readouterr()
        return subprocess.CompletedProcess(words, code, said, complaint)

    return run


KINDS = {
    "broken": "passed failed, advised failed, known-failure failed",
    "advised": "passed advised",
    "tolerated": "passed known-failure",
    "unclear": "passed inconclusive",
    "vanished": "passed not-applicable, passed untested, failed unknown",
    "mended": "failed passed, known-failure passed, advised observed",
    "new": "unknown passed, untested failed, inconclusive passed",
    None: "passed passed, passed observed, unknown untested, untested not-applicable, failed failed",
}


@pytest.mark.parametrize("kind", KINDS)
def test_kind_of_change(kind: str | None) -> None:
    for pair in KINDS[kind].split(", "):
        before, after = (None if one == "unknown" else one for one in pair.split())
        assert kind_of(before, after) == kind, pair


def test_failure_with_another_symptom_is_told() -> None:
    assert kind_of("failed", "failed", otherwise=True) == "different"


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("passed", "passed", 0), ("failed", "passed", 0), ("failed", "failed", 0), ("passed", "advised", 0),
        ("passed", "failed", 1), ("passed", "not-applicable", 1), ("passed", None, 1),
        ("untested", "failed", 1),        (None, "failed", 0), ("passed", "inconclusive", 10),
    ],
)  # fmt: skip
def test_exit_code_says_whether_it_is_worse(
    command: Command, tmp_path: Path, before: str | None, after: str | None, code: int
) -> None:
    files = [
        results(tmp_path, name, a__b=outcome, a__always="passed")
        for name, outcome in (("old", before), ("new", after))
    ]
    done = command(*files)
    assert done.returncode == code, done.stdout
    assert f"(exit {code}): " in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({}, {"complete": False}, "'new' did not finish"),
        ({}, {"partial": True}, "'new' ran a part of the suite"),
        ({"partial": True}, {}, "'old' ran a part of the suite"),
    ],
)
def test_what_a_run_did_not_come_to_has_not_vanished(
    command: Command, tmp_path: Path, old: dict[str, bool], new: dict[str, bool], said: str
) -> None:
    done = command(
        results(tmp_path, "old", a__b="passed", a__c="passed", **old),
        results(tmp_path, "new", a__b="passed", a__c="untested", **new),
    )
    assert done.returncode == 10, done.stdout
    assert said in done.stdout


def test_nothing_in_common_is_not_green(command: Command, tmp_path: Path) -> None:
    done = command(results(tmp_path, "old", a__b="untested"), results(tmp_path, "new", a__b="untested"))
    assert done.returncode == 10
    assert "judged nothing in common" in done.stdout


def test_pages_are_written_and_a_servers_text_is_inert(command: Command, tmp_path: Path) -> None:
    files = [results(tmp_path, "old", a__b="passed"), results(tmp_path, "new", a__b="failed")]
    made = {one: tmp_path / "out" / f"x.{one}" for one in ("html", "markdown", "json")}
    done = command(*files, *(f"--{name}={path}" for name, path in made.items()))
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    page, table = made["html"].read_text(), made["markdown"].read_text()
    assert "Newly broken (1)" in page
    assert "<script>alert" not in page + table
    assert "### Newly broken (1)" in table
    assert "\\|" in table
    data = json.loads(made["json"].read_text())
    assert (data["verdict"]["exit_code"], data["changes"][0]["kind"]) == (1, "broken")


def test_many_files_are_a_matrix(command: Command, tmp_path: Path) -> None:
    files = [
        results(tmp_path, name, a__b=outcome, a__c="passed")
        for name, outcome in (("one", "passed"), ("two", "failed"), ("three", None))
    ]
    made = {one: tmp_path / f"x.{one}" for one in ("html", "markdown", "json")}
    done = command(f"eins={files[0]}", *files[1:], *(f"--{name}={path}" for name, path in made.items()))
    assert done.returncode == 0, done.stderr
    assert "a.b (MUST): eins passed, two failed, three unknown" in done.stdout
    data = json.loads(made["json"].read_text())
    assert [one["name"] for one in data["servers"]] == ["eins", "two", "three"]
    assert data["requirements"][0]["outcomes"] == ["passed", "failed", None]
    assert [one["differs"] for one in data["requirements"]] == [True, False]
    assert "| `a.b` | MUST | passed | failed | unknown |" in made["markdown"].read_text()
    assert made["html"].read_text().count('class="same"') == 1


def test_names_are_told_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        results(tmp_path / folder, "conformance", a__b="passed")
    found = load([str(tmp_path / one / "conformance.json") for one in ("a", "b", "a")])
    assert [one.name for one in found] == ["a", "b", "a (2)"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give two files to compare"),
        (["one.json"], "Give two files to compare"),
        (["none.json", "none.json"], "none.json: No such file"),
        (["pytest.ini", "pytest.ini"], "is no JSON"),
        (["conformance/spec/proven.json", "x"], "is no results document"),
        (["--wrong", "a", "b"], "There is no option --wrong"),
        (["ws://a", "ws://b"], "compare --run URL URL"),
        (["--run", "ws://a"], "Give two URLs"),
        (["--run", "ws://a", "ws://a"], "The URLs are the same"),
        (["--html"], "expected one argument"),
    ],
)
def test_wrong_use_is_4(command: Command, arguments: list[str], said: str) -> None:
    done = command(*arguments)
    assert done.returncode == 4
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 3


# Runs made now.


def test_two_servers_are_run_and_compared(command: Command, server: Server, tmp_path: Path) -> None:
    urls = [f"ws://127.0.0.1:{server(name)}" for name in ("plain", "deaf_to_pings")]
    options = ("-k", "test_control_frames", "--time-scale=0.3", f"--report-dir={tmp_path}")
    done = command("--run", *urls, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "newly broken: framing.ping-pong (MUST): passed -> failed" in done.stdout
    assert "1 newly broken; " in done.stdout.splitlines()[-1]
    assert "framing.ping-pong" in (tmp_path / "comparison.html").read_text()
    assert (tmp_path / "1" / "conformance.html").exists()
    back = command(*(tmp_path / one / "conformance.json" for one in ("2", "1")))
    assert back.returncode == 0
    assert "mended: framing.ping-pong" in back.stdout


def test_unreachable_server_cannot_be_compared(command: Command, server: Server, tmp_path: Path) -> None:
    urls = [f"ws://127.0.0.1:{server('plain')}", "ws://127.0.0.1:1"]
    done = command("--run", *urls, "-k", "test_control_frames", f"--report-dir={tmp_path}")
    assert done.returncode == 10, done.stdout
    assert "did not finish: no connection to ws://127.0.0.1:1" in done.stdout


def test_wrong_option_of_a_run_is_told(command: Command, server: Server, tmp_path: Path) -> None:
    urls = [f"ws://127.0.0.1:{server('plain')}", "ws://127.0.0.1:1"]
    done = command("--run", *urls, "--no-such-option", f"--report-dir={tmp_path}")
    assert done.returncode == 4
    assert "--no-such-option" in done.stderr


def test_interrupted_run_is_2_and_keeps_what_it_knows(server: Server, tmp_path: Path) -> None:
    urls = [f"ws://127.0.0.1:{server('plain')}", "ws://127.0.0.1:1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance", "compare", "--run", *urls, f"--report-dir={tmp_path}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    output = tmp_path / "1" / "output.txt"
    deadline = time.monotonic() + 60
    while (
        not re.search(r"^\w+: \d+ tests", output.read_text() if output.exists() else "", re.MULTILINE)
        and time.monotonic() < deadline
    ):
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert "INCOMPLETE" in said
    kept: dict[str, Any] = json.loads((tmp_path / "1" / "conformance.json").read_text())
    assert kept["run"]["complete"] is False
    assert kept["tests"]
