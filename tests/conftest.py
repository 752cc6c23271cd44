"""Fixtures of the project's own tests: servers as real processes, and the suite as its users run it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from conformance.ports.waiting import accepts, wait_until
from conformance.target.launch import free_port

ROOT = Path(__file__).parents[1]
SERVERS = Path(__file__).parent / "servers"
Suite = Callable[..., subprocess.CompletedProcess[str]]

# A shell lets what it starts in the background ignore SIGINT, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the tests that `make test` leaves to `make test-long`."""
    config.addinivalue_line("markers", "long: takes long; `make test-long` runs it, CI does not")


@pytest.fixture
def server() -> Iterator[Callable[..., int]]:
    """Start one of ``tests/servers`` by name, or a command with ``PORT`` in it; return its port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> int:
        port = free_port("127.0.0.1")
        own = SERVERS / f"{words[0]}.py"
        command = [sys.executable, str(own), str(port), *words[1:]] if own.exists() else list(words)
        command = [word.replace("PORT", str(port)) for word in command]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        started.append(process)
        wait_until(lambda: accepts(port), process=process)
        return port

    yield start
    for process in started:
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        for child in children:  # a server's workers outlive it when it is killed
            with contextlib.suppress(psutil.Error):
                child.kill()


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Run the suite from the checkout as a user does; reports go to ``tmp_path / "reports"``."""
    return suite_of(tmp_path)


def suite_of(folder: Path) -> Suite:
    """Return a run of the suite whose reports go to ``reports`` in a folder."""

    def run(*arguments: str, timeout: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
             f"--report-dir={folder / 'reports'}", *arguments],
            cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=timeout,
            check=False,
        )  # fmt: skip

    return run
