from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from reference_harness import Running, server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Running]:
    with server() as running:
        yield running


@pytest.fixture
def target(shared_server: Running) -> Running:
    """One server for all tests, as it was at the start."""
    assert shared_server.control("reset") == 204
    return shared_server
