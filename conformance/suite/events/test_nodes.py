"""Several nodes of one backend: what is caused through one is told by all. Protocol §5."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from conformance.client.session import Client
from conformance.core.errors import Nonconformance
from conformance.suite.events.nodes import change_of, ways
from conformance.suite.events.story import Change, Story, delivers
from conformance.suite.events.test_burned_tokens import identity_of
from conformance.target.profile import Credential
from conformance.target.target import Target

Maker = Callable[[Story, Credential], Change]
MAKERS: list[tuple[str, Maker]] = [
    ("permission-changed", Story.permission),
    ("role-updated", Story.roles),
    ("menu-access-updated", Story.menus),
    ("cache-invalidated", Story.cache),
    ("cache-invalidated-for-all", lambda story, _: story.cache(None)),
]
TYPES = [pytest.param(make, id=name) for name, make in MAKERS]


async def everywhere(
    stack: contextlib.AsyncExitStack, nodes: list[Target], user: Credential | None, *events: str
) -> list[Client]:
    """Open a connection to each node."""
    return [await stack.enter_async_context(Story(one).connect(user, events=events)) for one in nodes]


@pytest.mark.requirement("events.across-nodes")
@pytest.mark.parametrize("make", TYPES)
async def test_change_through_one_node_is_announced_on_every_other(
    nodes: list[Target], story: Story, alice: Credential, make: Maker
) -> None:
    for through, others in ways(nodes):
        change = make(story, alice)
        async with contextlib.AsyncExitStack() as stack:
            clients = await everywhere(stack, [through, *others], alice, change.event)
            if change.data.get("scope") == "all" and through.has("anonymous"):
                clients += await everywhere(stack, others, None, change.event)
            await change_of(story, through, change)
            for client in clients:
                await story.expect(client, change)


@pytest.mark.requirement("events.across-nodes-once")
async def test_event_comes_once_on_each_node(nodes: list[Target], story: Story, alice: Credential) -> None:
    for through, _ in ways(nodes):
        async with contextlib.AsyncExitStack() as stack:
            clients = await everywhere(stack, nodes, alice, "permission_changed")
            # An event that comes back late comes in front of the next change's.
            for change in story.run(alice, 6):
                await change_of(story, through, change)
                for client in clients:
                    await story.expect(client, change, once=True)
            for client in clients:
                await client.expect_no_event()


@pytest.mark.requirement("events.across-nodes-order")
async def test_events_cross_nodes_in_the_order_of_the_changes(
    nodes: list[Target], story: Story, alice: Credential
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = await everywhere(stack, nodes, alice)
        rounds = [one for _ in range(4) for one in (*story.of_each_type(alice), story.cache(None))]
        changes = [one for one in rounds if delivers(clients[0], one.event)]
        await story.cause(*changes)
        for client in clients:
            await story.expect(client, *changes)


@pytest.mark.requirement("events.across-nodes-event-id")
@pytest.mark.parametrize("make", TYPES)
async def test_event_has_one_event_id_on_all_nodes(
    nodes: list[Target], story: Story, alice: Credential, make: Maker
) -> None:
    change = make(story, alice)
    async with contextlib.AsyncExitStack() as stack:
        clients = await everywhere(stack, nodes, alice, change.event)
        await story.cause(change)
        ids = [(await story.expect(client, change))[0].get("event_id") for client in clients]
    if len(set(map(str, ids))) > 1:
        raise Nonconformance(
            "one change has several event ids",
            expected=[f"the same event_id on each of {len(nodes)} nodes"],
            actual=", ".join(map(repr, ids)),
        )


@pytest.mark.requirement("events.across-nodes-state")
async def test_node_answers_by_what_it_announced(
    nodes: list[Target], story: Story, alice: Credential
) -> None:
    for through, others in ways(nodes):
        async with contextlib.AsyncExitStack() as stack:
            clients = await everywhere(stack, others, alice, "permission_changed")
            for change in story.run(alice, 4):
                await change_of(story, through, change)
                for other, client in zip(others, clients, strict=True):
                    await story.expect(client, change)
                    await agrees(client, change, "that heard of it")
                    async with Story(other).connect(alice) as later:
                        await agrees(later, change, "opened behind the event")


async def agrees(client: Client, change: Change, which: str) -> None:
    """Expect that check_permission answers as a change has announced."""
    wanted = change.data["granted"]
    if await client.allowed(change.data["permission"]) is not wanted:
        raise Nonconformance(
            f"check_permission on another node, on a connection {which}, contradicts the change",
            expected=[f"allowed: {str(wanted).lower()}"],
            actual=f"allowed: {str(not wanted).lower()}",
        )


@pytest.mark.requirement("events.across-nodes-isolation")
async def test_event_crosses_nodes_to_nobody_else(
    nodes: list[Target], story: Story, alice: Credential, bob: Credential
) -> None:
    last = story.cache(None)
    async with contextlib.AsyncExitStack() as stack:
        affected = await everywhere(stack, nodes[1:], alice)
        others = await everywhere(stack, nodes[1:], bob, last.event)
        if nodes[0].has("anonymous"):
            others += await everywhere(stack, nodes[1:], None, last.event)
        foreign = [one for one in story.of_each_type(alice) if delivers(affected[0], one.event)]
        await story.prove(affected[0], *foreign)
        await story.tell(others, last)


@pytest.mark.requirement("events.across-nodes-burned")
async def test_token_burned_through_one_node_opens_nothing_on_another(
    nodes: list[Target], disposable: Credential
) -> None:
    first, other = nodes[0], nodes[1]
    async with Story(other).connect(disposable, events=()) as client:
        await first.control("revoke-token", token=disposable.token)
        ending = await client.ending()
        first.recorder.charge(
            "events.closed-when-burned",
            kept=ending.close is not None and ending.close.code == 4401,
            message=f"{ending}, {first.limits.close:.0f} s after revoke-token through another node",
        )
    confirmed = await identity_of(other, disposable)
    if confirmed == disposable.user_id:
        raise Nonconformance(
            "a token that one node revoked is good on another",
            expected=["a refused handshake", "Close 4401"],
            actual=f"connection_confirmed as user {confirmed}",
        )
