"""Many changes at once: Protocol §5."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from conformance.client.session import Client
from conformance.core.errors import Nonconformance
from conformance.suite.events.story import Change, Story
from conformance.target.profile import Credential
from conformance.target.target import Target
from conformance.wire.events import Close, End

# As many changes as the control interface makes in this time, between these bounds.
SECONDS = 0.8
FEWEST, MOST = 100, 2000
SAMPLE = 20


@pytest.mark.requirement("events.burst")
async def test_no_change_of_a_burst_is_lost(target: Target, story: Story, alice: Credential) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(story.connect(alice)) for _ in range(3)]
        began = time.perf_counter()
        await story.tell(clients, *story.run(alice, SAMPLE))
        each = (time.perf_counter() - began) / SAMPLE
        changes = story.run(alice, min(MOST, max(FEWEST, int(SECONDS / each))))
        target.recorder.note(f"{len(changes)} changes, 3 connections")
        # Read while it lasts: a server may end a connection whose reader is behind.
        readers = [asyncio.create_task(_announced(story, client, changes)) for client in clients]
        try:
            await story.cause(*changes)
        finally:
            ended = await asyncio.gather(*readers)
        for client in clients:
            if not any(ended):
                await client.expect_no_event()
    target.recorder.observe(
        "; ".join(dict.fromkeys(filter(None, ended))) or f"all of {len(changes)} changes announced"
    )


async def _announced(story: Story, client: Client, changes: list[Change]) -> str:
    """Expect every change in its order, each once; return how the server ended the connection, if it did."""
    for number, change in enumerate(changes, 1):
        try:
            await story.expect(client, change, once=True)
        except Nonconformance as fault:
            ending = [one for one in client.inbox if isinstance(one, Close | End)]
            if ending or client.connection.gone:
                # Not reading fast enough is the server's to judge; skipping is not.
                return f"the server ended a connection in the burst: {fault.actual}"
            fault.args = (f"{fault} (change {number} of {len(changes)})",)
            raise
    return ""
