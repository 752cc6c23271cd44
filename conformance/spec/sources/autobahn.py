"""The cases of the Autobahn test suite, and the tests here that show the same."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

VERSION = "25.10.1"


@dataclass(frozen=True, slots=True)
class AutobahnCase:
    """One case: the ``tests`` that show the same, or the reason why none does.

    ``how`` says why fewer tests are enough, where that is not plain.
    """

    id: str
    gist: str
    tests: tuple[str, ...]
    how: str
    excluded: str


@cache
def cases() -> Mapping[str, AutobahnCase]:
    """Return every case by its id, in the order of the file.

    Raises:
        ValueError: the file is not sound; the message names the case and the fault.

    """
    table = tomllib.loads(resources.files(__package__).joinpath("autobahn.toml").read_text("utf-8"))
    found: dict[str, AutobahnCase] = {}
    for row in table["row"]:
        if unknown := set(row) - {"tests", "how", "excluded", "cases"}:
            raise ValueError(f"autobahn.toml: unknown member {', '.join(sorted(unknown))}")
        for name, gist in row["cases"].items():
            case = AutobahnCase(
                name, gist, tuple(row.get("tests", ())), row.get("how", ""), row.get("excluded", "")
            )
            if bool(case.tests) == bool(case.excluded):
                raise ValueError(f"autobahn.toml: {name} needs tests, or a reason why there are none")
            if name in found:
                raise ValueError(f"autobahn.toml: {name} stands there twice")
            found[name] = case
    return found


def summary() -> str:
    """Return in one line how much of it is covered."""
    covered = [one for one in cases().values() if not one.excluded]
    tests = {name for one in covered for name in one.tests}
    return (
        f"Autobahn {VERSION}: {len(covered)} of {len(cases())} cases covered, by {len(tests)} tests; "
        f"{len(cases()) - len(covered)} excluded"
    )
