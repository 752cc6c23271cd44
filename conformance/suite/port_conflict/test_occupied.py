"""A second instance on the port that the first one serves: Protocol §7."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from conformance.core.errors import Inconclusive, Nonconformance, Unreachable
from conformance.suite.instances import bound, end, running, start
from conformance.target.launch import free_port
from conformance.target.target import Target

# A server that shares its port would give others' connections to the second instance, which is soon killed.
pytestmark = pytest.mark.alone


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a second instance fared: exit status (``None``: it runs on), output, what the first suffered."""

    status: int | None
    output: str
    harm: str
    bound: float


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second(target: Target) -> AsyncIterator[Outcome]:
    """Start a second instance on the run's own port, beside an open connection of the first."""
    async with target.connect() as client:
        await client.alive()
        instance = start(target, target.url.port)
        try:
            status = await asyncio.to_thread(instance.wait_exit, bound(target))
            if status is None and (took := await taken_by_a_start(target)):
                status = await asyncio.to_thread(instance.wait_exit, took)
            try:
                await client.ping()
                async with target.connect() as fresh:
                    await fresh.ping()
                harm = ""
            except (Nonconformance, Inconclusive) as fault:
                harm = f"{fault}: {fault.actual}" if isinstance(fault, Nonconformance) else str(fault)
        finally:
            await asyncio.to_thread(end, instance)
    yield Outcome(status, target.recorder.clean(instance.printed()), harm, bound(target))


async def taken_by_a_start(target: Target) -> float:
    """Return the seconds that a start takes now, 0 where it takes less than the bound.

    What is slow to start, on a busy machine, is slow to find its port occupied: the control twin is a start
    on a port that is free.
    """
    before = time.monotonic()
    try:
        async with running(target, await asyncio.to_thread(free_port, target.url.host)):
            took = time.monotonic() - before
    except Unreachable as error:
        raise Inconclusive(f"a start on a free port, to compare with: {error}") from error
    return took if took > bound(target) / 2 else 0.0


@pytest.mark.requirement("port.second-instance-exits")
async def test_second_instance_gives_up(second: Outcome) -> None:
    if not second.status:
        raise Nonconformance(
            "a second instance on an occupied port does not fail",
            expected=[f"an exit status other than 0 within {second.bound:.0f} s"],
            actual="it runs on" if second.status is None else "exit status 0",
        )


@pytest.mark.requirement("port.second-instance-harmless")
async def test_second_instance_does_not_disturb_the_first(second: Outcome) -> None:
    if second.harm:
        raise Nonconformance(
            "the first instance suffered from a second one on its port",
            expected=["the open connection and a new one answer"],
            actual=second.harm,
        )


@pytest.mark.requirement("port.second-instance-names-port")
async def test_second_instance_names_the_port(target: Target, second: Outcome) -> None:
    if str(target.url.port) not in second.output:
        last = [line for line in second.output.splitlines() if line.strip()][-1:]
        raise Nonconformance(
            "a second instance does not say which port is occupied",
            expected=[f"{target.url.port} in its output"],
            actual=last[0] if last else "it printed nothing",
        )
