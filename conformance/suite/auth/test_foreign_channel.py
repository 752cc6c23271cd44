"""Channels of other users."""

from __future__ import annotations

import pytest

from conformance.core.errors import Nonconformance, NotApplicable
from conformance.suite.auth.refusal import NOT_YOURS, Outcome, control, judge_identity, knock, offered
from conformance.target.profile import CARRIERS
from conformance.target.routes import OWN
from conformance.target.target import Target

NOBODY = 8999999999999999989


def _channel(target: Target, user_id: int) -> str:
    return target.at(f"{OWN}{user_id}/")


def _judge(target: Target, outcome: Outcome, *entitled: int) -> None:
    judge_identity(outcome, entitled=entitled, what="the channel of another user")
    target.recorder.observe(str(outcome))
    target.recorder.charge(
        "auth.foreign-channel-refused",
        kept=outcome.refused(NOT_YOURS, (4401, 4403)),
        message=f"{outcome}; expected 401, 403, 404 or Close 4401 or 4403 before any message",
    )


@pytest.mark.requirement("auth.own-channel")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_own_channel_is_open(target: Target, carrier: str) -> None:
    offered(target, carrier)
    for user in target.users:
        request = target.opening(_channel(target, user.user_id), token=user.token, carrier=carrier)
        outcome = await knock(target, request)
        if not outcome.confirmed_as(user):
            raise Nonconformance(
                f"the channel of user {user.user_id} is not open to that user",
                expected=[f"connection_confirmed with user_id {user.user_id}"],
                actual=outcome,
            )


@pytest.mark.requirement("auth.foreign-channel")
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_another_users_channel_with_a_token(target: Target, carrier: str) -> None:
    offered(target, carrier)
    alice, bob = target.users[:2]
    await control(target, carrier=carrier, user=alice)
    request = target.opening(_channel(target, bob.user_id), token=alice.token, carrier=carrier)
    _judge(target, await knock(target, request), alice.user_id)


@pytest.mark.requirement("auth.foreign-channel")
async def test_another_users_channel_without_a_token(target: Target) -> None:
    await control(target, user=target.users[1])
    _judge(target, await knock(target, target.opening(_channel(target, target.users[1].user_id))))


@pytest.mark.requirement("auth.foreign-channel")
async def test_channel_of_the_rounded_id(target: Target) -> None:
    large = [user for user in target.users if int(float(user.user_id)) != user.user_id]
    if not large:
        raise NotApplicable("no user of the profile has an id that a double cannot hold")
    for user in large:
        await control(target, user=user)
        request = target.opening(_channel(target, int(float(user.user_id))), token=user.token)
        _judge(target, await knock(target, request), user.user_id)


@pytest.mark.requirement("auth.no-enumeration")
@pytest.mark.parametrize("with_token", [pytest.param(True, id="token"), pytest.param(False, id="no-token")])
async def test_refusals_do_not_tell_whether_a_user_exists(target: Target, *, with_token: bool) -> None:
    alice, bob = target.users[:2]
    await control(target, user=alice)

    async def refusal(user_id: int) -> list[str]:
        token = alice.token if with_token else None
        outcome = await knock(target, target.opening(_channel(target, user_id), token=token))
        return _fingerprint(outcome, user_id)

    existing, again, missing = await refusal(bob.user_id), await refusal(bob.user_id), await refusal(NOBODY)
    stable = [position for position, part in enumerate(existing) if part == again[position]]
    told = [f"{existing[i]!r} and {missing[i]!r}" for i in stable if existing[i] != missing[i]]
    if told:
        raise Nonconformance(
            "refusals tell a user who exists from one who does not",
            expected=["the same refusal for both"],
            actual="; ".join(told),
        )
    target.recorder.observe("; ".join(part for part in missing if part))


def _fingerprint(outcome: Outcome, user_id: int) -> list[str]:
    response = outcome.attempt.response
    body = response.body.decode("latin-1").replace(str(user_id), "{user_id}") if response else ""
    return [
        str(outcome.attempt),
        (response.get("Content-Type") or "") if response else "",
        body[:300],
        str(outcome).replace(str(user_id), "{user_id}"),
    ]
