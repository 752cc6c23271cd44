"""Which files a run writes, each made from the one document and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from conformance.report import badge, html, junit, markdown

Document = Mapping[str, Any]

MAKERS: Mapping[str, Callable[[Document], str]] = {
    "conformance.json": lambda made: json.dumps(made, indent=1),
    "conformance.html": html.render,
    "conformance.md": markdown.render,
    "junit.xml": junit.render,
    "badge.svg": badge.render,
}


def artefacts(document: Document) -> dict[str, str]:
    """Return the text of each file by its name."""
    return {name: make(document) for name, make in MAKERS.items()}
