"""To nobody else: Protocol §5.

Each test makes changes that a connection must not hear of, and then one that it must: whatever came before
that one was not its business.
"""

from __future__ import annotations

import pytest

from conformance.suite.events.story import Story, delivers
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target

TYPES = [
    pytest.param(Story.permission, id="permission-changed"),
    pytest.param(Story.roles, id="role-updated"),
    pytest.param(Story.menus, id="menu-access-updated"),
    pytest.param(Story.cache, id="cache-invalidated"),
]


@pytest.mark.smoke
@pytest.mark.requirement("events.not-to-other-users")
@pytest.mark.parametrize("make", TYPES)
async def test_event_of_one_user_does_not_reach_another(
    story: Story, alice: Credential, bob: Credential, make: type
) -> None:
    foreign, own, later = make(story, alice), make(story, bob), make(story, alice)
    async with (
        story.connect(alice, events=[own.event]) as affected,
        story.connect(bob, events=[own.event]) as other,
    ):
        await story.prove(affected, foreign)
        await story.tell([other], own)
        await story.tell([affected], later)


@pytest.mark.requirement("events.not-to-other-users")
async def test_event_of_one_user_does_not_reach_another_on_a_user_channel(
    target: Target, story: Story, alice: Credential, bob: Credential
) -> None:
    foreign, own = story.permission(alice), story.permission(bob)
    async with story.connect(bob, target.at(f"{OWN}{bob.user_id}/")) as other:
        await story.cause(foreign)
        await story.tell([other], own)


@pytest.mark.smoke
@pytest.mark.requirement("events.not-to-anonymous")
async def test_events_of_users_do_not_reach_an_anonymous_connection(story: Story, alice: Credential) -> None:
    own = story.cache(None)
    async with story.connect(None, events=[own.event]) as anonymous, story.connect(alice) as affected:
        foreign = [one for one in story.of_each_type(alice) if delivers(affected, one.event)]
        await story.prove(affected, *foreign)
        await story.tell([anonymous], own)
