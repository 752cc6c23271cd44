"""A badge as SVG: how many binding requirements are kept, and in what colour that is said."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from conformance.report.excerpts import clip_line, mapping, mappings
from conformance.spec.levels import Level
from conformance.verdict.outcomes import Outcome, RunVerdict

_LABEL = "conformance"
_COLOURS: dict[str, str] = {RunVerdict.CONFORMANT: "#2a7a48", RunVerdict.NON_CONFORMANT: "#b3242a"}
_UNSURE = "#6b5a00"
_BINDING = frozenset(one for one in Level if one.binding)
_KEPT = frozenset({Outcome.PASSED})
_JUDGED = _KEPT | {Outcome.FAILED, Outcome.FAILED_STRICT_ONLY, Outcome.INCONCLUSIVE, Outcome.KNOWN_FAILURE}


def render(document: Mapping[str, Any]) -> str:
    """Return the badge. It holds no text of the server."""
    verdict = clip_line(mapping(document.get("verdict")).get("name") or "no verdict", 30)
    binding = [one for one in mappings(document.get("requirements")) if one.get("level") in _BINDING]
    judged = sum(one.get("outcome") in _JUDGED for one in binding)
    kept = sum(one.get("outcome") in _KEPT for one in binding)
    untested = sum(one.get("outcome") == Outcome.UNTESTED for one in binding)
    words = f"MUST {kept}/{judged}" if verdict in _COLOURS and judged else verdict.replace("-", " ")
    strict_only = sum(one.get("outcome") == Outcome.FAILED_STRICT_ONLY for one in binding)
    words += f", {strict_only} strict only" if strict_only else ""
    words += f", {untested} untested" if untested else ""  # a part of the suite is not the whole of it
    return _svg(words, _COLOURS.get(verdict, _UNSURE), f"{_LABEL}: {verdict}, {words}")


def _svg(words: str, colour: str, spoken: str) -> str:
    left, right = _width(_LABEL), _width(words)
    told, spoken = escape(words), escape(spoken)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" \
aria-label="{spoken}">
<title>{spoken}</title>
<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#444"/>\
<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{left / 2}" y="14" textLength="{left - 12}">{_LABEL}</text>
<text x="{left + right / 2}" y="14" textLength="{right - 12}">{told}</text>
</g>
</svg>
"""


def _width(text: str) -> int:
    """Return the room that a text takes at 11 px, with 6 px on both sides; `textLength` makes it exact."""
    return 12 + round(6.8 * len(text))
