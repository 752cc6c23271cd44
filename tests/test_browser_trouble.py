"""A browser that crashes or hangs: its test is inconclusive, the next gets a new one, none stays behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from conformance.browser.finding import found
from tests.conftest import ROOT

MESSAGES = "conformance/suite/browser/test_messages.py"
HEARTBEATS = f"{MESSAGES}::test_heartbeats_of_a_script_are_given_back"
ORDER = f"{MESSAGES}::test_200_heartbeats_are_answered_in_their_order"
BINARY = f"{MESSAGES}::test_binary_message_of_a_script_is_refused"
LARGE = f"{MESSAGES}::test_large_message_of_a_script_is_given_back"
OPENING = "conformance/suite/browser/test_opening.py"
ALLOWED = f"{OPENING}::test_page_of_an_allowed_origin_gets_a_confirmed_connection"
BOUND = 90.0
# Each test of messages stops once its socket is open, until it is told to go on.
PAUSE = """
import asyncio, pathlib
from conformance.browser import keeper
from conformance.suite.browser import test_messages
keeper.LOOK, keeper.PAGE_BOUND = 1.0, 5.0
connected, times = test_messages.connected, iter(range(9))
async def pausing(*given):
    socket = await connected(*given)
    number = next(times)
    folder = pathlib.Path({folder!r})
    (folder / f"here-{{number}}").touch()
    while not (folder / f"go-{{number}}").exists():
        await asyncio.sleep(0.01)
    return socket
test_messages.connected = pausing
"""
NOTHING = "which says nothing about the server: run this test again"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it is ended and stopped by signals")


class Paused:
    """A run of the suite whose tests stop in their midst."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        (folder / "pausing.py").write_text(PAUSE.format(folder=str(folder)))
        path = os.pathsep.join([str(folder), str(ROOT)])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pausing",
             f"--report-dir={folder / 'reports'}", *arguments],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.seen: set[psutil.Process] = set()

    def wait(self, number: int) -> list[psutil.Process]:
        """Wait until a test has stopped and return all processes that there are."""
        end = time.monotonic() + BOUND
        while not (self.folder / f"here-{number}").exists():
            assert time.monotonic() < end, f"test {number} did not come so far"
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.02)
        found = psutil.Process(self.process.pid).children(recursive=True)
        self.seen.update(found)
        return found

    def go_on(self, number: int) -> None:
        """Let the test go on."""
        (self.folder / f"go-{number}").touch()

    def ended(self) -> str:
        """Wait for the end and return what was printed; nobody is left."""
        printed, _ = self.process.communicate(timeout=BOUND)
        _, alive = psutil.wait_procs(self.seen, 10)
        assert not alive, [words(one) for one in alive]
        assert "Traceback" not in printed
        return printed

    def outcomes(self) -> list[tuple[str, str]]:
        """Return each test's outcome and why."""
        document = json.loads((self.folder / "reports" / "conformance.json").read_text())
        return [(one["outcome"], one["message"]) for one in document["tests"]]


@pytest.fixture
def paused(tmp_path: Path) -> Iterator[Callable[..., Paused]]:
    started: list[Paused] = []

    def start(*arguments: str) -> Paused:
        started.append(Paused(tmp_path, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def words(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def first_of(processes: list[psutil.Process]) -> psutil.Process:
    """Return the browser itself: it was told where its profile is, and helps no other."""
    (found,) = [
        one
        for one in processes
        if ("--user-data-dir" in words(one) or "--profile" in words(one))
        and not any(kind in words(one) for kind in ("--type=", "-contentproc", "crashhelper"))
    ]
    return found


def crash(processes: list[psutil.Process], kind: str) -> None:
    """Kill the helpers of a kind."""
    found = [one for one in processes if kind in words(one)]
    assert found
    for one in found:
        one.kill()


def stop(processes: list[psutil.Process]) -> None:
    """Have a browser and its helpers stand still."""
    browser = first_of(processes)
    for one in [*browser.children(recursive=True), browser]:
        with contextlib.suppress(psutil.Error):
            one.suspend()


@pytest.mark.skipif(found("chromium") is None, reason="no Chromium is installed")
def test_chromium_that_crashes_or_hangs_is_inconclusive(paused: Callable[..., Paused]) -> None:
    run = paused(HEARTBEATS, ORDER, BINARY, ALLOWED, LARGE)
    crash(run.wait(0), "--type=renderer")
    run.go_on(0)
    crash(run.wait(1), "--utility-sub-type=network.")
    run.go_on(1)
    processes = run.wait(2)
    killed = first_of(processes)
    killed.kill()
    run.go_on(2)
    stop(run.wait(3))
    run.go_on(3)
    printed = run.ended()
    assert run.process.returncode == 10, printed
    page, network, browser, allowed, hanging = run.outcomes()
    assert page == ("inconclusive", f"a page of chromium crashed, {NOTHING}"), printed
    assert network[0] == "inconclusive", printed
    assert network[1].startswith("the network process of chromium ended"), printed
    assert browser == ("inconclusive", f"chromium ended (PID {killed.pid}), {NOTHING}"), printed
    assert allowed == ("passed", ""), printed
    assert hanging[0] == "inconclusive", printed
    assert hanging[1].startswith("chromium hung (a page gave no answer within 5 s) and was ended"), printed


@pytest.mark.skipif(found("firefox") is None, reason="no Firefox is installed")
def test_firefox_that_crashes_or_hangs_is_inconclusive(paused: Callable[..., Paused]) -> None:
    run = paused("--conformance-browser=firefox", BINARY, ALLOWED, LARGE)
    killed = first_of(run.wait(0))
    killed.kill()
    run.go_on(0)
    stop(run.wait(1))
    run.go_on(1)
    printed = run.ended()
    assert run.process.returncode == 10, printed
    browser, allowed, hanging = run.outcomes()
    assert browser == ("inconclusive", f"firefox ended (PID {killed.pid}), {NOTHING}"), printed
    assert allowed == ("passed", ""), printed
    assert hanging[0] == "inconclusive", printed
    assert hanging[1].startswith("firefox hung (a page gave no answer within 5 s) and was ended"), printed


@pytest.mark.parametrize(
    ("browser", "how"),
    [("chromium", signal.SIGINT), ("firefox", signal.SIGTERM)],
    ids=["chromium", "firefox"],
)
def test_run_that_is_interrupted_leaves_no_browser_behind(
    paused: Callable[..., Paused], browser: str, how: int
) -> None:
    if found(browser) is None:
        pytest.skip(f"no {browser} is installed")
    run = paused(f"--conformance-browser={browser}", HEARTBEATS)
    run.wait(0)
    run.process.send_signal(how)
    printed = run.ended()
    assert run.process.returncode == 2, printed
