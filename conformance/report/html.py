"""The requirement-first report: a results document in, one self-contained HTML page out.

The page is a template (`report.html.j2`); `cards` decides which requirements are shown in which section,
which tests are evidence for them, and how much of it fits. Nothing in the document is trusted, since much of
it was chosen by the server under test: every value a template prints passes `visible` and HTML escaping, and
the page's policy lets no script run but its own.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from conformance.core.templates import environment
from conformance.report import cards, run_facts
from conformance.report.excerpts import Budget, clip, clip_line, mapping, mappings, milliseconds, visible
from conformance.report.vocabulary import NO_VERDICT, OUTCOMES, VERDICTS, Word, weight

FORMAT = "conformance-results/1"

_EVIDENCE_CHARACTERS = 2_000_000


def render(document: Mapping[str, Any]) -> str:
    """Return the report on one run as one HTML page that needs nothing beside it.

    Args:
        document: a results document (`conformance-results/1`). Members may be missing, as in a run that was
            interrupted: what is not there is not shown, or is shown as untested.

    Returns:
        The page. It encodes to UTF-8, holds no script but its own, loads nothing, and stays under 5 MB for
        some 800 tests and 400 requirements whatever the server sent.

    """
    budget = Budget(_EVIDENCE_CHARACTERS)
    tests = mappings(document.get("tests"))
    requirements = cards.requirements(document, tests)
    sections = {outcome: cards.section(outcome, requirements) for outcome in OUTCOMES}
    cards.add_evidence([r for section in sections.values() for r in section.cards], tests, budget)
    page = _template().render(
        suite=mapping(document.get("suite")),
        run=mapping(document.get("run")),
        target=mapping(document.get("target")),
        verdict=mapping(document.get("verdict")),
        verdict_word=_verdict(document),
        foreign_format="" if document.get("format") == FORMAT else clip(document.get("format"), 80) or "none",
        capabilities=mappings(mapping(document.get("target")).get("capabilities")),
        dialect=mapping(document.get("dialect")),
        dialect_entries=mappings(mapping(document.get("dialect")).get("entries")),
        environment=run_facts.environment(document),
        gate=mapping(document.get("gate")),
        facts=run_facts.facts(document),
        requirements=requirements,
        sections=sections,
        chapters=cards.chapters(requirements),
        levels=cards.levels(requirements),
        weights=list(dict.fromkeys(weight(level) for level in cards.levels(requirements))),
        counts=Counter((r.outcome, weight(r.level)) for r in requirements),
        test_count=len(tests),
        outcomes=OUTCOMES,
    )
    # No character of the template or of `visible` is unencodable; this is a promise, checked here.
    page.encode("utf-8")
    return page


@functools.cache
def _template() -> Template:
    made = environment("conformance.report", inert)
    made.filters |= {
        "clip": clip,
        "one_line": clip_line,
        "instant": run_facts.instant,
        "milliseconds": milliseconds,
    }
    return made.get_template("report.html.j2")


def inert(value: object) -> object:
    """Return a printed value made inert: Jinja asks for each, so that no template line can forget to."""
    if value is None:
        return ""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _verdict(document: Mapping[str, Any]) -> Word:
    return VERDICTS.get(str(mapping(document.get("verdict")).get("name")), NO_VERDICT)
