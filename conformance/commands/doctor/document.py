"""The diagnosis as data: the shape that ``doctor.schema.json`` describes and ``docs/doctor.md`` explains."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import Any

from conformance.commands.doctor.case import Case
from conformance.commands.doctor.findings import Diagnosis
from conformance.commands.doctor.routing import Row
from conformance.core.masking import cleaned

VERSION = 1


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    text = resources.files("conformance.commands.doctor").joinpath("doctor.schema.json").read_text("utf-8")
    made: dict[str, Any] = json.loads(text)
    return made


def document(case: Case, diagnosis: Diagnosis, rows: list[Row] | None = None) -> dict[str, Any]:
    """Return the diagnosis, clean of secrets. Members may be added in a version; none changes its meaning.

    Args:
        case: what was asked.
        diagnosis: what was found.
        rows: what each path answered, where paths were asked.

    """
    layers = []
    for one in diagnosis.findings:
        data = asdict(one)
        data["steps"] = [asdict(step) for step in one.steps]
        layers.append(data)
    last = diagnosis.last
    made: dict[str, Any] = {
        "doctor": VERSION,
        "url": diagnosis.url,
        "verdict": diagnosis.verdict,
        "exit_code": diagnosis.exit_code,
        "cause": last.cause if last else None,
        "meaning": last.cause.meaning if last and last.cause else None,
        "layer": last.layer if last else None,
        "seconds": round(diagnosis.seconds, 3),
        "not_seen": [one.summary for one in diagnosis.findings if one.state == "unseen" and not one.ends],
        "layers": layers,
    }
    if rows is not None:
        made["paths"] = [_row(one) for one in rows]
    shown: dict[str, Any] = cleaned(made, case.clean)
    return shown


def _row(row: Row) -> dict[str, Any]:
    response = row.attempt.response if row.attempt else None
    return {
        "path": row.path,
        "kind": row.kind,
        "upgraded": bool(row.attempt and row.attempt.upgraded),
        "status": response.status if response else None,
        "answer": response.line if response else str(row.attempt or "no connection"),
        "server": response.get("Server") if response else None,
    }
