"""The suite as an installed wheel, from an empty folder, beside whatever else the user has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wheel import pytest_in, unpacked

PINGS = "conformance.suite.protocol.test_control_frames"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it into a folder of its own, as pip does."""
    return unpacked(tmp_path_factory.mktemp("wheel"))


def test_wheel_holds_what_a_run_needs(installed: Path) -> None:
    for needed in (
        "conformance/plugin/entry.py",
        "conformance/plugin/hooks.py",
        "conformance/spec/requirements/protocol.toml",
        "conformance/spec/messages/definitions.json",
        "conformance/spec/messages/server/error.json",
        "conformance/spec/asyncapi.json",
        "conformance/spec/registries/close_codes.toml",
        "conformance/report/report.html.j2",
        "reference_server/conformance.toml",
        "reference_server/page.html",
    ):
        assert (installed / needed).is_file(), needed


def test_suite_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "--pyargs", PINGS, beside=(installed,))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CONFORMANT (exit 0)" in done.stdout
    assert "warning" not in (done.stdout + done.stderr).lower()
    assert (tmp_path / "reports" / "conformance.html").is_file()


def test_whole_package_is_collected(installed: Path, tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "--pyargs", "conformance", "--collect-only", "-q", beside=(installed,))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_ping_is_answered_by_a_pong_with_its_payload[empty]" in done.stdout


def test_command_runs_the_suite_whatever_the_users_ini_says(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "run", "-k", "ping_is_answered"], cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CONFORMANT (exit 0)" in done.stdout


def test_other_peoples_tests_are_left_alone(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "conformance.toml").write_text("this is no profile of ours")
    (tmp_path / "test_mine.py").write_text("def test_mine():\n    assert True\n")
    done = pytest_in(tmp_path, "-q", beside=(installed,))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "conformance" not in done.stdout
    assert not (tmp_path / "reports").exists()


def test_workers_of_xdist_share_a_run(installed: Path, tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "--pyargs", PINGS, "-n", "2", beside=(installed,))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CONFORMANT (exit 0)" in done.stdout
    assert (tmp_path / "reports" / "conformance.html").is_file()
