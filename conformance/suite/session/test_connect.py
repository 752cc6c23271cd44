"""`connect`: a greeting that changes nothing."""

from __future__ import annotations

import pytest

from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.session.replies import shown, still_open
from conformance.target.routes import OWN
from conformance.target.target import Target

USER_IDS = [
    pytest.param("anonymous", id="anonymous"),
    pytest.param(1, id="integer"),
    pytest.param("1", id="digits"),
    pytest.param(0, id="zero"),
    pytest.param(None, id="null"),
    pytest.param({"$ne": None}, id="object"),
    pytest.param([1, 2], id="array"),
]


@pytest.mark.requirement("session.connect-tolerated")
@pytest.mark.parametrize("user_id", USER_IDS)
async def test_connect_causes_neither_error_nor_close(target: Target, user_id: object) -> None:
    async with target.connect() as client:
        client.say("connect", id="greeting", data={"userId": user_id}, timestamp=1755570544278)
        await still_open(client)
        errors = [one for one in map(client.decode, client.inbox) if one.get("type") == "error"]
        if errors:
            raise Nonconformance(
                "`connect` was answered by an error",
                expected=["no answer", "connection_confirmed with the same identity"],
                actual=shown(errors[0]),
            )


@pytest.mark.requirement("session.connect-identity")
@pytest.mark.parametrize("user_id", USER_IDS)
async def test_connect_confirms_nobody_else(target: Target, user_id: object) -> None:
    async with target.connect() as client:
        client.say("connect", data={"userId": user_id})
        await _unchanged(client)


@pytest.mark.requirement("session.connect-identity-of-user")
@pytest.mark.parametrize("claimed", ["another-user", "anonymous", "oneself"])
async def test_connect_changes_no_users_identity(target: Target, claimed: str) -> None:
    user = target.users[0]
    values = {"another-user": user.user_id + 1, "anonymous": "anonymous", "oneself": user.user_id}
    async with target.connect(target.at(OWN), user=user) as client:
        if client.user_id != user.user_id:
            raise Inconclusive(f"a good token was confirmed as {client.user_id}, not as {user.user_id}")
        client.say("connect", data={"userId": values[claimed]})
        await _unchanged(client)


async def _unchanged(client: Client) -> None:
    before = client.user_id
    await client.heartbeat()
    again = [one for one in map(client.decode, client.inbox) if one.get("type") == "connection_confirmed"]
    client.recorder.observe(f"{len(again)} further connection_confirmed")
    if len(again) > 1 or any(one.get("user_id", "absent") != before for one in again):
        raise Nonconformance(
            "`connect` changed the identity" if len(again) == 1 else "`connect` was confirmed more than once",
            expected=["no answer", f"one connection_confirmed with user_id {before}"],
            actual=shown(again[-1]),
        )
