"""What the client says of what came back: the difference, how deep it reads, and each failure in full."""

from __future__ import annotations

import asyncio
import json

import pytest
from client_harness import CONFIRMED, Server, acknowledge

from conformance.client.dialect import Dialect
from conformance.client.matching import same
from conformance.client.peer import Limits
from conformance.client.session import DEEPEST, difference
from conformance.core.errors import Nonconformance
from conformance.wire.events import Message
from conformance.wire.frames import BINARY, TEXT

pytestmark = pytest.mark.asyncio
TIME = "2026-11-22T10:00:00Z"
EVENT = {"type": "role_updated", "event_id": "e", "server_time": TIME, "data": {"user_id": 1, "roles": ["r"]}}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1.5, 1.5, True),
        (1.5, 2.5, False),
        (0.0, -0.0, False),
        (1.0, 1, False),
        ([1.5, "a"], [1.5, "a"], True),
        ([1], [1, 2], False),
        ({"a": 0.0}, {"a": -0.0}, False),
    ],
)
async def test_numbers_are_the_same_where_they_would_be_written_so(one, other, equal):
    assert same(one, other) is equal
    assert same(other, one) is equal


@pytest.mark.parametrize(
    ("sent", "found", "said"),
    [
        (b"0123456789abcdefghij", b"0123456789Xbcdefghij",
         ("20 bytes, different from byte 10 on: 36 37 38 39 58 62 63 64 65 66 67 68 instead of "
         "36 37 38 39 61 62 63 64 65 66 67 68")),
        (b"abcdef", b"Xbcdef",
         "6 bytes, different from byte 0 on: 58 62 63 64 65 66 instead of 61 62 63 64 65 66"),
        (b"abc", b"abcdef", "6 bytes, different from byte 3 on: 61 62 63 64 65 66 instead of 61 62 63"),
        (b"abc", b"", "0 bytes, different from byte 0 on: nothing instead of 61 62 63"),
        (b"", b"abc", "3 bytes, different from byte 0 on: 61 62 63 instead of nothing"),
    ],
    ids=["inside", "at-once", "longer", "nothing", "instead-of-nothing"],
)  # fmt: skip
async def test_difference_is_shown_with_what_stands_around_it(sent, found, said):
    assert difference(TEXT, sent, Message(TEXT, found, 0.0)) == said


async def test_message_of_another_kind_is_told_by_its_kind():
    assert difference(TEXT, b"abc", Message(BINARY, b"abc", 0.0)) == "a Binary message of 3 bytes"


# How deep a message is read.


def nested(levels, kind):
    left, right = {"list": ("[", "]"), "object": ('{"a":', "}")}[kind]
    if levels == 0:
        return "1"
    return left * (levels - 1) + ("[]" if kind == "list" else "{}") + right * (levels - 1)


@pytest.mark.parametrize("kind", ["list", "object"])
@pytest.mark.parametrize("around", [0, 200])
@pytest.mark.parametrize(("levels", "read"), [(DEEPEST - 1, True), (DEEPEST, False)])
async def test_message_is_read_as_deep_as_it_can_be_written_again(kind, around, levels, read):
    server = Server()
    wide = ",".join(["[]", "{}"] * around)
    content = f'{{"wide":[{wide}],"type":"news","deep":{nested(levels, kind)}}}'.encode()
    assert server.client.decode(Message(TEXT, content, 0.0)).get("type") == ("news" if read else None)
    assert server.schema_charge() is read  # what is too deep for us is nobody's fault


@pytest.mark.parametrize("text", ["[" * 200, "{" * 200, "[{" * 100])
async def test_brackets_in_a_text_are_no_depth(text):
    server = Server()
    server.client.decode(Message(TEXT, json.dumps(text).encode(), 0.0))
    assert server.schema_charge().startswith("not a JSON object in ")
    assert Server().client.decode(Message(TEXT, json.dumps({"type": text}).encode(), 0.0)) == {"type": text}


async def test_charge_says_what_came_and_nothing_where_all_is_well():
    server = Server()
    server.client.decode(Message(TEXT, b"oops", 0.0))
    server.client.decode(Message(TEXT, b'{"type":"news"}', 0.0))
    charges = server.recorder.record.charges
    assert charges["session.message-schema", False].message == "not a JSON object in the message 'oops'"
    assert charges["session.message-schema", True].message == ""


async def test_echo_is_no_message_of_the_servers_own():
    server = Server()
    server.client.echoes = True
    assert server.client.decode(Message(TEXT, b"oops", 0.0)) == {}
    assert server.schema_charge() is True


async def test_first_message_is_kept_whatever_it_is():
    server = Server()
    server.say(CONFIRMED)
    await server.client.confirmed()
    assert json.loads(server.client.first.content) == CONFIRMED
    for ends in (b"", b"\x88\x00"):
        silent = Server()
        silent.connection.data_received(ends)
        silent.connection.eof_received()
        with pytest.raises(Nonconformance):
            await silent.client.confirmed()
        assert silent.client.first is None


# What is said.


