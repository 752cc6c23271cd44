"""The matrix of all stacks, as ``conformance compare`` draws it, with what only many runs can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.commands.compare import pages
from conformance.commands.compare.documents import Run, load
from conformance.commands.compare.matrix import Matrix, matrix
from conformance.report.vocabulary import OUTCOMES
from tests.interop.running import Ran
from tests.interop.stacks import Stack


def combined(ran: Ran) -> Run:
    """Return a stack's runs as one: what differed between them is inconclusive."""
    (run,) = load([str(ran.last)], [ran.stack.name])
    unstable = ran.unstable
    requirements: dict[str, Mapping[str, Any]] = {}
    for name, one in run.requirements.items():
        if name in unstable:
            told = ", ".join(f"{outcome} {times}" for outcome, times in unstable[name].items())
            requirements[name] = {**one, "outcome": "inconclusive", "reason": f"unstable: {told}"}
        else:
            requirements[name] = one
    about = [
        ran.stack.versions() or run.server,
        exits(ran),
        f"{len(ran.reports)} runs",
        f"{len(unstable)} unstable",
    ]
    return replace(run, url="", server=", ".join(one for one in about if one), requirements=requirements)


def write(folder: Path, results: Sequence[Ran], skipped: Mapping[Stack, str]) -> list[Path]:
    """Write ``interop.md`` and ``interop.html``."""
    made = matrix([combined(ran) for ran in results])
    lines = ["# Interoperability", "", *summary(made, results, skipped), ""]
    written = [folder / "interop.md", folder / "interop.html"]
    written[0].write_text("\n".join(lines) + "\n" + pages.markdown(made), "utf-8")
    written[1].write_text(pages.html(made), "utf-8")
    return written


def summary(made: Matrix, results: Sequence[Ran], skipped: Mapping[Stack, str]) -> Iterator[str]:
    """Yield a line for each stack: versions, runs, outcomes, seconds; then what was unstable."""
    yield f"| stack | versions | runs | exit | {' | '.join(OUTCOMES)} | unstable | wall, s | processor, s |"
    yield f"|---|---|{'---|' * (len(OUTCOMES) + 5)}"
    for column, ran in enumerate(results):
        counts = made.counts(column)
        times = [f"{sum(one) / len(one):.0f}" for one in (ran.walls, ran.processor)]
        cells = [
            ran.stack.name, ran.stack.versions(), str(len(ran.reports)), exits(ran),
            *(str(counts[outcome]) for outcome in OUTCOMES), str(len(ran.unstable)), *times,
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    for stack, why in skipped.items():
        yield f"\nNot run: {stack.name}: {why}."
    for ran in results:
        for name, outcomes in ran.unstable.items():
            told = ", ".join(f"{outcome} {times}" for outcome, times in outcomes.items())
            yield f"\nUnstable: {ran.stack.name}: `{name}`: {told} of {len(ran.reports)}."


def exits(ran: Ran) -> str:
    """Return the exit codes that occurred."""
    return "exit " + " and ".join(map(str, sorted(set(ran.exits))))
