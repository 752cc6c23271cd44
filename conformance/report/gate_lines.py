"""What the terminal says of the gate, one line a finding."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.report.finished import Finished
from conformance.verdict.gate import unexpected
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.outcomes import Outcome
from conformance.verdict.result_data import RequirementResult
from conformance.verdict.symptom import Symptom, fits, known

SHOWN = 20
WIDTH = 300
CASES = 5  # tolerated or new, that are named with a failure


def gate_lines(run: Finished, entries: list[RequirementResult]) -> list[str]:
    """Return what of the baseline no longer fits, what is newer than it, and what an update changed."""
    gate, findings = run.results.gate, run.results.findings()
    lines = [one.line if one.kind == "unpinned" else _cut(one.line) for one in findings[:SHOWN]]
    if len(findings) > SHOWN:
        lines.append(f"{len(findings) - SHOWN} more findings of the gate in the report")
    new = [one for one in entries if one.new and one.outcome == Outcome.ADVISED]
    pinned = gate.baseline.version if gate.baseline else ""
    lines += [
        _cut(f"new since requirements {pinned}: {one.requirement.id}: {one.reason}") for one in new[:SHOWN]
    ]
    if new:
        lines.append(f"{len(new)} newer than the baseline pins: tolerated until --update-baseline")
    shaky = [one for one in run.results.tests.values() if one.unstable]
    lines += [_cut(f"unstable: {one.id.rsplit('/', 1)[-1]}: {one.unstable}") for one in shaky[:SHOWN]]
    others = sum(not one.concerns(gate.names) for one in gate.entries)
    if others and run.target is not None:
        lines.append(f"baseline: {others} of {len(gate.entries)} entries are for other targets")
    lines += map(_cut, _by_message(run, entries))
    if run.changes is not None:
        lines.append(run.changes.line)
    elif run.options.update_baseline:
        lines.append(f"baseline not written: {run.options.baseline}: the run did not judge enough")
    return lines


def tolerance_lines(entries: Sequence[KnownFailure], symptoms: Sequence[Symptom]) -> list[str]:
    """Return for a failure which of its cases an entry tolerates, and which are new."""
    new = unexpected(entries, symptoms)
    lines = []
    for title, chosen in (
        ("tolerated:", [one for one in symptoms if one not in new]),
        ("new:", new),
    ):
        for position, one in enumerate(chosen[:CASES]):
            whose = next((e for e in entries if any(known(each, one) for each in e.symptom)), None)
            source = f" ({whose.family or whose.where})" if whose else ""
            lines.append(f"  {title if position == 0 else '':<10} {_cut(f'{one}{source}')}")
        if len(chosen) > CASES:
            lines.append(f"  {'':<10} {len(chosen) - CASES} more")
    return lines


def _by_message(run: Finished, entries: Sequence[RequirementResult]) -> list[str]:
    """Return which entries tolerate by a message alone, which may be that of another case."""
    found = {
        entry.requirement.id
        for entry in entries
        for one in run.results.known.get(entry.requirement.id, ())
        for seen in entry.symptoms
        if not any(fits(each, str(seen)) for each in one.symptom)
        and any(fits(each, seen.text) for each in one.symptom)
    }
    if not found:
        return []
    names = ", ".join(sorted(found))
    return [f"pinned by a message alone, whatever the case: {names}; --update-baseline pins the cases"]


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 2]} …"
