"""One run spread over workers of pytest-xdist: the same verdicts, exit codes and manners as without them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from conformance.target.launch import free_port
from tests.conftest import ROOT, Suite

PINGS = "conformance/suite/protocol/test_control_frames.py"
PROTOCOL = "conformance/suite/protocol"
Server = Callable[..., int]


def verdict(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line with the verdict."""
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return next((line for line in done.stdout.splitlines() if "(exit " in line), "")


def written(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "reports" / "conformance.json").read_text())


def test_verdicts_are_those_of_a_run_without_workers(suite: Suite, tmp_path: Path) -> None:
    chosen = (PINGS, "conformance/suite/auth", "conformance/suite/events", "conformance/suite/port_conflict")
    plain = suite(*chosen)
    alone = written(tmp_path)
    spread = suite(*chosen, "-n", "2")
    shared = written(tmp_path)
    assert (plain.returncode, spread.returncode) == (0, 0), spread.stdout
    assert [one["id"] for one in alone["tests"]] == [one["id"] for one in shared["tests"]]
    outcomes = [{one["id"]: one["outcome"] for one in run["requirements"]} for run in (alone, shared)]
    assert outcomes[0] == outcomes[1]
    assert verdict(plain) == verdict(spread)


def test_known_failure_that_passes_is_12(suite: Suite, tmp_path: Path) -> None:
    original = (ROOT / "reference_server" / "conformance.toml").read_text()
    profile = tmp_path / "stale.toml"
    profile.write_text(
        original.replace('cwd = ".."', f'cwd = "{ROOT}"')
        + '\n[[known_failure]]\nrequirement = "framing.ping-pong"\nreason = "was broken once"\n'
    )
    done = suite(f"--profile={profile}", "-n", "2", PINGS)
    assert done.returncode == 0, "a partial run calls nothing stale"
    done = suite(f"--profile={profile}", "-n", "2")
    assert done.returncode == 12, done.stdout
    assert "framing.ping-pong" in verdict(done)


def test_broken_requirement_is_1(suite: Suite, server: Server) -> None:
    port = server("deaf_to_pings")
    done = suite(f"--server-url=ws://127.0.0.1:{port}", PINGS, "--time-scale=0.2", "-n", "2")
    assert done.returncode == 1, done.stdout
    assert "framing.ping-pong" in verdict(done)


def test_first_failure_stops_the_run_with_1(suite: Suite, server: Server) -> None:
    port = server("deaf_to_pings")
    done = suite(f"--server-url=ws://127.0.0.1:{port}", PINGS, "--time-scale=0.2", "-n", "2", "-x")
    assert done.returncode == 1, done.stdout
    assert "framing.ping-pong" in verdict(done)
    assert re.search(r"stopping after [12] failures", done.stdout), done.stdout


def test_breach_that_every_worker_sees_is_one_red(suite: Suite, tmp_path: Path) -> None:
    text = (ROOT / "reference_server" / "conformance.toml").read_text("utf-8")
    profile = tmp_path / "breach.toml"
    profile.write_text(
        text.replace('cwd = ".."', f'cwd = "{ROOT}"').replace(
            '"-m", "reference_server"', '"-m", "tests.defects.serve", "masks-frames-of-126-bytes-and-more"'
        )
    )
    plain = suite(f"--profile={profile}", PINGS)
    assert plain.returncode == 1, plain.stdout
    spread = suite(f"--profile={profile}", PINGS, "-n", "2")
    assert spread.returncode == 1, spread.stdout
    assert verdict(spread) == verdict(plain)
    counts = [re.findall(r"(\d+) failed", one.stdout)[-1] for one in (plain, spread)]
    assert counts[0] == counts[1]


def test_nothing_listening_is_10(suite: Suite) -> None:
    done = suite(f"--server-url=ws://127.0.0.1:{free_port('127.0.0.1')}", PINGS, "-n", "2")
    assert done.returncode == 10, done.stdout
    assert "no connection to ws://127.0.0.1:" in verdict(done)


def test_server_that_dies_midway_is_10(suite: Suite, server: Server) -> None:
    done = suite(f"--server-url=ws://127.0.0.1:{server('plain', '12')}", PROTOCOL, "-n", "2")
    assert done.returncode == 10, done.stdout
    assert "stopped answering during test_" in verdict(done)


def test_everything_not_applicable_is_10(suite: Suite, server: Server) -> None:
    url = f"--server-url=ws://127.0.0.1:{server('plain')}"
    done = suite(url, "conformance/suite/events", "--time-scale=0.4", "-n", "2")
    assert done.returncode == 10, done.stdout
    assert "nothing was judged" in verdict(done)


def test_nothing_selected_is_5(suite: Suite) -> None:
    assert suite(PINGS, "-k", "no_such_test", "-n", "2").returncode == 5


def test_smoke_alone_is_a_partial_run(suite: Suite) -> None:
    done = suite(PROTOCOL, "-m", "smoke", "-n", "2")
    assert done.returncode == 0, done.stdout
    assert "untested" in verdict(done)


@pytest.mark.parametrize(
    ("text", "said"),
    [("[targett]\n", "Did you mean 'target'?"), ("[limits]\n", "neither --server-url nor target.url")],
)
def test_bad_profile_is_4(suite: Suite, tmp_path: Path, text: str, said: str) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text(text)
    done = suite(f"--profile={profile}", PINGS, "-n", "2")
    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture
def under_way(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a run with two workers and return it when the first test has passed."""
    place = tmp_path / "tmp"
    place.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider",
         f"--report-dir={tmp_path}", "conformance/suite/protocol"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "TMPDIR": str(place)},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "PASSED" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    yield process
    for one in [process, *children]:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_is_2_and_leaves_nothing(
    under_way: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    children = psutil.Process(under_way.pid).children(recursive=True)
    assert len(children) >= 3, "two workers and a server"
    under_way.send_signal(number)
    rest, _ = under_way.communicate(timeout=60)
    assert under_way.returncode == 2, rest
    assert "INCOMPLETE" in rest
    assert not [one for one in children if one.is_running()]
    assert json.loads((tmp_path / "conformance.json").read_text())["run"]["complete"] is False
    assert not list((tmp_path / "tmp").glob("conformance-*"))


def test_worker_that_crashes_is_11(under_way: subprocess.Popen[str]) -> None:
    children = psutil.Process(under_way.pid).children()
    worker = next(one for one in children if "reference_server" not in one.cmdline())
    worker.kill()
    rest, _ = under_way.communicate(timeout=120)
    assert under_way.returncode == 11, rest
    assert "SUITE-FAULT (exit 11)" in rest


def test_own_tests_of_a_user_keep_their_scheduler(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_one():\n    pass\ndef test_two():\n    pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-n2", "--dist=loadfile", "-p", "conformance.plugin.entry"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LoadFileScheduling" in done.stdout
    assert "conformance" not in done.stdout.replace(str(ROOT), "").partition("scheduling")[2]
