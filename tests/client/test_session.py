"""The session's verbs: what they wait for, what they leave waiting, and what they charge."""

from __future__ import annotations

import asyncio
import json

import pytest
from client_harness import CONFIRMED, Server, acknowledge

from conformance.client.matching import same
from conformance.client.peer import Limits
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.wire.events import Message
from conformance.wire.frames import BINARY, CLOSE, TEXT, Frame, close_payload

pytestmark = pytest.mark.asyncio
TIME = "2026-11-22T10:00:00Z"


def event(kind, number=1):
    return {"type": kind, "event_id": f"e{number}", "server_time": TIME, "data": DATA[kind]}


DATA = {
    "permission_changed": {"user_id": 1, "permission": "p", "granted": True},
    "role_updated": {"user_id": 1, "roles": ["r"]},
}


# Decoding.


async def test_message_is_decoded_and_its_shape_charged_as_kept():
    server = Server()
    assert server.client.decode(Message(TEXT, b'{"type":"news","a":[1]}', 0.0)) == {"type": "news", "a": [1]}
    assert server.schema_charge() is True


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"not json", "not a JSON object"),
        (b"", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b'{"type":"heartbeat_ack"}', "heartbeat_ack: 'server_time' is a required property"),
        (b"{}", "no string member 'type'"),
        (b"\xff", "not a JSON object"),
    ],
    ids=["text", "empty", "list", "member-missing", "no-type", "not-utf8"],
)
async def test_message_of_another_shape_is_charged(content, fault):
    server = Server()
    server.client.decode(Message(TEXT, content, 0.0))
    assert server.schema_charge().startswith(fault)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"type":"news","n":%s}' % (b"9" * 5000), id="long-integer"),
    ],
)
async def test_what_only_this_reader_cannot_take_is_nobodys_fault(content):
    server = Server()
    server.client.decode(Message(TEXT, content, 0.0))
    assert server.schema_charge() in {True, False}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"a": 1, "b": [None]}, {"b": [None], "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ([0], [False], False),
        ({"a": None}, {}, False),
        ("é", "e\u0301", False),
        (9007199254740993, 9007199254740992, False),
    ],
)
async def test_json_values_are_the_same(one, other, equal):
    assert same(one, other) is equal


@pytest.mark.parametrize(
    "content",
    [
        pytest.param('{"type":"news"}'.encode("utf-16-le"), id="utf-16"),
        pytest.param(b'\xef\xbb\xbf{"type":"news"}', id="byte-order-mark"),
    ],
)
async def test_json_in_another_encoding_is_charged(content):
    server = Server()
    assert server.client.decode(Message(TEXT, content, 0.0)) == {}
    assert server.schema_charge().startswith("not a JSON object")


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
async def test_constant_that_is_no_json_is_charged(constant):
    server = Server()
    server.client.decode(Message(TEXT, b'{"type":"news","a":%s}' % constant.encode(), 0.0))
    assert server.schema_charge().startswith("not a JSON object")


async def test_what_is_no_text_message_is_no_object():
    server = Server()
    assert server.client.decode(Message(BINARY, b'{"type":"news"}', 0.0)) == {}
    assert server.client.decode(None) == {}
    assert server.schema_charge() is False


# Confirmation.


async def test_confirmation_is_kept():
    server = Server()
    server.say(CONFIRMED)
    assert await server.client.confirmed() == CONFIRMED
    assert server.client.user_id == 1
    assert server.heard == []


@pytest.mark.parametrize(
    ("message", "actual"),
    [
        ({"type": "news"}, 'the message \'{"type": "news"}\''),
        (b"hello", "the message 'hello'"),
        (None, "nothing"),
    ],
)
async def test_first_message_that_is_no_confirmation(message, actual):
    server = Server()
    if message is not None:
        server.say(message)
    with pytest.raises(Nonconformance, match="first message") as caught:
        await server.client.confirmed()
    assert caught.value.actual == actual


# Requests and replies.


async def test_request_has_an_id_of_its_own():
    server = Server(acknowledge)
    await server.client.heartbeat()
    await server.client.heartbeat()
    first, second = server.heard
    assert first["type"] == "heartbeat"
    assert first["id"] != second["id"]


async def test_reply_is_found_by_its_id_and_others_wait():
    server = Server(lambda m: [{"type": "x", "id": "other"}, {"type": "y", "id": m["id"]}])
    assert (await server.client.ask("anything"))["type"] == "y"
    assert (await server.client.reply_to("other"))["type"] == "x"


async def test_event_before_the_reply_waits():
    server = Server(lambda m: [event("role_updated"), *acknowledge(m)])
    await server.client.heartbeat()
    [waiting] = server.client.inbox
    assert server.client.decode(waiting)["event_id"] == "e1"


@pytest.mark.parametrize("identity", ["r1 ", "R1", 1, None])
async def test_reply_with_another_id_is_none(identity):
    server = Server()
    server.say({"type": "x", "id": identity})
    with pytest.raises(Nonconformance, match="no reply with the request's id") as caught:
        await server.client.reply_to("r1")
    assert caught.value.expected == ("a message with the id 'r1'",)
    assert caught.value.actual.startswith("the message")


async def test_reply_that_does_not_come_is_held_against_the_server():
    with pytest.raises(Nonconformance) as caught:
        await Server().client.ask("heartbeat")
    assert caught.value.actual == "nothing"


