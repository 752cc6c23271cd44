"""The baseline written anew from a run: what broke goes in, what is mended goes out, reasons stay."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from conformance.spec import VERSION, requirements
from conformance.verdict.baseline import Baseline
from conformance.verdict.gate import Gate, unexpected
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.outcomes import BROKEN, EMPTY, KEPT
from conformance.verdict.result_data import RequirementResult
from conformance.verdict.symptom import LONGEST, Symptom, fits, known, unpinned

TERM = dt.timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Changes:
    """The new baseline, and how many entries came, went and were pinned anew."""

    baseline: Baseline
    added: int
    removed: int
    repinned: int

    @property
    def line(self) -> str:
        """The changes in one line."""
        verb = "updated" if self.baseline.existed else "written"
        return (
            f"baseline {verb}: {self.baseline.path}: {self.added} added, {self.removed} removed, "
            f"{self.repinned} with a new symptom, {len(self.baseline.entries)} in all"
        )


def updated(
    gate: Gate, results: Sequence[RequirementResult], *, whole: bool, failing: Mapping[str, bool]
) -> Changes:
    """Return the baseline that this run would satisfy.

    A run of a part of the suite adds and pins, but removes nothing and does not move the pinned version. An
    expired entry stays expired.

    Args:
        gate: with the baseline before.
        results: of each requirement.
        whole: whether the whole suite ran.
        failing: whether breaking it fails a run, for each requirement.

    """
    before = gate.baseline
    assert before is not None
    by_id = {one.requirement.id: one for one in results}
    kept, repinned = [], 0
    for entry in before.entries:
        result = by_id.get(entry.requirement)
        if not entry.concerns(gate.names) or (result is not None and _stays(result, whole=whole)):
            after = _pinned(entry, gate, result, whole=whole)
            repinned += after != entry
            kept.append(after)
    covered = {one.requirement for one in kept if one.concerns(gate.names)}
    declared: dict[str, list[KnownFailure]] = {one.requirement: [] for one in gate.declared} | {
        name: [one for one in found if one in gate.declared] for name, found in gate.known.items()
    }
    version = VERSION if whole or not before.existed else before.version
    added = [
        _entry(
            one, gate.today, before.path.name, unexpected(declared.get(one.requirement.id, ()), one.symptoms)
        )
        for one in results
        if one.outcome in BROKEN
        and failing[one.requirement.id]
        and one.requirement.id not in covered
        and not (
            declared.get(one.requirement.id) and not unexpected(declared[one.requirement.id], one.symptoms)
        )
        and not (one.new and version == before.version)
    ]
    made = replace(
        before,
        version=version,
        entries=(*kept, *added),
        not_applicable=_absent(gate, results) if whole else before.not_applicable,
    )
    return Changes(made, len(added), len(before.entries) - len(kept), repinned)


def _stays(result: RequirementResult, *, whole: bool) -> bool:
    gone = result.outcome in KEPT or result.outcome in EMPTY
    return not (gone and whole)


def _pinned(
    entry: KnownFailure, gate: Gate, result: RequirementResult | None, *, whole: bool
) -> KnownFailure:
    """Return an entry with the symptoms of this run; patterns that still fit are kept as they are.

    But for a message that an earlier version wrote there: it cannot tell one case from another.
    """
    if result is None or result.outcome not in BROKEN or not entry.concerns(gate.names):
        return entry
    still = [one for one in entry.symptom if not whole or any(known(one, seen) for seen in result.symptoms)]
    old = {one for one in still if _by_message(one, result.symptoms)}
    still = [one for one in still if one not in old]
    others = (one for each in gate.known[entry.requirement] for one in each.symptom if one not in old)
    symptoms = (*still, *map(str, unpinned(others, result.symptoms)))
    return replace(entry, symptom=symptoms or entry.symptom)


def _by_message(pattern: str, symptoms: Sequence[Symptom]) -> bool:
    written = "*" not in pattern or (len(pattern) == LONGEST and pattern.index("*") == LONGEST - 1)
    return (
        written
        and any(fits(pattern, one.text) for one in symptoms)
        and not any(fits(pattern, str(one)) for one in symptoms)
    )


def _entry(
    result: RequirementResult, today: dt.date, where: str, symptoms: Sequence[Symptom]
) -> KnownFailure:
    return KnownFailure(
        requirement=result.requirement.id,
        reason=f"found on {today} by --update-baseline; say here why it is tolerated",
        symptom=tuple(dict.fromkeys(map(str, symptoms))),
        expires=today + TERM,
        where=where,
    )


def _absent(gate: Gate, results: Sequence[RequirementResult]) -> dict[str, str] | None:
    if gate.absent is None:
        return None
    return {
        one.requirement.id: gate.absent.get(one.requirement.id)
        or " ".join((one.reason or "no test judged it").split())[:200]
        for one in results
        if one.outcome in EMPTY and one.requirement.id in requirements()
    }
