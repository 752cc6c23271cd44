"""Messages that come back, on an echo path and in heartbeats: what is the same, and what a difference is."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from client_harness import Server, acknowledge

from conformance.client.peer import Limits
from conformance.core.errors import Nonconformance
from conformance.wire.events import Message
from conformance.wire.frames import BINARY, TEXT

pytestmark = pytest.mark.asyncio


class Echo(Server):
    """A server's side that gives back each data message, changed."""

    def __init__(self, change=lambda opcode, content: [(opcode, content)]):
        super().__init__()
        self.change = change
        self.client.echoes = True

    def _answer(self, frame):
        if frame.opcode in {TEXT, BINARY}:
            self.heard.append(frame.payload)
            for opcode, content in self.change(frame.opcode, frame.payload):
                self.say(content, opcode)
        else:
            super()._answer(frame)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 5000, 65536, 70_000])
async def test_content_has_the_length_that_was_asked_for(length):
    assert len(Echo().client.sized(length)) == length
    heartbeat = Server(acknowledge).client
    if length < 60:
        with pytest.raises(ValueError, match="a heartbeat has at least"):
            heartbeat.sized(length)
    else:
        content = heartbeat.sized(length, "me")
        assert (len(content), json.loads(content)["id"]) == (length, "me")


async def test_same_message_comes_back():
    server = Echo()
    server.client.send_text(b"\xc3\xa9")
    await server.client.expect_back(b"\xc3\xa9")
    await server.client.exchange("one more")
    await Server(acknowledge).client.exchange("in a heartbeat")


@pytest.mark.parametrize(
    ("change", "actual"),
    [
        pytest.param(
            lambda op, data: [(op, data[:-1] + b"?")], "12 bytes, different from byte 11 on", id="byte"
        ),
        pytest.param(lambda op, data: [(op, data[:-1])], "11 bytes, different from byte 11 on", id="cut"),
        pytest.param(lambda _, data: [(BINARY, data)], "a Binary message of 12 bytes", id="type"),
        pytest.param(lambda _op, _data: [], "nothing", id="nothing"),
    ],
)
async def test_other_message_is_described(change, actual):
    server = Echo(change)
    server.client.send_text(b"twelve bytes")
    with pytest.raises(Nonconformance, match="did not come back as it was sent") as caught:
        await server.client.expect_back(b"twelve bytes")
    assert actual in caught.value.actual


async def test_wrong_echo_is_known_by_order_and_not_by_waiting():
    server = Echo(lambda op, data: [(op, data.replace(b"lost", b"LOST"))])
    server.client.limits = type(server.client.limits)(reply=60)
    server.client.send_text(b"lost")
    began = time.monotonic()
    with pytest.raises(Nonconformance):
        await server.client.expect_back(b"lost")
    assert time.monotonic() - began < 10
    assert len(server.heard) == 2


async def test_order_of_messages_under_way_is_not_judged():
    held = []

    def swapped(opcode, content):
        held.append((opcode, content))
        return [] if len(held) == 1 else [*reversed(held)] if len(held) == 2 else [(opcode, content)]

    server = Echo(swapped)
    for content in (b"first", b"second"):
        server.client.send_text(content)
    await server.client.expect_back(b"first")
    await server.client.expect_back(b"second")
    assert server.client.inbox == []


async def test_marker_that_was_sent_is_not_left_waiting():
    server = Echo()
    server.say(b"welcome")
    await server.client.exchange("behind a greeting")
    assert [event.content for event in server.client.inbox if isinstance(event, Message)] == [b"welcome"]
    assert await server.client.connection.event(0.01) is None


async def test_message_between_an_echo_and_its_marker_is_no_marker():
    between = {b"hello": [(TEXT, b"gossip"), (TEXT, b"hello"), (TEXT, b"more gossip")]}
    server = Echo(lambda opcode, content: between.get(content, [(opcode, content)]))
    server.client.send_text(b"hello")
    await server.client.expect_back(b"hello")
    assert [event.content for event in server.client.inbox] == [b"gossip", b"more gossip"]
    assert await server.client.connection.event(0.01) is None


async def test_heartbeat_is_never_shorter_than_is_said():
    client = Server(acknowledge).client
    with pytest.raises(ValueError, match=r"has at least \d+ bytes") as caught:
        client.sized(10)
    least = int(str(caught.value).split()[-2])
    assert len(client.sized(least)) == least
    with pytest.raises(ValueError, match=f"has at least {least} bytes"):
        client.sized(least - 1)


async def test_exchanges_have_identities_of_their_own():
    server = Server(acknowledge)
    await server.client.exchange("one")
    await server.client.exchange("two")
    first, second = (message["id"] for message in server.heard)
    assert first != second


async def test_long_heartbeat_is_waited_for_as_long_as_the_line_takes():
    server = Server()
    server.client.limits = Limits(reply=0.01, rate=5000.0)  # 0.01 s, and 0.6 for 500 octets
    content = server.client.sized(500)
    (answer,) = acknowledge(json.loads(content))
    asyncio.get_running_loop().call_later(0.1, server.say, answer)
    await server.client.expect_back(content)


async def test_heartbeat_with_other_data_is_described():
    server = Server(lambda message: acknowledge(message | {"data": {"text": "other"}}))
    with pytest.raises(Nonconformance, match="did not come back") as caught:
        await server.client.exchange("this")
    assert "heartbeat_ack" in caught.value.actual
