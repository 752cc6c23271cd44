"""What the requirements are made from: the clauses of the RFCs, and the rows of the security catalogue.

Each is covered by the requirements that name it, or is excluded with the reason.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from conformance.spec import SHAPES, requirements
from conformance.spec.levels import Level

MAX_GIST = 20  # words


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that is asked of a server: by a clause of an RFC, or by a row of the security catalogue.

    ``where`` is the clause's section or the row's documents; ``level`` is the clause's level or the grade
    that the catalogue proposes. ``covered_by`` are the ids of the requirements that name it.
    """

    id: str
    where: str
    level: Level
    gist: str
    excluded: str | None
    covered_by: tuple[str, ...]


@cache
def clauses() -> Mapping[str, Source]:
    """Return every clause of RFC 6455 and RFC 7692 by its id, in the order of the documents.

    Raises:
        ValueError: the file is not sound; the message names file, id and fault.

    """
    covering = _covering({one.id: one.clauses for one in requirements().values()})
    return _load("clauses.toml", "clause", ("section", "level"), covering)


@cache
def security() -> Mapping[str, Source]:
    """Return every row of the security catalogue by its id, in the order of the catalogue.

    Raises:
        ValueError: the file is not sound; the message names file, id and fault.

    """
    covering = _covering({one.id: one.security for one in requirements().values()})
    return _load("security.toml", "row", ("source", "grade"), covering)


def _covering(named: Mapping[str, tuple[str, ...]]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for requirement, ids in named.items():
        for one in ids:
            found.setdefault(one, []).append(requirement)
    return found


def _load(
    name: str, kind: str, members: tuple[str, str], covering: Mapping[str, list[str]]
) -> Mapping[str, Source]:
    table = tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))
    found: dict[str, Source] = {}
    for entry in table[kind]:
        source = _read(entry, name, members, covering)
        if source.id in found:
            raise ValueError(f"{name}: the id {source.id} is used twice")
        found[source.id] = source
    return found


def _read(
    entry: Mapping[str, Any], name: str, members: tuple[str, str], covering: Mapping[str, list[str]]
) -> Source:
    place, level = members
    where = f"{name}: {entry.get('id', 'an entry without id')}"
    if unknown := set(entry) - {"id", "gist", "excluded", *members}:
        raise ValueError(f"{where}: unknown member {', '.join(sorted(unknown))}")
    if missing := {"id", "gist", *members} - set(entry):
        raise ValueError(f"{where}: {', '.join(sorted(missing))} is missing")
    if wrong := sorted(
        key for key, value in entry.items() if not isinstance(value, str) or not value.strip()
    ):
        raise ValueError(f"{where}: {wrong[0]} is no text")
    if not any(re.fullmatch(SHAPES[shape], entry["id"]) for shape in ("clauses", "security")):
        raise ValueError(f"{where}: an id is like RFC6455-5.1-1 or SEC-ORG-01")
    if entry[level] not in [*Level]:
        raise ValueError(f"{where}: {level} {entry[level]!r} is none of {', '.join(Level)}")
    if len(entry["gist"].split()) > MAX_GIST:
        raise ValueError(f"{where}: the gist has more than {MAX_GIST} words")
    return Source(
        id=entry["id"],
        where=entry[place],
        level=Level(entry[level]),
        gist=entry["gist"],
        excluded=entry.get("excluded"),
        covered_by=tuple(covering.get(entry["id"], ())),
    )
