"""The command that runs all known stacks, on a part of them; the rest is run by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.target.profile import load
from tests.conftest import ROOT
from tests.findings.__main__ import FINDINGS, repeat
from tests.findings.servers import ALL
from tests.findings.table import upgraded
from tests.interop.running import Ran
from tests.interop.stacks import Stack, chosen, known

# What no other test runs: servers that are not asyncio's, and a proxy with TLS.
PART = ("django_channels/granian", "django_channels/hypercorn", "nginx/reference_tls")


def report(**outcomes: str) -> dict[str, object]:
    return {"tests": [], "requirements": [{"id": name, "outcome": one} for name, one in outcomes.items()]}


def ran(*runs: tuple[int, dict[str, object]]) -> Ran:
    codes, reports = zip(*runs, strict=True)
    return Ran(Stack("one", ""), reports=list(reports), exits=list(codes))


def test_stacks_that_no_other_test_runs_break_nothing_unknown(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.interop", "--jobs", "2", "--chapter", "protocol"]
    done = subprocess.run(
        [*command, f"--output={tmp_path}", *PART],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    page = (tmp_path / "interop.md").read_text("utf-8")
    for name in PART:
        assert f"| {name} | " in page, "was it skipped? CI has nginx and the servers' packages"
    assert "| `http2.close` | MUST | not-applicable | known-failure | " in page
    assert "<table>" in (tmp_path / "interop.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("second", "differing"),
    [
        ((0, report(a="passed", b="failed")), []),
        ((0, report(a="failed", b="failed")), ["a"]),
        ((1, report(a="passed", b="failed")), ["exit code"]),
        ((0, report(b="failed")), ["a"]),
    ],
)
def test_verdict_that_differs_between_runs_is_noticed(
    second: tuple[int, dict[str, object]], differing: list[str]
) -> None:
    assert list(ran((0, report(a="passed", b="failed")), second).unstable) == differing


def test_every_profile_is_a_known_stack_and_can_be_read() -> None:
    names = {one.name for one in known()}
    assert names >= {"django_channels", "nginx/django", "other_names", *PART}
    for one in known():
        assert load(Path(one.what)).start, one.name


def test_name_that_nobody_has_is_said() -> None:
    with pytest.raises(SystemExit, match="djang is no known stack"):
        chosen(["djang"])
    assert [one.name for one in chosen(["*/granian"])] == ["django_channels/granian"]


def test_findings_are_still_true_of_what_is_installed() -> None:
    command = [
        sys.executable,
        "-m",
        "tests.findings",
        "--server=daphne",
        "--server=granian",
        "--server=nginx",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout
    for name in ("daphne", "granian", "nginx"):
        assert f"== {name} (" in done.stdout


def test_finding_that_is_mended_or_new_is_told() -> None:
    server = next(one for one in ALL if one.name == "websockets")
    asked = [one for one in FINDINGS if one.requirement == "handshake.host" and "no Host" in one.what]
    asked += [one for one in FINDINGS if one.requirement == "handshake.method" and one.breach is upgraded][:1]
    turned = [type(one)(one.requirement, one.what, one.sent, one.breach, ()) for one in asked[:1]]
    turned += [
        type(one)(one.requirement, one.what, one.sent, one.breach, ("websockets",)) for one in asked[1:]
    ]
    assert [word for word, *_ in repeat(server, [*asked, *turned])] == ["breach", "kept", "new", "mended"]
