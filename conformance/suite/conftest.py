"""What begins with the first test of the suite, because it takes as long as a server's patience."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from conformance.suite.robustness.idling import Idlers
from conformance.target.target import Target


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def idlers(target: Target) -> AsyncIterator[Idlers]:
    """Open the connections that say nothing; they are judged in the chapter on robustness."""
    waiting = Idlers(target)
    await waiting.begin()
    yield waiting
    waiting.end()
