"""Header lines of an opening handshake: what it needs, and what a test adds, put together."""

from __future__ import annotations

from collections.abc import Iterable

Line = tuple[str, str]
# In these a test's values go beside those that the opening needs, separated so; any other line replaces it.
_JOINED = {"sec-websocket-protocol": ", ", "cookie": "; "}


def merged(needed: Iterable[Line], own: Iterable[Line]) -> list[Line]:
    """Return the lines that the opening needs and a test's own, none of them spoiled by the other.

    A server that wants a subprotocol, or a cookie, finds it first in the one line that both share; of every
    other field the test's line stands instead of the needed one.
    """
    own = list(own)
    wanted = _gathered(needed)
    names = {name.lower() for name, _ in own}
    lines = [line for key, line in wanted.items() if key not in names]
    for name, value in own:
        before = wanted.pop(name.lower(), None) if name.lower() in _JOINED else None
        lines.append((name, f"{before[1]}{_JOINED[name.lower()]}{value}") if before else (name, value))
    return lines


def _gathered(lines: Iterable[Line]) -> dict[str, Line]:
    """Return one line for each field, the later one where a field cannot be joined."""
    found: dict[str, Line] = {}
    for name, value in lines:
        key = name.lower()
        before = found.get(key)
        found[key] = (
            (name, f"{before[1]}{_JOINED[key]}{value}") if before and key in _JOINED else (name, value)
        )
    return found
