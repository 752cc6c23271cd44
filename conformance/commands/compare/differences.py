"""What differs between two runs, kind by kind, and whether that is for the worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from conformance.commands.compare.documents import Run
from conformance.report.excerpts import clip_line
from conformance.verdict.outcomes import BREACHES, BROKEN, EMPTY, Outcome
from conformance.verdict.symptom import symptom

FORMAT = "conformance-comparison/1"
# In the order of the reader's interest: title, and what it means.
KINDS: Mapping[str, tuple[str, str]] = {
    "broken": ("Newly broken", "Kept before, or not failing; a MUST is broken now."),
    "vanished": ("Vanished", "Judged before, not judged now."),
    "unclear": ("Unclear", "Judged before, inconclusive now."),
    "strict-only": ("Strict only now", "A MUST that is broken now, and fails a run only with --strict."),
    "advised": ("Newly advised", "A SHOULD that is no longer kept."),
    "tolerated": ("Tolerated now", "Broken, and the second run's baseline says so."),
    "different": ("Broken otherwise", "Broken in both, with another symptom."),
    "mended": ("Mended", "Broken before, kept now."),
    "new": ("New", "Not judged before."),
}
SAME, WORSE, UNSURE = 0, 1, 10
NAMES = {SAME: "not worse", WORSE: "worse", UNSURE: "inconclusive"}


@dataclass(frozen=True, slots=True)
class Change:
    """A requirement whose outcome is not the same in both runs; None is a requirement not known there."""

    kind: str
    id: str
    level: str
    title: str
    before: str | None
    after: str | None
    was: str
    now: str

    @property
    def worse(self) -> bool:
        """Whether a build should stop at it."""
        # What a later suite asks for the first time is no change of the server.
        newly = self.kind == "new" and self.after == Outcome.FAILED and self.before is not None
        return self.kind in {"broken", "vanished"} or newly


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs and their differences, in the order of kinds and of the specification."""

    before: Run
    after: Run
    changes: Sequence[Change]
    common: int

    @property
    def exit_code(self) -> int:
        """1 for the worse, 10 where that cannot be told, else 0."""
        if any(one.worse for one in self.changes):
            return WORSE
        return UNSURE if self._doubts else SAME

    @property
    def reason(self) -> str:
        """The verdict's reason in a sentence."""
        counts = Counter(one.kind for one in self.changes)
        told = ", ".join(f"{counts[kind]} {KINDS[kind][0].lower()}" for kind in KINDS if counts[kind])
        worse = [one.id for one in self.changes if one.worse]
        text = f"{told or 'no requirement differs'}; {self.common} judged in both"
        if worse:
            more = f" and {len(worse) - 3} more" if len(worse) > 3 else ""
            text += f": {', '.join(worse[:3])}{more}"
        return f"{text}. {' '.join(self._doubts)}".strip()

    @property
    def _doubts(self) -> list[str]:
        doubts = [
            f"{one.name!r} did not finish: {one.reason}"
            for one in (self.before, self.after)
            if not one.complete
        ]
        if self.before.partial != self.after.partial:
            part = self.before if self.before.partial else self.after
            doubts.append(f"{part.name!r} ran a part of the suite, the other all of it.")
        if not self.common:
            doubts.append("The runs judged nothing in common.")
        if unclear := [one.id for one in self.changes if one.kind == "unclear"]:
            doubts.append(f"It is not clear whether {unclear[0]} is kept.")
        return doubts

    def as_data(self) -> dict[str, Any]:
        """Return the comparison as a JSON document."""
        return {
            "format": FORMAT,
            "verdict": {
                "exit_code": self.exit_code,
                "name": NAMES[self.exit_code],
                "reason": self.reason,
            },
            "before": self.before.as_data(),
            "after": self.after.as_data(),
            "common": self.common,
            "changes": [{**asdict(one), "worse": one.worse} for one in self.changes],
        }

    def of(self, kind: str) -> list[Change]:
        """Return the changes of one kind."""
        return [one for one in self.changes if one.kind == kind]


def compare(before: Run, after: Run) -> Comparison:
    """Return what differs between two runs."""
    changes, common = [], 0
    # A run that did not finish, or was of a part of the suite, has not lost what it did not come to.
    told = before.complete and after.complete and before.partial == after.partial
    for name in dict.fromkeys([*after.requirements, *before.requirements]):
        old, new = before.requirements.get(name), after.requirements.get(name)
        common += not ({before.outcome(name), after.outcome(name)} & {None, *EMPTY})
        was, now = _reason(old), _reason(new)
        kind = kind_of(before.outcome(name), after.outcome(name), otherwise=symptom(was) != symptom(now))
        if kind is not None and (told or Outcome.UNTESTED not in {before.outcome(name), after.outcome(name)}):
            shown = new or old or {}
            changes.append(
                Change(
                    kind=kind,
                    id=clip_line(name, 120),
                    level=clip_line(shown.get("level"), 20),
                    title=clip_line(shown.get("title"), 200),
                    before=before.outcome(name),
                    after=after.outcome(name),
                    was=was,
                    now=now,
                )
            )
    order = list(KINDS)
    return Comparison(before, after, sorted(changes, key=lambda one: order.index(one.kind)), common)


def kind_of(before: str | None, after: str | None, *, otherwise: bool = False) -> str | None:
    """Return which kind of change it is, or None.

    Args:
        before: the outcome in the first run; None where it had none.
        after: the outcome in the second run.
        otherwise: whether the symptoms differ.

    """
    empty = {None, *EMPTY}
    if before in empty or after in empty:
        return None if {before, after} <= empty else "vanished" if after in empty else "new"
    if before == after:
        return "different" if otherwise and after in BROKEN else None
    if after in BREACHES:
        names: Mapping[str, str] = {Outcome.FAILED: "broken", Outcome.FAILED_STRICT_ONLY: "strict-only"}
        return names.get(after, after)
    if after in {Outcome.INCONCLUSIVE, Outcome.KNOWN_FAILURE}:
        return "unclear" if after == Outcome.INCONCLUSIVE else "tolerated"
    if before in BROKEN:
        return "mended"
    return "new" if before == Outcome.INCONCLUSIVE else None


def _reason(found: Mapping[str, Any] | None) -> str:
    return clip_line((found or {}).get("reason"), 300)
