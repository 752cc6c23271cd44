"""Known deviations of server families, shipped with the suite: a team's first run shows its own faults.

Each is a file ``conformance/families/NAME.toml`` with ``title``, ``versions`` (those that were tested),
``server`` (patterns of the ``Server`` header, may be empty) and ``[[known_failure]]`` entries. An entry is a
fault of the server itself, reproduced by hand (docs/findings.md), which no application on it can mend.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from conformance.errors import UsageProblem
from conformance.gate.entries import KnownFailure, read_entries
from conformance.gate.symptom import fits

FOLDER = Path(__file__).parents[1] / "families"


@dataclass(frozen=True, slots=True)
class Family:
    """Servers that share an implementation, and where it is known to deviate."""

    name: str
    title: str
    versions: str
    server: tuple[str, ...]
    entries: tuple[KnownFailure, ...]

    def fits(self, header: str) -> bool:
        """Whether a ``Server`` header is one of this family's."""
        return any(fits(pattern, header) for pattern in self.server)


@cache
def families() -> dict[str, Family]:
    """Return every family by its name.

    Raises:
        ValueError: a shipped file is malformed, which is a fault of the suite.

    """
    return {path.stem: read_family(path) for path in sorted(FOLDER.glob("*.toml"))}


def entries_of(names: Iterable[str], where: str) -> tuple[KnownFailure, ...]:
    """Return what is known of these families; ``where`` says who named them, for the message.

    Raises:
        UsageProblem: there is no such family.

    """
    found: list[KnownFailure] = []
    for name in dict.fromkeys(names):
        if name not in families():
            near = difflib.get_close_matches(name.lower(), families(), n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(families())}."
            raise UsageProblem(f"{where}: there is no server family {name!r}. {hint}")
        found += families()[name].entries
    return tuple(found)


def recognised(header: str | None, broken: Iterable[str]) -> list[tuple[Family, list[str]]]:
    """Return the families that a ``Server`` header names, each with what of ``broken`` it explains."""
    listed = list(broken)
    found = []
    for family in families().values():
        own = {one.requirement for one in family.entries}
        explained = [name for name in listed if name in own]
        if header and explained and family.fits(header):
            found.append((family, explained))
    return found


def read_family(path: Path) -> Family:
    """Return the family that a shipped file describes.

    Raises:
        ValueError: the file is malformed.

    """

    def wrong(key: str, what: str, given: str = "", known: Any = ()) -> UsageProblem:
        del given, known
        return UsageProblem(f"{path.name}: {key}: {what}.")

    table = tomllib.loads(path.read_text("utf-8"))
    unknown = set(table) - {"title", "versions", "server", "known_failure"}
    if unknown or not table.get("title") or not table.get("versions"):
        raise ValueError(f"{path.name}: title or versions missing, or unknown keys {sorted(unknown)}")
    title = str(table["title"])
    entries = read_entries(table.get("known_failure", []), wrong, f"family {path.stem}")
    for one in entries:
        if not one.symptom:
            raise ValueError(
                f"{path.name}: {one.requirement}: an entry says by its symptom what it tolerates"
            )
    return Family(
        path.stem,
        title,
        str(table["versions"]),
        tuple(table.get("server", ())),
        tuple(replace(one, family=title) for one in entries),
    )
