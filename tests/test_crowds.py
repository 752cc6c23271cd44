"""Many things done at a time: the first error is the one that is told."""

from __future__ import annotations

import asyncio

import pytest

from conformance.core.errors import Unreachable
from conformance.suite.robustness.latency_watch import all_of

pytestmark = pytest.mark.asyncio


async def test_many_errors_are_told_as_the_first_one() -> None:
    async def refused(number: int) -> None:
        await asyncio.sleep(0)
        raise Unreachable(f"no connection {number}")

    waiting = [refused(number) for number in range(9)]
    with pytest.raises(Unreachable, match="no connection 0"):
        await all_of(waiting, at_once=2)
    assert all(one.cr_frame is None for one in waiting), "what was not begun is closed too"


async def test_results_keep_their_order() -> None:
    async def waiting(number: int) -> int:
        await asyncio.sleep(0.01 / (number + 1))
        return number

    assert await all_of([waiting(number) for number in range(5)], at_once=2) == [0, 1, 2, 3, 4]
