"""Run the chapter on the port against a URL, in a process of its own, as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHAPTER = "conformance/suite/port_conflict"


@dataclass(frozen=True)
class Judgement:
    """How a run ended: exit code, what the terminal showed, the report's requirements and its tests."""

    code: int
    text: str
    requirements: dict[str, dict[str, Any]]
    tests: list[dict[str, Any]]

    def outcome(self, requirement: str) -> str:
        """Return what became of a requirement."""
        return str(self.requirements[requirement]["outcome"])

    def reason(self, requirement: str) -> str:
        """Return why, with what came back."""
        came = [str(one["actual"]) for one in self.tests if one["requirement"] == requirement]
        return " ".join([str(self.requirements[requirement]["reason"]), *came])

    def bad(self) -> dict[str, str]:
        """Return the requirements of the chapter that were broken, or could not be judged."""
        return {
            name: self.reason(name)
            for name, row in self.requirements.items()
            if row["outcome"] in {"failed", "advised", "inconclusive", "suite-fault"}
        }


def judge(url: str, *, wrapper: Sequence[str] = (), time_scale: float = 0.3) -> Judgement:
    """Judge the port of a URL; behind a ``wrapper`` as another user, or from another namespace."""
    with tempfile.TemporaryDirectory(prefix="conformance-ports-") as name:
        folder = Path(name)
        folder.chmod(0o777)  # the wrapper may make us another user
        done = subprocess.run(
            [*wrapper, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", CHAPTER,
             f"--server-url={url}", f"--report-dir={folder}", f"--time-scale={time_scale:g}"],
            cwd=ROOT, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True,
            timeout=100, check=False,
        )  # fmt: skip
        text = done.stdout + done.stderr
        assert "Traceback" not in text, text
        report = json.loads((folder / "conformance.json").read_text("utf-8"))
    rows = {row["id"]: row for row in report["requirements"]}
    return Judgement(done.returncode, text, rows, report["tests"])
