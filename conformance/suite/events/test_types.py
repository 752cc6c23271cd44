"""The four events, each with its data: Protocol §5."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from conformance.core.errors import Nonconformance, NotApplicable
from conformance.suite.events.story import FLAGS, Change, Story, delivers
from conformance.target.profile import Credential
from conformance.target.target import Target

Maker = Callable[[Story, Credential], Change]


def _type(make: Maker, name: str) -> object:
    return pytest.param(make, id=name, marks=pytest.mark.requirement(f"events.{name}"))


TYPES = [
    _type(Story.permission, "permission-changed"),
    _type(Story.roles, "role-updated"),
    _type(Story.menus, "menu-access-updated"),
    _type(Story.cache, "cache-invalidated"),
]
NAMES = [
    pytest.param(".é.日本.😀", id="beyond-ascii"),
    pytest.param(" & ?#%41+=/", id="reserved-in-urls"),
    pytest.param('"\\<b>', id="escaped-in-json"),
    pytest.param("-" + "n" * 100, id="100-characters"),
]


@pytest.mark.smoke
@pytest.mark.parametrize("make", TYPES)
async def test_change_is_announced_to_its_user(story: Story, alice: Credential, make: Maker) -> None:
    change = make(story, alice)
    async with story.connect(alice, events=[change.event]) as client:
        await story.tell([client], change)


@pytest.mark.requirement("events.permission-changed")
async def test_revoked_permission_is_announced_as_not_granted(story: Story, alice: Credential) -> None:
    grant, revoke = story.run(alice, 2)
    async with story.connect(alice) as client:
        await story.tell([client], grant, revoke)


@pytest.mark.requirement("events.cache-invalidated-for-all")
async def test_cache_invalidated_for_all_reaches_users_and_anonymous(
    target: Target, story: Story, alice: Credential
) -> None:
    change = story.cache(None)
    async with story.connect(alice, events=[change.event]) as client:
        await story.tell([client], change)
        if target.has("anonymous"):
            async with story.connect(None, events=[change.event]) as anonymous:
                again = story.cache(None)
                await story.cause(again)
                await story.expect(anonymous, again)
                await story.expect(client, again)


@pytest.mark.requirement("events.exact-data")
@pytest.mark.parametrize("suffix", NAMES)
async def test_permission_name_is_announced_character_for_character(
    story: Story, alice: Credential, suffix: str
) -> None:
    change = story.permission(alice, story.name(suffix))
    async with story.connect(alice) as client:
        await story.tell([client], change)


@pytest.mark.requirement("events.exact-data")
async def test_user_id_beyond_2_to_the_53_is_announced_digit_for_digit(target: Target, story: Story) -> None:
    large = next((user for user in target.users if user.user_id > 2**53), None)
    if large is None:
        raise NotApplicable("the profile names no user whose id is beyond 2^53")
    change = story.permission(large)
    async with story.connect(large) as client:
        await story.tell([client], change)


@pytest.mark.requirement("events.event-id")
async def test_each_change_has_an_event_id_of_its_own(story: Story, alice: Credential) -> None:
    ids = []
    async with story.connect(alice) as client:
        for change in story.run(alice, 8):
            await story.cause(change)
            ids += [message.get("event_id") for message in await story.expect(client, change)]
    if len(set(map(str, ids))) < len(ids) or not all(isinstance(one, str) and one for one in ids):
        raise Nonconformance(
            "event_id does not tell one change from another",
            expected=["a different string for each of 8 changes"],
            actual=", ".join(map(repr, ids)),
        )


@pytest.mark.requirement("events.server-time")
async def test_event_says_when_it_was_made(story: Story, alice: Credential) -> None:
    change = story.permission(alice)
    async with story.connect(alice) as client:
        await story.cause(change)
        (message,) = await story.expect(client, change)
    said = message.get("server_time")
    try:
        datetime.fromisoformat(str(said))
    except ValueError:
        raise Nonconformance(
            "server_time is no date and time", expected=["ISO 8601"], actual=f"{said!r}"
        ) from None


@pytest.mark.requirement("events.feature-flags")
@pytest.mark.parametrize("make", [pytest.param(*one.values, id=one.id) for one in TYPES])  # type: ignore[attr-defined]
async def test_feature_flag_tells_whether_its_event_is_delivered(
    story: Story, alice: Credential, make: Maker
) -> None:
    change = make(story, alice)
    async with story.connect(alice, events=()) as client:
        await story.cause(change)
        if delivers(client, change.event):
            await story.expect(client, change)
            return
        witness = next((one for one in story.of_each_type(alice) if delivers(client, one.event)), None)
        if witness is None:
            await client.expect_no_event()
            return
        await story.cause(witness)
        message, _ = await story.next(client)
        if message.get("type") == change.event:
            raise Nonconformance(
                "an event came although its feature flag is false",
                expected=[f"no {change.event}, since {FLAGS[change.event]} is false"],
                actual=str(message)[:300],
            )
