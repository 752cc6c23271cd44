"""Connections that come and go leave nothing behind: Protocol §6.

It is measured on an instance of the test's own, whose processes nobody else connects to.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass

import psutil
import pytest

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.ports.processes import descendants
from conformance.suite.instances import running
from conformance.suite.robustness.latency_watch import all_of
from conformance.target.launch import Instance, free_port
from conformance.target.routes import OWN
from conformance.target.target import Target

WARM_UP, ROUND, ROUNDS = 100, 100, 3
MOST_ROUNDS = 20  # for caches that fill and garbage in cycles that waits: what leaks grows in each of them
# More than buffers that grow and shrink: what a server keeps of every single connection.
KEPT_BYTES = 12 * 1024
SPARE_DESCRIPTORS = 4
STEADY = 0.3


@dataclass(frozen=True, slots=True)
class Holding:
    """What the server's processes hold: open file descriptors, and resident memory in bytes."""

    descriptors: int
    memory: int


def _holding(instance: Instance) -> Holding:
    try:
        tree = [psutil.Process(instance.pid), *descendants(instance.pid)]
        return Holding(sum(map(_descriptors, tree)), sum(one.memory_info().rss for one in tree))
    except psutil.Error as error:
        raise Inconclusive(f"the server's processes cannot be looked into: {error}") from None


def _descriptors(process: psutil.Process) -> int:
    counted = getattr(process, "num_fds", None) or process.num_handles  # type: ignore[attr-defined]  # Windows
    return int(counted())


async def _settled(
    target: Target, instance: Instance, wanted: int, *, steady: float | None = None
) -> Holding:
    """Wait until no more descriptors than wanted are held, or as many for some time, or the bound is over."""
    began = changed = time.monotonic()
    found = _holding(instance)
    while found.descriptors > wanted and time.monotonic() - began < target.limits.close:
        if steady is not None and time.monotonic() - changed > steady:
            break
        await asyncio.sleep(0.02)  # no message says that a process has tidied up
        before, found = found, _holding(instance)
        if found.descriptors != before.descriptors:
            changed = time.monotonic()
    return found


async def _come_and_go(target: Target, number: int) -> None:
    """Connect and leave: by a Close, by the end of TCP, or by a reset; as one user, another, or nobody."""
    users = [*target.users[:2], None]
    user = users[number % len(users)]
    path = target.at(OWN) if user else None
    async with target.connect(path, user=user) as client:
        if number % 4 == 0:
            client.connection.reset()
        elif number % 4 == 1:
            client.connection.shut()


@pytest.mark.requirement("robustness.churn")
async def test_connections_that_come_and_go_leave_nothing_behind(target: Target) -> None:
    port = await asyncio.to_thread(free_port, target.url.host)
    async with running(target, port) as (own, instance):
        fresh = _holding(instance).descriptors
        held = [await _rounds(own, instance, WARM_UP, fresh, steady=STEADY)]
        while len(held) <= ROUNDS or (_kept(held) >= KEPT_BYTES and len(held) <= MOST_ROUNDS):
            held.append(await _rounds(own, instance, ROUND, held[0].descriptors + SPARE_DESCRIPTORS))
    target.recorder.note(
        f"file descriptors {', '.join(str(one.descriptors) for one in held)}; "
        f"memory {', '.join(f'{one.memory / 2**20:.1f} MiB' for one in held)}; "
        f"each after {ROUND} connections more"
    )
    kept, connections = _kept(held), (len(held) - 1) * ROUND
    target.recorder.charge(
        "robustness.churn-memory",
        kept=kept < KEPT_BYTES,
        message=f"each of {connections} connections left at least {kept} bytes in the server's memory",
    )
    if held[-1].descriptors > held[0].descriptors + SPARE_DESCRIPTORS:
        raise Nonconformance(
            "connections that ended left file descriptors behind",
            expected=[f"about {held[0].descriptors} file descriptors, as after the first {WARM_UP}"],
            actual=f"{held[-1].descriptors} after {connections} connections more",
        )


def _kept(held: list[Holding]) -> int:
    """Return how many bytes a connection leaves, by the round that left least."""
    return min((later.memory - one.memory) // ROUND for one, later in itertools.pairwise(held))


async def _rounds(
    target: Target, instance: Instance, count: int, wanted: int, *, steady: float | None = None
) -> Holding:
    await all_of([_come_and_go(target, number) for number in range(count)], at_once=8)
    return await _settled(target, instance, wanted, steady=steady)
