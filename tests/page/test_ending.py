"""How the page explains the end of a connection, and how it comes back."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest
from playwright.async_api import expect
from websockets.asyncio.server import ServerConnection

from conformance.spec.registries import close_codes
from tests.page.serving import CONFIRMED, Backend, forever, peculiar
from tests.page.showing import Shown

pytestmark = pytest.mark.asyncio


async def delays(shown: Shown) -> list[float]:
    """Return the waits that were announced, in seconds."""
    lines = await shown.page.locator("#lines li", has_text="waiting").locator(".text").all_text_contents()
    found = [re.search(r"in ([\d.]+) (m?s)$", line) for line in lines]
    return [float(one[1]) / (1000 if one[2] == "ms" else 1) for one in found]


@pytest.mark.parametrize(
    ("code", "title", "said", "state"),
    [
        (1000, "normal closure", "is done", "closed"),
        (1001, "going away", "stops or restarts", "waiting"),
        (1008, "policy violation", "rule of the server", "closed"),
        (1011, "internal error", "Its log", "waiting"),
        (3003, "forbidden", "not allowed", "closed"),
        (4000, "the backend", "its documentation", "closed"),
        (4401, "unauthenticated", "Get a new token", "closed"),
        (4429, "rate limited", "Send fewer", "waiting"),
    ],
)
async def test_close_code_is_explained(shown: Shown, code: int, title: str, said: str, state: str) -> None:
    async def close(websocket: ServerConnection) -> None:
        await websocket.close(code, "words of the server")

    async with peculiar(close) as url:
        await shown.open(url=url)
        await shown.connect(state=state)
        await shown.has("outcome-title", f"Closed with {code}: {title}")
        await shown.has("outcome-text", said)
        await shown.has("outcome-text", "“words of the server”")
        await shown.logged("note", f"close {code}", title)
        if state == "waiting":
            await shown.press("Stop")


async def test_every_code_of_the_registry_is_explained(shown: Shown) -> None:
    await shown.open()
    listed = await shown.page.locator("#codes tr td:first-child").all_text_contents()
    used = {one.code for one in close_codes() if one.code != 1004}
    assert used | {4401, 4403, 4408, 4429} == set(map(int, listed))


async def test_cut_connection_is_explained(shown: Shown) -> None:
    async def cut(websocket: ServerConnection) -> None:
        await websocket.recv()
        websocket.transport.abort()

    async with peculiar(cut) as url:
        await shown.open(url=url)
        await shown.page.get_by_label("Reconnect").uncheck()
        await shown.connect()
        await shown.press("Send as it is")
        await shown.state("closed")
        await shown.has("outcome-title", "The connection was cut (1006)")
        await shown.has("causes", "A proxy or load balancer ended it")
        await shown.has("command", f"conformance doctor {url} --origin null")


async def test_failed_handshake_is_explained_and_not_repeated(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page, f"ws://localhost:{backend.port}/ws/permissions/1?a=1")
    await shown.connect("subprotocol", "no-good", state="failed")
    await shown.has("outcome-title", "The handshake failed")
    for cause in (
        "Nothing listens",
        "no slash at its end",
        f"origin http://localhost:{backend.port}.",
        "refused the token",
        "without which a browser gives up",
    ):
        await shown.has("causes", cause)
    address = f"ws://localhost:{backend.port}/ws/permissions/1"
    wanted = f"conformance doctor {address} --origin http://localhost:{backend.port}"
    assert await shown.text("command") == wanted
    await shown.press("Copy command")
    await shown.has("copy-command", "Copied")
    assert await shown.page.evaluate("navigator.clipboard.readText()") == wanted
    await shown.press("Dismiss")
    await expect(shown.page.locator("#outcome")).to_be_hidden()
    assert await shown.text("status") == "handshake failed"


async def test_handshake_that_is_never_answered_can_be_cancelled(shown: Shown) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await shown.open(url=f"ws://127.0.0.1:{silent.getsockname()[1]}/")
        await shown.connect(state="connecting")
        await shown.press("Close")
        await shown.has("status", "cancelled")
        await shown.logged("note", "cancelled")


async def test_page_comes_back_when_the_server_does(shown: Shown) -> None:
    backend = Backend()
    try:
        await shown.open(backend.page)
        await shown.connect()
        await shown.has("user", "null")
        backend.kill()
        await shown.state("waiting")
        await expect(shown.page.locator("#countdown")).to_have_text(re.compile(r"^\d\.\d s$"))
        await expect(shown.page.locator("#attempt")).to_have_text("2")
        waited = await delays(shown)
        assert 0.25 <= waited[0] <= 0.5
        assert 0.5 <= waited[1] <= 1
        await asyncio.to_thread(backend.start)
        await shown.state("open")
        await shown.has("user", "null")
        await shown.logged("note", "back", "events of that time were missed")
        await shown.has("outcome", "no server sends them again")
        await shown.press("Heartbeat")
        await shown.logged("received", "heartbeat_ack")
    finally:
        backend.kill()


async def test_waiting_can_be_cut_short_and_stopped(shown: Shown) -> None:
    backend = Backend()
    await shown.open(backend.page)
    await shown.connect()
    backend.kill()
    for attempt in range(1, 6):
        await expect(shown.page.locator("#attempt")).to_have_text(str(attempt))
        if attempt < 5:
            await shown.press("Try now")
    await shown.press("Stop")
    await shown.has("status", "stopped")
    await expect(shown.page.locator("#retry")).to_be_hidden()
    for attempt, waited in enumerate(await delays(shown)):
        assert 0.25 * 2**attempt <= waited + 0.06, attempt
        assert waited <= 0.5 * 2**attempt, attempt
    await shown.press("Connect")
    await shown.state("failed")


async def test_server_that_lets_in_and_throws_out_is_not_hurried(shown: Shown) -> None:
    async def throw_out(websocket: ServerConnection) -> None:
        await websocket.send(CONFIRMED)
        await websocket.close(1013)

    async with peculiar(throw_out) as url:
        await shown.open(url=url)
        await shown.connect(state="waiting")
        await expect(shown.page.locator("#attempt")).to_have_text("3")
        await shown.press("Stop")
    assert (await delays(shown))[2] >= 1


async def test_without_the_tick_it_stays_away(shown: Shown) -> None:
    async with peculiar(forever) as url:
        await shown.open(url=url)
        await shown.page.get_by_label("Reconnect").uncheck()
        await shown.connect()
    await shown.state("closed")
    await shown.has("outcome-title", "Closed with 1001")


async def test_repeated_and_unannounced_events_are_marked(shown: Shown) -> None:
    event = '{"type":"role_updated","event_id":"e-1","data":{"user_id":5,"roles":["a"]}}'

    async def twice(websocket: ServerConnection) -> None:
        await websocket.send(CONFIRMED.replace("{}", '{"role_updates":false}'))
        await websocket.send(event)
        await websocket.send(event)
        await websocket.wait_closed()

    async with peculiar(twice) as url:
        await shown.open(url=url)
        await shown.connect()
        await expect(shown.page.locator("#events-list li")).to_have_count(2)
        newest, oldest = await shown.page.locator("#events-list li").all_text_contents()
        assert "the same event_id came twice" in newest
        assert "twice" not in oldest
        assert "had not announced role_updates" in oldest
        await shown.has("features", "role_updates (off)")
        await shown.press("Close")
