"""The run as one JSON document; every other report is made from it."""

from __future__ import annotations

import functools
import itertools
import json
import platform
from dataclasses import asdict
from importlib import metadata, resources
from typing import Any

from conformance import __version__
from conformance.report.vocabulary import LADDER
from conformance.report.whose import told
from conformance.spec import NEEDS, VERSION, Requirement, registries
from conformance.target.target import Target
from conformance.verdict.known_failures import ANY, KnownFailure
from conformance.verdict.outcomes import BREACHES, EMPTY
from conformance.verdict.result_data import RequirementResult
from conformance.verdict.results import Results

FORMAT = "conformance-results/1"
PACKAGES = ("pytest", "pytest-asyncio", "websockets", "hypothesis", "psutil", "pytest-html", "playwright")


@functools.cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what :func:`document` returns."""
    text = resources.files("conformance.report").joinpath("results.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def document(
    results: Results,
    target: Target | None,
    run: dict[str, Any],
    dialect_data: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the whole run as JSON-able data.

    Texts are expected to be clean of secrets already; the caller cleans the document once more as a whole.

    Args:
        results: of all tests.
        target: the server under test, where there was one.
        run: id, started, duration, complete, command and options.
        dialect_data: what :func:`~conformance.report.dialect.as_data` gave.

    """
    verdict = results.verdict()
    return {
        "format": FORMAT,
        "suite": {"version": __version__, "specification": VERSION},
        "registries": {"date": registries.date(), "updated": registries.registry_updated()},
        "run": run,
        "verdict": {"name": verdict.name, "exit_code": verdict.exit_code, "reason": verdict.reason},
        "target": _target(target),
        **({"dialect": dialect_data} if dialect_data else {}),
        "environment": _environment(target, run),
        "measurements": results.measurements(),
        "counts": dict(results.counts()),
        **_gate(results),
        "requirements": _requirements(results, target),
        "tests": results.tests_as_data(),
    }


def _target(target: Target | None) -> dict[str, Any]:
    if target is None:
        return {}
    return {
        "url": str(target.url),
        "endpoint": target.path.split("?")[0],
        **({"instead": target.found.instead} if target.found.instead else {}),
        **({"fault": target.found.fault} if target.found.fault else {}),
        "started_by_suite": target.instance is not None,
        "server": target.found.server,
        "addresses": list(target.endpoint.addresses),
        "insecure": target.profile.insecure and target.url.secure,
        "level": level_of(target),
        "message_sizes": {
            **target.sizes.by_kind(),
            "tried": target.sizes.tried,
            **({"above": target.sizes.above} if target.sizes.above else {}),
            **({"told": str(target.sizes)} if target.sizes.by_kind() else {}),
        },
        "capabilities": [
            {"name": one.name, "present": one.present, "evidence": one.evidence, "unlock": one.unlock}
            for one in target.capabilities.values()
        ],
    }


def level_of(target: Target) -> int:
    """Return the rung of :data:`LADDER` that the target was tested on."""
    needed = (name for name, _ in LADDER[1:])
    return sum(1 for _ in itertools.takewhile(target.has, needed))


def _environment(target: Target | None, run: dict[str, Any]) -> dict[str, Any]:
    limits = asdict(target.limits) if target else {}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "calibration": {
            "round_trip_ms": run.get("round_trip_ms"),
            "limits": {name: bound for name, bound in limits.items() if name != "rate"},
            "octets_per_second": limits.get("rate"),
        },
    }


def _requirements(results: Results, target: Target | None) -> list[dict[str, Any]]:
    entries = results.requirements()
    broken = {one.requirement.id: one.symptoms for one in entries if one.outcome in BREACHES}
    whose = told(target.found.server if target else None, broken)
    return [_requirement(one, target, whose.get(one.requirement.id, "")) for one in entries]


def _requirement(entry: RequirementResult, target: Target | None, whose: str) -> dict[str, Any]:
    one = entry.requirement
    missing = [need for need in one.needs if target is not None and not target.has(need)]
    capability = target.capabilities.get(missing[0]) if target is not None and missing else None
    known = entry.known_failure
    return {
        "id": one.id,
        "chapter": one.chapter,
        "level": one.level,
        "title": one.title,
        "text": one.text,
        "source": one.source,
        **_cost(one),
        "outcome": entry.outcome,
        "reason": entry.reason or _why_empty(entry, missing),
        "tests": entry.tests,
        "known_failure": _known_failure(known, entry) if known else None,
        "symptoms": list(dict.fromkeys(map(str, entry.symptoms))),
        "untolerated": list(dict.fromkeys(map(str, entry.unknown))),
        "unlock": capability.unlock if capability else None,
        **({"whose": whose} if whose else {}),
    }


def _cost(one: Requirement) -> dict[str, Any]:
    """Return what a breach of the requirement costs, where that is said."""
    if not one.cost:
        return {}
    return {
        "cost": list(one.cost),
        "cost_reason": one.cost_reason,
        "strict_only": one.strict_only,
        "mended_by": one.mended_by,
        **({"broken_by": asdict(one.broken_by)} if one.broken_by else {}),
    }


def _known_failure(known: KnownFailure, entry: RequirementResult) -> dict[str, Any]:
    return {
        "reason": known.reason,
        "link": known.link,
        "stale": entry.stale,
        **({"owner": known.owner} if known.owner else {}),
        **({"family": known.family} if known.family else {}),
        **({"expires": known.expires.isoformat()} if known.expires else {}),
        **({"symptom": list(known.symptom)} if known.symptom not in {(), ANY} else {}),
    }


def _gate(results: Results) -> dict[str, Any]:
    gate = results.gate
    if not gate.entries and gate.baseline is None and gate.absent is None:
        return {}
    return {"gate": gate.as_data(results.findings(), results.requirements())}


def _why_empty(entry: RequirementResult, missing: list[str]) -> str:
    if entry.outcome not in EMPTY:
        return ""
    return f"needs {NEEDS[missing[0]]}" if missing else "no selected test judged it"
