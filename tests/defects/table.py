"""What a run of the kill matrix found, requirement by requirement: as data, and as Markdown to read."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from conformance.spec import CHAPTERS, Requirement, requirements
from conformance.spec.render import TITLES
from tests.defects.engine import Verdict
from tests.defects.registry import Defect, defects

FORMAT = "kill-matrix/1"
# What a requirement's defects say of it together, and what of one defect.
PROVEN, NOT_PROVEN, OBSERVED, NOT_RUN = "proven", "not proven", "observed only", "not run"
KILLED, SURVIVED = "killed", "survived"


def document(verdicts: Iterable[Verdict], *, seconds: float, jobs: int, command: str) -> dict[str, Any]:
    """Return a run as JSON-able data; ``seconds`` is how long all of it took, ``jobs`` suites at a time."""
    by_name = {one.defect.name: one for one in verdicts}
    rows = [_requirement(one, by_name) for one in requirements().values()]
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "complete": by_name.keys() == defects().keys(),
        "jobs": jobs,
        "seconds": round(seconds, 1),
        "processor_seconds": round(sum(one.outcome.processor for one in by_name.values()), 1),
        "counts": {
            "defects": len(defects()),
            "run": len(by_name),
            "killed": sum(one.killed for one in by_name.values()),
        },
        "requirements": rows,
    }


def _requirement(rule: Requirement, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    rows = [_defect(one, verdicts.get(one.name)) for one in defects().values() if one.requirement == rule.id]
    found = {row["verdict"] for row in rows}
    verdict = NOT_PROVEN if SURVIVED in found or not rows else NOT_RUN if NOT_RUN in found else PROVEN
    return {
        "id": rule.id,
        "chapter": rule.chapter,
        "level": rule.level,
        "title": rule.title,
        "verdict": OBSERVED if rule.unproven and not rows else verdict,
        "reason": rule.unproven,
        "defects": rows,
    }


def _defect(one: Defect, verdict: Verdict | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "words": words(one),
        "module": one.module,
        "companions": dict(one.companions),
        "verdict": NOT_RUN if verdict is None else KILLED if verdict.killed else SURVIVED,
        "complaints": list(verdict.wrong) if verdict else [],
        "seconds": round(verdict.outcome.seconds, 2) if verdict else None,
        "processor_seconds": round(verdict.outcome.processor, 2) if verdict else None,
    }


def words(one: Defect) -> str:
    """Return what a defect does, as a sentence: its name, and the first paragraph of what it says more."""
    said = one.name.replace("-", " ")
    more = (inspect.getdoc(one.apply) or "").partition("\n\n")[0].replace("\n", " ")
    return f"It {said}." + (f" {more}" if more else "")


def counts() -> list[tuple[str, str, int, int, int]]:
    """Return (chapter, level, requirements, proven, defects) of the registry, without running anything."""
    rows = []
    for chapter in CHAPTERS:
        for level, member in (("MUST", "binding"), ("SHOULD", "advisory"), ("MAY", "")):
            rules = [one for one in requirements().values() if one.chapter == chapter]
            rules = [one for one in rules if (getattr(one, member) if member else one.level == "MAY")]
            breaking = [one for one in defects().values() if requirements()[one.requirement] in rules]
            if rules:
                rows.append(
                    (chapter, level, len(rules), len({one.requirement for one in breaking}), len(breaking))
                )
    return rows


def markdown(made: Mapping[str, Any]) -> str:
    """Return a run as Markdown."""
    number = made["counts"]
    part = "" if made["complete"] else f" of {number['defects']}: a part of the matrix"
    said = (
        f"{number['killed']} of {number['run']} defects were killed{part}, in {_duration(made['seconds'])}, "
        f"{made['jobs']} suites at a time, {_duration(made['processor_seconds'])} of processor time. "
        f"{made['date']}, `{made['command']}`."
    )
    lines = ["# Kill matrix", "", said, ""]
    survivors = [
        (rule, one) for rule in made["requirements"] for one in rule["defects"] if one["verdict"] == SURVIVED
    ]
    if survivors:
        lines += ["## Survivors", ""]
        for rule, one in survivors:
            lines += [f"- `{one['name']}` ({rule['id']})", *(f"  - {each}" for each in one["complaints"])]
        lines.append("")
    for chapter in CHAPTERS:
        rules = [one for one in made["requirements"] if one["chapter"] == chapter]
        if not made["complete"]:
            rules = [one for one in rules if one["verdict"] in {PROVEN, NOT_PROVEN}]
        if rules:
            lines += [f"## {TITLES[chapter]}", "", "| requirement | level | verdict | proven by | s |"]
            lines += ["|---|---|---|---|--:|", *map(_row, rules), ""]
    return "\n".join(lines)


def _row(rule: Mapping[str, Any]) -> str:
    told = [_told(one) for one in rule["defects"]] or [_cell(rule["reason"]) or "no defect breaks it"]
    seconds = sum(one["seconds"] or 0 for one in rule["defects"])
    return f"| `{rule['id']}` | {rule['level']} | {rule['verdict']} | {'<br>'.join(told)} | {seconds:.1f} |"


def _told(one: Mapping[str, Any]) -> str:
    mark = {KILLED: "", SURVIVED: "**survived:** ", NOT_RUN: "not run: "}[one["verdict"]]
    beside = "; ".join(f"`{name}` beside it: {why}" for name, why in one["companions"].items())
    return _cell(mark + one["words"] + (f" ({beside})" if beside else ""))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
