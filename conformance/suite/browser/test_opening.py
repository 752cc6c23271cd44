"""Who gets a connection, and how a refusal looks to script: Protocol §8."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page

from conformance.browser.script import open_socket, serve
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.suite.browser.pages import (
    FOREIGN,
    allowed_origin,
    carried,
    confirmed,
    connected,
    expect_refused,
    name_of,
    prove_browser,
    url_of,
    visitor,
)
from conformance.suite.browser.strict import opened, strict
from conformance.target.routes import OWN
from conformance.target.target import Target

UNKNOWN_PROTOCOL = "conformance.unknown"
UNKNOWN = "/ws/permissions/no-such-path"


@pytest.mark.requirement("browser.allowed-origin")
async def test_page_of_an_allowed_origin_gets_a_confirmed_connection(page: Page, target: Target) -> None:
    await connected(page, target, visitor(target))


@pytest.mark.requirement("browser.workers")
async def test_worker_and_service_worker_are_confirmed_beside_their_page(
    page: Page, browser: Browser, target: Target
) -> None:
    user = visitor(target)
    await connected(page, target, user)
    for where in ("worker", "service-worker"):
        # A service worker verifies certificates, whatever the context of its page was told.
        if where == "service-worker" and target.url.secure:
            async with strict(browser, target) as socket:
                if not opened(socket):
                    target.recorder.observe(
                        f"{name_of(page)}: no service worker, for want of trust: {socket}"
                    )
                    continue
        try:
            await confirmed(await open_socket(page, *carried(target, user), where=where), target, user)
        except NotApplicable as reason:
            # It wants a secure page, and in Firefox a script that no interception reaches.
            target.recorder.observe(f"{name_of(page)}: {reason}")
        except Nonconformance as fault:
            fault.actual = f"{where}: {fault.actual}"
            raise


@pytest.mark.requirement("browser.foreign-origin")
async def test_frame_of_an_opaque_origin_is_refused(page: Page, target: Target) -> None:
    user = visitor(target)
    token = user.token if user else None
    attempt = await target.attempt(target.opening(target.at(OWN), token=token, origin="null"))
    attempt.connection.shut()
    if attempt.upgraded:
        raise Inconclusive("a raw client with Origin: null is accepted: see the chapter auth")
    await prove_browser(page, target, user)
    await expect_refused(await open_socket(page, *carried(target, user), where="frame"), target)


@pytest.mark.requirement("browser.foreign-origin")
async def test_page_of_a_foreign_origin_is_refused(page: Page, target: Target) -> None:
    user = visitor(target)
    token = user.token if user else None
    attempt = await target.attempt(target.opening(target.at(OWN), token=token, origin=FOREIGN))
    attempt.connection.shut()
    if attempt.upgraded:
        raise Inconclusive("a raw client with a foreign Origin is accepted: see the chapter auth")
    await prove_browser(page, target, user)
    await serve(page, FOREIGN)
    await expect_refused(await open_socket(page, *carried(target, user)), target)


@pytest.mark.requirement("browser.refused-handshake")
async def test_refused_handshake_is_seen_as_1006(page: Page, target: Target) -> None:
    origin = allowed_origin(target)
    attempt = await target.attempt(target.opening(target.at(UNKNOWN), origin=origin))
    attempt.connection.shut()
    if attempt.upgraded:
        raise Inconclusive("a raw client is accepted on an unknown path: see the chapter routing")
    await prove_browser(page, target, visitor(target))
    await expect_refused(await open_socket(page, url_of(target, target.at(UNKNOWN))), target)


@pytest.mark.requirement("browser.subprotocol-unanswered")
async def test_subprotocol_that_the_server_does_not_know(page: Page, target: Target) -> None:
    origin = allowed_origin(target)
    path = target.path.partition("?")[0]
    offer = ("Sec-WebSocket-Protocol", UNKNOWN_PROTOCOL)
    token = target.default_token
    attempt = await target.attempt(
        target.opening(path, token=token, carrier="query", origin=origin, extra=[offer])
    )
    attempt.connection.shut()
    await serve(page, origin)
    query = f"?token={quote(token, safe='')}" if token else ""
    socket = await open_socket(page, url_of(target, path + query), [UNKNOWN_PROTOCOL])
    await socket.until("open", target.limits.handshake)
    target.recorder.observe(f"raw: {attempt}; {name_of(page)}: {socket}")


@pytest.mark.requirement("browser.mixed-content")
async def test_secure_page_and_a_plain_socket(page: Page, target: Target) -> None:
    if target.url.secure:
        raise NotApplicable("the target speaks TLS: nothing is mixed")
    await serve(page, "https://secure.example")
    try:
        socket = await open_socket(page, url_of(target, target.at(UNKNOWN)))
    except NotApplicable as refusal:
        target.recorder.observe(f"{name_of(page)}: {refusal}")
        return
    await socket.until("open", target.limits.handshake)
    kept = "blocked" if socket.blocked else "let through"
    target.recorder.observe(f"{name_of(page)}: {kept} from an https page to {target.url.host}")
