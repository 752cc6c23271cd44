"""A server's own message limit is no fault: whatever keeps it is green, and is told exactly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Suite

FOLDER = "conformance/suite/protocol"
# The opening handshake has no messages.
CHAPTER = [
    f"{FOLDER}/test_{one}.py"
    for one in (
        "binary",
        "closing",
        "control_frames",
        "deflate_faults",
        "deflate_messages",
        "deflate_streams",
        "failing",
        "fragmentation",
        "framing",
        "fuzz",
        "invariants",
        "limits",
        "segments",
        "utf8",
    )
]
LENGTHS = [f"{FOLDER}/test_{one}.py" for one in ("framing", "fragmentation", "segments")]


def report(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "reports" / "conformance.json").read_text("utf-8"))
    return found


def outcomes(folder: Path) -> dict[str, str]:
    rows = report(folder)["requirements"]
    assert isinstance(rows, list)
    return {row["id"]: row["outcome"] for row in rows}


@pytest.mark.parametrize(
    ("ways", "told"),
    [
        pytest.param(["8192"], "takes messages up to 8192 bytes; above it Close 1009", id="8192"),
        pytest.param(["125"], "takes messages up to 125 bytes; above it Close 1009", id="125"),
        pytest.param(
            ["8192", "ends"], "takes messages up to 8192 bytes; above it the end of the connection", id="ends"
        ),
        pytest.param(
            ["16384", "text-only"],
            "takes text messages and compressed messages that inflate up to 16384 bytes; above it Close 1009",
            id="text-only",
        ),
        pytest.param(
            ["65536", "frames"],
            "takes text messages and binary messages and compressed messages that inflate up to 65536 bytes;"
            " above it Close 1009",
            id="frames",
        ),
    ],
)
def test_limit_that_is_kept_turns_nothing_red(
    server: Callable[..., int], suite: Suite, tmp_path: Path, ways: list[str], told: str
) -> None:
    ran = suite(f"--server-url=ws://127.0.0.1:{server('limited', *ways)}", *CHAPTER, timeout=300)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert f"the server {told}" in ran.stdout
    judged = outcomes(tmp_path)
    unwanted = {
        one for one, how in judged.items() if how not in {"passed", "observed", "not-applicable", "untested"}
    }
    # To end TCP without a Close frame is advised against, also where a length of 2^63 ends it.
    assert unwanted <= ({"closing.failure-close-frame"} if "ends" in ways else set())
    for one in (
        "length-forms",
        "reassembly",
        "text-message",
        "any-conversation",
        "pipelined",
        "binary-message",
    ):
        assert judged[f"framing.{one}"] == "passed", one
    page = (tmp_path / "reports" / "conformance.html").read_text("utf-8")
    assert told in page


def test_server_without_a_limit_is_judged_in_every_case(
    server: Callable[..., int], suite: Suite, tmp_path: Path
) -> None:
    ran = suite(f"--server-url=ws://127.0.0.1:{server('echo')}", *CHAPTER, timeout=300)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "the server takes" not in ran.stdout
    found = report(tmp_path)
    assert found["target"]["message_sizes"] == {"tried": 262144}  # type: ignore[index]
    skipped = [
        test["id"]
        for test in found["tests"]  # type: ignore[attr-defined]
        if test["outcome"] == "not-applicable" and "needs a message of" in test["message"]
    ]
    assert skipped == []
    (largest,) = [test for test in found["tests"] if "largest" in test["id"]]  # type: ignore[attr-defined]
    assert largest["observed"] == ["takes messages in fragments up to 1048576 bytes; above it Close 1009"]


@pytest.mark.parametrize(
    ("ways", "broken"),
    [
        pytest.param(["8192", "drops"], "framing.length-forms", id="loses-long-messages"),
        pytest.param(["8192", "protocol-error"], "framing.length-forms", id="calls-long-messages-malformed"),
        pytest.param(["65535", "frames", "ends"], "framing.length-forms", id="cannot-read-the-64-bit-form"),
        pytest.param(["125", "frames", "ends"], "framing.length-forms", id="cannot-read-the-16-bit-form"),
    ],
)
def test_what_is_no_limit_stays_red(
    server: Callable[..., int], suite: Suite, tmp_path: Path, ways: list[str], broken: str
) -> None:
    ran = suite(f"--server-url=ws://127.0.0.1:{server('limited', *ways)}", "--time-scale=0.3", *LENGTHS)
    assert ran.returncode == 1, ran.stdout[-3000:]
    assert outcomes(tmp_path)[broken] == "failed"


def test_declared_limit_is_kept_to_by_what_is_not_about_limits(
    server: Callable[..., int], suite: Suite, tmp_path: Path
) -> None:
    profile = tmp_path / "limited.toml"
    profile.write_text("[limits]\nmax_message_bytes = 5000\n", "utf-8")
    url = f"ws://127.0.0.1:{server('limited', '5000')}"
    ran = suite(f"--server-url={url}", f"--profile={profile}", *CHAPTER, timeout=300)
    assert ran.returncode == 0, ran.stdout[-3000:]
    page = (tmp_path / "reports" / "conformance.html").read_text("utf-8")
    assert "takes messages up to 5000 bytes, as the profile declares" in page
    judged = outcomes(tmp_path)
    assert {judged[f"limits.{one}"] for one in ("message-accepted", "message-refused")} == {"passed"}


def test_limit_below_the_declared_one_breaks_what_is_claimed_and_nothing_else(
    server: Callable[..., int], suite: Suite, tmp_path: Path
) -> None:
    profile = tmp_path / "limited.toml"
    profile.write_text("[limits]\nmax_message_bytes = 100000\n", "utf-8")
    url = f"ws://127.0.0.1:{server('limited', '8192')}"
    files = [*LENGTHS, f"{FOLDER}/test_limits.py"]
    ran = suite(f"--server-url={url}", f"--profile={profile}", *files, timeout=300)
    assert ran.returncode == 1, ran.stdout[-3000:]
    failed = [one for one, how in outcomes(tmp_path).items() if how == "failed"]
    assert set(failed) <= {"limits.message-accepted", "limits.inflated-message"}
    assert "limits.message-accepted" in failed
