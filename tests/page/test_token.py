"""A token that was typed in reaches the server, and nothing else."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest
from websockets.asyncio.server import ServerConnection

from tests.page.serving import ALICE, Backend, peculiar
from tests.page.showing import Shown

pytestmark = pytest.mark.asyncio

EVERYWHERE = """() => JSON.stringify([
  location.href, document.title, document.cookie, history.length, JSON.stringify(history.state),
  Object.entries(localStorage), Object.entries(sessionStorage), window.name,
  document.documentElement.outerHTML, document.body.innerText,
])"""


async def assert_nowhere(shown: Shown, *spellings: str) -> None:
    """Look through address, storage, document and what the log copies."""
    await shown.page.locator("#copy-log").click()
    await shown.has("copy-log", "Copied")
    places = [
        await shown.page.evaluate(EVERYWHERE),
        await shown.page.evaluate("navigator.clipboard.readText()"),
        json.dumps(await shown.page.context.cookies()),
        json.dumps(await shown.page.context.storage_state(indexed_db=True)),
    ]
    assert "connecting" in places[1]
    for place in places:
        for spelling in spellings:
            assert spelling not in place


@pytest.mark.parametrize("carrier", ["subprotocol", "query"])
async def test_good_token(shown: Shown, backend: Backend, carrier: str) -> None:
    await shown.open(backend.page)
    await shown.connect(carrier, ALICE)
    await shown.has("user", "1")
    await assert_nowhere(shown, ALICE)


@pytest.mark.parametrize("carrier", ["subprotocol", "query"])
async def test_refused_token(shown: Shown, backend: Backend, carrier: str) -> None:
    await shown.open(backend.page)
    await shown.connect(carrier, "canary-of-nobody", state="failed")
    await shown.has("command", "conformance doctor")
    await assert_nowhere(shown, "canary-of-nobody")


async def test_token_pasted_with_the_url_moves_to_its_field(shown: Shown, backend: Backend) -> None:
    url = f"ws://localhost:{backend.port}/ws/permissions/"
    await shown.open(backend.page, f"{url}?a=1&token={ALICE}")
    await shown.press("Connect")
    await shown.has("user", "1")
    assert await shown.page.input_value("#url") == f"{url}?a=1"
    assert await shown.page.input_value("#token") == ALICE
    await shown.logged("note", "connecting", f"{url}, token in the query")
    await assert_nowhere(shown, ALICE)


async def test_mistyped_token(shown: Shown) -> None:
    await shown.open(url="ws://localhost:1/")
    await shown.page.select_option("#carrier", "subprotocol")
    await shown.page.fill("#token", "canary with blanks")
    await shown.press("Connect")
    await shown.has("token-wrong", "A subprotocol holds")
    await shown.page.select_option("#carrier", "none")
    await shown.press("Connect")
    await shown.state("failed")
    await assert_nowhere(shown, "canary with blanks")


@pytest.mark.parametrize("token", ['cana"ry+/=%41 é', "canary-4d1a"], ids=["awkward", "plain"])
async def test_server_that_gives_it_back_and_user_who_sends_it(shown: Shown, token: str) -> None:
    received: asyncio.Queue[str] = asyncio.Queue()

    async def tell_tale(websocket: ServerConnection) -> None:
        received.put_nowait(websocket.request.path)
        told = {
            "type": "connection_confirmed",
            "user_id": token,
            "groups": [token],
            "features": {token: True},
        }
        await websocket.send(json.dumps(told, ensure_ascii=False))
        await websocket.send(json.dumps({"type": token}))
        await websocket.send(json.dumps({"type": "role_updated", "data": {"user_id": 1, "roles": [token]}}))
        await websocket.send(f"as it is: {token}, and {quote(token, safe='')}")
        await websocket.recv()
        await websocket.close(4401, f"not {token}")

    async with peculiar(tell_tale) as url:
        await shown.open(url=url)
        await shown.connect("query", token)
        assert (await received.get()).endswith(f"?token={quote(token, safe='')}")
        await shown.page.get_by_label("Raw message").fill(token)
        await shown.press("Send as it is")
        await shown.logged("sent", "text", "[token]")
        await shown.state("closed")
        await shown.has("outcome-text", "not [token]")
    await assert_nowhere(shown, token, quote(token, safe=""), json.dumps(token)[1:-1], "cana")
