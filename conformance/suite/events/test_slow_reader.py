"""A client that does not read: Protocol §5."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from conformance.client.session import Client
from conformance.core.errors import Nonconformance
from conformance.suite.events.story import Change, Story
from conformance.target.profile import Credential
from conformance.target.target import Target
from conformance.wire.frames import TEXT, Frame

# More than the kernel keeps for one connection, in both of its ends together.
BACKLOG = 12 * 1024 * 1024


@contextlib.asynccontextmanager
async def clogged(target: Target, story: Story, user: Credential) -> AsyncIterator[Client]:
    """Open a connection that asks for megabytes of answers and reads none of them."""
    size = min(64 * 1024, target.sizes.room(2**20) // 2)
    content = json.dumps({"type": "heartbeat", "data": {"fill": "f" * size}}).encode()
    heartbeat = Frame(TEXT, target.spoken(content)).encode()
    async with story.connect(user) as client:
        connection = client.connection
        connection.pause_reading()
        try:
            connection.write(heartbeat * (BACKLOG // size))
            await connection.drain(target.limits.prompt / 4)
            yield client
        finally:
            connection.reset()


@pytest.mark.intrusive
@pytest.mark.requirement("events.slow-reader")
async def test_connection_that_does_not_read_delays_no_other(
    target: Target, story: Story, alice: Credential
) -> None:
    others = target.users[1:2]
    async with contextlib.AsyncExitStack() as stack:
        # Those who read are there before: a server that waits for the slow one lets nobody in behind it.
        reader = await stack.enter_async_context(story.connect(alice))
        bystanders = [await stack.enter_async_context(story.connect(other)) for other in others]
        slow = await stack.enter_async_context(clogged(target, story, alice))
        changes = story.run(alice, 6)
        await story.tell([reader], *changes)
        for other, bystander in zip(others, bystanders, strict=True):
            await story.tell([bystander], story.permission(other))
        await judge_gaps(target, story, slow, changes)


async def judge_gaps(target: Target, story: Story, slow: Client, changes: list[Change]) -> None:
    """Charge that the slow connection gets every event once it reads again, or was ended."""
    slow.connection.resume_reading()
    try:
        await story.expect(slow, *changes)
    except Nonconformance as fault:
        ended = slow.connection.gone or slow.connection.close_sent
        outcome = f"{fault}: {fault.actual}, expected {', '.join(fault.expected)}"
        target.recorder.charge("events.no-gaps", kept=ended, message=outcome)
        target.recorder.observe("the slow reader was ended" if ended else outcome)
        return
    target.recorder.charge("events.no-gaps", kept=True)
    target.recorder.observe("the slow reader got every event when it read again")
