"""The probe for an echo: which path gives messages back, and what of them."""

from __future__ import annotations

import asyncio

import pytest
from target_harness import CONFIRMED, request_of, target_of, text, websocket

from conformance.target.probe import probe
from conformance.target.profile import Profile
from conformance.wire.handshake import accept_for

pytestmark = pytest.mark.asyncio
QUICK = 0.1


def echo(*, change=lambda opcode, payload: (opcode, payload), path="/echo", greeting=None, elsewhere=None):
    """Return the script of a server with an echo path, and with another script on every other path."""

    async def script(reader, writer):
        line, headers = await request_of(reader)
        if line.split()[1] != path:
            await (elsewhere or nothing)(reader, writer, (line, headers))
            return
        accept = accept_for(headers["sec-websocket-key"])
        head = ["HTTP/1.1 101 S", "Upgrade: websocket", "Connection: Upgrade"]
        writer.write("\r\n".join([*head, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
        if greeting:
            writer.write(text(greeting))
        while True:
            opcode, payload = await frame_of(reader)
            if opcode >= 8:
                writer.write(bytes([0x80 | (0xA if opcode == 9 else opcode), len(payload)]) + payload)
                if opcode == 8:
                    return
                continue
            answer = change(opcode, payload)
            if answer is not None:
                writer.write(bytes([0x80 | answer[0], len(answer[1])]) + answer[1])

    return script


async def frame_of(reader):
    first, second = await reader.readexactly(2)
    key = await reader.readexactly(4)
    payload = await reader.readexactly(second & 0x7F)
    return first & 0x0F, bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


async def nothing(reader, writer, request):
    await websocket(paths=[], request=request)(reader, writer)


async def elsewhere_a_session(reader, writer, request):
    await websocket(session=CONFIRMED, heartbeat=True, request=request)(reader, writer)


async def probed(script, *, scale=QUICK, **how):
    async with target_of(script, **how) as target:
        await probe(target, scale=scale)
        return target, {name: one for name, one in target.capabilities.items() if name.startswith("echo")}


async def test_bare_url_that_gives_back_messages_is_an_echo():
    target, found = await probed(echo(), path="/echo", scale=1.0)
    assert (target.echo_path, found["echo"].present, found["echo-binary"].present) == ("/echo", True, True)
    assert target.capabilities["session"].evidence == "/echo gives back what it is sent"


async def test_declared_path_is_used_beside_a_session():
    script = echo(elsewhere=elsewhere_a_session)
    target, found = await probed(script, profile=Profile(echo="/echo"), scale=1.0)
    assert (target.path, target.echo_path) == ("/", "/echo")
    assert all(one.present for one in found.values())
    async with target_of(script, profile=Profile(echo="/echo")) as target:
        await probe(target, scale=1.0)
        async with target.echoing() as peer:
            assert peer.carrying("é") == "é".encode()
            await peer.exchange("é")


async def test_heartbeats_are_the_echo_where_no_path_is_declared():
    target, found = await probed(websocket(session=CONFIRMED, heartbeat=True), scale=1.0)
    assert (target.echo_path, found["echo"].present, found["echo-binary"].present) == (None, True, False)
    assert "[target] echo" in found["echo-binary"].unlock


async def test_path_that_gives_back_something_else_is_no_echo():
    change = lambda opcode, payload: (opcode, payload.replace(b"heartbeat", b"HEARTBEAT"))  # noqa: E731
    target, found = await probed(echo(change=change), path="/echo")
    assert (target.echo_path, found["echo"].present, found["echo"].claim) == (None, False, None)


async def test_declared_path_that_does_not_echo_breaks_a_claim():
    _, found = await probed(echo(elsewhere=elsewhere_a_session), profile=Profile(echo="/other"), scale=0.2)
    assert (found["echo"].present, found["echo"].claim) == (False, "framing.text-message")
    assert "/other" in found["echo"].evidence


@pytest.mark.parametrize(
    ("answer", "present"),
    [
        pytest.param((8, b"\x03\xeb"), False, id="refused-with-1003"),
        pytest.param((1, b"as text"), True, id="as-text"),
        pytest.param(None, True, id="nothing-where-a-path-is-declared"),
    ],
)
async def test_binary_data_is_judged_unless_it_is_refused(answer, present):
    script = echo(change=lambda opcode, payload: (opcode, payload) if opcode == 1 else answer)
    _, found = await probed(script, path="/echo", profile=Profile(echo="/echo"))
    assert found["echo"].present
    assert found["echo-binary"].present is present


async def test_greeting_is_not_taken_for_the_echo():
    target, found = await probed(echo(greeting={"welcome": True}), path="/echo", scale=1.0)
    assert (found["echo"].present, target.found.chatty) == (True, True)
    async with target_of(echo(greeting={"welcome": True}), path="/echo") as target:
        await probe(target, scale=1.0)
        async with target.echoing() as peer:
            async with asyncio.timeout(2):  # by order, not by a bound
                await peer.exchange("behind the greeting")
