"""Hostile JSON: an error or the right reply, and nothing else happens."""

from __future__ import annotations

import json

import pytest

from conformance.client.matching import alike
from conformance.client.peer import describe
from conformance.client.rawjson import split, value_at
from conformance.client.session import EVENTS, Client
from conformance.core.errors import Nonconformance
from conformance.suite.session.replies import needs_heartbeat, still_open
from conformance.target.target import Target
from conformance.wire.ending import came
from conformance.wire.events import Message

SURROGATE = '"\\ud800"'
# The text of `data` in a heartbeat; each is JSON by the grammar of RFC 8259.
DATA = [
    pytest.param('{"n":9007199254740993}', id="integer-beyond-2^53"),
    pytest.param('{"n":-9223372036854775809}', id="integer-beyond-int64"),
    pytest.param('{"n":123456789012345678901234567890}', id="integer-of-30-digits"),
    pytest.param('{"n":' + "9" * 5000 + "}", id="integer-of-5000-digits"),
    pytest.param('{"n":1e400}', id="number-beyond-double"),
    pytest.param('{"n":-0.0}', id="negative-zero"),
    pytest.param('{"n":1,"n":2}', id="duplicate-keys"),
    pytest.param('{"s":' + SURROGATE + "}", id="lone-surrogate"),
    pytest.param("{" + SURROGATE + ":1}", id="lone-surrogate-key"),
    pytest.param('{"\\u0000":"\\u0000"}', id="nul"),
    pytest.param('{"__proto__":{"allowed":true},"constructor":{"prototype":{}}}', id="prototype"),
    pytest.param('{"d":' + "[" * 5_000 + "]" * 5_000 + "}", id="5000-deep"),
    pytest.param('{"d":' + '{"d":' * 20_000 + "1" + "}" * 20_000 + "}", id="20000-deep-objects"),
    pytest.param("{" + ",".join(f'"k{n}":{n}' for n in range(5_000)) + "}", id="5000-members"),
]
MESSAGES = [
    pytest.param('{"type":"heartbeat","type":"conformance-no-such-type"}', id="duplicate-type"),
    pytest.param('{"type":"heartbeat","id":"a","id":"b"}', id="duplicate-id"),
    pytest.param('{"type":"heartbeat","id":' + SURROGATE + "}", id="lone-surrogate-id"),
    pytest.param('{"type":' + SURROGATE + "}", id="lone-surrogate-type"),
    pytest.param(
        '{"type":"check_permission","data":{"permission":' + SURROGATE + "}}", id="lone-surrogate-permission"
    ),
    pytest.param('{"type":"check_permission","data":{"permission":"\\u0000"}}', id="nul-permission"),
    pytest.param('{"type":"heartbeat","id":"' + "i" * 100_000 + '"}', id="id-of-100000-code-points"),
    pytest.param('{"type":"heartbeat","timestamp":9007199254740993}', id="timestamp-beyond-2^53"),
    pytest.param('{"type":"heartbeat","timestamp":' + "9" * 5000 + "}", id="timestamp-of-5000-digits"),
    pytest.param("[" * 100_000, id="100000-open-brackets"),
    pytest.param("[" * 20_000 + "]" * 20_000, id="20000-deep-array"),
    pytest.param('\ufeff{"type":"heartbeat"}', id="byte-order-mark"),
]


@pytest.mark.requirement("session.hostile-input")
@pytest.mark.parametrize("data", DATA)
async def test_heartbeat_with_hostile_data(target: Target, data: str) -> None:
    async with target.abused() as client:
        needs_heartbeat(client)
        client.tell('{"type":"heartbeat","id":"hostile","data":' + data + "}")
        reply = await _reply(client)
        if _kind(client, reply) == "heartbeat_ack":
            kept = _gives_back(client.heard(reply), data)
            target.recorder.charge(
                "session.data-exact", kept=kept, message=f"{data[:60]} came back in {describe(reply)}"
            )
        await still_open(client)


@pytest.mark.requirement("session.hostile-input")
@pytest.mark.parametrize("text", MESSAGES)
async def test_hostile_message(target: Target, text: str) -> None:
    async with target.abused() as client:
        client.tell(text)
        await _reply(client)
        await still_open(client)


async def _reply(client: Client) -> Message:
    # Not decoded by the client: a server that gives back what our own parser refuses is right.
    event = await client.take(
        lambda e: isinstance(e, Message) and not _is_event(client, e), client.limits.reply
    )
    if not isinstance(event, Message):
        raise Nonconformance(
            "hostile JSON was not survived", expected=["an error", "the reply"], actual=came(event)
        )
    kind = _kind(client, event)
    if kind not in {"error", "heartbeat_ack", "permission_result"}:
        raise Nonconformance(
            "hostile JSON was not answered", expected=["an error", "the reply"], actual=came(event)
        )
    client.recorder.observe(kind)
    return event


def _is_event(client: Client, message: Message) -> bool:
    return _kind(client, message) in EVENTS


def _kind(client: Client, message: Message) -> str:
    # Its own type, not one that stands deeper; the other members may be what no parser reads.
    members = split(client.heard(message).decode(errors="replace"))
    told = value_at(members, ("type",)) if members else None
    try:
        return str(json.loads(told)) if told is not None else ""
    except (ValueError, RecursionError):
        return ""


def _gives_back(content: bytes, data: str) -> bool:
    try:
        return alike(json.loads(content, parse_int=str)["data"], json.loads(data, parse_int=str))
    except RecursionError:
        return data.replace(" ", "").encode() in content.replace(b" ", b"")
    except (ValueError, KeyError):
        return False
