"""What the terminal says of the gate, one line a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.report.results import RequirementResult

if TYPE_CHECKING:
    from conformance.run import Run

SHOWN = 20
WIDTH = 300


def gate_lines(run: Run, entries: list[RequirementResult]) -> list[str]:
    """Return what of the baseline no longer fits, what is newer than it, and what an update changed."""
    gate, findings = run.results.gate, run.results.findings()
    lines = [_cut(one.line) for one in findings[:SHOWN]]
    if len(findings) > SHOWN:
        lines.append(f"{len(findings) - SHOWN} more findings of the gate in the report")
    new = [one for one in entries if one.new and one.outcome == "advised"]
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
    if run.changes is not None:
        lines.append(run.changes.line)
    elif run.options.update_baseline:
        lines.append(f"baseline not written: {run.options.baseline}: the run did not judge enough")
    return lines


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 2]} …"