async def test_close_instead_of_a_reply_is_told():
    server = Server()
    server.say(close_payload(1011), CLOSE)
    with pytest.raises(Nonconformance) as caught:
        await server.client.reply_to("r1")
    assert caught.value.actual == "Close 1011"


@pytest.mark.parametrize("data", [None, {}, {"text": "é€😀", "n": 9007199254740993, "nested": {"a": [None]}}])
async def test_heartbeat_is_given_back(data):
    server = Server(acknowledge)
    reply = await server.client.heartbeat(data)
    assert reply.get("data") == data
    assert ("data" in server.heard[0]) == (data is not None)


@pytest.mark.parametrize(
    "change", [{"type": "pong"}, {"data": {"a": 2}}, {"data": None}], ids=["type", "data", "no-data"]
)
async def test_heartbeat_that_is_not_given_back(change):
    server = Server(lambda m: [acknowledge(m)[0] | change])
    with pytest.raises(Nonconformance, match="not given back"):
        await server.client.heartbeat({"a": 1})


async def test_heartbeat_that_gives_back_a_boolean_for_a_number():
    server = Server(lambda m: [acknowledge(m)[0] | {"data": {"a": True}}])
    with pytest.raises(Nonconformance, match="not given back"):
        await server.client.heartbeat({"a": 1})


async def test_alive_asks_wire_and_application():
    server = Server(acknowledge)
    await server.client.alive()
    assert [message["type"] for message in server.heard] == ["heartbeat"]


async def test_application_that_is_silent_proves_nothing():
    with pytest.raises(Inconclusive, match="the control failed"):
        await Server().client.alive()


async def test_application_that_has_no_heartbeat_is_not_asked():
    server = Server()
    server.client.speaks = False
    await server.client.alive()
    assert server.heard == []


@pytest.mark.parametrize("allowed", [True, False])
async def test_permission_is_told(allowed):
    server = Server(
        lambda m: [
            {"type": "permission_result", "id": m["id"], "data": {"permission": "p", "allowed": allowed}}
        ]
    )
    assert await server.client.allowed("p") is allowed
    assert (server.heard[0]["type"], server.heard[0]["data"]) == ("check_permission", {"permission": "p"})


@pytest.mark.parametrize(
    "reply",
    [
        {"type": "permission_result", "data": {"permission": "p", "allowed": "true"}},
        {"type": "permission_result", "data": {"permission": "p"}},
        {"type": "permission_result", "data": None},
        {"type": "permission_result"},
        {"type": "error", "data": {"code": "forbidden", "message": ""}},
    ],
    ids=["text", "no-allowed", "null", "no-data", "error"],
)
async def test_permission_that_is_not_told(reply):
    server = Server(lambda m: [reply | {"id": m["id"]}])
    with pytest.raises(Nonconformance, match="check_permission was not answered"):
        await server.client.allowed("p")


@pytest.mark.parametrize("data", ["yes", [True], 1, True])
async def test_permission_in_data_that_is_no_object(data):
    server = Server(lambda m: [{"type": "permission_result", "id": m["id"], "data": data}])
    with pytest.raises(Nonconformance, match="check_permission was not answered"):
        await server.client.allowed("p")


# Events.


async def test_no_event_is_proven_by_a_heartbeat():
    server = Server(lambda m: [{"type": "news"}, *acknowledge(m)])
    await server.client.expect_no_event()


async def test_event_before_the_heartbeats_reply_is_one():
    server = Server(lambda m: [event("role_updated"), *acknowledge(m)])
    with pytest.raises(Nonconformance, match="somebody else") as caught:
        await server.client.expect_no_event()
    assert "role_updated" in caught.value.actual


async def test_event_that_waited_already_is_one():
    server = Server(acknowledge)
    server.say(event("role_updated"))
    with pytest.raises(Nonconformance, match="somebody else"):
        await server.client.expect_no_event()


# Events are no answers.


async def test_event_breaks_no_silence():
    server = Server()
    server.say(event("role_updated"))
    await server.client.expect_silence()


@pytest.mark.parametrize("answers", [pytest.param(False, id="event"), pytest.param(True, id="reply")])
async def test_only_a_reply_before_the_end_answers_a_fault(answers):
    server = Server()
    asyncio.get_running_loop().call_soon(
        fail, server, acknowledge({})[0] if answers else event("role_updated")
    )
    if answers:
        with pytest.raises(Nonconformance, match="had to refuse"):
            await server.client.expect_failed(code=1002)
    else:
        assert (await server.client.expect_failed(code=1002)).close.code == 1002


def fail(server, message):
    """Say a message and fail the connection, once the client waits for it."""
    server.say(message)
    server.connection.data_received(Frame(CLOSE, close_payload(1002), mask=None).encode())
    server.connection.eof_received()


# What answers, and how long it is waited for.


async def test_event_of_somebody_else_is_no_answer():
    client = Server().client
    assert not client.answers(Message(TEXT, json.dumps(event("role_updated")).encode(), 0.0))
    assert client.answers(Message(TEXT, b'{"type":"error"}', 0.0))
    client.echoes = True
    assert client.answers(Message(TEXT, json.dumps(event("role_updated")).encode(), 0.0))


async def test_long_message_is_waited_for_as_long_as_the_line_takes():
    assert Limits(reply=5.0).back(1 << 20) == 5.0
    assert Limits(reply=5.0, rate=250_000).back(1 << 20) > 2 * (1 << 20) / 250_000 + 5.0
