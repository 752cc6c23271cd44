"""The other nodes of the target: those that run already, or started here on ports of their own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

import pytest_asyncio

from conformance.suite.events.story import Change, Story
from conformance.target.control_kinds import control_of
from conformance.target.launch import Launcher, free_port
from conformance.target.probe import endpoint_of
from conformance.target.target import Target
from conformance.target.url import parse


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nodes(target: Target) -> AsyncIterator[list[Target]]:
    """Return every node, the target first; the others are started on first use where there is a command.

    Raises:
        Unreachable: one does not start, or its name does not resolve.

    """
    async with contextlib.AsyncExitStack() as stack:
        others = [
            await stack.enter_async_context(node(target, text, number))
            for number, text in enumerate(target.profile.nodes, 2)
        ]
        yield [target, *others]


@contextlib.asynccontextmanager
async def node(target: Target, text: str, number: int) -> AsyncIterator[Target]:
    """Yield one more node as a target; the first is asked for changes where it has no control of its own."""
    if target.profile.start and target.launcher is not None:
        async with started(target, target.launcher, text, number) as one:
            yield one
        return
    url = parse(text)
    one = dataclasses.replace(
        target,
        url=url,
        endpoint=endpoint_of(url, target.profile),
        instance=None,
        _bystanders=None,
        _control=target.control,
    )
    try:
        yield one
    finally:
        one._control = None  # noqa: SLF001 - it is the first node's, which closes it
        await one.leave()


@contextlib.asynccontextmanager
async def started(target: Target, launcher: Launcher, text: str, number: int) -> AsyncIterator[Target]:
    """Start the command once more, on its own port and control port, and stop it at the end."""
    host = target.url.host
    port = str(await asyncio.to_thread(free_port, host))
    own = {"port": port, f"port{number}": port, "control_port": str(free_port("127.0.0.1"))}
    instance = await asyncio.to_thread(lambda: launcher.start(**own))
    instance.url = parse(launcher.fill(text, **own))
    control = control_of(target.profile, launcher, target.limits.event, target.recorder.clean, **own)
    one = dataclasses.replace(
        target,
        url=instance.url,
        endpoint=endpoint_of(instance.url, target.profile),
        instance=instance,
        _bystanders=None,
        _control=control,
    )
    try:
        await asyncio.to_thread(instance.wait_ready, target.profile.ready_timeout)
        yield one
    finally:
        await one.leave()
        await asyncio.to_thread(instance.stop)


def ways(nodes: list[Target]) -> list[tuple[Target, list[Target]]]:
    """Return each node that changes can be caused through, with the others; the first always can."""
    return [
        (one, [other for other in nodes if other is not one])
        for one in nodes
        if one is nodes[0] or one.control is not nodes[0].control
    ]


async def change_of(story: Story, through: Target, *changes: Change) -> None:
    """Make changes through a node; the story that undoes them knows of it."""
    asked, story.target = story.target, through
    try:
        await story.cause(*changes)
    finally:
        story.target = asked
