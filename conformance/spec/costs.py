"""What the breach of a requirement costs, and who mends it: the members of a requirement that say so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from conformance.spec.levels import Level

Cost = Literal["interoperability", "security", "neither"]
Mender = Literal["server", "application", "either"]
COST_MEMBERS = frozenset({"cost", "cost_reason", "broken_by", "mended_by"})
MONTH = r"20[0-9]{2}-(0[1-9]|1[0-2])"


@dataclass(frozen=True, slots=True)
class BrokenBy:
    """How many server stacks broke a rule, of how many, and in which month that was measured."""

    stacks: int
    of: int
    date: str

    def __str__(self) -> str:
        """Return the count as a phrase."""
        return f"{self.stacks} of {self.of} server stacks ({self.date})"


def cost_of(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the members of a requirement that say what its breach costs, checked.

    A rule that binds says all of it. What a server MAY do cannot be broken and has no cost.

    Raises:
        ValueError: a member is missing or malformed; the message begins with ``where``.

    """
    given = COST_MEMBERS & set(entry)
    if entry["level"] == "MAY" and given:
        raise ValueError(f"{where}: what a server MAY do cannot be broken: it has no {min(given)}")
    needed = COST_MEMBERS - {"broken_by"}
    if missing := needed - given if given or Level(entry["level"]).binding else set():
        raise ValueError(f"{where}: {', '.join(sorted(missing))} is missing: what does a breach cost?")
    if not given:
        return {}
    cost = tuple([entry["cost"]] if isinstance(entry["cost"], str) else entry["cost"])
    if not cost or set(cost) - set(get_args(Cost)) or len(set(cost)) != len(cost):
        raise ValueError(f"{where}: cost {entry['cost']!r} is none of {', '.join(get_args(Cost))}")
    if "neither" in cost and len(cost) > 1:
        raise ValueError(f"{where}: a cost of neither stands alone")
    reason = " ".join(str(entry["cost_reason"]).split())
    if not reason.endswith("."):
        raise ValueError(f"{where}: cost_reason is the argument, in a sentence or two")
    if entry["mended_by"] not in get_args(Mender):
        raise ValueError(
            f"{where}: mended_by {entry['mended_by']!r} is none of {', '.join(get_args(Mender))}"
        )
    return {
        "cost": cost,
        "cost_reason": reason,
        "mended_by": entry["mended_by"],
        "broken_by": _broken_by(entry["broken_by"], where) if "broken_by" in entry else None,
    }


def _broken_by(given: Any, where: str) -> BrokenBy:
    shape = isinstance(given, dict) and set(given) == {"stacks", "of", "date"}
    if not shape or not isinstance(given["stacks"], int) or not isinstance(given["of"], int):
        raise ValueError(f"{where}: broken_by says stacks, of and date")
    if not 0 <= given["stacks"] <= given["of"] or not re.fullmatch(MONTH, str(given["date"])):
        raise ValueError(f"{where}: broken_by {given!r} is no count of stacks with its month")
    return BrokenBy(given["stacks"], given["of"], given["date"])
