"""Where and how a run took place, as rows of names and values for the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conformance.report.excerpts import clip, clip_line, mapping, number, sequence
from conformance.report.vocabulary import LADDER


def instant(value: object) -> str:
    """Return an ISO 8601 time as people write it, or the text as it stands."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return clip(value, 60)
    zone = moment.strftime("%Z") or "local time"
    return f"{moment:%Y-%m-%d %H:%M:%S} {zone}"


def facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what identifies the run, as (name, value) pairs without the empty ones."""
    run, target = mapping(document.get("run")), mapping(document.get("target"))
    duration = number(run.get("duration"))
    facts = (
        ("Target", clip(target.get("url"), 300)),
        ("Endpoint", clip_line(target.get("endpoint"))),
        ("Server", clip_line(target.get("server"))),
        ("Addresses", ", ".join(clip_line(a, 60) for a in sequence(target.get("addresses"))[:12])),
        ("Certificate", "not verified (--insecure)" if target.get("insecure") is True else ""),
        ("Capabilities", _ladder(target.get("level"))),
        ("Message limit", clip_line(mapping(target.get("message_sizes")).get("told"), 300)),
        ("Started", instant(run["started"]) if run.get("started") else ""),
        ("Took", "" if duration is None else f"{duration:.2f} s"),
        ("Run", clip_line(run.get("id"), 80)),
    )
    return [(name, value) for name, value in facts if value]


def _ladder(level: object) -> str:
    if not isinstance(level, int) or isinstance(level, bool) or not 0 <= level < len(LADDER):
        return ""
    return f"level {level} of {len(LADDER) - 1}, {LADDER[level][1]}"


def _registries(registries: Mapping[str, Any]) -> str:
    """Return which state of the registries close codes and names were judged by."""
    if not registries:
        return ""
    return f"as of {clip_line(registries.get('updated'), 40)}, read {clip_line(registries.get('date'), 40)}"


def environment(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return where and how the run took place, as (name, value) pairs without the empty ones."""
    run, environment = mapping(document.get("run")), mapping(document.get("environment"))
    calibration = mapping(environment.get("calibration"))
    started = mapping(document.get("target")).get("started_by_suite")
    trip = number(calibration.get("round_trip_ms"))
    rows = (
        ("Command", clip_line(run.get("command"), 1_000)),
        ("Options", _pairs(run.get("options"))),
        ("Tier", clip_line(run.get("tier"), 40)),
        ("Target started by", "" if started is None else "the suite" if started else "someone else"),
        ("Python", clip_line(environment.get("python"))),
        ("IANA registries", _registries(mapping(document.get("registries")))),
        ("Platform", clip_line(environment.get("platform"))),
        ("Packages", _pairs(environment.get("packages"))),
        ("Round trip", "" if trip is None else f"{trip:.2f} ms"),
        *_measurements(document),
        ("Time limits, in seconds", _pairs(calibration.get("limits"))),
    )
    return [(name, value) for name, value in rows if value]


def _measurements(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the percentiles of what was timed, one row a name."""
    rows = []
    for name, found in list(mapping(document.get("measurements")).items())[:20]:
        times = {key: number(value) for key, value in mapping(found).items()}
        told = [
            f"{key} {value:.2f} ms" for key, value in times.items() if key != "count" and value is not None
        ]
        rows.append((clip_line(name, 80), f"{', '.join(told)} ({times.get('count') or 0:.0f} times)"))
    return rows


def _pairs(value: object) -> str:
    pairs = list(mapping(value).items())
    words = {True: "yes", False: "no", None: "none"}
    told = (f"{k} {words[v] if isinstance(v, bool | None) else v}" for k, v in pairs[:60])
    return clip_line(", ".join(told), 2_000)
