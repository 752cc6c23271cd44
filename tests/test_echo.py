"""The RFC chapter through an echo path: any WebSocket server gets it in full, and a bad echo is caught."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Suite
from tests.defects import matrix
from tests.defects.echo import ECHO

DATA = [
    f"conformance/suite/protocol/test_{one}.py"
    for one in (
        "framing",
        "fragmentation",
        "segments",
        "utf8",
        "deflate_messages",
        "deflate_streams",
        "binary",
        "fuzz",
    )
]


def outcomes(folder: Path) -> dict[str, str]:
    report = json.loads((folder / "reports" / "conformance.json").read_text("utf-8"))
    return {row["id"]: row["outcome"] for row in report["requirements"]}


def test_plain_server_of_a_few_lines_gets_the_data_chapters_in_full(
    server: Callable[..., int], suite: Suite, tmp_path: Path
) -> None:
    ran = suite(f"--server-url=ws://127.0.0.1:{server('echo')}/anything", *DATA)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "gives back what it is sent" in ran.stdout
    judged = outcomes(tmp_path)
    chapters = ("framing.", "utf8.", "deflate.")
    assert [one for one, how in judged.items() if one.startswith(chapters) and how == "not-applicable"] == []


@pytest.mark.parametrize(
    ("vice", "broken"),
    [
        (
            "corrupts-65536-bytes",
            {"framing.length-forms", "framing.binary-message", "deflate.binary-message"},
        ),
        ("answers-binary-as-text", {"framing.binary-message", "deflate.binary-message"}),
        ("drops-byte-order-marks", {"utf8.valid-text"}),
        ("cuts-at-nul", {"utf8.valid-text", "framing.binary-message", "deflate.binary-message"}),
        ("greets", set()),
        ("takes-no-binary", set()),
        ("limits-pings", set()),
    ],
)
def test_echo_that_changes_something_is_caught(
    server: Callable[..., int], suite: Suite, tmp_path: Path, vice: str, broken: set[str]
) -> None:
    files = [one for one in DATA if one.endswith(("framing.py", "utf8.py", "binary.py"))]
    ran = suite(f"--server-url=ws://127.0.0.1:{server('echo', vice)}", "--time-scale=0.3", *files)
    assert ran.returncode == (1 if broken else 0), ran.stdout[-3000:]
    assert {one for one, how in outcomes(tmp_path).items() if how == "failed"} == broken


def test_drawn_conversations_are_compared_with_their_echo(
    server: Callable[..., int], suite: Suite, tmp_path: Path
) -> None:
    file = "conformance/suite/protocol/test_fuzz.py"
    ran = suite(f"--server-url=ws://127.0.0.1:{server('echo', 'cuts-at-150')}", "--time-scale=0.3", file)
    assert ran.returncode == 1, ran.stdout[-3000:]
    failed = {one for one, how in outcomes(tmp_path).items() if how == "failed"}
    assert failed == {"framing.any-conversation", "deflate.any-conversation"}


def test_echo_path_beside_the_permissions_protocol() -> None:
    files = ("protocol/test_binary.py", "protocol/test_fragmentation.py", "protocol/test_limits.py")
    outcome = matrix.run("has-an-echo-path-too", files, replacing=ECHO, time_scale=1.0)
    assert outcome.exit_code == 0, outcome.printed[-3000:]
    assert outcome.by_requirement("not-applicable", "failed") == {}
    passed = outcome.by_requirement("passed")
    assert {"framing.binary-message", "deflate.binary-message", "limits.inflated-message"} <= set(passed)


def test_claimed_echo_that_is_none_fails_the_claim() -> None:
    replacing = {"anonymous = true": 'anonymous = true\necho = "/ws/permissions/nothing"'}
    outcome = matrix.run(
        "says-more-than-it-has-to", ("protocol/test_framing.py",), replacing=replacing, sample=False
    )
    assert outcome.exit_code == 1
    failed = outcome.by_requirement("failed")
    assert failed.keys() == {"framing.text-message"}
    assert "the profile claims messages that come back" in failed["framing.text-message"]


@pytest.mark.parametrize("vice", [(), ("greets",)], ids=["echoes", "greets"])
def test_workers_know_what_the_probe_learnt(
    server: Callable[..., int], suite: Suite, tmp_path: Path, vice: tuple[str, ...]
) -> None:
    url = f"--server-url=ws://127.0.0.1:{server('echo', *vice)}/anything"
    found = []
    for workers in ((), ("-n", "2")):
        ran = suite(url, "--time-scale=0.5", *workers, *DATA)
        assert ran.returncode == 0, ran.stdout[-3000:]
        report = json.loads((tmp_path / "reports" / "conformance.json").read_text("utf-8"))
        found.append({one["id"]: one["outcome"] for one in report["tests"]})
    assert found[0] == found[1]
