"""Heartbeats: what was given is given back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.client.matching import Returned, says
from conformance.client.session import Json
from conformance.core.errors import Nonconformance
from conformance.suite.session.replies import INVALID, needs_heartbeat, next_reply, shown, still_open
from conformance.target.target import Target

NESTED: Json = {"list": [1, -2.5, True, None, "x", [], {}], "object": {"a": {"b": {"c": [[["deep"]]]}}}}
ECHOED: list[Any] = [
    pytest.param({"id": "h"}, id="id"),
    pytest.param({"id": "\N{ROCKET}" * 64}, id="id-of-64-astral-code-points"),
    pytest.param({"id": 'quo"te \\ </script> \n'}, id="id-to-be-escaped"),
    pytest.param({"timestamp": 1755570544278}, id="timestamp"),
    pytest.param({"timestamp": 0}, id="timestamp-zero"),
    pytest.param({"data": {}}, id="empty-data"),
    pytest.param({"data": NESTED}, id="nested-data"),
    pytest.param({"data": {"": "", "ключ": "值 🚀 é e\u0301 \u2028", "nul": "\0"}}, id="unicode-data"),
    pytest.param({"data": {"type": "error", "id": "inner", "code": "internal"}}, id="data-like-an-envelope"),
    pytest.param({"id": "all", "timestamp": 1755570544278, "data": {"n": 1}}, id="all-members"),
]
ABSENT: list[Any] = [
    pytest.param({}, id="nothing"),
    pytest.param({"id": "only"}, id="id-only"),
    pytest.param({"timestamp": 1755570544278}, id="timestamp-only"),
    pytest.param({"data": {}}, id="data-only"),
]
OTHER_TYPES = [
    pytest.param("text", id="string"),
    pytest.param(["list", 1], id="array"),
    pytest.param(42, id="number"),
    pytest.param(False, id="false"),
    pytest.param(None, id="null"),
]


@pytest.mark.smoke
@pytest.mark.requirement("session.heartbeat-echo")
@pytest.mark.parametrize("members", ECHOED)
async def test_heartbeat_gives_back_what_it_was_given(target: Target, members: Json) -> None:
    async with target.connect() as client:
        needs_heartbeat(client)
        client.say("heartbeat", **members)
        reply = await next_reply(client)
        if not says(reply, {"type": "heartbeat_ack"} | client.returned(**members)):
            raise Nonconformance(
                "a heartbeat was not given back",
                expected=[f"heartbeat_ack with {json.dumps(members)}"],
                actual=shown(reply),
            )


@pytest.mark.requirement("session.heartbeat-absent-members")
@pytest.mark.parametrize("members", ABSENT)
async def test_heartbeat_invents_no_members(target: Target, members: Json) -> None:
    async with target.connect() as client:
        needs_heartbeat(client)
        client.say("heartbeat", **members)
        reply = await next_reply(client)
        invented = sorted({"id", "timestamp", "data"} & (reply.keys() - members.keys()))
        if invented:
            raise Nonconformance(
                f"heartbeat_ack holds {' and '.join(invented)}, which the heartbeat did not",
                expected=[f"heartbeat_ack without {' and '.join(invented)}"],
                actual=shown(reply),
            )


@pytest.mark.requirement("session.heartbeat-data-type")
@pytest.mark.parametrize("data", OTHER_TYPES)
async def test_heartbeat_with_data_of_another_type(target: Target, data: object) -> None:
    async with target.connect() as client:
        needs_heartbeat(client)
        client.say("heartbeat", id="typed", data=data)
        reply = await next_reply(client)
        echoed = says(reply, {"type": "heartbeat_ack", "data": Returned(data)})
        refused = any(says(reply, {"type": "error", "data": {"code": code}}) for code in INVALID)
        if not echoed and not refused:
            raise Nonconformance(
                "data of another type was neither refused nor given back",
                expected=["error invalid_message", f"heartbeat_ack with {json.dumps(data)}"],
                actual=shown(reply),
            )
        target.recorder.observe("given back" if echoed else "refused by an error")
        await still_open(client)


@pytest.mark.requirement("session.heartbeat-fragmented")
async def test_heartbeat_in_single_bytes(target: Target) -> None:
    async with target.connect() as client:
        needs_heartbeat(client)
        data = {"text": "é值🚀"}
        text = json.dumps({"type": "heartbeat", "id": "pieces", "data": data}, ensure_ascii=False).encode()
        text = target.spoken(text)
        client.send_fragments([text[i : i + 1] for i in range(len(text))])
        reply = await client.reply_to("pieces")
        if not says(reply, {"type": "heartbeat_ack"} | client.returned(data=data)):
            raise Nonconformance(
                "a fragmented heartbeat was not given back",
                expected=[f"heartbeat_ack with the data {json.dumps(data)}"],
                actual=shown(reply),
            )