@pytest.mark.parametrize("text", ['{"type":"news","a":"é"}', '{"type":"news","a":"é"}'.encode()], ids=type)
async def test_text_is_told_as_it_is(text):
    server = Server()
    server.client.tell(text)
    assert server.heard == [{"type": "news", "a": "é"}]


@pytest.mark.parametrize("length", [100, 0x10000 + 48, 0x10000 + 60, 100_000])
async def test_long_message_differs_at_each_place_and_ends_in_one_letter(length):
    client = Server(acknowledge).client
    content = client.sized(length)
    message = json.loads(content)
    text = message["data"]["text"]
    assert (len(content), message["type"], message["id"]) == (length, "heartbeat", "echo")
    varied = text[:0x10000]
    assert varied.split()[:5] == ["0", "1", "2", "3", "4"]
    assert "p" not in varied
    assert set(text[0x10000:]) <= {"p"}
    assert client.carrying("é", "x") == '{"type": "heartbeat", "id": "x", "data": {"text": "é"}}'.encode()


async def test_ping_stands_in_for_a_heartbeat_that_the_backend_lacks():
    server = Server(acknowledge)
    server.client.dialect = Dialect(types={"heartbeat": None})
    assert await server.client.heartbeat() == {}
    assert server.heard == []
    server.client.dialect = Dialect(types={"error": None})
    assert (await server.client.heartbeat())["type"] == "heartbeat_ack"


async def test_what_is_said_in_other_words_comes_back_in_ours():
    ack = {"type": "pong", "server_time": TIME}
    server = Server(lambda m: [ack | {key: m[key] for key in ("ref", "body")}])
    server.client.dialect = Dialect(
        types={"heartbeat": "ping", "heartbeat_ack": "pong"}, members={"id": "ref", "data": "body"}
    )
    await server.client.exchange("é")
    content = server.client.sized(200)
    server.client.send_text(content)
    await server.client.expect_back(content)
    assert [sorted(one) for one in server.heard] == [["body", "ref", "type"]] * 2
    assert {one["type"] for one in server.heard} == {"ping"}


# Failures, in full.


def renamed(kind):
    return lambda m: [{"type": kind, "id": m["id"], "server_time": TIME, "x": "y" * 400}]


async def waiting_event(client):
    client.connection.data_received(b"\x81\x7e" + len(json.dumps(EVENT)).to_bytes(2, "big")
                                    + json.dumps(EVENT).encode())  # fmt: skip
    await client.expect_no_event()


@pytest.mark.parametrize(
    ("act", "reply", "message", "expected", "actual"),
    [
        (lambda client: client.confirmed(), None, "the first message is not connection_confirmed",
         "connection_confirmed, unasked", None),
        (lambda client: client.reply_to("r7"), None, "there was no reply with the request's id",
         "a message with the id 'r7'", None),
        (lambda client: client.heartbeat(), renamed("pong"), "a heartbeat was not given back",
         "heartbeat_ack with the same data", "pong"),
        (lambda client: client.allowed("p"), renamed("maybe"), "check_permission was not answered",
         "permission_result with data.allowed", "maybe"),
        (lambda client: client.exchange("a"), renamed("pong"),
         "a heartbeat's data did not come back as it was sent", "heartbeat_ack with the same data", None),
        (waiting_event, acknowledge, "an event came that belongs to somebody else, or came twice",
         "no event before the reply to a later heartbeat", "role_updated"),
    ],
    ids=["confirmed", "reply", "heartbeat", "allowed", "exchange", "no-event"],
)  # fmt: skip
async def test_failure_says_what_was_wanted_and_what_came(act, reply, message, expected, actual):
    server = Server(reply)
    with pytest.raises(Nonconformance) as caught:
        await act(server.client)
    assert (str(caught.value), list(caught.value.expected)) == (message, [expected])
    assert len(caught.value.actual) <= 300
    if actual in {"pong", "maybe"}:
        sent = json.dumps(renamed(actual)({"id": server.heard[-1]["id"]})[0])
        assert caught.value.actual == sent[:300]
    if actual == "role_updated":
        assert caught.value.actual == json.dumps(EVENT)
    assert caught.value.actual


async def test_long_event_of_somebody_else_is_cut():
    server = Server(acknowledge)
    long = EVENT | {"data": {"user_id": 1, "roles": ["r" * 400]}}
    server.say(long)
    with pytest.raises(Nonconformance) as caught:
        await server.client.expect_no_event()
    assert caught.value.actual == json.dumps(long)[:300]


async def test_data_that_came_back_otherwise_is_compared():
    server = Server(lambda m: [acknowledge(m)[0] | {"data": {"text": "b"}}])
    with pytest.raises(Nonconformance) as caught:
        await server.client.exchange("a")
    assert caught.value.actual == (
        "heartbeat_ack: 13 bytes, different from byte 10 on: 22 3a 20 22 62 22 7d instead of "
        "22 3a 20 22 61 22 7d"
    )


async def test_reply_ends_the_waiting():
    server = Server(acknowledge)
    server.client.limits = Limits(reply=60, close=60, event=60, prompt=60)
    async with asyncio.timeout(5):
        await server.client.ask("heartbeat")
        await server.client.exchange("text")
