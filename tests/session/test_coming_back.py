"""Messages that come back, on an echo path and in heartbeats: what is the same, and what a difference is."""

from __future__ import annotations

import json
import time

import pytest
from client_harness import Server, acknowledge

from conformance.errors import Nonconformance
from conformance.wire.connection import Message
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


async def test_heartbeat_with_other_data_is_described():
    server = Server(lambda message: acknowledge(message | {"data": {"text": "other"}}))
    with pytest.raises(Nonconformance, match="did not come back") as caught:
        await server.client.exchange("this")
    assert "heartbeat_ack" in caught.value.actual
