"""The kill matrix: every defect is found, by its own requirement, and nothing else is blamed.

`-k framing` or `-k NAME` runs a part of it; `python -m tests.defects` does the same and writes a table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.spec import requirements
from tests.defects import coverage, tolerated_handshakes
from tests.defects.engine import Engine, jobs, judge
from tests.defects.registry import Defect, defects

WORKER = "PYTEST_XDIST_WORKER" in os.environ


def killers() -> list[Any]:
    """Return every defect. `make test` keeps to one for each requirement that binds: all take too long."""
    kept: set[str] = set()
    parameters = []
    for defect in defects().values():
        first = requirements()[defect.requirement].binding and defect.requirement not in kept
        kept.add(defect.requirement)
        marks = () if first else pytest.mark.long
        parameters.append(pytest.param(defect, id=f"{defect.module}-{defect.name}", marks=marks))
    return parameters


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Begin the suites of all selected tests at once, the slowest first; workers of xdist begin their own."""
    with Engine(1 if WORKER else jobs()) as engine:
        if not WORKER:
            items = [getattr(item, "callspec", None) for item in request.session.items]
            chosen = [one.params for one in items if one is not None]
            engine.begin_all(
                [
                    *(one["defect"].name for one in chosen if isinstance(one.get("defect"), Defect)),
                    *(one["manner"] for one in chosen if one.get("manner") in tolerated_handshakes.MANNERS),
                ]
            )
        yield engine


@pytest.mark.parametrize("defect", killers())
def test_defect_is_found_and_nothing_else(defect: Defect, engine: Engine) -> None:
    verdict = judge(defect, engine.begin(defect.name).result())
    assert verdict.killed, "\n".join([*verdict.wrong, "", verdict.outcome.printed[-6000:]])


@pytest.mark.parametrize("manner", tolerated_handshakes.MANNERS)
def test_other_right_manner_is_no_fault(manner: str, engine: Engine) -> None:
    outcome = engine.begin(manner).result()
    bad = outcome.by_requirement("failed", "inconclusive")
    assert not bad, bad
    assert outcome.exit_code == 0, outcome.printed[-6000:]


def test_each_defect_breaks_a_requirement_that_can_be_broken() -> None:
    for one in defects().values():
        assert requirements()[one.requirement].level != "MAY", one.name
        assert all(name in requirements() and why for name, why in one.companions.items()), one.name


def test_what_is_written_about_proofs_is_in_step() -> None:
    for file, text in coverage.written().items():
        assert file.read_text("utf-8") == text, f"{file.name}: run python -m tests.defects.coverage"


def test_what_no_defect_breaks_says_why() -> None:
    unproven = set(coverage.unproven())
    for one in requirements().values():
        assert bool(one.unproven) == (one.id in unproven), (
            f"{one.id}: `unproven` says why nothing breaks it, or is left out"
        )


def test_every_must_and_nearly_every_should_is_proven() -> None:
    unproven = [requirements()[one] for one in coverage.unproven()]
    assert not [one.id for one in unproven if one.binding]
    advisory = [one for one in requirements().values() if one.advisory]
    assert len([one for one in unproven if one.advisory]) <= 0.05 * len(advisory)
