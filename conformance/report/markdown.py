"""The run as a page of Markdown, for a pull request or a CI service's summary.

What a server said stands in code spans only, in which neither Markdown nor HTML means anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.report.excerpts import clip, clip_line, mapping, mappings, sequence
from conformance.report.vocabulary import NO_VERDICT, OUTCOMES, VERDICTS, weight
from conformance.spec.levels import Level
from conformance.verdict.outcomes import Outcome

# GitHub takes 1 MiB for a step and loses everything above it; the rest is left for what else the step says.
LIMIT = 900_000
_CARDS, _ROWS, _LINE = 40, 200, 300
_WITH_EVIDENCE = frozenset({Outcome.FAILED, Outcome.FAILED_STRICT_ONLY})


def render(document: Mapping[str, Any], limit: int = LIMIT) -> str:
    """Return the summary, of at most `limit` bytes in UTF-8; what is left out is said."""
    parts: list[str] = []
    size = 0
    rest = "\nMore did not fit: see `conformance.html` and `conformance.json` of the same run.\n"
    for part in _parts(document):
        size += len(part.encode())
        if size > limit - len(rest.encode()):
            return "".join(parts) + rest if limit > len(rest) else ""
        parts.append(part)
    return "".join(parts)


def _parts(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the page in pieces, each of which makes sense where the next does not fit."""
    requirements = mappings(document.get("requirements"))
    verdict, run = mapping(document.get("verdict")), mapping(document.get("run"))
    word = VERDICTS.get(str(verdict.get("name")), NO_VERDICT)
    yield f"## {word.sign} WebSocket conformance: {word.label.lower()}\n\n"
    yield f"{span(verdict.get('reason') or word.meaning)}\n\n"
    if run.get("complete") is False:
        yield "**This run did not finish.** Nothing here may be read as conformance.\n\n"
    yield f"Target {span(mapping(document.get('target')).get('url') or 'none')}, exit code "
    yield f"{span(verdict.get('exit_code'))}, took {span(run.get('duration'))} s.\n\n"
    if requirements:
        yield _table(requirements)
    for outcome, title in (
        (Outcome.FAILED, "What broke"),
        (Outcome.INCONCLUSIVE, "Could not be judged"),
        (Outcome.FAILED_STRICT_ONLY, "Broken, strict only"),
        (Outcome.ADVISED, "Advised"),
        (Outcome.KNOWN_FAILURE, "Known failures"),
    ):
        yield from _section(title, [one for one in requirements if one.get("outcome") == outcome], document)


def _section(title: str, chosen: list[Mapping[str, Any]], document: Mapping[str, Any]) -> Iterator[str]:
    if not chosen:
        return
    yield f"### {title} ({len(chosen)})\n\n"
    for number, one in enumerate(chosen[:_ROWS]):
        told = one.get("outcome") in _WITH_EVIDENCE and number < _CARDS
        evidence = _evidence(one, document) if told else ""
        yield f"- **{span(one.get('id'))}** ({clip_line(one.get('level'), 20)}, {span(one.get('source'))}): "
        reason = mapping(one.get("known_failure")).get("reason") or one.get("reason") or one.get("title")
        whose = f"  - whose: {span(one['whose'])}\n" if one.get("whose") else ""
        yield f"{span(reason)}\n{evidence}{whose}"
    yield f"- and {len(chosen) - _ROWS} more\n\n" if len(chosen) > _ROWS else "\n"


def _evidence(requirement: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Return what was expected and what came back, of the first test that failed it."""
    for test in mappings(document.get("tests")):
        if test.get("requirement") != requirement.get("id") or test.get("outcome") not in _WITH_EVIDENCE:
            continue
        expected = " or ".join(span(one) for one in sequence(test.get("expected"))[:6])
        rows = (("expected", expected), ("came back", span(test.get("actual")) if test.get("actual") else ""),
                ("repeat", span(test.get("repeat")) if test.get("repeat") else ""))  # fmt: skip
        return "".join(f"  - {name}: {told}\n" for name, told in rows if told)
    return ""


def _table(requirements: list[Mapping[str, Any]]) -> str:
    counts = Counter((str(one.get("outcome")), weight(str(one.get("level")))) for one in requirements)
    levels = [
        level for level in (Level.MUST, Level.SHOULD, Level.MAY) if any(key[1] == level for key in counts)
    ]
    lines = ["| Outcome |" + "".join(f" {level} |" for level in levels), "|:--|" + "--:|" * len(levels)]
    for outcome, word in OUTCOMES.items():
        row = [counts[outcome, level] for level in levels]
        if any(row) or outcome in {Outcome.FAILED, Outcome.PASSED}:
            lines.append(f"| {word.sign} {word.label} |" + "".join(f" {count} |" for count in row))
    return "\n".join(lines) + "\n\n"


def span(value: object) -> str:
    """Return a text as a code span on one line: its fence is longer than any run of backticks inside."""
    text = " ".join(clip(value, _LINE).split()) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{room}{text}{room}{fence}"
