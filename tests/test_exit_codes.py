"""The exit code is the verdict: every way in which a run can end, tried end to end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from conformance.target.launch import free_port
from tests.conftest import ROOT, Suite

PINGS = "conformance/suite/protocol/test_control_frames.py"
Server = Callable[..., int]
Options = tuple[str, ...]


def verdict(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line with the verdict."""
    assert "Traceback" not in done.stdout + done.stderr
    return line_of(done)


def line_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line with the verdict, whatever the workers of xdist said of themselves."""
    return next((line for line in done.stdout.splitlines() if "(exit " in line), "")


def test_conformant_server_is_0(suite: Suite, tmp_path: Path) -> None:
    done = suite(PINGS)
    assert done.returncode == 0, done.stdout
    assert verdict(done).startswith("CONFORMANT (exit 0): ")
    written = json.loads((tmp_path / "reports" / "conformance.json").read_text())
    assert written["verdict"]["exit_code"] == 0
    assert (tmp_path / "reports" / "conformance.html").stat().st_size > 10_000


def test_plain_websocket_server_is_judged_on_what_it_shows(
    suite: Suite, server: Server, tmp_path: Path
) -> None:
    done = suite(
        f"--server-url=ws://127.0.0.1:{server('plain')}/echo",
        PINGS,
        "conformance/suite/session",
        "--time-scale=0.4",
    )
    assert done.returncode == 0, done.stdout
    written = json.loads((tmp_path / "reports" / "conformance.json").read_text())
    outcomes = {one["id"]: one["outcome"] for one in written["requirements"]}
    assert outcomes["framing.ping-pong"] == "passed"
    assert outcomes["session.confirmation-first"] == "not-applicable"


def test_broken_requirement_is_1(suite: Suite, server: Server) -> None:
    port = server("deaf_to_pings")
    done = suite(f"--server-url=ws://127.0.0.1:{port}", PINGS, "--time-scale=0.2")
    assert done.returncode == 1, done.stdout
    assert "framing.ping-pong" in verdict(done)


def test_nothing_listening_is_10(suite: Suite) -> None:
    done = suite(f"--server-url=ws://127.0.0.1:{free_port('127.0.0.1')}", PINGS)
    assert done.returncode == 10
    assert "no connection to ws://127.0.0.1:" in verdict(done)


def test_name_that_does_not_resolve_is_10(suite: Suite) -> None:
    done = suite("--server-url=ws://no-such-host.invalid", PINGS)
    assert done.returncode == 10
    assert "does not resolve" in verdict(done)


def test_silent_server_is_10(suite: Suite, server: Server) -> None:
    done = suite(f"--server-url=ws://127.0.0.1:{server('silent')}", PINGS, "--time-scale=0.2")
    assert done.returncode == 10
    assert "gave no answer to an opening handshake" in verdict(done)


def test_http_server_without_websocket_is_10(suite: Suite, server: Server) -> None:
    port = server(sys.executable, "-m", "http.server", "-b", "127.0.0.1", "PORT")
    done = suite(f"--server-url=ws://127.0.0.1:{port}", PINGS)
    assert done.returncode == 10
    assert "/ was answered 'HTTP/1.0 200 OK'" in verdict(done)
    assert "SimpleHTTP" in verdict(done)


def test_server_that_dies_midway_is_10(suite: Suite, server: Server) -> None:
    done = suite(f"--server-url=ws://127.0.0.1:{server('plain', '12')}", "conformance/suite/protocol")
    assert done.returncode == 10, done.stdout
    assert "could not be judged: robustness.survives (MUST): in test_" in done.stdout
    assert "stopped answering during test_" in verdict(done)


def test_server_that_hangs_midway_is_10(suite: Suite, server: Server) -> None:
    port = server("hangs", "12")
    done = suite(f"--server-url=ws://127.0.0.1:{port}", "conformance/suite/protocol", "--time-scale=0.2")
    assert done.returncode == 10, done.stdout
    assert "stopped answering during test_" in verdict(done)


def test_everything_not_applicable_is_10(suite: Suite, server: Server) -> None:
    done = suite(
        f"--server-url=ws://127.0.0.1:{server('plain')}", "conformance/suite/events", "--time-scale=0.4"
    )
    assert done.returncode == 10, done.stdout
    assert "nothing was judged" in verdict(done)


def test_start_command_that_fails_is_10(suite: Suite, tmp_path: Path) -> None:
    profile = tmp_path / "broken.toml"
    profile.write_text(
        '[target]\nurl = "ws://127.0.0.1:{port}"\n'
        f"""start = ["{sys.executable}", "-c", "raise SystemExit('no database')"]\n"""
    )
    done = suite(f"--profile={profile}", PINGS)
    assert done.returncode == 10
    assert "no database" in verdict(done)


def test_nothing_selected_is_5(suite: Suite) -> None:
    assert suite(PINGS, "-k", "no_such_test").returncode == 5


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://localhost", "the scheme 'ftp'"),
        ("ws://", "no host"),
        ("localhost:8000", "the scheme 'localhost'"),
        ("ws://localhost:99999", "ut of range"),
        ("ws://localhost:8000/#x", "no fragment"),
        ("ws://user:pass@localhost", "belong in the profile"),
    ],
)
def test_bad_url_is_4(suite: Suite, url: str, said: str) -> None:
    done = suite(f"--server-url={url}", PINGS)
    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[target\n", "is no TOML"),
        ("[targett]\n", "targett: there is no such key. Did you mean 'target'?"),
        ('[target]\nurls = "ws://localhost"\n', "target.urls: there is no such key. Did you mean 'url'?"),
        ('[[known_failure]]\nrequirement = "no.such"\nreason = "x"\n', "there is no requirement 'no.such'"),
        (
            '[credentials.a]\nuser_id = 1\ntoken = { env = "NOT_SET_ANYWHERE" }\n',
            "NOT_SET_ANYWHERE is not set",
        ),
        ("[limits]\n", "neither --server-url nor target.url"),
    ],
)
def test_bad_profile_is_4(suite: Suite, tmp_path: Path, text: str, said: str) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text(text)
    done = suite(f"--profile={profile}", PINGS)
    assert done.returncode == 4
    assert said in done.stderr
    assert str(profile) in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_profile_is_4(suite: Suite, tmp_path: Path) -> None:
    done = suite(f"--profile={tmp_path / 'none.toml'}", PINGS)
    assert done.returncode == 4
    assert "No such file" in done.stderr


def test_known_failure_that_passes_is_12(suite: Suite, tmp_path: Path) -> None:
    original = (ROOT / "reference_server" / "conformance.toml").read_text()
    profile = tmp_path / "stale.toml"
    profile.write_text(
        original.replace('cwd = ".."', f'cwd = "{ROOT}"')
        + '\n[[known_failure]]\nrequirement = "framing.ping-pong"\nreason = "was broken once"\n'
    )
    done = suite(f"--profile={profile}", "--deselect=conformance/suite/browser", PINGS)
    assert done.returncode == 0, "a partial run calls nothing stale"
    done = suite(f"--profile={profile}")
    assert done.returncode == 12, done.stdout
    assert "framing.ping-pong" in verdict(done)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_is_2_and_leaves_no_server(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", f"--report-dir={tmp_path}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "PASSED" in line:
            break
    servers = [child.pid for child in psutil.Process(process.pid).children()]
    assert servers
    process.send_signal(number)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 2, rest
    assert "INCOMPLETE" in rest
    assert not any(psutil.pid_exists(pid) for pid in servers)
    assert json.loads((tmp_path / "conformance.json").read_text())["run"]["complete"] is False


def test_report_folder_that_cannot_be_written_is_4(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = suite(PINGS, f"--report-dir={tmp_path / 'file'}")
    assert done.returncode == 4, done.stdout
    assert "--report-dir" in done.stdout + done.stderr


def test_ipv6_url_is_taken(suite: Suite) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    done = suite(f"--server-url=ws://[::1]:{port}", PINGS)
    assert done.returncode == 10
    assert f"no connection to ws://[::1]:{port}" in verdict(done)


def test_claimed_but_absent_is_1(suite: Suite, server: Server, tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    url = f"--server-url=ws://127.0.0.1:{server('plain')}"
    tests = (url, f"--profile={profile}", PINGS, "conformance/suite/session/test_confirmation.py")
    profile.write_text('[carriers]\noffered = ["query"]\n')
    assert suite(*tests).returncode == 0, "every backend may take tokens: that claims no protocol"
    profile.write_text('[control]\nhttp = "http://127.0.0.1:1/control"\n')
    done = suite(*tests)
    assert done.returncode == 1, done.stdout
    assert "1 requirement failed: session.confirmation-first" in verdict(done)
    assert "the profile claims the permissions protocol" in done.stdout


@pytest.mark.parametrize(
    "more", [(), ("-n2",), ("--repeat=2",)], ids=["in-one-process", "in-two-processes", "repeated"]
)
def test_strict_only_rule_fails_a_run_with_strict_alone(suite: Suite, tmp_path: Path, more: Options) -> None:
    profile = tmp_path / "strict-only.toml"
    text = (ROOT / "reference_server" / "conformance.toml").read_text("utf-8")
    vice = '"-m", "tests.defects.serve", "refusals.takes_an_empty_extension_list_for_none"'
    text = text.replace('"-m", "reference_server"', vice)
    profile.write_text(text.replace('cwd = ".."', f"cwd = {json.dumps(str(ROOT))}"), "utf-8")
    test = ("conformance/suite/protocol/test_handshake_refused.py", "-k", "malformed_extension_list")
    done = suite(f"--profile={profile}", *test, *more)
    assert done.returncode == 0, done.stdout
    assert line_of(done).startswith(
        "CONFORMANT (exit 0); 1 strict-only rule is broken: handshake.extensions-malformed ("
    )
    assert "1 strict only" in done.stdout
    assert "strict only: handshake.extensions-malformed (MUST): " in done.stdout
    written = json.loads((tmp_path / "reports" / "conformance.json").read_text())
    assert written["counts"]["failed-strict-only"] == 1
    assert written["verdict"]["reason"].startswith("conformant; 1 strict-only rule is broken")
    done = suite(f"--profile={profile}", *test, *more, "--strict")
    assert done.returncode == 1, done.stdout
    assert "1 requirement failed: handshake.extensions-malformed" in line_of(done)


def test_strict_turns_advice_into_failure(suite: Suite, server: Server) -> None:
    advised = ("conformance/suite/protocol/test_handshake_accepted.py", "-k", "found_among_upgrade_protocols")
    url = f"--server-url=ws://127.0.0.1:{server('plain')}"
    assert suite(url, *advised, "--time-scale=0.4").returncode == 0
    done = suite(url, *advised, "--time-scale=0.4", "--strict")
    assert done.returncode == 1, done.stdout
    assert "handshake.upgrade-list" in verdict(done)
