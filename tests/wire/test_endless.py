"""Servers without an end: what is kept of them is bounded, and we give them up, which is no end of theirs."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
import zlib
from dataclasses import replace

import pytest
from wire_harness import BOUND, QUICK, connected, message_of, upgraded

from conformance.client.peer import Ending, Peer, describe
from conformance.client.recorder import Recorder
from conformance.client.session import Client
from conformance.client.talk import MISSED
from conformance.core.errors import Nonconformance
from conformance.net.connection import Connection
from conformance.wire import allowance as limits
from conformance.wire.deflate import MAX_INFLATED, Agreement, Inflater, Unread
from conformance.wire.events import End
from conformance.wire.frames import PING, TEXT, Frame
from conformance.wire.handshake import MAX_BODY, opening

pytestmark = pytest.mark.asyncio
HUGE = b"\x82\x7f" + (1 << 40).to_bytes(8, "big") + bytes(65536)
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"


def flooding(data, *, times=1_000_000):
    """Return a server that says the same for ever once it has heard something."""

    async def script(served):
        await served.frame()
        for _ in range(times):
            served.writer.write(data)
            await served.writer.drain()

    return script


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x81\x05flood" * 4096, "more than 5000 frames"),
        (b"\x02\x7f" + (1 << 20).to_bytes(8, "big") + bytes(1 << 20), "more than 64 MiB of frames"),
        (HUGE, "a frame of 1099511627776 bytes, more than is read"),
    ],
)
async def test_server_without_an_end_is_given_up(monkeypatch, data, why):
    monkeypatch.setattr(limits, "MAX_FRAMES", 5000)
    async with upgraded(flooding(data)) as peer:
        peer.send(Frame(PING))
        while not isinstance(event := await peer.connection.event(BOUND), End):
            pass
        assert (event.kind, event.ours, peer.connection.gone) == (why, True, False)
        assert len(peer.connection.received_frames) <= limits.MAX_FRAMES + 1
        assert sum(len(one.payload) for one in peer.connection.received_frames) <= limits.MAX_UNASKED + (
            1 << 20
        )


async def test_giving_up_is_no_failure_of_the_servers_making():
    async with upgraded(flooding(HUGE)) as peer:
        peer.send(Frame(0x3))
        with pytest.raises(Nonconformance, match="did not fail the connection") as caught:
            await peer.expect_failed(code=1002)
        assert caught.value.actual == "a frame of 1099511627776 bytes, more than is read, then TCP stays open"


async def test_long_list_before_an_end_is_cut():
    ending = Ending(before=[End("x", 0.0)] * 1000, end=End("fin", 0.0))
    assert len(str(ending)) < 1000
    assert "980 more" in str(ending)


async def test_bomb_is_given_up():
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(bytes(MAX_INFLATED + 1)) + packer.flush(zlib.Z_SYNC_FLUSH)[:-4]
    with pytest.raises(Unread):
        Inflater(Agreement()).inflate(bomb)


async def test_message_of_the_largest_size_is_no_bomb():
    packer = zlib.compressobj(1, wbits=-15)
    packed = packer.compress(bytes(MAX_INFLATED)) + packer.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert len(Inflater(Agreement()).inflate(packed)) == MAX_INFLATED


async def test_body_without_an_end_is_kept_up_to_a_bound():
    async def script(served):
        await served.reader.readuntil(b"\r\n\r\n")
        served.writer.write(REFUSAL)
        for _ in range(64):
            served.writer.write(bytes(65536))
            await served.writer.drain()

    async with connected(script) as connection:
        connection.send_request(opening("/", "h"))
        await connection.read_response(BOUND)
        assert len(await connection.read_body(BOUND)) == MAX_BODY


async def test_length_of_thousands_of_digits_is_no_length():
    async def script(served):
        await served.reader.readuntil(b"\r\n\r\n")
        served.writer.write(b"HTTP/1.1 400 Bad\r\nContent-Length: " + b"9" * 9000 + b"\r\n\r\nx")

    async with connected(script) as connection:
        connection.send_request(opening("/", "h"))
        await connection.read_response(BOUND)
        assert await connection.read_body(BOUND) == b"x"


async def test_what_the_server_never_takes_holds_no_descriptor():
    async def script(served):
        served.writer.transport.pause_reading()
        await asyncio.sleep(0.2)

    async with connected(script) as connection:
        connection.write(bytes(1 << 24))
        connection.shut()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert connection._transport.get_extra_info("socket").fileno() == -1


async def test_fin_in_front_of_an_answer_holds_no_descriptor():
    async def script(served):
        await served.reader.readuntil(b"\r\n\r\n")
        served.fin()
        await served.gone()

    async with connected(script) as connection:
        connection.send_request(opening("/", "h"))
        assert await connection.read_response(BOUND) is None
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert connection._transport.get_extra_info("socket").fileno() == -1


async def test_echo_of_our_own_ping_is_not_answered():
    async def script(served):
        while data := await served.reader.read(65536):
            served.writer.write(data)

    async with upgraded(script, QUICK) as peer:
        with pytest.raises(Nonconformance, match="a Ping was not answered"):
            await peer.ping()


async def test_farewell_is_not_waited_for_after_many_in_vain():
    async def script(served):
        await served.frame()
        await served.gone()

    recorder = Recorder()
    recorder.unanswered_farewells = MISSED
    async with upgraded(script) as peer:
        peer.recorder = recorder
        began = time.monotonic()
        await peer.leave()
        assert time.monotonic() - began < BOUND / 4  # the bound of a farewell is BOUND
    assert recorder.unanswered_farewells == MISSED + 1


async def test_answered_farewell_gives_some_patience_back():
    async def script(served):
        await served.frame()
        served.say("88 02 03 e8")

    recorder = Recorder()
    recorder.unanswered_farewells = MISSED
    async with upgraded(script) as peer:
        peer.recorder = recorder
        await peer.leave()
    assert recorder.unanswered_farewells == MISSED - 1


@pytest.mark.parametrize(("before", "waits"), [(0, True), (MISSED - 1, True), (MISSED, False)])
async def test_end_behind_a_close_is_not_waited_for_after_many_in_vain(before, waits):
    async def script(served):
        await served.frame()
        served.say("88 02 03 ea")
        await served.gone()

    recorder = Recorder()
    recorder.unended_failures = before
    async with upgraded(script, replace(QUICK, close=0.6)) as peer:
        peer.recorder = recorder
        began = time.monotonic()
        peer.send_text("no matter what")
        ending = await peer.expect_failed(code=1002)
        assert (time.monotonic() - began >= 0.6) is waits
    assert ending.close is not None
    assert recorder.unended_failures == before + 1


async def test_end_that_comes_late_behind_a_close_counts_as_one_in_vain():
    async def script(served):
        await served.frame()
        served.say("88 02 03 ea")
        await asyncio.sleep(0.3)

    async with upgraded(script, replace(QUICK, close=BOUND, prompt=0.4)) as peer:
        peer.send_text("no matter what")
        ending = await peer.expect_failed(code=1002)
        assert ending.end is not None
        assert peer.recorder.unended_failures == 1


async def test_farewell_that_is_answered_late_counts_as_one_in_vain():
    async def script(served):
        await served.frame()
        await asyncio.sleep(0.3)

    async with upgraded(script, replace(QUICK, prompt=0.8)) as peer:
        await peer.leave()
        assert peer.connection.end is not None
        assert peer.recorder.unanswered_farewells == 1


async def test_slow_close_is_waited_for_even_after_many_ends_in_vain():
    async def script(served):
        await served.frame()
        await asyncio.sleep(0.3)
        served.say("88 02 03 ea")

    recorder = Recorder()
    recorder.unended_failures = MISSED
    async with upgraded(script, replace(QUICK, close=BOUND, prompt=0.2)) as peer:
        peer.recorder = recorder
        peer.send_text("no matter what")
        ending = await peer.expect_failed(code=1002)
    assert ending.close is not None
    assert recorder.unended_failures == MISSED - 1


async def test_echo_is_not_waited_for_as_long_as_a_server_talks_of_other_things():
    async def script(served):
        for number in range(100):
            served.writer.write(Frame(TEXT, b"gossip %d" % number, mask=None).encode())
            await asyncio.sleep(QUICK.reply / 10)

    async with upgraded(script, QUICK) as peer:
        client = Client(peer.connection, QUICK, peer.recorder)
        client.echoes = True
        client.send_text("hello")
        async with asyncio.timeout(BOUND):
            with pytest.raises(Nonconformance, match="did not come back"):
                await client.expect_back(b"hello")


@pytest.mark.parametrize(
    ("kind", "words"), [("garbage", "bytes that are no HTTP"), ("more than 3 frames", "more than 3 frames")]
)
async def test_giving_up_in_a_persons_words(kind, words):
    assert describe(End(kind, 0.0, ours=True)) == words


async def test_bytes_that_are_no_http_are_not_gathered():
    connection = Connection("test", lambda breach: None)
    for _ in range(100):
        connection.data_received(bytes(65536))
    assert len(connection.unfinished) <= 65536
    assert isinstance(Peer(connection, QUICK, Recorder()).connection.end, End)


class Discarding(asyncio.Transport):
    """A transport that sends nothing."""

    def write(self, data):
        del data

    def is_closing(self):
        return False


async def test_what_was_received_goes_with_the_connection():
    connection = Connection("test", lambda breach: None)
    connection.connection_made(Discarding({"peername": ("127.0.0.1", 1)}))
    connection.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b"\x81\x01a")
    connection.connection_lost(None)
    left = weakref.ref(connection)
    gc.disable()
    try:
        del connection
        assert left() is None
    finally:
        gc.enable()


async def test_of_a_flood_of_pings_only_the_latest_are_answered():
    async def script(served):
        served.writer.write(b"".join(Frame(PING, b"%d" % number, mask=None).encode() for number in range(40)))
        first = await served.frame()
        served.say("81 02" + first[1].hex())

    async with upgraded(script) as peer:
        assert int((await message_of(peer)).content) >= 24


async def test_flood_behind_a_close_is_given_up():
    async with upgraded(flooding(b"\x88\x02\x03\xe8" + b"\x81\x05flood" * 4096)) as peer:
        peer.send(Frame(PING))
        ending = await peer.ending()
        assert (ending.close.code, ending.end) == (1000, None)
        assert ending.given_up.kind == "more than 1000 frames behind a Close"
