"""What the terminal shows: each failure in at most nine lines, but for a story, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.net.pace import MORE, OPEN, RATE
from conformance.report.dialect import never_seen
from conformance.report.finished import Finished
from conformance.report.gate_lines import gate_lines
from conformance.report.whose import told
from conformance.spec import Requirement
from conformance.verdict.families import recognised
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.outcomes import KEPT, Outcome
from conformance.verdict.result_data import RequirementResult, TestResult

WIDTH = 110
RED = frozenset({Outcome.FAILED, Outcome.FAILED_STRICT_ONLY})


def failure_text(
    requirement: Requirement,
    message: str,
    expected: Sequence[str],
    actual: str,
    result: TestResult,
    *,
    whose: str = "",
    story: Sequence[str] = (),
) -> str:
    """Return a failure for the terminal: the rule, what was accepted, what came back, how to repeat it.

    Args:
        requirement: that was broken.
        message: what was seen.
        expected: the accepted set.
        actual: what came back.
        result: of the test.
        whose: whose fault it may be, in a sentence.
        story: what was done before, line by line.

    """
    lines = [
        f"{requirement.id} · {requirement.level} · {requirement.source}",
        _cut(requirement.text, WIDTH * 2),
        f"  found:     {_cut(message, WIDTH * 2)}",
        *(f"             {_cut(one, WIDTH)}" for one in story),
    ]
    if expected:
        lines.append(f"  expected:  {', or '.join(expected)}")
    if actual:
        lines.append(f"  came back: {_cut(actual, WIDTH * 2)}")
    lines += [f"  whose:     {whose}"] if whose else []
    lines.append(f"  repeat:    {result.repeat}")
    return "\n".join(lines)


def summary_lines(run: Finished, exit_status: int) -> list[str]:
    """Return the closing lines: what broke, what was advised, the reports, and the verdict last."""
    entries = run.results.requirements()
    header = run.target.found.server if run.target else None
    # Rules that are strict only tell a family too; what is to be mended is said of failures alone.
    whose = told(header, {one.requirement.id: one.symptoms for one in entries if one.outcome in RED})
    lines = []
    for outcome, title in (
        (Outcome.FAILED, "FAILED"),
        (Outcome.INCONCLUSIVE, "could not be judged"),
        (Outcome.FAILED_STRICT_ONLY, "strict only"),
        (Outcome.ADVISED, "advised"),
    ):
        chosen = [entry for entry in entries if entry.outcome == outcome]
        lines += [
            f"{title}: {entry.requirement.id} ({entry.requirement.level}): {_short(entry.reason)}"
            + (
                f" [{whose[entry.requirement.id]}]"
                if outcome == Outcome.FAILED and entry.requirement.id in whose
                else ""
            )
            for entry in chosen[:20]
        ]
        if len(chosen) > 20:
            lines.append(f"{title}: {len(chosen) - 20} more in the report")
    parts = [one for one in entries if one.unjudged and one.outcome in KEPT]
    lines += [f"judged in part: {one.requirement.id}: {_short(one.reason)}" for one in parts[:20]]
    known = [entry for entry in entries if entry.outcome == Outcome.KNOWN_FAILURE]
    lines += [
        f"known failure{_of(e.known_failure)}: {e.requirement.id}: {_short(e.known_failure.reason)}"
        for e in known
        if e.known_failure
    ]
    lines += _families(run, entries)
    lines += gate_lines(run, entries)
    if run.target is not None and run.target.found.instead:
        lines.append(f"tested on {run.target.path}, which was not named: {run.target.found.instead}")
    session = run.target.capabilities.get("session") if run.target else None
    if session is not None and not session.present:
        lines.append(
            f"judged as a plain WebSocket server, without the permissions protocol: {session.evidence}"
        )
    if run.target is not None and run.target.sizes.above:
        lines.append(f"the server {run.target.sizes}")
    if run.target is not None and run.target.profile.insecure and run.target.url.secure:
        lines.append("INSECURE: the server's certificate was not verified (--insecure)")
    if run.polite:
        lines.append(
            f"polite tier: {OPEN} to {OPEN + MORE} connections at a time, {RATE:g} new ones a second;"
            " no floods and no large bodies without --intrusive"
        )
    lines += never_seen(run.dialect())
    lines += _written(run.written)
    verdict = run.results.verdict()
    if exit_status in {2, 3} and not run.results.trouble:
        lines.append("INCOMPLETE: the run was interrupted; the reports hold what was found until then.")
    else:
        mark = ";" if verdict.broken else ":"
        lines.append(
            f"{verdict.name.upper()} (exit {verdict.exit_code}){mark} {verdict.broken}{verdict.said}"
        )
    return lines


def _of(known: KnownFailure) -> str:
    return f" of {known.family}" if known.family else ""


def _families(run: Finished, entries: Sequence[RequirementResult]) -> list[str]:
    """Return which failures are known of the family that the server says it is of."""
    broken = {one.requirement.id: one.symptoms for one in entries if one.outcome in RED}
    header = run.target.found.server if run.target else None
    how = "are known of" if header else "look like those of"
    return [
        f"{len(own)} of {len(broken)} failures {how} {family.title} {family.versions}: "
        f"--family={family.name} tolerates them, docs/findings.md describes them"
        for family, own in recognised(header, broken)
    ]


def _written(paths: Sequence[Path]) -> list[str]:
    """Return where the page is, and beside it what else was written."""
    pages = [path for path in paths if path.suffix == ".html"]
    others = [path.name for path in paths if path.suffix != ".html"]
    also = [f"beside it: {', '.join(others)}"] if pages and others else []
    return [*(f"report: {path}" for path in pages), *also]


def _short(text: str) -> str:
    return _cut(text, WIDTH)


def _cut(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 2]} …"
