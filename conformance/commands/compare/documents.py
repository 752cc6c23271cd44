"""Results documents as they are compared: named, checked, and reduced to what a comparison needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.core.errors import UsageProblem
from conformance.report.document import FORMAT
from conformance.report.excerpts import clip_line, mapping, mappings


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its name in the comparison, and its requirements by id in the document's order."""

    name: str
    url: str
    server: str
    started: str
    suite: str
    verdict: str
    reason: str
    exit_code: int | None
    complete: bool
    partial: bool
    requirements: Mapping[str, Mapping[str, Any]]

    @property
    def about(self) -> str:
        """The run in a line."""
        return ", ".join(
            part for part in (self.url, self.server, self.started, f"suite {self.suite}") if part
        )

    def outcome(self, requirement: str) -> str | None:
        """Return a requirement's outcome, or None where this run's suite has no such requirement."""
        found = self.requirements.get(requirement)
        return None if found is None else str(found.get("outcome"))

    def as_data(self) -> dict[str, Any]:
        """Return what the run was, without its requirements."""
        return {
            "name": self.name,
            "url": self.url,
            "server": self.server,
            "started": self.started,
            "suite": self.suite,
            "verdict": self.verdict,
            "reason": self.reason,
            "exit_code": self.exit_code,
            "complete": self.complete,
            "partial": self.partial,
        }


def load(given: Sequence[str], names: Sequence[str] = ()) -> list[Run]:
    """Read results documents.

    Args:
        given: each as ``FILE`` or ``NAME=FILE``.
        names: by which files without a name go.

    Returns:
        The runs, in this order.

    Raises:
        UsageProblem: a file cannot be read, or is no results document.

    """
    named = [_split(one) for one in given] if not names else list(zip(names, map(Path, given), strict=True))
    free = _names([name or _own_name(path) for name, path in named])
    return [_load(name, path) for name, (_, path) in zip(free, named, strict=True)]


def _split(given: str) -> tuple[str, Path]:
    name, equals, path = given.partition("=")
    return (name, Path(path)) if equals and not Path(given).exists() else ("", Path(given))


def _own_name(path: Path) -> str:
    own = path.stem if path.stem != "conformance" else path.resolve().parent.name
    return own or str(path)


def _names(wanted: Sequence[str]) -> list[str]:
    names: list[str] = []
    for name in wanted:
        number, free = 2, name
        while free in names:
            free, number = f"{name} ({number})", number + 1
        names.append(free)
    return names


def _load(name: str, path: Path) -> Run:
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageProblem(f"{path}: {error.strerror}.") from None
    except ValueError as error:
        raise UsageProblem(f"{path} is no JSON: {clip_line(str(error))}.") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UsageProblem(f"{path} is no results document ({FORMAT}): give the conformance.json of a run.")
    rows = [one for one in mappings(data.get("requirements")) if isinstance(one.get("id"), str)]
    if not rows:
        raise UsageProblem(f"{path} holds no requirements: there is nothing to compare.")
    run, target, verdict = (mapping(data.get(key)) for key in ("run", "target", "verdict"))
    code = verdict.get("exit_code")
    return Run(
        name=clip_line(name, 60),
        url=clip_line(target.get("url"), 200),
        server=clip_line(target.get("server"), 80),
        started=clip_line(run.get("started"), 40),
        suite=clip_line(mapping(data.get("suite")).get("version"), 20),
        verdict=clip_line(verdict.get("name"), 40),
        reason=clip_line(verdict.get("reason"), 200),
        exit_code=code if isinstance(code, int) else None,
        complete=run.get("complete") is True,
        partial=run.get("partial") is True,
        requirements={one["id"]: one for one in rows},
    )
