"""When events come: not before the confirmation, not before the state that they announce. Protocol §5."""

from __future__ import annotations

import asyncio

import pytest

from conformance.client.session import Client
from conformance.core.errors import Nonconformance
from conformance.suite.events.story import Story
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target


@pytest.mark.requirement("events.not-before-confirmation")
async def test_no_event_comes_before_the_confirmation(
    target: Target, story: Story, alice: Credential
) -> None:
    causing = asyncio.create_task(story.cause(*story.run(alice, 20)))
    opened = 0
    try:
        while not causing.done():
            async with target.connect(target.at(OWN), user=alice, confirm=False) as client:
                await client.confirmed()
                opened += 1
    finally:
        await causing
    target.recorder.note(f"{opened} connections were opened while 20 changes were made")


@pytest.mark.requirement("events.from-confirmation-on")
async def test_change_right_after_the_confirmation_is_announced(story: Story, alice: Credential) -> None:
    for _ in range(8):
        async with story.connect(alice) as client:
            change = story.permission(alice)
            await story.cause(change)
            await story.expect(client, change)


async def agrees(client: Client, name: str, *, granted: bool, where: str) -> None:
    """Expect that check_permission answers with this state."""
    if await client.allowed(name) is not granted:
        raise Nonconformance(
            f"check_permission contradicts the change, {where}",
            expected=[f"allowed: {str(granted).lower()}"],
            actual=f"allowed: {str(not granted).lower()}",
        )


@pytest.mark.requirement("events.state-before-event")
async def test_check_permission_agrees_as_soon_as_the_event_came(story: Story, alice: Credential) -> None:
    async with story.connect(alice) as first, story.connect(alice) as second:
        for change in story.run(alice, 6):
            # The event may come before the control interface answers: that moment is the one to ask in.
            causing = asyncio.create_task(story.cause(change))
            try:
                await story.expect(first, change)
                name, granted = change.data["permission"], change.data["granted"]
                await agrees(second, name, granted=granted, where="on another connection after the event")
                await agrees(first, name, granted=granted, where="on the connection that had the event")
            finally:
                await causing
            await story.expect(second, change)


@pytest.mark.requirement("events.new-connection-sees-state")
@pytest.mark.parametrize("granted", [pytest.param(True, id="granted"), pytest.param(False, id="revoked")])
async def test_connection_opened_after_the_change_sees_it(
    story: Story, alice: Credential, *, granted: bool
) -> None:
    changes = story.run(alice, 2)[: 1 if granted else 2]
    await story.cause(*changes)
    async with story.connect(alice, events=()) as client:
        await agrees(client, changes[-1].data["permission"], granted=granted, where="on a new connection")
