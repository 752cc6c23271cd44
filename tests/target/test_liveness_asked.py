"""How a target is asked whether it lives: what it is told, where and by which TLS; and what is said of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme
from target_harness import request_of, serving, target_at, websocket

from conformance.client.peer import Limits
from conformance.target.launch import Instance
from conformance.target.liveness import Sign, patience, why_dead
from conformance.target.orphans import Orphans
from conformance.wire.handshake import accept_for

pytestmark = pytest.mark.asyncio
BRIEF = Limits(handshake=0.5, reply=0.2)
AMPLE = Limits(handshake=5.0, reply=5.0)
REFUSED = "it refuses the opening handshake that it accepted at the start"
UNANSWERED = "it accepts an opening handshake, but does not answer a Ping within 0.2 s"
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere loopback has one address")


async def asked(script, limits, **endpoint):
    """Return why a server that follows ``script`` is thought dead; ``endpoint`` is how it is reached."""
    async with serving(script) as port:
        target = target_at(f"ws://127.0.0.1:{port}")
        target.endpoint = replace(target.endpoint, **endpoint)
        target.limits = limits
        return await asyncio.to_thread(why_dead, target)


async def test_server_is_told_who_asks_and_bidden_farewell():
    told = []

    async def script(reader, writer):
        line, headers = await request_of(reader)
        told.append((line, headers["x-conformance-test"]))
        accept = accept_for(headers["sec-websocket-key"])
        writer.write(f"HTTP/1.1 101 S\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        head = await reader.readexactly(6)
        payload = await reader.readexactly(head[1] & 0x7F)
        writer.write(bytes([0x8A, len(payload)]) + bytes(b ^ head[2 + n % 4] for n, b in enumerate(payload)))
        head = await reader.readexactly(6)
        payload = await reader.read()
        told.append((head[:2], bytes(b ^ head[2 + n % 4] for n, b in enumerate(payload))))

    assert await asked(script, AMPLE) is None
    assert told == [
        ("GET /ws/permissions/ HTTP/1.1", "is-the-target-still-there"),
        (b"\x88\x82", b"\x03\xe8"),
    ]


# What is said.


async def garbage(reader, writer):
    await request_of(reader)
    writer.write(b"x" * 41)


async def refusing(reader, writer):
    await request_of(reader)
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


async def hanging_up(reader, writer):
    await request_of(reader)


async def talking(reader, writer):
    _, headers = await request_of(reader)
    accept = accept_for(headers["sec-websocket-key"])
    head = f"HTTP/1.1 101 S\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    writer.write(head + b"\x81\x01a" + b"\x8a\x01b" + b"\x82\x01c")
    await reader.read()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (garbage, f"it answers an opening handshake with bytes that are no HTTP: {b'x' * 40!r}"),
        (refusing, f"{REFUSED}: 'HTTP/1.1 503 Service Unavailable'"),
        (hanging_up, "it ends connections without an answer"),
        (websocket(pong=False), UNANSWERED),
        (talking, f"{UNANSWERED}; 3 other frames came, the last a Binary"),
    ],
    ids=["garbage", "refusing", "hanging-up", "silent", "talking"],
)
async def test_reason_is_said_in_full(script, why):
    assert str(await asked(script, BRIEF)) == why


@pytest.mark.parametrize(
    ("handshake", "longest", "least", "most"), [(0.01, 0.0, 1, 2), (0.5, 0.0, 4, 5), (0.5, 1.2, 5, 7)]
)
async def test_server_is_asked_again_for_longer_than_it_ever_paused(handshake, longest, least, most):
    attempts = []

    async def script(reader, writer):
        attempts.append(writer)
        await refusing(reader, writer)

    async with serving(script) as port:
        target = target_at(f"ws://127.0.0.1:{port}")
        target.limits, target.longest_pause = replace(BRIEF, handshake=handshake), longest
        began = time.monotonic()
        assert (await asyncio.to_thread(why_dead, target)).sign is Sign.REFUSES
        assert time.monotonic() - began < patience(target) + 1
    assert least <= len(attempts) <= most


async def test_pause_of_a_server_that_answers_again_is_remembered():
    began = time.monotonic()

    async def script(reader, writer):
        if time.monotonic() - began > 1.2:
            await websocket()(reader, writer)

    async with serving(script) as port:
        target = target_at(f"ws://127.0.0.1:{port}")
        target.limits = AMPLE
        assert await asyncio.to_thread(why_dead, target) is None
    assert 0.5 <= target.longest_pause < 10
    assert patience(target) == max(10.0, 2 * target.longest_pause)


def nobody():
    """Return a socket that holds a port on which nobody listens, and a target there."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    target = target_at(f"ws://127.0.0.1:{held.getsockname()[1]}")
    target.limits = BRIEF
    return held, target


