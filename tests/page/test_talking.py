"""Every control of the page, against the reference server, in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from websockets.asyncio.server import ServerConnection

from tests.page.serving import ALICE, CAROL, Backend, forever, peculiar
from tests.page.showing import Shown

pytestmark = pytest.mark.asyncio


async def test_anonymous_is_confirmed_with_features(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page)
    assert await shown.page.input_value("#url") == f"ws://localhost:{backend.port}/ws/permissions/"
    await shown.connect()
    await shown.has("user", "null (anonymous)")
    await expect(shown.page.locator("#features li:not(.off)")).to_have_text(
        ["permission_notifications", "role_updates", "menu_access_updates", "cache_invalidation", "heartbeat"]
    )
    await shown.logged("received", "connection_confirmed", '"user_id":null')
    assert await shown.page.title() == "connected · WebSocket test page"


@pytest.mark.parametrize(
    "given", ["/ws/permissions/anonymous", "http://localhost:PORT/ws/permissions/anonymous"]
)
async def test_url_may_be_a_path_or_begin_with_http(shown: Shown, backend: Backend, given: str) -> None:
    await shown.open(backend.page, given.replace("PORT", str(backend.port)))
    await shown.connect()
    await shown.logged("note", "connecting", f"ws://localhost:{backend.port}/ws/permissions/anonymous")


@pytest.mark.parametrize("carrier", ["subprotocol", "query"])
async def test_token_identifies(shown: Shown, backend: Backend, carrier: str) -> None:
    await shown.open(backend.page)
    await shown.connect(carrier, ALICE)
    await shown.has("user", "1")
    await shown.has("groups", "editors, staff")
    await shown.has("protocol", "bearer" if carrier == "subprotocol" else "none")


async def test_cookie_that_the_browser_has_identifies(shown: Shown, backend: Backend) -> None:
    await shown.page.context.add_cookies(
        [{"name": "session", "value": ALICE, "domain": "localhost", "path": "/", "sameSite": "Strict"}]
    )
    await shown.open(backend.page)
    await shown.connect("cookie")
    await shown.has("user", "1")


async def test_header_is_said_to_be_impossible(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page)
    await shown.page.select_option("#carrier", "header")
    await shown.has("carrier-hint", "sets no headers")
    await expect(shown.page.get_by_role("button", name="Connect", exact=True)).to_be_disabled()


async def test_id_beyond_2_53_is_exact(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page)
    await shown.connect("subprotocol", CAROL)
    await shown.has("user", "9007199254740993")


async def test_heartbeats_are_measured_and_drawn(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page)
    await shown.connect()
    await shown.press("Heartbeat")
    await shown.logged("sent", "heartbeat", '"id":"page-1"')
    await shown.logged("received", "heartbeat_ack", '"id":"page-1"')
    await shown.page.get_by_label("every 2 s").check()
    await shown.logged("received", "heartbeat_ack", '"id":"page-2"')
    await expect(shown.page.get_by_role("img", name="Round trips of 2 heartbeats")).to_be_visible()
    assert (await shown.page.get_attribute("#bars", "d")).count("M") == 2


@pytest.mark.parametrize(("permission", "answer"), [("articles.view", "allowed"), ("no.such", "not allowed")])
async def test_permission_is_checked(shown: Shown, backend: Backend, permission: str, answer: str) -> None:
    await shown.open(backend.page)
    await shown.connect("subprotocol", ALICE)
    await shown.page.get_by_label("Permission", exact=True).fill(permission)
    await shown.press("Check permission")
    await shown.has("answer", f"{permission}: {answer} (")


async def test_raw_messages_are_sent_as_they_are(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page)
    await shown.connect()
    await shown.page.get_by_label("Raw message").fill('{"type": "heartbeat", "id": "by hand"}')
    await shown.press("Send as it is")
    await shown.logged("received", "heartbeat_ack", '"id":"by hand"')
    for preset, code in [("unknown type", "unknown_type"), ("broken JSON", "invalid_json")]:
        await shown.page.get_by_label("Begin with").select_option(preset)
        await shown.press("Send as it is")
        await shown.logged("received", "error", code)
    await shown.page.get_by_label("as binary").check()
    await shown.press("Send as it is")
    await shown.logged("sent", "binary", "19 bytes: 7b 22 74")
    await shown.logged("received", "error", "invalid_message")


async def test_close_code_and_reason_are_ours_to_choose(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page)
    await shown.connect()
    code, reason = shown.page.get_by_label("Close code", exact=True), shown.page.get_by_label("Reason")
    await code.fill("1001")
    await shown.press("Close")
    await shown.has("close-wrong", "1000, or with 3000 to 4999")
    await code.fill("4001")
    await reason.fill("é" * 62)
    await shown.press("Close")
    await shown.has("close-wrong", "at most 123 bytes")
    await reason.fill("seen enough")
    await shown.press("Close")
    await shown.logged("sent", "close 4001", "seen enough")
    await shown.has("status", "closed with 4001")
    await shown.has("outcome", "This page asked for it.")


async def test_events_appear_as_they_arrive(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page)
    await shown.connect("subprotocol", ALICE)
    await shown.has("user", "1")
    backend.control("grant", user_id=1, permission="articles.publish")
    backend.control("set-roles", user_id=1, roles="author,editor")
    backend.control("set-menus", user_id=1, menus="news")
    backend.control("invalidate-cache", scope="all", keys="menus")
    await expect(shown.page.locator("#events-list li span")).to_have_text(
        [
            "cache_invalidated drop menus (everybody)",
            "menu_access_updated user 1 has the menus news",
            "role_updated user 1 has the roles author, editor",
            "permission_changed articles.publish granted to user 1",
        ]
    )
    await shown.has("events-count", "(4)")


async def test_log_is_filtered_copied_and_cleared(shown: Shown, backend: Backend) -> None:
    await shown.open(backend.page)
    await shown.connect("subprotocol", ALICE)
    await shown.has("user", "1")
    await shown.press("Heartbeat")
    await shown.logged("received", "heartbeat_ack")
    backend.control("invalidate-cache", scope="all", keys="menus")
    await shown.logged("received", "cache_invalidated")
    types = shown.page.locator("#lines li:visible .type")
    kind, search = shown.page.get_by_label("Show in the log"), shown.page.get_by_label("Filter the log")
    for chosen, left in [
        ("sent", ["heartbeat"]),
        ("received", ["connection_confirmed", "heartbeat_ack", "cache_invalidated"]),
        ("event", ["cache_invalidated"]),
        ("note", ["connecting", "open"]),
    ]:
        await kind.select_option(chosen)
        await expect(types).to_have_text(left)
    await kind.select_option("all")
    await search.fill("HEARTBEAT_A")
    await expect(types).to_have_text(["heartbeat_ack"])
    await shown.has("log-count", "1 of 6")
    await shown.page.locator("#copy-log").click()
    await shown.has("copy-log", "Copied")
    copied = await shown.page.evaluate("navigator.clipboard.readText()")
    assert "← heartbeat_ack {" in copied
    assert "\n" not in copied
    await shown.page.get_by_role("button", name="Copy heartbeat_ack of").click()
    await shown.page.wait_for_function("navigator.clipboard.readText().then((text) => text.startsWith('{'))")
    one = await shown.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith(one)
    await shown.press("Clear")
    await expect(shown.page.locator("#lines li")).to_have_count(0)


@pytest.mark.parametrize(
    ("url", "carrier", "token", "place", "said"),
    [
        pytest.param("ftp://x/", "none", "", "url-wrong", "A URL like ws://", id="scheme"),
        pytest.param("ws://", "none", "", "url-wrong", "A URL like ws://", id="no-host"),
        pytest.param("ws://x/#a", "none", "", "url-wrong", "no fragment", id="fragment"),
        pytest.param("ws://a b/", "none", "", "url-wrong", "A URL like ws://", id="blank"),
        pytest.param("ws://[x/", "none", "", "url-wrong", "does not accept", id="no-address"),
        pytest.param("ws://x/", "query", "", "token-wrong", "Type a token", id="no-token"),
        pytest.param("ws://x/", "subprotocol", "a/b=", "token-wrong", "Use base64url", id="no-subprotocol"),
        pytest.param("ws://x/", "subprotocol", "bearer", "token-wrong", "twice", id="bearer"),
    ],
)
async def test_mistake_is_explained_beside_its_field(
    shown: Shown, url: str, carrier: str, token: str, place: str, said: str
) -> None:
    await shown.open(url=url)
    await shown.page.select_option("#carrier", carrier)
    if token:
        await shown.page.fill("#token", token)
    await shown.press("Connect")
    await shown.has(place, said)
    field = "#url" if place == "url-wrong" else "#token"
    await expect(shown.page.locator(field)).to_have_attribute("aria-invalid", "true")


async def test_flood_keeps_the_last_thousand_and_the_page_alive(shown: Shown) -> None:
    async def flood(websocket: ServerConnection) -> None:
        for number in range(3000):
            await websocket.send(f"message {number}")
        await websocket.send("x" * 100_000)
        await forever(websocket)

    async with peculiar(flood) as url:
        await shown.open(url=url)
        await shown.connect()
        await shown.has("user", "5")
        await expect(shown.page.locator("#lines li")).to_have_count(1000)
        await shown.logged("received", "text", "message 2999")
        await shown.logged("received", "text", "… (100000 characters; Copy has them all)")
        await shown.press("Close")
        await shown.state("closed")
