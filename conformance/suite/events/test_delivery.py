"""To every connection, exactly once, in order: Protocol §5."""

from __future__ import annotations

import contextlib

import pytest

from conformance.client.session import Client
from conformance.core.errors import Nonconformance
from conformance.suite.events.story import FLAGS, Story
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target


async def connections(
    stack: contextlib.AsyncExitStack, story: Story, user: Credential, count: int = 3
) -> list[Client]:
    """Open several connections of one user."""
    return [await stack.enter_async_context(story.connect(user)) for _ in range(count)]


@pytest.mark.requirement("events.every-connection")
async def test_event_reaches_every_connection_of_the_user(
    target: Target, story: Story, alice: Credential
) -> None:
    paths = [target.at(OWN), target.at(f"{OWN}{alice.user_id}/")]
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(story.connect(alice, path, carrier=carrier))
            for path in paths
            for carrier in target.profile.carriers
        ]
        change = story.permission(alice)
        await story.cause(change)
        for client in clients:
            await story.expect(client, change)


@pytest.mark.requirement("events.exactly-once")
async def test_event_comes_once_on_each_of_three_connections(story: Story, alice: Credential) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = await connections(stack, story, alice)
        await story.tell(clients, *(story.permission(alice) for _ in range(4)), once=True)
        for client in clients:
            await client.expect_no_event()


@pytest.mark.requirement("events.same-event-id")
async def test_event_has_one_event_id_on_all_connections(story: Story, alice: Credential) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = await connections(stack, story, alice)
        change = story.permission(alice)
        await story.cause(change)
        ids = [(await story.expect(client, change))[0].get("event_id") for client in clients]
    if len(set(map(str, ids))) > 1:
        raise Nonconformance(
            "one change has several event ids",
            expected=["the same event_id on each of 3 connections"],
            actual=", ".join(map(repr, ids)),
        )


@pytest.mark.requirement("events.order")
async def test_twenty_changes_are_announced_in_their_order(story: Story, alice: Credential) -> None:
    changes = story.run(alice, 20)
    async with story.connect(alice) as first, story.connect(alice) as second:
        await story.cause(*changes)
        await story.expect(first, *changes)
        await story.expect(second, *changes)


@pytest.mark.requirement("events.order")
async def test_changes_of_different_types_are_announced_in_their_order(
    story: Story, alice: Credential
) -> None:
    changes = [one for _ in range(3) for one in (*story.of_each_type(alice), story.cache(None))]
    async with story.connect(alice, events=FLAGS) as client:
        await story.cause(*changes)
        await story.expect(client, *changes)


@pytest.mark.requirement("events.nothing-after-leaving")
@pytest.mark.parametrize("how", [pytest.param("close", id="closed"), pytest.param("reset", id="broken")])
async def test_event_comes_once_after_reconnecting(story: Story, alice: Credential, how: str) -> None:
    for _ in range(5):
        async with story.connect(alice) as earlier:
            if how == "reset":
                earlier.connection.reset()
    async with story.connect(alice) as client:
        await story.tell([client], *story.run(alice, 4), once=True)
        await client.expect_no_event()
