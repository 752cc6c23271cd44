"""Messages of a script: Protocol §8."""

from __future__ import annotations

import json
import random

import pytest
from playwright.async_api import Page

from conformance.browser.script import ScriptSocket, open_socket, serve
from conformance.client.matching import Returned, says
from conformance.client.session import Json
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.browser.pages import (
    allowed_origin,
    connected,
    receive,
    url_of,
    visitor,
    with_close,
)
from conformance.suite.browser.raw_controls import prove_binary_refused, prove_heartbeats, prove_order
from conformance.target.target import Target
from conformance.wire.frames import BINARY, Frame

LARGEST = 4 * 1024 * 1024

DATA: tuple[Json, ...] = (
    {"n": 1, "nested": [True, None, {"a": []}]},
    {"text": "é 日本 😀 \u2028 \x7f"},
    {"text": "t" * 65536},
)


@pytest.mark.requirement("browser.heartbeat")
async def test_heartbeats_of_a_script_are_given_back(page: Page, target: Target) -> None:
    fitting = [data for data in DATA if target.sizes.fits(2 * len(json.dumps(data)))]
    await prove_heartbeats(target, *fitting)
    socket = await connected(page, target, visitor(target))
    for number, data in enumerate(fitting):
        await given_back(socket, target, f"h{number}", data)


async def given_back(socket: ScriptSocket, target: Target, name: str, data: Json) -> None:
    """Send a heartbeat from script and expect its data back."""
    message = {"type": "heartbeat", "id": name, "data": data}
    await socket.send(target.profile.dialect.written(json.dumps(message, ensure_ascii=False)))
    reply = await receive(socket, target)
    flat = "heartbeat_ack" in target.profile.dialect.flat  # unknown members stand among those of `data`
    wanted = {"type": "heartbeat_ack", "id": name, "data": data if flat else Returned(data)}
    if not says(reply, wanted):
        raise Nonconformance(
            "a heartbeat of a script was not given back, while a raw client's was",
            expected=["heartbeat_ack with the same id and data"],
            actual=str(socket),
        )


@pytest.mark.requirement("browser.large-message")
async def test_large_message_of_a_script_is_given_back(page: Page, target: Target) -> None:
    size = target.sizes.room(min((target.profile.max_message_bytes or 0) // 2, LARGEST))
    # Digits without a pattern, so that neither side can make them small.
    data: Json = {"text": random.Random(size).randbytes(size // 2).hex()[: size - 256]}  # noqa: S311 - no secret
    await prove_heartbeats(target, data)
    socket = await connected(page, target, visitor(target))
    await given_back(socket, target, "large", data)
    left = await socket.buffered()
    target.recorder.observe(f"{size} bytes given back, bufferedAmount {left}")


@pytest.mark.requirement("browser.binary-types")
async def test_binary_messages_come_back_as_they_are(page: Page, target: Target) -> None:
    assert target.echo_path is not None
    content = (bytes(range(256)) * 4)[: target.sizes.room(1024, BINARY)]
    async with target.echoing() as raw:
        raw.send(Frame(BINARY, content))
        try:
            await raw.expect_back(content, BINARY)
        except Nonconformance as fault:
            raise Inconclusive(f"the raw twin failed: {fault}; see the chapter protocol") from None
    await serve(page, allowed_origin(target))
    token = f"{'&' if '?' in target.echo_path else '?'}token={target.echo_token}" if target.echo_token else ""
    for kind in ("arraybuffer", "blob"):
        socket = await open_socket(page, url_of(target, target.echo_path + token))
        await socket.until("open", target.limits.handshake)
        await socket.send_binary(content, binary_type=kind)
        seen = await socket.until("binary", target.limits.reply)
        if seen is None or seen.content != content.hex():
            raise Nonconformance(
                f"a binary message did not come back to script ({kind}) as it does to a raw client",
                expected=["a binary message with the same bytes"],
                actual=str(await with_close(socket, target) if seen is None else seen.content[:80]),
            )


@pytest.mark.requirement("browser.order")
async def test_200_heartbeats_are_answered_in_their_order(page: Page, target: Target) -> None:
    wanted = [f"h{number}" for number in range(200)]
    await prove_order(target, wanted)
    socket = await connected(page, target, visitor(target))
    written = target.profile.dialect.written
    await socket.send(*(written(json.dumps({"type": "heartbeat", "id": one})) for one in wanted))
    for position, one in enumerate(wanted):
        answered = str((await receive(socket, target)).get("id"))
        if answered != one:
            raise Nonconformance(
                "the answers to a script's 200 heartbeats came out of order, while a raw client's did not",
                expected=[f"the id {one!r} at position {position}"],
                actual=f"{answered!r}; {socket}",
            )


@pytest.mark.requirement("browser.binary-refused")
async def test_binary_message_of_a_script_is_refused(page: Page, target: Target) -> None:
    content = bytes(16)
    await prove_binary_refused(target, content)
    socket = await connected(page, target, visitor(target))
    await socket.send_binary(content)
    seen = await socket.next(target.limits.reply)
    if seen is not None and seen.kind == "close" and seen.code == 1003:
        target.recorder.observe("close 1003")
        return
    text = target.profile.dialect.read(seen.text) if seen is not None and seen.kind == "message" else "{}"
    message = json.loads(text)
    if not isinstance(message, dict) or message.get("type") != "error":
        raise Nonconformance(
            "a binary message of a script was not refused, while a raw client's was",
            expected=["a message of the type error", "close 1003"],
            actual=str(socket),
        )
    target.recorder.observe(f"error {(message.get('data') or {}).get('code')}")
