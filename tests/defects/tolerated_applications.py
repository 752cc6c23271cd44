"""Applications with rules of their own, judged by their URL alone: nothing that they do may turn red.

``python -m tests.defects.tolerated_applications [WORDS…]`` judges each kind of ``tests/servers/ruled.py``, or
those that are named (``strict``, ``echo+pushes-5``), by the chapters on the protocol, on robustness and on
the port, and prints what failed. ``--talks`` runs the same server quiet, greeting and pushing, and prints
each test whose outcome differs.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.ports.waiting import accepts, wait_until
from conformance.target.launch import free_port
from tests.conftest import ROOT, suite_of
from tests.servers.ruled import KINDS

CHAPTERS = ("protocol", "robustness", "port_conflict")
TALKS = ("greets-text", "greets-binary", "pushes-5", "pushes-50", "pushes-200")
# Which may end inconclusive: two give nobody a connection by the URL, one closes by codes of the RFC.
SHUT = frozenset({"accept-then-close", "needs-subprotocol", "protests"})


@dataclass(frozen=True, slots=True)
class Found:
    """What a run made of a server: its exit status, what it printed, and the outcomes."""

    exit_code: int
    printed: str
    requirements: Mapping[str, str]
    tests: Mapping[str, str]
    reasons: Mapping[str, str]

    def failed(self) -> list[str]:
        """Return the requirements that turned red, or yellow."""
        bad = {"failed", "advised"}
        return [f"{name}: {self.reasons[name]}" for name, how in self.requirements.items() if how in bad]


@contextlib.contextmanager
def serving(words: Sequence[str], server: str = "ruled") -> Iterator[int]:
    """Run one of the servers, and yield its port."""
    port = free_port("127.0.0.1")
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.servers.{server}", str(port), *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: accepts(port), process=process)
        yield port
    finally:
        process.kill()
        process.wait()


def judged(words: Sequence[str], *arguments: str, server: str = "ruled", timeout: float = 600) -> Found:
    """Judge one of the servers by its URL alone."""
    with tempfile.TemporaryDirectory(prefix="applications-") as folder, serving(words, server) as port:
        ran = suite_of(Path(folder))(f"--server-url=ws://127.0.0.1:{port}", *arguments, timeout=timeout)
        report = Path(folder, "reports", "conformance.json")
        document = json.loads(report.read_text("utf-8")) if report.exists() else {}
    rules = document.get("requirements", ())
    return Found(
        ran.returncode,
        ran.stdout,
        {one["id"]: one["outcome"] for one in rules},
        {one["id"].rpartition("/")[2]: one["outcome"] for one in document.get("tests", ())},
        {one["id"]: one["reason"] for one in rules},
    )


def differing(quiet: Found, talking: Found) -> list[str]:
    """Return the tests whose outcome is another one where the server speaks on its own."""
    return [
        f"{name}: {outcome}, quiet {quiet.tests.get(name)}"
        for name, outcome in talking.tests.items()
        if outcome != quiet.tests.get(name)
    ]


def main(words: Sequence[str]) -> int:
    """Judge the servers and print what is wrong; return how many are wrong."""
    chapters = [f"conformance/suite/{one}" for one in CHAPTERS]
    if "--talks" in words:
        names = [one for one in words if one != "--talks"] or ["echo"]
        cases = [f"{name}{talk}" for name in names for talk in ("", *(f"+{one}" for one in TALKS))]
    else:
        cases = [*words] or [*KINDS]
    wrong, quiet = 0, None
    for case in cases:
        found = judged(case.split("+"), *chapters)
        quiet = found if "+" not in case else quiet
        bad = found.failed() + (differing(quiet, found) if "--talks" in words and quiet else [])
        expected = {0, 10} if case in SHUT else {0}
        wrong += bool(bad) or found.exit_code not in expected
        print("\n".join([f"{case}: exit status {found.exit_code}", *(f"  {one}" for one in bad)]), flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
