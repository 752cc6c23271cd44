"""What a browser saw, made fit to print beside the conversation on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.report.excerpts import Budget

_LARGEST_IMAGE = 200_000
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True)
class Browser:
    """The frames, console messages and errors of a test's pages, and how the first page looked."""

    image: str
    frames: tuple[str, ...]
    console: tuple[str, ...]
    errors: tuple[str, ...]


def browser_seen(told: Mapping[str, Any], budget: Budget) -> Browser | None:
    """Return the browser's side of a test, or nothing where none took part.

    Args:
        told: the member `browser` of a test in the document.
        budget: its test's; an image counts with a tenth of its size, for nobody reads it letter by letter.

    """
    if not told:
        return None
    image = told.get("screenshot")
    usable = isinstance(image, str) and len(image) <= _LARGEST_IMAGE and _BASE64.fullmatch(image)
    shown = image if isinstance(image, str) and usable and not budget.spent else ""
    budget.charge(len(shown) // 10)
    return Browser(
        image=shown,
        frames=budget.texts(told.get("frames"), 440, 104),
        console=budget.texts(told.get("console"), 440, 50),
        errors=budget.texts(told.get("errors"), 440, 50),
    )
