"""The kill matrix: every defect is found, by its own requirement, and nothing else is blamed.

`-k framing` or `-k NAME` runs a part of it. Two suites run at a time, from the first test on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from conformance.spec import requirements
from tests.defects import coverage, matrix, tolerated, tolerated_handshakes
from tests.defects.registry import Defect, defects

Begin = Callable[[str], Future[matrix.Outcome]]
DEFECTS = [pytest.param(one, id=f"{one.module}-{one.name}") for one in defects().values()]


def start(pool: ThreadPoolExecutor, name: str) -> Future[matrix.Outcome]:
    if name in tolerated.MANNERS:
        files = tolerated.SHOWN.get(name, tolerated.FILES)
        return pool.submit(matrix.run, name, files, sample=False, time_scale=1.0)
    return pool.submit(matrix.judged, defects()[name])


@pytest.fixture(scope="module")
def begun(request: pytest.FixtureRequest) -> Iterator[Begin]:
    """Start the suite on every selected server at once, two at a time; workers of xdist start their own."""
    running: dict[str, Future[matrix.Outcome]] = {}
    with ThreadPoolExecutor(1 if "PYTEST_XDIST_WORKER" in os.environ else 2) as pool:

        def begin(name: str) -> Future[matrix.Outcome]:
            if name not in running:
                running[name] = start(pool, name)
            return running[name]

        if "PYTEST_XDIST_WORKER" not in os.environ:
            for item in request.session.items:
                chosen = getattr(item, "callspec", None)
                if chosen is None or item.path != request.path:
                    continue
                for param in ("defect", "manner"):
                    if param in chosen.params:
                        begin(getattr(chosen.params[param], "name", chosen.params[param]))
        try:
            yield begin
        finally:
            pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_found_and_nothing_else(defect: Defect, begun: Begin) -> None:
    outcome = begun(defect.name).result()
    wrong = matrix.complaints(defect, requirements()[defect.requirement].level, outcome)
    assert not wrong, "\n".join([*wrong, "", outcome.printed[-6000:]])


@pytest.mark.parametrize("manner", tolerated_handshakes.MANNERS)
def test_other_right_manner_is_no_fault(manner: str, begun: Begin) -> None:
    outcome = begun(manner).result()
    bad = outcome.by_requirement("failed", "inconclusive")
    assert not bad, bad
    assert outcome.exit_code == 0, outcome.printed[-6000:]


def test_each_defect_breaks_a_requirement_that_can_be_broken() -> None:
    for one in defects().values():
        assert requirements()[one.requirement].level != "MAY", one.name
        assert all(name in requirements() and why for name, why in one.companions.items()), one.name


def test_list_of_proven_requirements_is_in_step() -> None:
    assert coverage.PROVEN.read_text("utf-8") == coverage.written(), "run python -m tests.defects.coverage"
