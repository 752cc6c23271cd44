"""Which tests judge a requirement, which broken servers prove that they do, and what is left over."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

import pytest

from conformance.spec import CHAPTERS, Requirement, requirements
from conformance.spec.levels import Level

SUITE = Path(__file__).parents[1] / "suite"


class _Catcher:
    """A pytest plugin that keeps what was collected."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests by their requirement, cases of one test once."""
        for item in items:
            marker = item.get_closest_marker("requirement")
            name = (
                f"{item.path.relative_to(SUITE).as_posix()}::{item.nodeid.rsplit('::', 1)[-1].split('[')[0]}"
            )
            if marker is not None and name not in self.found.setdefault(marker.args[0], []):
                self.found[marker.args[0]].append(name)


@cache
def suite_tests() -> Mapping[str, list[str]]:
    """Return the tests of the suite by the requirement that they name, as pytest collects them.

    Raises:
        RuntimeError: the suite cannot be collected.

    """
    catcher = _Catcher()
    said = io.StringIO()
    plugins = ["-p", "conformance.plugin.entry", "-p", "no:cacheprovider"]
    arguments = ["--collect-only", "-q", *plugins, "-c", os.devnull]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pytest.main([*arguments, f"--rootdir={SUITE}", str(SUITE)], plugins=[catcher])
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"the suite cannot be collected:\n{said.getvalue()[-2000:]}")
    return catcher.found


@cache
def proven() -> Mapping[str, list[str]]:
    """Return the broken servers that prove each requirement's tests, by requirement."""
    text = resources.files("conformance.spec").joinpath("proven.json").read_text("utf-8")
    loaded: dict[str, list[str]] = json.loads(text)
    return loaded


@dataclass(slots=True)
class Coverage:
    """How well one chapter's requirements are tested and proven."""

    chapter: str
    requirements: int = 0
    tested: int = 0
    proven: int = 0
    unproven: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def coverage() -> list[Coverage]:
    """Return the coverage of every chapter.

    A MAY cannot be proven, for no behaviour breaks it; it is counted as tested only.
    """
    rows = {chapter: Coverage(chapter) for chapter in CHAPTERS}
    for one in requirements().values():
        row = rows[one.chapter]
        row.requirements += 1
        if is_tested(one):
            row.tested += 1
        else:
            row.gaps.append(one.id)
        if one.id in proven():
            row.proven += 1
        elif one.level != Level.MAY:
            row.unproven.append(one.id)
    return list(rows.values())


def is_tested(requirement: Requirement) -> bool:
    """Return whether a test names the requirement, or many charge it on their way."""
    return requirement.charged or requirement.id in suite_tests()
