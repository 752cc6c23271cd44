"""The fixtures of every test of the suite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from conformance.fuzz.search import Plan
from conformance.plugin.beginning import run_of
from conformance.plugin.workers import OWES_RESET, is_worker
from conformance.target.target import Target


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    """Hand over the server under test; at the end put its tokens back and leave it.

    Yields:
        The server under test.

    """
    target = run_of(request.config).target
    assert target is not None
    yield target
    if target.owes_reset:
        if is_worker(request.config):
            request.config.workeroutput[OWES_RESET] = True  # type: ignore[attr-defined]
        else:
            await target.control.status("reset")
    await target.leave()


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> Plan:
    """Return how many conversations are drawn, and from which seed."""
    return run_of(request.config).options.plan
