"""Events as script sees them: Protocol §5 and §8."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from playwright.async_api import Page

from conformance.browser.script import ScriptSocket, open_socket
from conformance.client.session import Client, Json
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.browser.pages import carried, confirmed, connected, receive
from conformance.suite.events.story import Change, Story
from conformance.target.profile import Credential
from conformance.target.target import Target


async def announced(
    story: Story, target: Target, twin: Client, sockets: Sequence[ScriptSocket], *changes: Change
) -> None:
    """Make changes and expect their events in scripts, once each and in order, once the twin has them."""
    await story.cause(*changes)
    try:
        await story.expect(twin, *changes)
    except Nonconformance as fault:
        raise Inconclusive(f"the raw twin failed: {fault}; see the chapter events") from None
    for number, socket, change in ((n, one, two) for n, one in enumerate(sockets) for two in changes):
        message = await next_event(story, target, socket)
        if not change.announced_by(message):
            raise Nonconformance(
                f"script{f' of tab {number + 1}' if len(sockets) > 1 else ''} did not receive the event "
                "that a raw client received",
                expected=[str(change)],
                actual=str(socket),
            )


async def next_event(story: Story, target: Target, socket: ScriptSocket) -> Json:
    """Return the next event of this story in script, or an empty object."""
    while message := await receive(socket, target, target.limits.event):
        if story.mark in json.dumps(message.get("data")):
            return message
    return {}


@pytest.mark.requirement("browser.event")
async def test_script_receives_each_event_once_and_in_order(
    page: Page, target: Target, story: Story, alice: Credential
) -> None:
    socket = await connected(page, target, alice)
    async with story.connect(alice) as twin:
        await announced(story, target, twin, [socket], *story.run(alice, 6))


@pytest.mark.requirement("browser.event")
async def test_script_receives_each_event_once_after_a_reload(
    page: Page, target: Target, story: Story, alice: Credential
) -> None:
    await connected(page, target, alice)
    await page.reload()
    socket = await open_socket(page, *carried(target, alice))
    await confirmed(socket, target, alice)
    async with story.connect(alice) as twin:
        await announced(story, target, twin, [socket], *story.run(alice, 4))
