"""A run held against what was tolerated: what of it still fits, and what is red because it does not."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.spec import Requirement, requirements
from conformance.verdict.baseline import Baseline, numbers
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.outcomes import BROKEN, EMPTY, KEPT
from conformance.verdict.result_data import RequirementResult
from conformance.verdict.symptom import Symptom, unpinned

LONGEST = 150  # characters of a finding's evidence in a line
# What a finding means, and what to do about it; in the order of the closing lines.
RED = {
    "unpinned": ("without a symptom", "say which failure is tolerated, or write it by --update-baseline"),
    "different": ("failing differently", "if it is the same fault, pin its symptom with --update-baseline"),
    "expired": ("expired", "mend it, or set a later day with a reason"),
    "stale": ("passes now", "remove the entry"),
    "unmatched": ("matches nothing", "correct the entry or remove it"),
    "vanished": ("no longer judged", "bring it back, or list it under [not_applicable]"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the gate is red for: its kind of :data:`RED`, the requirement, and the evidence."""

    kind: str
    requirement: str
    detail: str
    where: str = ""
    owner: str = ""
    link: str = ""

    @property
    def line(self) -> str:
        """The finding in one line."""
        label, advice = RED[self.kind]
        whose = f" (owner: {self.owner})" if self.owner else ""
        detail = " ".join(self.detail.split())
        if len(detail) > LONGEST and self.kind != "unpinned":  # that one is there to be copied
            detail = f"{detail[: LONGEST - 2]} …"
        return f"{label}: {self.requirement}: {detail}{whose}; {advice}"


