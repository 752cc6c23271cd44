"""Which members of a message count: the one comparison of messages.

Members that the protocol does not know may stand in any message and inside its ``data`` (Protocol §4): they
are nobody's harm. What the client itself sent and gets back is compared whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Returned:
    """A value that the client sent and that has to come back as it was: no member more, none less."""

    value: Any


@dataclass(frozen=True, slots=True)
class AnyOrder:
    """Names whose order means nothing."""

    names: tuple[str, ...]


def same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same, true and 1 told apart, and 1 and 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(repr(one) == repr(other) if isinstance(one, float) else one == other)  # 0.0 is not -0.0


def alike(one: Any, other: Any) -> bool:
    """Return whether two JSON values mean the same: as :func:`same`, but that 1 and 1.0 are one number."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def says(found: Any, wanted: Any) -> bool:
    """Return whether a message, or a part of one, says what is wanted, whatever else it says.

    Members are looked for at every level; one that is not wanted does not count. Inside :class:`Returned`
    every member counts.
    """
    match wanted:
        case Returned(value=value):
            return alike(found, value)
        case AnyOrder(names=names):
            return isinstance(found, list) and sorted(map(str, found)) == sorted(names)
        case Mapping():
            return isinstance(found, dict) and all(
                name in found and says(found[name], value) for name, value in wanted.items()
            )
        case list():
            return isinstance(found, list) and len(found) == len(wanted) and all(map(says, found, wanted))
    return same(found, wanted)
