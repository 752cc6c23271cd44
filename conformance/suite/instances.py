"""Instances of the server that belong to one test, on ports of their own: to be stopped and killed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import psutil

from conformance.client.peer import Ending
from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance, Unreachable
from conformance.ports.listeners import Listener, listeners
from conformance.ports.processes import descendants, owner
from conformance.target.identity import state_of
from conformance.target.launch import Instance, Launcher, free_port
from conformance.target.probe import endpoint_of
from conformance.target.target import Target


def bound(target: Target) -> float:
    """Return the seconds that stopping, or giving up, may take: ten, scaled as every bound of the run."""
    return 10 * target.limits.prompt


@dataclass(slots=True)
class Life:
    """What was seen of two instances on one port: one stopped by SIGTERM, its successor by SIGKILL.

    A fact that could not be had because an earlier one went wrong is ``None``.
    """

    port: int
    ending: Ending
    bound: float
    exit_status: int | None = None
    still_listening: list[Listener] = field(default_factory=list)
    still_accepting: list[str] = field(default_factory=list)
    outlived: list[str] = field(default_factory=list)
    taken_again: str | None = None
    after_kill: list[str] | None = None


def launcher_of(target: Target) -> Launcher:
    """Return what starts instances of the target."""
    assert target.launcher is not None, "the requirement's needs promise a start command"
    return target.launcher


def start(target: Target, port: int) -> Instance:
    """Start an instance of one's own: on this port, with a control port that nobody else has."""
    return launcher_of(target).start(port=str(port), control_port=str(free_port("127.0.0.1")))


def seen_as_target(target: Target, instance: Instance) -> Target:
    """Return another instance as a target, with all that is known of the first."""
    url = instance.url
    return dataclasses.replace(
        target,
        url=url,
        endpoint=endpoint_of(url, target.profile),
        instance=instance,
        _bystanders=None,
        _control=None,
    )


@contextlib.asynccontextmanager
async def running(target: Target, port: int) -> AsyncIterator[tuple[Target, Instance]]:
    """Start an instance, wait until it listens, and end it and its children at the end."""
    instance = start(target, port)
    children: list[psutil.Process] = []
    try:
        await asyncio.to_thread(instance.wait_ready, target.profile.ready_timeout)
        children = descendants(instance.pid)
        yield seen_as_target(target, instance), instance
    finally:
        await asyncio.to_thread(end, instance, children)


def end(instance: Instance, children: Sequence[psutil.Process] = ()) -> None:
    """End an instance for certain, and the children that it had."""
    children = [*children, *descendants(instance.pid)]
    if instance.running:
        instance.process.kill()
        instance.process.wait()
    for child in children:
        with contextlib.suppress(psutil.Error):
            child.kill()  # psutil knows a process by its start time too: never a stranger with its id


async def accepting(target: Target) -> list[str]:
    """Return the addresses of a target that still take connections, and whether their holder answers."""
    hasty = dataclasses.replace(target.limits, handshake=target.limits.prompt)
    target = dataclasses.replace(target, limits=hasty, _bystanders=None, _control=None)
    states = await asyncio.gather(*(state_of(target, address) for address in target.endpoint.addresses))
    words = {"answers": "still answers", "silent": "is held by somebody who never answers"}
    return [
        f"{address} {words[state]}"
        for address, state in zip(target.endpoint.addresses, states, strict=True)
        if state != "refuses"
    ]


async def live(target: Target) -> Life:
    """Run two instances after each other on one port of their own, and return what was seen."""
    port = await asyncio.to_thread(free_port, target.url.host)
    async with running(target, port) as (first, instance):
        life = await stopped(first, instance)
        if life.exit_status is None or life.still_listening or life.still_accepting:
            return life
    await again(target, life)
    return life


async def stopped(first: Target, instance: Instance) -> Life:
    """Stop an instance by SIGTERM while a connection is open."""
    async with first.connect() as client:
        await client.alive()
        children = descendants(instance.pid)  # not before: it listens before its workers have begun
        instance.terminate()
        exited = asyncio.create_task(asyncio.to_thread(instance.wait_exit, bound(first)))
        life = Life(first.url.port, await ended(client, bound(first)), bound(first))
        life.exit_status = await exited
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, bound(first))
    held = await asyncio.to_thread(listeners, first.url.port)
    life.still_listening = held
    life.still_accepting = await accepting(first)
    holders = {pid for one in held for pid in one.pids}
    life.outlived = [str(owner(one.pid)) for one in alive if one.pid in holders]
    return life


async def ended(client: Client, timeout: float) -> Ending:
    """Wait for the end of a connection, also where the server takes its time to stop."""
    client.inbox.clear()
    return await client.ending(timeout)


async def again(target: Target, life: Life) -> None:
    """Take the port again at once with the same command, and kill the new holder's parent."""
    try:
        async with running(target, life.port) as (second, instance):
            async with second.connect() as client:
                await client.ping()
            life.taken_again = ""
            children = descendants(instance.pid)
            instance.process.kill()
            await asyncio.to_thread(instance.process.wait)
            await asyncio.to_thread(psutil.wait_procs, children, bound(second))
            held = await asyncio.to_thread(listeners, life.port)
            life.after_kill = [*map(str, held), *await accepting(second)]
    except (Unreachable, Inconclusive, Nonconformance) as fault:
        if life.taken_again is None:
            life.taken_again = str(fault)
