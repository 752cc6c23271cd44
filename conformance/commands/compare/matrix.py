"""Many runs as one table: requirements by servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conformance.commands.compare.documents import Run
from conformance.report.excerpts import clip_line
from conformance.verdict.outcomes import EMPTY

FORMAT = "conformance-matrix/1"


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement with its outcome at each server; None where a run's suite did not know it."""

    id: str
    chapter: str
    level: str
    title: str
    outcomes: tuple[str | None, ...]
    reasons: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether servers that were judged on it came out differently."""
        return len({one for one in self.outcomes if one not in {None, *EMPTY}}) > 1

    @property
    def judged(self) -> bool:
        """Whether any server was judged on it."""
        return any(one not in {None, *EMPTY} for one in self.outcomes)


@dataclass(frozen=True, slots=True)
class Matrix:
    """The servers and the requirements, in the order of the specification."""

    runs: Sequence[Run]
    rows: Sequence[Row]

    def counts(self, column: int) -> Counter[str]:
        """Return how many requirements have which outcome at a server."""
        return Counter(row.outcomes[column] or "unknown" for row in self.rows)

    def as_data(self) -> dict[str, Any]:
        """Return the matrix as a JSON document."""
        return {
            "format": FORMAT,
            "servers": [
                {**run.as_data(), "counts": dict(self.counts(column))} for column, run in enumerate(self.runs)
            ],
            "requirements": [
                {
                    "id": row.id,
                    "chapter": row.chapter,
                    "level": row.level,
                    "title": row.title,
                    "outcomes": list(row.outcomes),
                    "differs": row.differs,
                }
                for row in self.rows
            ],
        }


def matrix(runs: Sequence[Run]) -> Matrix:
    """Return requirements by servers."""
    names = dict.fromkeys(name for run in runs for name in run.requirements)
    rows = []
    for name in names:
        shown = next(run.requirements[name] for run in runs if name in run.requirements)
        rows.append(
            Row(
                id=clip_line(name, 120),
                chapter=clip_line(shown.get("chapter"), 40),
                level=clip_line(shown.get("level"), 20),
                title=clip_line(shown.get("title"), 200),
                outcomes=tuple(run.outcome(name) for run in runs),
                reasons=tuple(clip_line(run.requirements.get(name, {}).get("reason"), 200) for run in runs),
            )
        )
    return Matrix(runs, rows)
