"""Many connections: half of a handshake each, or open and idle. OWASP ASVS 5.0 on denial of service."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from conformance.core.errors import Nonconformance, Unreachable
from conformance.net.connection import Connection
from conformance.suite.robustness.latency_watch import all_of, bystanding
from conformance.target.attempt import Attempt
from conformance.target.target import Target

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

SECONDS = 0.5
FEWEST, MOST = 100, 4000
WAVE = 50
HALVES = 100


def _room() -> int:
    """Return how many connections this process may still open, with some left for everything else."""
    if resource is None:
        return 400
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(0, soft - 200)


@contextlib.contextmanager
def _shutting(connections: list[Connection]) -> Iterator[None]:
    try:
        yield
    finally:
        for connection in connections:
            connection.reset()


@pytest.mark.intrusive
@pytest.mark.requirement("robustness.slow-handshakes")
async def test_half_handshakes_keep_nobody_out(target: Target) -> None:
    half = target.opening().encode()[:-20]
    waiting: list[Connection] = []

    async def begin() -> None:
        connection = await target.tcp("half a handshake")
        waiting.append(connection)
        connection.write(half)

    with _shutting(waiting):
        async with bystanding(target, "half handshakes"):
            await all_of([begin() for _ in range(min(HALVES, _room()))])
            attempt = await target.attempt(target.opening(), label="a whole handshake beside them")
            waiting.append(attempt.connection)
            if not attempt.upgraded:
                raise Nonconformance(
                    f"beside {len(waiting) - 1} handshakes that are not finished nobody gets in",
                    expected=["101 Switching Protocols"],
                    actual=attempt,
                )


@pytest.mark.intrusive
@pytest.mark.requirement("robustness.idle-connections")
async def test_idle_connections_starve_no_other(target: Target) -> None:
    room = min(_room(), MOST)
    async with bystanding(target, "many idle connections"), _crowd(target, room) as crowd:
        target.recorder.observe(f"{len(crowd)} idle connections")
        if crowd:  # a round trip on the last one: what the server ended before that has been seen then
            with contextlib.suppress(Nonconformance):
                await target.of(crowd[-1]).ping()
        gone = [one for one in crowd if one.connection.end is not None]
        # A server that waits for a login so long ends each of them, crowd or not.
        if gone and not await target.bystanders.excused(target.of(gone[0])):
            raise Nonconformance(
                f"{len(gone)} of {len(crowd)} connections were ended while others were opened",
                expected=["open connections stay open; one too many is refused"],
                actual=str(gone[0].connection.end),
            )


@contextlib.asynccontextmanager
async def _crowd(target: Target, room: int) -> AsyncIterator[list[Attempt]]:
    """Open as many connections as half a second allows, or until one is refused: a cap is no fault."""
    crowd: list[Attempt] = []
    everybody: list[Connection] = []

    async def join() -> bool:
        try:
            attempt = await target.attempt(target.opening(), label="idle")
        except Unreachable as error:
            target.recorder.note(f"connection {len(crowd) + 1}: {error}")
            return False
        everybody.append(attempt.connection)
        if attempt.upgraded:
            crowd.append(attempt)
        else:
            target.recorder.observe(f"refused beyond {len(crowd)}: {attempt}")
        return attempt.upgraded

    with _shutting(everybody):
        began = time.perf_counter()
        while len(everybody) + WAVE <= room and (
            len(everybody) < FEWEST or time.perf_counter() - began < SECONDS
        ):
            if not all(await all_of([join() for _ in range(WAVE)])):
                break
        yield crowd
