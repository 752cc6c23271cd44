"""How long a refusal takes: it must not tell what the refusal itself does not say."""

from __future__ import annotations

import math
import statistics
import time

import pytest

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.auth.refusal import control
from conformance.suite.auth.test_foreign_channel import NOBODY
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.wire.handshake import Request

PAIRS = 40
# Advice is given above all three: a share of pairs that chance does not reach (one run of the suite in a
# million), a difference that a network does not hide, and one that is large beside the answer's own time.
CHANCE = 1e-6
SECONDS = 0.0005
SHARE = 0.15


@pytest.mark.requirement("auth.no-enumeration-timing")
async def test_refusing_takes_the_same_time_for_user_and_nobody(target: Target) -> None:
    alice, bob = target.users[:2]
    await control(target, user=alice)

    def asking(user_id: int) -> Request:
        return target.opening(target.at(f"{OWN}{user_id}/"), token=alice.token)

    existing, missing = asking(bob.user_id), asking(NOBODY)
    pairs = []
    enough = time.monotonic() + 12 * target.limits.reply
    for number in range(PAIRS):
        if time.monotonic() > enough:
            raise Inconclusive(f"{number} pairs of refusals took {12 * target.limits.reply:.0f} s")
        # Taking turns at being first: what comes second finds warm caches.
        order = (existing, missing) if number % 2 else (missing, existing)
        times = {id(request): await _time(target, request) for request in order}
        pairs.append((times[id(existing)], times[id(missing)]))
    one, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    chance = _sign_test(pairs)
    said = f"median {one * 1000:.2f} ms for a user, {other * 1000:.2f} ms for nobody, {PAIRS} pairs"
    target.recorder.observe("the same time" if chance > CHANCE else said)
    target.recorder.note(f"{said}, p = {chance:.2g}")
    if chance <= CHANCE and abs(one - other) > max(SECONDS, SHARE * min(one, other)):
        raise Nonconformance(
            "how long a refusal takes tells a user who exists from one who does not",
            expected=["the same time for both"],
            actual=said,
        )


async def _time(target: Target, request: Request) -> float:
    connection = await target.tcp("timed refusal")
    try:
        began = connection.transcript.now()
        connection.send_request(request)
        await connection.read_response(target.limits.handshake)
        if connection.response is None and connection.end is None:
            # Eighty of these would take minutes, and "never" is the same time for both.
            raise Inconclusive(f"a refusal did not come within {target.limits.handshake:.1f} s")
        if connection.response is not None and connection.response.upgraded:
            event = await connection.event(target.limits.reply)  # refused behind the upgrade
            return (event.time if event else connection.transcript.now()) - began
        answered = connection.first_byte
        return (connection.transcript.now() if answered is None else answered) - began
    finally:
        connection.shut()


def _sign_test(pairs: list[tuple[float, float]]) -> float:
    """Return how likely chance alone splits the pairs so unevenly: the two-sided sign test."""
    signs = [one > other for one, other in pairs if one != other]
    extreme = min(sum(signs), len(signs) - sum(signs))
    tail: float = sum(math.comb(len(signs), count) for count in range(extreme + 1)) / 2 ** len(signs)
    return min(1.0, 2 * tail)
