"""The confirmation: the first message of every connection."""

from __future__ import annotations

from datetime import datetime

import pytest

from conformance.core.errors import Nonconformance
from conformance.suite.session.replies import shown
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.target import Target

ANONYMOUS_ENDPOINTS = [
    pytest.param(OWN, id="own"),
    pytest.param(ANONYMOUS, id="anonymous"),
    pytest.param(ANONYMOUS + "/", id="anonymous-slash"),
]
FEATURES = [
    "permission_notifications",
    "role_updates",
    "menu_access_updates",
    "cache_invalidation",
    "heartbeat",
]


@pytest.mark.smoke
@pytest.mark.requirement("session.confirmation-first")
async def test_confirmation_comes_first_and_unasked(target: Target) -> None:
    async with target.connect(confirm=False) as client:
        await client.confirmed()


@pytest.mark.requirement("session.confirmation-once")
async def test_confirmation_comes_once(target: Target) -> None:
    async with target.connect() as client:
        await client.heartbeat()
        again = [one for one in map(client.decode, client.inbox) if one.get("type") == "connection_confirmed"]
        if again:
            raise Nonconformance(
                "a connection was confirmed twice",
                expected=["one connection_confirmed"],
                actual=shown(again[0]),
            )


@pytest.mark.requirement("session.features")
@pytest.mark.parametrize("name", FEATURES)
async def test_confirmation_declares_feature(target: Target, name: str) -> None:
    async with target.connect() as client:
        features = client.confirmation.get("features")
        value = features.get(name) if isinstance(features, dict) else None
        if not isinstance(value, bool):
            raise Nonconformance(
                f"the confirmation does not say whether there is {name}",
                expected=[f"features.{name} is true", f"features.{name} is false"],
                actual=shown(client.confirmation),
            )
        target.recorder.observe(f"{name}: {str(value).lower()}")


@pytest.mark.smoke
@pytest.mark.requirement("session.anonymous-user-id")
@pytest.mark.parametrize("path", ANONYMOUS_ENDPOINTS)
async def test_anonymous_user_id_is_null(target: Target, path: str) -> None:
    async with target.connect(target.at(path)) as client:
        if client.confirmation.get("user_id", "absent") is not None:
            raise Nonconformance(
                "a connection without a token was not confirmed as anonymous",
                expected=["user_id: null"],
                actual=shown(client.confirmation),
            )


@pytest.mark.requirement("session.server-time")
async def test_server_time_is_a_moment(target: Target) -> None:
    async with target.connect() as client:
        _moment(client.confirmation.get("server_time"))


@pytest.mark.requirement("session.server-time-offset")
async def test_server_time_has_an_offset(target: Target) -> None:
    async with target.connect() as client:
        given = client.confirmation.get("server_time")
        if _moment(given).utcoffset() is None:
            raise Nonconformance(
                "server_time has no offset; scripts in browsers read it as local time",
                expected=["Z", "an offset such as +00:00"],
                actual=str(given),
            )


def _moment(value: object) -> datetime:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise Nonconformance(
            "server_time is no moment", expected=["a date and time in ISO 8601"], actual=repr(value)
        ) from None
