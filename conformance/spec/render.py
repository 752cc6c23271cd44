"""The specification as pages to read: Markdown, and one self-contained HTML page with anchors by id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from conformance.core.templates import environment
from conformance.spec import CHAPTERS, NEEDS, VERSION, Requirement, requirements, sources
from conformance.spec.sources import Source

TITLES = {
    "protocol": "The WebSocket protocol",
    "session": "Session messages",
    "auth": "Identity",
    "routing": "Endpoints and routes",
    "events": "Events",
    "port": "The port",
    "robustness": "Robustness",
    "browser": "The browser",
}
INTRODUCTION = (
    "Every requirement has a permanent id. MUST and MUST NOT, broken, fail a server; SHOULD and SHOULD NOT, "
    "broken, are advice (failures under --strict); MAY is observed and never red. Where several behaviours "
    "keep a rule, all of them are listed. A rule that needs something which a server neither has nor claims "
    "does not apply to it."
)
STRICT_ONLY = (
    "Each rule that binds says what its breach costs: interoperability, security, or neither. By a breach of "
    "these rules no frame, length, message, token, origin, host or end of a request can be misread, and no "
    "client loses a connection. Broken, they are reported as strict only and counted apart; they fail a run "
    "only with --strict."
)
MENDERS = {
    "server": "the server (the program or library that speaks HTTP and WebSocket), not an application on it",
    "application": "the application",
    "either": "the server or the application on it",
}


def by_chapter() -> list[tuple[str, str, list[Requirement]]]:
    """Return the chapters as (name, title, requirements)."""
    found = requirements().values()
    return [(name, TITLES[name], [one for one in found if one.chapter == name]) for name in CHAPTERS]


def markdown(proven: Mapping[str, Sequence[str]]) -> str:
    """Return the whole specification as Markdown."""
    lines = [f"# The specification, version {VERSION}", "", INTRODUCTION, "", "## Strict only", ""]
    lines += [
        STRICT_ONLY,
        "",
        *(f"- `{one.id}`: {one.title}. {one.cost_reason}" for one in strict_only()),
        "",
    ]
    for name, title, chosen in by_chapter():
        lines += [f"## {title}", "", f"Chapter `{name}`, {len(chosen)} requirements.", ""]
        for one in chosen:
            lines += [
                f"### `{one.id}`",
                "",
                f"**{one.level}**{', strict only' if one.strict_only else ''} · {one.title}",
                "",
                one.text,
                "",
            ]
            lines += [f"- {label}: {text}" for label, text in facts(one, proven)]
            lines.append("")
    lines += ["## What is not covered, and why", ""]
    for title, total, left in excluded():
        lines += [f"### {title}: {len(left)} of {total}", ""]
        lines += [
            f"- `{one.id}` ({one.level}, {one.where}): {one.gist}. Excluded: {one.excluded}." for one in left
        ]
        lines.append("")
    return "\n".join(lines)


def sources_read() -> list[tuple[str, list[Source]]]:
    """Return what the requirements were made from, each with its entries."""
    return [
        ("Clauses of RFC 6455 and RFC 7692", list(sources.clauses().values())),
        ("Rows of the security catalogue", list(sources.security().values())),
    ]


def excluded() -> list[tuple[str, int, list[Source]]]:
    """Return what no requirement covers, as (title, number of entries in all, the excluded ones)."""
    return [(title, len(chosen), [one for one in chosen if one.excluded]) for title, chosen in sources_read()]


def facts(one: Requirement, proven: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return what is known about a requirement besides its text, as (label, text)."""
    rows = [("Source", one.source), ("Observed", one.observed)]
    rows += [("Accepted", outcome) for outcome in one.accepted]
    rows += costs(one)
    rows.append(("Needs", "; ".join(NEEDS[need] for need in one.needs)))
    rows.append(("Since", f"specification {one.since}" if one.since != "1.0" else ""))
    rows.append(("Covers", ", ".join([*one.clauses, *one.security])))
    rows.append(("Proven by", ", ".join(proven.get(one.id, ()))))
    rows.append(("Not proven", one.unproven))
    return [(label, text) for label, text in rows if text]


def costs(one: Requirement) -> list[tuple[str, str]]:
    """Return what breaking a requirement costs, who can mend it and how many break it, as (label, text)."""
    if not one.cost:
        return []
    strict = "strict only: fails a run only with --strict" if one.strict_only else ""
    return [
        ("Cost of a breach", f"{' and '.join(one.cost)}. {one.cost_reason}"),
        ("Weight", strict),
        ("Mended by", MENDERS[one.mended_by] if one.mended_by else ""),
        ("Broken by", str(one.broken_by or "")),
    ]


def strict_only() -> list[Requirement]:
    """Return the requirements whose breach fails a run only with ``--strict``."""
    return [one for one in requirements().values() if one.strict_only]


def html(proven: Mapping[str, Sequence[str]]) -> str:
    """Return the whole specification as one HTML page that needs no other file."""
    pages = environment("conformance.spec")
    pages.filters["linked"] = _linked
    return pages.get_template("spec.html.j2").render(
        version=VERSION,
        introduction=INTRODUCTION,
        strict_only=strict_only(),
        about_strict_only=STRICT_ONLY,
        chapters=by_chapter(),
        facts=lambda one: facts(one, proven),
        excluded=excluded(),
    )


def _linked(source: str) -> list[tuple[str, str]]:
    """Return a source as (text, address) pairs; RFC sections have the address of their text."""
    pieces: list[tuple[str, str]] = []
    position = 0
    for match in re.finditer(r"RFC (\d+) §(\d[\d.]*\d|\d)", source):
        pieces.append((source[position : match.start()], ""))
        address = f"https://www.rfc-editor.org/rfc/rfc{match[1]}#section-{match[2]}"
        pieces.append((match[0], address))
        position = match.end()
    pieces.append((source[position:], ""))
    return [(text, address) for text, address in pieces if text]
