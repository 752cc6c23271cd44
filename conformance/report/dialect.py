"""What became of the profile's dialect: each entry, and whether it was met on the wire.

An entry that was not met is a warning and turns nothing red or inconclusive: it may be misspelt, or the
backend may have had no occasion. Where it is misspelt, the message that comes by its other name instead fails
its own requirement.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from conformance.client.session import EVENTS
from conformance.target.profile import Profile


def as_data(profile: Profile, seen: Collection[str], *, partial: bool) -> dict[str, Any] | None:
    """Return every entry with whether it was met, or ``None`` where the profile has no dialect.

    Args:
        profile: with the dialect.
        seen: the entries that were met.
        partial: whether some tests did not run, so that what was not met proves nothing.

    """
    entries = [*profile.dialect.entries(), *profile.routes.entries()]
    if not entries:
        return None
    return {
        "partial": partial,
        "entries": [
            {"key": key, "wire": wire, "seen": key in seen, "note": "" if key in seen else _why(key, profile)}
            for key, wire in entries
        ],
    }


def _why(key: str, profile: Profile) -> str:
    kind = key.split(".")[1]
    if kind in EVENTS and not profile.controlled:
        return "without a control interface no event can be caused"
    if kind == "user" and not profile.credentials:
        return "without credentials no user's channel can be opened"
    return "it may be misspelt, or the backend had no occasion to use it"


def never_seen(data: Mapping[str, Any] | None) -> list[str]:
    """Return a line for each entry that a whole run never met."""
    if not data or data["partial"]:
        return []
    lines = []
    for one in data["entries"]:
        entry = f"{one['key']} = {json.dumps(one['wire'], ensure_ascii=False)}"
        lines += [] if one["seen"] else [f"dialect: `{entry}` was never seen: {one['note']}"]
    return lines
