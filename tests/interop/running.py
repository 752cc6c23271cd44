"""Runs of the suite, each in a process of its own, and what they came to."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.ports.waiting import NotReady, accepts, wait_until
from conformance.target.launch import free_port
from tests.interop.stacks import ROOT, Stack

Report = Mapping[str, Any]


@dataclass
class Ran:
    """A stack's runs: the reports, exit codes and seconds of each, and where the last report is."""

    stack: Stack
    reports: list[Report] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    last: Path = Path()

    @property
    def unstable(self) -> dict[str, Counter[str]]:
        """The tests and requirements that came out differently, with how often each outcome was seen."""
        seen = [
            outcomes(report) | {"exit code": str(code)}
            for report, code in zip(self.reports, self.exits, strict=True)
        ]
        names = dict.fromkeys(name for one in seen for name in one)
        every = {name: Counter(one.get(name, "absent") for one in seen) for name in names}
        return {name: counts for name, counts in every.items() if len(counts) > 1}


@contextmanager
def served(stack: Stack, path: str, log: Path) -> Iterator[list[str]]:
    """Start the server if it is a command; yield the options of the suite that point at it."""
    if not stack.is_command:
        yield stack.options
        return
    port = free_port("127.0.0.1")
    command = [word.replace("{port}", str(port)) for word in shlex.split(stack.what)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            await_port(process, port, log)
            yield [f"--server-url=ws://127.0.0.1:{port}{path}"]
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


def await_port(process: subprocess.Popen[bytes], port: int, log: Path | None = None) -> None:
    """Return as soon as the port answers."""
    try:
        wait_until(lambda: accepts(port), process=process, bound=60)
    except NotReady as trouble:
        command = shlex.join(map(str, process.args))  # type: ignore[arg-type]
        see = f": see {log}" if log else ""
        raise SystemExit(f"{command} does not listen on port {port}, {trouble}{see}.") from None


def run(ran: Ran, options: Sequence[str], folder: Path) -> None:
    """Run the suite once against a server, and add what it came to."""
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "conformance.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--report-dir={folder}"]
    began = time.monotonic()
    with (folder / "console.txt").open("wb") as console:
        process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=console, stderr=subprocess.STDOUT)
        # Of all processes that have ended under it: of the suite, and of what the suite started.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if not report.exists():
        raise SystemExit(f"{ran.stack.name}: no report: see {folder / 'console.txt'}")
    ran.reports.append(json.loads(report.read_text("utf-8")))
    ran.exits.append(process.returncode)
    ran.walls.append(time.monotonic() - began)
    ran.processor.append(used.ru_utime + used.ru_stime)
    ran.last = report


def outcomes(report: Report) -> dict[str, str]:
    """Return the outcome of every test and of every requirement, by its id."""
    return {one["id"]: one["outcome"] for part in ("tests", "requirements") for one in report[part]}
