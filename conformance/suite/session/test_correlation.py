"""Requests and replies: whose answer is whose, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.client.matching import says
from conformance.client.session import Client, Json
from conformance.core.errors import Nonconformance
from conformance.suite.session.replies import needs_heartbeat, next_reply, shown
from conformance.target.target import Target

PIPELINED = 20
UNKNOWN_MEMBERS: list[Any] = [
    pytest.param(
        "heartbeat", {"data": {}, "x-future": {"a": [1]}, "user_id": 2}, "heartbeat_ack", id="heartbeat"
    ),
    pytest.param(
        "check_permission", {"data": {"permission": "no.such", "as": 1}}, "permission_result", id="in-data"
    ),
    pytest.param("heartbeat", {"server_time": "never", "groups": []}, "heartbeat_ack", id="servers-own"),
]


async def _pipelined(client: Client) -> list[Json]:
    needs_heartbeat(client)
    for number in range(PIPELINED):
        if number % 4 == 3:
            client.say("check_permission", id=f"p{number}", data={"permission": f"no.such.{number}"})
        else:
            client.say("heartbeat", id=f"p{number}", data={"number": number})
    return [await next_reply(client) for _ in range(PIPELINED)]


@pytest.mark.requirement("session.reply-correlation")
async def test_each_reply_carries_the_id_of_its_request(target: Target) -> None:
    async with target.connect() as client:
        replies = await _pipelined(client)
        for number in range(PIPELINED):
            answers = [reply for reply in replies if reply.get("id") == f"p{number}"]
            wanted: Json = {"number": number}
            data = client.returned(data=wanted)
            if number % 4 == 3:
                wanted = {"permission": f"no.such.{number}", "allowed": False}
                data = {"data": wanted}
            if len(answers) != 1 or not says(answers[0], data):
                raise Nonconformance(
                    f"request p{number} of {PIPELINED} did not get its one reply",
                    expected=[f"one reply with the id p{number} and the data {shown(wanted)}"],
                    actual=", ".join(map(shown, answers)) or "no reply with that id",
                )


@pytest.mark.requirement("session.reply-order")
async def test_replies_keep_the_order_of_requests(target: Target) -> None:
    async with target.connect() as client:
        order = [reply.get("id") for reply in await _pipelined(client)]
        wanted = [f"p{number}" for number in range(PIPELINED)]
        if order != wanted:
            raise Nonconformance(
                "replies came in another order", expected=[" ".join(wanted)], actual=str(order)
            )


@pytest.mark.requirement("session.isolation")
async def test_connections_with_the_same_ids_do_not_mix(target: Target) -> None:
    async with target.connect() as one, target.connect() as other:
        needs_heartbeat(one)
        for number in range(PIPELINED):
            one.say("heartbeat", id=f"s{number}", data={"of": "one", "number": number})
            other.say("heartbeat", id=f"s{number}", data={"of": "other", "number": number})
        for name, client in (("one", one), ("other", other)):
            for number in range(PIPELINED):
                reply = await client.reply_to(f"s{number}")
                if not says(reply, client.returned(data={"of": name, "number": number})):
                    raise Nonconformance(
                        "a reply went to another connection than its request came from",
                        expected=[f"the data of connection {name!r}, number {number}"],
                        actual=shown(reply),
                    )


@pytest.mark.requirement("session.unknown-members")
@pytest.mark.parametrize(("kind", "members", "answer"), UNKNOWN_MEMBERS)
async def test_unknown_members_are_ignored(target: Target, kind: str, members: Json, answer: str) -> None:
    async with target.connect() as client:
        reply = await client.ask(kind, **members)
        if reply.get("type") != answer:
            raise Nonconformance("unknown members changed the answer", expected=[answer], actual=shown(reply))
