"""Tokens that are burned while connections are open: Protocol §3."""

from __future__ import annotations

import pytest

from conformance.client.peer import describe
from conformance.client.session import Client
from conformance.core.errors import Nonconformance
from conformance.suite.events.story import Story
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.wire.events import Close, Message

ACTIONS = [
    pytest.param("revoke-token", "token", id="revoked"),
    pytest.param("expire-token", "user_id", id="expired"),
    pytest.param("deactivate-user", "user_id", id="user-deactivated"),
]


@pytest.mark.requirement("events.burned-token-refused")
@pytest.mark.parametrize(("action", "by"), ACTIONS)
async def test_burned_token_is_closed_and_opens_nothing_more(
    target: Target, story: Story, alice: Credential, disposable: Credential, action: str, by: str
) -> None:
    named = {"token": disposable.token} if by == "token" else {"user_id": disposable.user_id}
    async with story.connect(alice) as other, story.connect(disposable, events=()) as client:
        await target.control(action, **named)
        ending = await client.ending()
        target.recorder.charge(
            "events.closed-when-burned",
            kept=ending.close is not None and ending.close.code == 4401,
            message=f"{ending}, {target.limits.close:.0f} s after {action}; expected Close 4401",
        )
        await judge_other(target, other, action)
    confirmed = await identity_of(target, disposable)
    if confirmed == disposable.user_id:
        raise Nonconformance(
            f"a token was good again after {action}",
            expected=["a refused handshake", "Close 4401"],
            actual=f"connection_confirmed as user {confirmed}",
        )


async def judge_other(target: Target, other: Client, action: str) -> None:
    """Charge that somebody else's connection lives on."""
    try:
        await other.heartbeat()
    except Nonconformance as fault:
        message = f"after {action} for another user: {fault.actual} to a heartbeat"
        target.recorder.charge("events.burning-harms-nobody", kept=False, message=message)
    else:
        target.recorder.charge("events.burning-harms-nobody", kept=True)


async def identity_of(target: Target, user: Credential) -> int | None:
    """Return as whom a new connection with the user's token is confirmed, if it is at all."""
    attempt = await target.attempt(target.opening(target.at(OWN), token=user.token))
    client = target.client(attempt.connection)
    try:
        if not attempt.upgraded:
            target.recorder.observe(str(attempt))
            return None
        event = await client.take(lambda e: isinstance(e, Message | Close), target.limits.reply)
        target.recorder.observe(describe(event))
        message = client.decode(event)
        return message.get("user_id") if message.get("type") == "connection_confirmed" else None
    finally:
        await client.leave()
