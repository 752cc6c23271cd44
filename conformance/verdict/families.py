"""Known deviations of server families, shipped with the suite: a team's first run shows its own faults.

Each is a file ``conformance/spec/families/NAME.toml`` with ``title``, ``versions`` (those that were tested),
``server`` (patterns of the ``Server`` header, may be empty), ``includes`` (families that it builds on) and
``[[known_failure]]`` entries: faults of the server itself, reproduced by hand (docs/findings.md).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from conformance.core.complaints import suggestion
from conformance.core.errors import UsageProblem
from conformance.spec import requirements
from conformance.verdict.known_failures import KnownFailure, read_entries
from conformance.verdict.symptom import Symptom, fits, unpinned

FEW, ALIKE = 4, 0.7  # requirements that a family has to explain at least, and which share of them
FOLDER = Path(__file__).parents[1] / "spec" / "families"


@dataclass(frozen=True, slots=True)
class Family:
    """Servers that share an implementation, and where it is known to deviate."""

    name: str
    title: str
    versions: str
    server: tuple[str, ...]
    entries: tuple[KnownFailure, ...]

    def fits(self, header: str) -> bool:
        """Return whether a ``Server`` header is one of this family's."""
        return any(fits(pattern, header) for pattern in self.server)

    def explains(self, broken: Mapping[str, Sequence[Symptom]]) -> list[str]:
        """Return which of the broken requirements break in no other way than this family is known for."""
        own = {one.requirement for one in self.entries}
        return [
            name for name, ways in broken.items() if name in own and not unpinned(self._patterns(name), ways)
        ]

    def looks_like(self, broken: Mapping[str, Sequence[Symptom]]) -> bool:
        """Return whether a server that breaks this, in these ways, is probably of this family.

        It explains most of the rules that bind and are broken, and little of what it is known for is missing
        there. Advice does not count: half of all servers pass over the same few recommendations.
        """
        binding = _binding(broken)
        explained = _binding(self.explains(broken))
        own = _binding(one.requirement for one in self.entries)
        return (
            len(explained) >= FEW
            and len(explained) >= ALIKE * len(binding)
            and len(own & binding) >= ALIKE * len(own)
        )

    def _patterns(self, requirement: str) -> Iterator[str]:
        return (each for one in self.entries if one.requirement == requirement for each in one.symptom)


def _binding(names: Iterable[str]) -> set[str]:
    return {name for name in names if requirements()[name].level.binding}


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
            hint = suggestion(name.lower(), families())
            raise UsageProblem(f"{where}: there is no server family {name!r}.{hint}")
        found += families()[name].entries
    return tuple(dict.fromkeys(found))  # one family may include another that was named too


def recognised(header: str | None, broken: Mapping[str, Sequence[Symptom]]) -> list[tuple[Family, list[str]]]:
    """Return the families that a ``Server`` header names, each with what of ``broken`` it explains.

    The first explains the most, and each other one something that those before it do not. Where there is no
    such header, it is the one family whose servers send none and that fails in the same ways.
    """
    explained = {family.name: family.explains(broken) for family in families().values()}
    chosen = [one for one in families().values() if header and one.fits(header)]
    if not header:
        alike = [one for one in families().values() if not one.server and one.looks_like(broken)]
        chosen = sorted(alike, key=lambda one: -len(explained[one.name]))[:1]
    found: list[tuple[Family, list[str]]] = []
    for family in sorted(chosen, key=lambda one: (-len(explained[one.name]), len(one.entries))):
        if not set(explained[family.name]) <= {rule for _, rules in found for rule in rules}:
            found.append((family, explained[family.name]))
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
    unknown = set(table) - {"title", "versions", "server", "includes", "known_failure"}
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
        (*_included(path, table), *(replace(one, family=title) for one in entries)),
    )


def _included(path: Path, table: Mapping[str, Any]) -> Iterator[KnownFailure]:
    for name in table.get("includes", ()):
        yield from read_family(path.with_name(f"{name}.toml")).entries