async def test_nobody_is_told_by_the_systems_word():
    held, target = nobody()
    with held:
        assert str(why_dead(target)) == "connecting fails: Connection refused"


def sleeping():
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


async def test_process_of_which_no_status_is_known_has_ended_all_the_same():
    target = target_at("ws://127.0.0.1:1")
    target.instance = SimpleNamespace(running=False, exit_status=None)
    assert str(why_dead(target)) == "its process ended"


async def test_process_that_nobody_can_look_at_is_not_stopped():
    process = sleeping()
    process.kill()
    process.wait()
    async with serving(websocket()) as port:
        target = target_at(f"ws://127.0.0.1:{port}")
        target.instance = SimpleNamespace(running=True, pid=process.pid)
        assert await asyncio.to_thread(why_dead, target) is None


async def test_process_that_goes_on_without_listening_is_not_said_to_have_ended(tmp_path):
    held, target = nobody()
    with held, sleeping() as process:
        target.instance = Instance(process, Path(tmp_path, "output"), target.url, "sleep", Orphans())
        began = time.monotonic()
        why = str(why_dead(target))
        process.kill()
        assert (why, time.monotonic() - began >= 1.0) == ("connecting fails: Connection refused", True)


async def test_server_that_resets_is_told_by_the_systems_word():
    async def script(reader, writer):
        await request_of(reader)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    assert str(await asked(script, BRIEF)) == "connecting fails: Connection reset by peer"


# Where it is asked.


@only_linux
@pytest.mark.parametrize("addresses", [("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")])
async def test_who_answers_wrongly_says_more_than_an_address_where_nobody_is(addresses):
    why = str(await asked(refusing, BRIEF, addresses=addresses))
    assert why == f"{REFUSED}: 'HTTP/1.1 503 Service Unavailable'"


async def test_host_without_known_addresses_is_asked_by_its_name():
    assert await asked(websocket(), AMPLE, addresses=(), host="localhost") is None


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.mark.parametrize(
    ("certified", "names", "lives"),
    [
        ("localhost", {"host": "localhost"}, True),
        ("other.example", {"host": "localhost", "server_name": "other.example"}, True),
        ("localhost", {"host": "localhost", "server_name": "other.example"}, False),
        ("other.example", {"host": "localhost"}, False),
    ],
)
async def test_server_behind_tls_is_asked_as_tests_ask_it(authority, certified, names, lives):
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(certified).configure_cert(server)
    authority.configure_trust(client)
    async with serving(websocket(), tls=server) as port:
        target = target_at(f"ws://127.0.0.1:{port}")
        target.endpoint = replace(target.endpoint, tls=client, addresses=("127.0.0.1",), **names)
        target.limits = AMPLE if lives else replace(BRIEF, handshake=0.2)
        why = await asyncio.to_thread(why_dead, target)
    assert (why is None) is lives
    assert lives or str(why).startswith("connecting fails: [SSL: CERTIFICATE_VERIFY_FAILED]")
