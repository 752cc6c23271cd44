"""Run the suite against a vice and measure it: seconds, memory, descriptors, processes, what it said."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
BOUND = 600.0  # seconds after which a suite is ended from outside
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of the suite ended, and what it took."""

    exit_code: int | None
    printed: str
    report: Mapping[str, Any]
    seconds: float
    processor: float
    mebibytes: float
    descriptors: int
    left: tuple[str, ...]

    def by_outcome(self, outcome: str) -> dict[str, str]:
        """Return the requirements with an outcome, and the reason of each."""
        rows = self.report.get("requirements", ())
        return {row["id"]: row["reason"] for row in rows if row["outcome"] == outcome}

    @property
    def reason(self) -> str:
        """The reason of the verdict."""
        return str(self.report.get("verdict", {}).get("reason", ""))


def profile_of(vice: str, when: str) -> str:
    """Return the reference server's profile, with the vice in it."""
    text = (ROOT / "reference_server" / "conformance.toml").read_text("utf-8")
    text = text.replace('"-m", "reference_server"', f'"-m", "tests.vicious.serve", "{vice}", "{when}"')
    # However small the time bounds are made: starting takes as long as the machine has other things to do.
    return text.replace('cwd = ".."', f"cwd = {json.dumps(str(ROOT))}\nready_timeout = 60")


def run(
    folder: Path, vice: str, when: str, *arguments: str, scale: float = 1.0, bound: float = BOUND
) -> Outcome:
    """Run the suite against a vice, with its reports in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = folder / "conformance.toml"
    profile.write_text(profile_of(vice, when), "utf-8")
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--profile={profile}",
        f"--report-dir={folder}", f"--time-scale={scale:g}", *arguments,
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    output = folder / "output.txt"
    began = time.monotonic()
    with output.open("wb") as sink:
        process = psutil.Popen(
            command, cwd=ROOT, env=environment, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    seen: dict[int, psutil.Process] = {}
    memory, descriptors, processor = 0.0, 0, 0.0
    exit_code: int | None = None
    while exit_code is None and time.monotonic() - began < bound:
        with contextlib.suppress(psutil.Error, OSError):
            memory = max(memory, _peak(process.pid))
            descriptors = max(descriptors, process.num_fds())
            processor = sum(process.cpu_times()[:2])
            seen |= {one.pid: one for one in process.children(recursive=True)}
        with contextlib.suppress(psutil.TimeoutExpired):
            exit_code = process.wait(_POLL)
    seconds = time.monotonic() - began
    if exit_code is None:
        process.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait()
    left = []
    for one in seen.values():
        with contextlib.suppress(psutil.Error):
            if one.is_running() and one.status() != psutil.STATUS_ZOMBIE:
                left.append(" ".join(one.cmdline()))
                one.kill()
    report: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        report = json.loads((folder / "conformance.json").read_text("utf-8"))
    printed = output.read_text("utf-8", errors="replace")
    return Outcome(exit_code, printed, report, seconds, processor, memory, descriptors, tuple(left))


def _peak(pid: int) -> float:
    """Return the most memory that a process has held, in MiB."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        return int(found[1]) / 1024 if found else 0.0
    return float(psutil.Process(pid).memory_info().rss) / 2**20


def suites(chapters: Iterable[str]) -> list[str]:
    """Return the paths of chapters of the suite."""
    return [f"conformance/suite/{one}" for one in chapters]
