"""Real servers for the doctor to look at."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests import conflicts
from tests.conflicts import Situation
from tests.conflicts.situation import port_for, process, script, wait

Peculiar = Callable[..., int]


@pytest.fixture(scope="module")
def channels() -> Iterator[Situation]:
    """The Channels application on Daphne."""
    with conflicts.healthy() as it:
        yield it


@pytest.fixture
def peculiar() -> Iterator[Peculiar]:
    """Start a server with a peculiarity; return its port."""
    with contextlib.ExitStack() as stack:

        def start(*what: str) -> int:
            port = port_for()
            stack.enter_context(process(*script("peculiar", port, *what)))
            wait(port)
            return port

        yield start
