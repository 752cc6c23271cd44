"""What a run tells the CI service it runs in: GitHub's step summary and its annotations.

A line of output that begins with two colons is a command there, so that no text of a server may end one of
ours, or begin another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance.report import markdown
from conformance.report.excerpts import clip_line, mapping, mappings
from conformance.verdict.outcomes import Outcome

# The service shows ten of a kind for a step and drops the others unsaid.
MOST = 10
SUMMARY, RUNS_THERE = "GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"
_KINDS = {
    Outcome.FAILED: "error",
    Outcome.INCONCLUSIVE: "error",
    Outcome.FAILED_STRICT_ONLY: "warning",
    Outcome.ADVISED: "warning",
}


def tell(document: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Append the summary where the service wants one.

    Returns:
        The lines to print: the annotations.

    """
    lines = []
    if path := environment.get(SUMMARY):
        lines += append(document, Path(path))
    if environment.get(RUNS_THERE) == "true":
        lines += commands(document)
    return lines


def append(document: Mapping[str, Any], path: Path) -> list[str]:
    """Append the Markdown to a file that others write to too.

    Returns:
        A line where that failed.

    """
    there = 0
    with contextlib.suppress(OSError):
        there = path.stat().st_size
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as summary:
            summary.write(markdown.render(document, max(0, markdown.LIMIT - there)))
    except OSError as error:
        return [f"{SUMMARY}: the summary was not written: {error.strerror}"]
    return []


def commands(document: Mapping[str, Any]) -> list[str]:
    """Return at most ten workflow commands, the gravest first."""
    chosen = list(_chosen(document))
    lines = [_command(*one) for one in chosen[: MOST if len(chosen) <= MOST else MOST - 1]]
    if len(chosen) > MOST:
        lines.append(_command("warning", "conformance", f"{len(chosen) - MOST + 1} more in the report"))
    return lines


def _chosen(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    verdict = mapping(document.get("verdict"))
    if verdict.get("exit_code") not in {0, 1}:
        yield "error", f"conformance: {verdict.get('name')}", str(verdict.get("reason"))
    for outcome, kind in _KINDS.items():
        for one in mappings(document.get("requirements")):
            if one.get("outcome") == outcome:
                title = f"{one.get('id')} ({one.get('level')}, {one.get('source')})"
                whose = f" ({one['whose']})" if outcome == Outcome.FAILED and one.get("whose") else ""
                yield kind, title, f"{one.get('reason') or one.get('title')}{whose}"


def _command(kind: str, title: str, message: str) -> str:
    """Return a workflow command; what would end it, or begin another property, is escaped as it demands."""
    told = clip_line(message, 400).replace("%", "%25")
    head = clip_line(title, 160).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={head}::{told}"
