"""Errors: every wrong message is answered, and none ends the connection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.client.session import Json
from conformance.core.errors import Nonconformance
from conformance.suite.session.replies import INVALID, expect_error, shown
from conformance.target.target import Target

NO_JSON = [
    pytest.param("", id="empty"),
    pytest.param(" \n", id="blanks"),
    pytest.param("hello", id="word"),
    pytest.param('{"type":"heartbeat"', id="unfinished"),
    pytest.param('{"type":"heartbeat",}', id="trailing-comma"),
    pytest.param("{'type':'heartbeat'}", id="single-quotes"),
    pytest.param('{"type":"heartbeat"}{"type":"heartbeat"}', id="two-values"),
    pytest.param('{"type":"heartbeat","data":{"n":NaN}}', id="nan"),
    pytest.param('{"type":"heartbeat","data":{"n":-Infinity}}', id="infinity"),
    pytest.param('{"type":"heartbeat","data":{"s":"a\tb"}}', id="raw-tab-in-string"),
    pytest.param('{"type":"heartbeat","data":{"n":01}}', id="leading-zero"),
]
NO_MESSAGE: list[Any] = [
    pytest.param([], id="array"),
    pytest.param("heartbeat", id="string"),
    pytest.param(42, id="number"),
    pytest.param(None, id="null"),
    pytest.param({}, id="type-missing"),
    pytest.param({"type": 1}, id="type-number"),
    pytest.param({"type": None}, id="type-null"),
    pytest.param({"type": ["heartbeat"]}, id="type-array"),
    pytest.param({"type": "heartbeat", "timestamp": "now"}, id="timestamp-string"),
    pytest.param({"type": "check_permission"}, id="data-missing"),
    pytest.param({"type": "check_permission", "data": []}, id="data-array"),
    pytest.param({"type": "check_permission", "data": {}}, id="permission-missing"),
    pytest.param({"type": "check_permission", "data": {"permission": 7}}, id="permission-number"),
    pytest.param({"type": "check_permission", "data": {"permission": None}}, id="permission-null"),
]
UNKNOWN_TYPES = [
    pytest.param("conformance-no-such-type", ("unknown_type",), id="unknown"),
    pytest.param("Heartbeat", ("unknown_type",), id="upper-case"),
    pytest.param("heartbeat ", ("unknown_type",), id="trailing-blank"),
    pytest.param("__proto__", ("unknown_type",), id="prototype"),
    pytest.param("constructor", ("unknown_type",), id="constructor"),
    pytest.param("", ("unknown_type", "invalid_message"), id="empty"),
    pytest.param("connection_confirmed", ("unknown_type", "forbidden"), id="servers-own"),
    pytest.param("permission_changed", ("unknown_type", "forbidden"), id="event"),
]
REFUSED: list[Any] = [
    pytest.param({"type": "conformance-no-such-type"}, id="unknown-type"),
    pytest.param({"type": 1}, id="type-number"),
    pytest.param({}, id="type-missing"),
    pytest.param({"type": "check_permission", "data": {}}, id="permission-missing"),
]
INVALID_IDS = [
    pytest.param(7, id="number"),
    pytest.param("", id="empty"),
    pytest.param("i" * 65, id="65-code-points"),
    pytest.param(None, id="null"),
    pytest.param({"a": 1}, id="object"),
]


@pytest.mark.requirement("session.invalid-json")
@pytest.mark.parametrize("text", NO_JSON)
async def test_what_is_no_json_is_an_error(target: Target, text: str) -> None:
    async with target.connect() as client:
        await client.alive()
        client.tell(text)
        await expect_error(client)


@pytest.mark.requirement("session.invalid-message")
@pytest.mark.parametrize("message", NO_MESSAGE)
async def test_what_is_no_message_is_an_error(target: Target, message: object) -> None:
    async with target.connect() as client:
        await client.alive()
        client.tell(json.dumps(message))
        await expect_error(client)


@pytest.mark.requirement("session.unknown-type")
@pytest.mark.parametrize(("kind", "codes"), UNKNOWN_TYPES)
async def test_unknown_type_is_an_error(target: Target, kind: str, codes: tuple[str, ...]) -> None:
    async with target.connect() as client:
        await client.alive()
        client.say(kind, id="unknown", data={})
        await expect_error(client, codes)


@pytest.mark.requirement("session.error-id")
@pytest.mark.parametrize("message", REFUSED)
async def test_error_carries_the_id(target: Target, message: Json) -> None:
    async with target.connect() as client:
        await client.alive()
        client.tell(json.dumps({**message, "id": "faulty-1"}))
        reply = await expect_error(client, (*INVALID, "unknown_type"))
        if reply.get("id") != "faulty-1":
            raise Nonconformance(
                "an error does not say which message it is about",
                expected=["the id 'faulty-1'"],
                actual=shown(reply),
            )


@pytest.mark.requirement("session.error-invalid-id")
@pytest.mark.parametrize("identity", INVALID_IDS)
async def test_invalid_id_is_an_error_without_it(target: Target, identity: object) -> None:
    async with target.connect() as client:
        await client.alive()
        client.say("heartbeat", id=identity)
        reply = await expect_error(client)
        if "id" in reply:
            raise Nonconformance(
                "an invalid id was given back", expected=["an error without id"], actual=shown(reply)
            )
