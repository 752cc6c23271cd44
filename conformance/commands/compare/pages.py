"""A comparison or a matrix for people: on the terminal, as Markdown, and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.commands.compare.differences import KINDS, NAMES, Change, Comparison
from conformance.commands.compare.matrix import Matrix
from conformance.core.templates import environment
from conformance.report.excerpts import visible
from conformance.report.html import inert
from conformance.report.vocabulary import OUTCOMES
from conformance.verdict.outcomes import Outcome

TONES = {0: Outcome.PASSED, 1: Outcome.FAILED, 10: Outcome.INCONCLUSIVE}
SHOWN = 40
WIDTH = 160


def text(found: Comparison | Matrix) -> str:
    """Return the terminal's lines; of a comparison the verdict comes last."""
    lines = _compared(found) if isinstance(found, Comparison) else _laid_out(found)
    return "\n".join(visible(line) for line in lines)


def _compared(found: Comparison) -> list[str]:
    lines = [
        f"before: {found.before.name}: {found.before.about}",
        f"after:  {found.after.name}: {found.after.about}",
    ]
    for kind, (title, _) in KINDS.items():
        changes = found.of(kind)
        lines += [f"{title.lower()}: {_told(one)}" for one in changes[:SHOWN]]
        if len(changes) > SHOWN:
            lines.append(f"{title.lower()}: {len(changes) - SHOWN} more; --html=FILE shows all")
    return [*lines, f"{NAMES[found.exit_code].upper()} (exit {found.exit_code}): {found.reason}"]


def _told(change: Change) -> str:
    why = change.now or change.was
    said = f"{change.id} ({change.level}): {change.before or 'unknown'} -> {change.after or 'unknown'}"
    return _cut(f"{said}: {why}" if why else said)


def _laid_out(found: Matrix) -> list[str]:
    width = max(len(run.name) for run in found.runs)
    lines = []
    for column, run in enumerate(found.runs):
        counts = found.counts(column)
        told = ", ".join(f"{counts[name]} {name}" for name in OUTCOMES if counts[name])
        lines.append(f"{run.name:<{width}}  {run.verdict}: {told}{'' if run.complete else ' (incomplete)'}")
    differing = [row for row in found.rows if row.differs]
    for row in differing[:SHOWN]:
        told = ", ".join(f"{run.name} {row.outcomes[n] or 'unknown'}" for n, run in enumerate(found.runs))
        lines.append(_cut(f"{row.id} ({row.level}): {told}"))
    if len(differing) > SHOWN:
        lines.append(f"{len(differing) - SHOWN} more; --html=FILE shows all")
    lines.append(f"{len(found.rows)} requirements, {len(differing)} on which the servers differ.")
    return lines


def markdown(found: Comparison | Matrix) -> str:
    """Return the same as Markdown, for a step summary or a merge request."""
    if isinstance(found, Comparison):
        lines = [
            f"## {NAMES[found.exit_code].capitalize()}",
            "",
            _cell(found.reason),
            "",
            *_table(["", "run"], [["before", found.before.about], ["after", found.after.about]]),
        ]
        for kind, (title, meaning) in KINDS.items():
            if changes := found.of(kind):
                rows = [
                    [
                        f"`{one.id}`",
                        one.level,
                        *(o or "unknown" for o in (one.before, one.after)),
                        one.now or one.was,
                    ]
                    for one in changes
                ]
                lines += ["", f"### {title} ({len(changes)})", "", meaning, ""]
                lines += _table(["requirement", "level", "before", "after", "evidence"], rows)
        return "\n".join(lines) + "\n"
    head = ["requirement", "level", *(run.name for run in found.runs)]
    rows = [[f"`{row.id}`", row.level, *(one or "unknown" for one in row.outcomes)] for row in found.rows]
    verdicts = [["**verdict**", "", *(run.verdict for run in found.runs)]]
    return "\n".join(["## Requirements by servers", "", *_table(head, verdicts + rows)]) + "\n"


def html(found: Comparison | Matrix) -> str:
    """Return the same as one HTML page that loads nothing."""
    page = (
        environment("conformance.report", inert)
        .get_template("compare.html.j2")
        .render(
            comparison=found if isinstance(found, Comparison) else None,
            matrix=found if isinstance(found, Matrix) else None,
            kinds=KINDS,
            names=NAMES,
            tones=TONES,
            outcomes=OUTCOMES,
        )
    )
    page.encode("utf-8")
    return page


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(_cell(one) for one in line) + " |" for line in lines]


def _cell(text: str) -> str:
    """Return a server's text so that it is text in Markdown: no cell, no tag, no link, no line of its own."""
    line = " ".join(visible(text).split())
    for one, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("[", "\\["), ("@", "&#64;")):
        line = line.replace(one, safe)
    return line


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 2]} …"