@dataclass(slots=True)
class Gate:
    """What is tolerated of the target of this run. ``expect`` gates what is not applicable."""

    declared: tuple[KnownFailure, ...] = ()
    baseline: Baseline | None = None
    expect: bool = False
    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())
    names: tuple[str, ...] = ()

    def choose(self, names: Iterable[str]) -> None:
        """Say by which names the target goes, so that entries for other targets stay out of it."""
        self.names = tuple(name for name in names if name)

    @property
    def entries(self) -> tuple[KnownFailure, ...]:
        """Every entry, of the profile and of the baseline."""
        return self.declared + (self.baseline.entries if self.baseline else ())

    @property
    def known(self) -> dict[str, list[KnownFailure]]:
        """The entries for this target by their requirement."""
        found: dict[str, list[KnownFailure]] = {}
        for entry in self.entries:
            if entry.concerns(self.names):
                found.setdefault(entry.requirement, []).append(entry)
        return found

    def is_new(self, requirement: Requirement, since: str = "") -> bool:
        """Return whether a rule, or a test of it that came later, is newer than what the baseline pins."""
        if self.baseline is None:
            return False
        return max(numbers(requirement.since), numbers(since or "0")) > numbers(self.baseline.version)

    @property
    def absent(self) -> dict[str, str] | None:
        """The requirements that need not apply, or None where that is not gated."""
        listed = self.baseline.not_applicable if self.baseline else None
        return listed if listed is not None else {} if self.expect else None

    def findings(self, results: Sequence[RequirementResult], *, whole: bool) -> list[Finding]:
        """Return what the gate is red for, the gravest kind first.

        Only a ``whole`` run can tell that an entry is stale or that something vanished: a part of the suite
        may have left out just the test that fails.
        """
        by_id = {one.requirement.id: one for one in results}
        found: list[Finding] = []
        for name, entries in self.known.items():
            result = by_id.get(name)
            if result is None:
                found += [_finding("unmatched", one, "there is no such requirement") for one in entries]
            else:
                found += self._about(entries, result, whole=whole)
        found += self._vanished(results) if whole else []
        return sorted(found, key=lambda one: list(RED).index(one.kind))

    def _about(
        self, entries: Sequence[KnownFailure], result: RequirementResult, *, whole: bool
    ) -> list[Finding]:
        found = []
        own = [one for one in entries if not one.family]
        other = unexpected(entries, result.symptoms) if result.outcome in BROKEN else []
        loose = [one for one in own if not one.symptom]
        if other and loose:
            found.append(_finding("unpinned", loose[0], f"add symptom = {listed(other)}"))
        elif other and own:
            pinned = "; ".join(one for entry in entries for one in entry.symptom)
            found.append(_finding("different", own[0], f"now {_told(other)}, not {pinned!r}"))
        for entry in own:
            expired = entry.expires is not None and entry.expires < self.today
            if result.outcome in KEPT and whole:
                found.append(_finding("stale", entry, f"known in {entry.where} because {entry.reason!r}"))
            elif expired and (result.outcome in BROKEN or whole):
                found.append(_finding("expired", entry, f"tolerated until {entry.expires}: {entry.reason}"))
            elif result.outcome in EMPTY and whole and entry in self._written:
                found.append(
                    _finding("unmatched", entry, f"nothing judged it: {result.reason or 'untested'}")
                )
        return found

    @property
    def _written(self) -> tuple[KnownFailure, ...]:
        return self.baseline.entries if self.baseline else ()

    def _vanished(self, results: Sequence[RequirementResult]) -> list[Finding]:
        if self.absent is None:
            return []
        found = [
            Finding("unmatched", name, "[not_applicable] names no requirement")
            for name in self.absent
            if name not in requirements()
        ]
        return found + [
            Finding("vanished", one.requirement.id, f"{one.outcome}: {one.reason or 'no test judged it'}")
            for one in results
            if one.outcome in EMPTY
            and one.requirement.id not in self.absent
            and one.requirement.id not in self.known
            and not self.is_new(one.requirement)
        ]

    def as_data(self, findings: Sequence[Finding], results: Sequence[RequirementResult]) -> dict[str, Any]:
        """Return the gate's state for the JSON document."""
        return {
            "file": self.baseline.path.name if self.baseline else None,
            "requirements_version": self.baseline.version if self.baseline else None,
            "entries": len(self.entries),
            "other_targets": sum(not one.concerns(self.names) for one in self.entries),
            "applicability_gated": self.absent is not None,
            "new": [one.requirement.id for one in results if one.new],
            "findings": [
                {
                    "kind": one.kind,
                    "label": RED[one.kind][0],
                    "requirement": one.requirement,
                    "detail": one.detail,
                    "advice": RED[one.kind][1],
                    "where": one.where,
                    "owner": one.owner,
                    "link": one.link,
                }
                for one in findings
            ],
        }


def unexpected(entries: Sequence[KnownFailure], symptoms: Iterable[Symptom]) -> list[Symptom]:
    """Return the symptoms that none of the entries knows; an entry without a symptom knows none."""
    return unpinned((one for entry in entries for one in entry.symptom), symptoms)


def also_tolerated(entries: Sequence[KnownFailure], result: RequirementResult) -> str:
    """Return in a line what of a broken requirement is new, beside what of it is tolerated."""
    titles = " and ".join(dict.fromkeys(one.family for one in entries))
    known = len(result.symptoms) - len(result.unknown)
    besides = f"; {known} more known of {titles}" if known else f", which is not what is known of {titles}"
    return f"{_told(result.unknown)}{besides}"


def quoted(text: str) -> str:
    """Return a text as a basic string of TOML, which tomli-w writes in whole files only."""
    sound = text.encode("utf-8", "replace").decode()
    return json.dumps(sound, ensure_ascii=False).replace("\x7f", "\\u007f")


def listed(symptoms: Sequence[Symptom]) -> str:
    """Return symptoms as a value of TOML."""
    texts = [quoted(str(one)) for one in symptoms]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _finding(kind: str, entry: KnownFailure, detail: str) -> Finding:
    return Finding(kind, entry.requirement, detail, entry.where, entry.owner, entry.link)


def _told(symptoms: Sequence[Symptom]) -> str:
    more = f" and {len(symptoms) - 1} more" if len(symptoms) > 1 else ""
    return f"{str(symptoms[0])!r}{more}"
