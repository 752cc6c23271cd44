"""Whether a target is still what the probe found, and how long one is borne with."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from target_harness import request_of, serving, target_at, websocket

from conformance.client.peer import Limits
from conformance.core.errors import Inconclusive
from conformance.plugin.hooks import _stop_if_dead
from conformance.plugin.stash import REQUIREMENT
from conformance.plugin.workers import INPUT
from conformance.spec import requirements
from conformance.target.control import HttpControl
from conformance.target.launch import Instance
from conformance.target.liveness import Dead, Sign, why_dead
from conformance.target.orphans import Orphans

pytestmark = pytest.mark.asyncio
REFUSED = "it refuses the opening handshake that it accepted at the start"
MUST = "framing.ping-pong"
BRIEF = Limits(handshake=0.4, reply=0.4)


async def asked(script, limits=BRIEF):
    """Return why a server that follows ``script`` is thought dead."""
    async with serving(script) as port:
        target = target_at(f"ws://127.0.0.1:{port}")
        target.limits = limits
        return await asyncio.to_thread(why_dead, target)


async def test_server_that_answers_a_ping_lives():
    assert await asked(websocket(), replace(BRIEF, handshake=5.0, reply=5.0)) is None


async def test_server_that_talks_before_its_pong_lives():
    assert await asked(websocket(session={"type": "hello"}), replace(BRIEF, handshake=5.0, reply=5.0)) is None


async def test_server_that_recovers_lives():
    attempts = []

    async def script(reader, writer):
        attempts.append(writer)
        if len(attempts) > 2:
            await websocket()(reader, writer)

    assert await asked(script, replace(BRIEF, handshake=5.0, reply=5.0)) is None


async def silent(reader, writer):
    while await reader.read(65536):
        pass


async def refusing(reader, writer):
    await request_of(reader)
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\nServer: proxy\r\nContent-Length: 0\r\n\r\n")


async def echoing(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)


async def dripping(reader, writer):
    await request_of(reader)
    writer.write(b"HTTP/1.1 101")
    await silent(reader, writer)


async def gossiping(reader, writer):
    await websocket(pong=False, session={"type": "gossip"})(reader, writer)


async def greeting_and_hanging_up(reader, writer):
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await gossiping(reader, writer)


async def hanging_up(reader, writer):
    await reader.readuntil(b"\r\n\r\n")


async def hanging_up_on_pings(reader, writer):
    script = websocket(pong=False)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await script(reader, writer)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (silent, "it gives no answer within 0.4 s"),
        (refusing, f"{REFUSED}: 'HTTP/1.1 503 Service Unavailable' by 'proxy'"),
        (echoing, "it answers an opening handshake with bytes that are no HTTP: b'GET "),
        (dripping, "its answer to an opening handshake is not whole within 0.4 s"),
        (websocket(pong=False), "it accepts an opening handshake, but does not answer a Ping within 0.4 s"),
        (gossiping, "does not answer a Ping within 0.4 s; 1 other frames came, the last a Text"),
        (hanging_up, "it ends connections without an answer"),
        (greeting_and_hanging_up, "connection when a Ping comes; 1 other frames came, the last a Text"),
        (hanging_up_on_pings, "it accepts an opening handshake, and ends the connection when a Ping comes"),
    ],
)  # fmt: skip
async def test_server_that_turned_is_dead(script, why):
    assert why in str(await asked(script))


def stopped_process():
    """Return a process that was stopped, as by SIGSTOP."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    os.kill(process.pid, signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)  # until it has heard of it
    return process


async def test_stopped_process_is_named(tmp_path):
    process = stopped_process()
    target = target_at("ws://127.0.0.1:1")
    target.instance = Instance(process, Path(tmp_path, "output"), target.url, "sleep", Orphans())
    try:
        assert str(why_dead(target)) == f"its process {process.pid} is stopped, by SIGSTOP or a debugger"
    finally:
        process.kill()
        process.wait()
    assert str(why_dead(target)) == "its process ended with -9"


def ending_process():
    """Return a process that ends by itself in a moment, with 3."""
    return subprocess.Popen(["sh", "-c", "sleep 0.3; exit 3"])


async def test_process_that_is_ending_is_waited_for(tmp_path):
    target = target_at("ws://127.0.0.1:1")
    target.limits = replace(BRIEF, handshake=0.01)
    with ending_process() as process:
        target.instance = Instance(process, Path(tmp_path, "output"), target.url, "leaving", Orphans())
        assert str(why_dead(target)) == "its process ended with 3"


async def asked_by_two_addresses(first, second):
    """Return why a server is thought dead that ``first`` serves on 127.0.0.1 and ``second`` on 127.0.0.2."""
    async with serving(first) as port, serving(second, "127.0.0.2", port):
        target = target_at(f"ws://127.0.0.1:{port}")
        target.endpoint = replace(target.endpoint, addresses=("127.0.0.1", "127.0.0.2"))
        target.limits = BRIEF
        return await asyncio.to_thread(why_dead, target)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere loopback has one address")
async def test_target_lives_as_long_as_one_of_its_addresses_does():
    assert await asked_by_two_addresses(refusing, websocket()) is None
    assert (await asked_by_two_addresses(refusing, refusing)).sign is Sign.REFUSES


@pytest.mark.parametrize(("requirement", "stops"), [("port.repeated-connections", False), (MUST, True)])
async def test_another_answer_stops_no_chapter_that_judges_who_answers(requirement, stops):
    results = SimpleNamespace(trouble="")
    run = SimpleNamespace(results=results, why_dead=lambda: Dead(Sign.REFUSES, "'HTTP/1.1 404'"), clean=str)
    item = SimpleNamespace(
        stash={REQUIREMENT: requirements()[requirement]},
        nodeid="test.py::test",
        session=SimpleNamespace(),
        config=SimpleNamespace(workerinput={INPUT: "a folder"}),
    )
    assert bool(_stop_if_dead(item, run)) is stops
    assert (REFUSED in results.trouble) is stops


async def test_control_that_drips_is_given_up():
    async def script(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.05)

    async with serving(script) as port:
        control = HttpControl(f"http://127.0.0.1:{port}/control", 0.2, str)
        with pytest.raises(Inconclusive, match=r"gave no whole answer within 0\.4 s"):
            await control("reset")
