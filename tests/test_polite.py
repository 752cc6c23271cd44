"""Manners toward servers of others: the polite tier, and verdicts that distance does not change."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.target.probe import is_loopback
from tests.conftest import ROOT, Suite

Server = Callable[..., int]
PINGS = "conformance/suite/protocol/test_control_frames.py"
LIMITS = "conformance/suite/protocol/test_limits.py"


def written(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "reports" / "conformance.json").read_text())
    return found


@pytest.mark.parametrize(
    ("addresses", "loopback"),
    [
        (("127.0.0.1", "::1"), True),
        (("127.8.9.1",), True),
        (("::1%lo",), True),
        (("127.0.0.1", "192.0.2.1"), False),
        (("2001:db8::1",), False),
        ((), False),
    ],
)
def test_loopback_is_known_by_every_address(addresses: tuple[str, ...], *, loopback: bool) -> None:
    assert is_loopback(addresses) is loopback


def test_loopback_gets_everything(suite: Suite, tmp_path: Path) -> None:
    done = suite(LIMITS)
    assert done.returncode == 0, done.stdout
    assert written(tmp_path)["run"]["tier"] == "full"
    assert "polite" not in done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_polite_run_leaves_out_what_is_intrusive_and_says_so(
    suite: Suite, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    done = suite("--polite", LIMITS, PINGS, *workers)
    assert done.returncode == 0, done.stdout
    assert "polite tier: " in done.stdout
    found = written(tmp_path)
    assert found["run"]["tier"] == "polite"
    limits = {one["outcome"]: one["message"] for one in found["tests"] if "test_limits" in one["id"]}
    assert limits == {"not-applicable": "intrusive: give --intrusive"}
    assert {one["outcome"] for one in found["tests"] if "test_control_frames" in one["id"]} == {"passed"}
    assert "polite" in (tmp_path / "reports" / "conformance.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--polite", "--intrusive"), "exclude each other"),
        (("--polite", "-n", "9"), "at most 8 workers"),
    ],
)
def test_what_the_tier_does_not_allow_is_4(suite: Suite, words: tuple[str, ...], said: str) -> None:
    done = suite(PINGS, *words)
    assert done.returncode == 4, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


CROWDING = (
    "conformance/suite/protocol/test_handshake_early.py",
    "conformance/suite/protocol/test_segments.py",
    "conformance/suite/protocol/test_utf8.py",
    "conformance/suite/port_conflict/test_identity.py",
)


def test_no_test_holds_so_many_connections_that_others_wait_for_ever(suite: Suite) -> None:
    done = suite("--polite", "-p", "tests.crowded", *CROWDING, CROWDED="16")
    assert done.returncode == 0, done.stdout


def test_what_a_test_leaves_open_as_it_fails_is_shut(suite: Suite) -> None:
    done = suite("--polite", "-p", "tests.crowded", *CROWDING[:1], CROWDED="4")
    assert "all 4 connections of the polite tier stayed in use for 1 s" in done.stdout
    assert done.returncode == 10, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_distance_and_small_segments_change_no_verdict(suite: Suite, server: Server, tmp_path: Path) -> None:
    chosen = (
        PINGS,
        "conformance/suite/protocol/test_closing.py",
        "conformance/suite/protocol/test_failing.py",
        "conformance/suite/protocol/test_handshake_bytes.py",
    )
    near = server(sys.executable, "-m", "reference_server", "--host", "127.0.0.1", "--port", "PORT")
    far = server("delaying", str(near), "--delay", "10", "--jitter", "2", "--segment", "40")
    outcomes = []
    for port in (near, far):
        done = suite(f"--server-url=ws://127.0.0.1:{port}", *chosen, "-n", "2")
        assert done.returncode == 0, done.stdout
        found = written(tmp_path)
        outcomes.append({one["id"]: one["outcome"] for one in found["requirements"]})
    assert outcomes[0] == outcomes[1]
    assert found["run"]["round_trip_ms"] >= 20


def test_benchmark_prints_its_table() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmark", "--rounds", "1", PINGS], cwd=ROOT, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "a case" in done.stdout
    assert "cases / bare loop" in done.stdout
