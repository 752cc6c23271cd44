"""Complaints about what a user wrote in a TOML file: which key, what is wrong there, and what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Protocol

from conformance.core.errors import UsageProblem

LISTED = 30  # of so many known names none is listed any more


class Wrong(Protocol):
    """Make a complaint about one file."""

    def __call__(self, key: str, what: str, given: str = "", known: Collection[str] = ()) -> UsageProblem:
        """Return the complaint.

        Args:
            key: the path of the key, such as ``target.url``.
            what: what is wrong there, without a full stop.
            given: what was written where a name was expected.
            known: the names that could have been meant.

        """


def suggestion(given: str, known: Collection[str]) -> str:
    """Return the nearest known name as a sentence with a space before it, or all of them if they are few."""
    near = difflib.get_close_matches(given, known, n=1) if given else []
    if near:
        return f" Did you mean {near[0]!r}?"
    return f" Known: {', '.join(sorted(known))}." if 0 < len(known) < LISTED else ""
