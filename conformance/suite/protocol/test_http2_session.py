"""The permissions protocol over HTTP/2: who is asking, first message, events."""

from __future__ import annotations

import pytest

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.auth.refusal import judge_identity, outcome_of
from conformance.suite.events.story import Story
from conformance.target.attempt import Attempt
from conformance.target.http2 import Link, linked
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.target import Target
from conformance.wire.handshake import Request


@pytest.mark.requirement("http2.session")
async def test_session_begins_and_heartbeats_come_back(target: Target) -> None:
    async with linked(target) as link, link.upgraded() as peer:
        await peer.confirmed()
        await peer.heartbeat({"text": "Grüße €😀", "list": [1, None, True]})


@pytest.mark.requirement("http2.identity")
async def test_good_token_is_its_user_in_each_carrier(target: Target) -> None:
    user = target.users[0]
    async with linked(target) as link:
        for carrier in target.profile.carriers:
            request = target.opening(target.at(OWN), token=user.token, carrier=carrier)
            outcome = await outcome_of(target, await tried(link, request))
            if not outcome.confirmed_as(user):
                raise Nonconformance(
                    f"a good token in the carrier {carrier} is not its user over HTTP/2",
                    expected=[f"connection_confirmed with user_id {user.user_id}"],
                    actual=outcome,
                )


@pytest.mark.requirement("http2.identity")
async def test_unknown_token_is_nobody_in_each_carrier(target: Target) -> None:
    async with linked(target) as link:
        for carrier in target.profile.carriers:
            request = target.opening(target.at(OWN), token="no-such-token-0123456789", carrier=carrier)
            judge_identity(await outcome_of(target, await tried(link, request)))


@pytest.mark.requirement("http2.identity")
async def test_channel_of_another_user_is_refused(target: Target) -> None:
    user = target.users[0]
    others = [one.user_id for one in target.users[1:]] or [user.user_id + 1]
    async with linked(target) as link:
        request = target.opening(target.at(f"{OWN}{others[0]}/"), token=user.token)
        outcome = await outcome_of(target, await tried(link, request))
        judge_identity(outcome, entitled=[user.user_id], what="a token on another user's channel")


async def tried(link: Link, request: Request) -> Attempt:
    """Return an attempt over HTTP/2, as the judgements of the other chapters want it."""
    return Attempt(request, await link.attempt(request))


@pytest.mark.requirement("http2.origin")
@pytest.mark.parametrize("origin", ["foreign", "null", "look-alike"])
async def test_foreign_origin_is_refused(target: Target, origin: str) -> None:
    allowed = target.profile.allowed_origins[0]
    values = {"foreign": "https://evil.example", "null": "null", "look-alike": f"{allowed}.evil.example"}
    async with linked(target) as link:
        control = await tried(link, target.opening(origin=allowed))
        control.connection.shut()
        if not control.upgraded:
            raise Inconclusive(f"an allowed origin was answered by {control}")
        await link.refuses(target.opening(origin=values[origin]), f"Origin {origin}")


@pytest.mark.requirement("http2.events")
async def test_event_reaches_its_user_over_http2(target: Target) -> None:
    story, user = Story(target), target.users[0]
    try:
        async with (
            linked(target) as link,
            story.connect(user) as plain,
            link.upgraded(target.opening(target.at(OWN), token=user.token)) as stream,
            link.upgraded(target.opening(target.at(ANONYMOUS))) as stranger,
        ):
            for peer in (stream, stranger):
                await peer.confirmed()
            change = story.permission(user)
            await story.cause(change)
            for peer in (plain, stream):
                await story.expect(peer, change)
            await stranger.expect_no_event()
    finally:
        await story.undo()
