"""Whose cookie reaches the server from which page, and what it is worth there: Protocol §3 and §8.

A cookie belongs to a host, whatever the port, and a browser adds it to what pages of the same site ask for.
So SameSite keeps other sites out, and Origin alone keeps out another port of the same host.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page

from conformance.browser.script import open_socket, serve
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.suite.browser.pages import (
    confirmed,
    expect_refused,
    hold_cookie,
    own_page,
    receive,
    twin,
    url_of,
    with_close,
)
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target


async def prove_cookie(page: Page, target: Target, user: Credential) -> None:
    """Prove that the server's own page is confirmed by the cookie that the browser holds.

    Raises:
        Inconclusive: it is not, so that a page without identity proves nothing.
        NotApplicable: the server lets none of its own pages in.

    """
    await own_page(target)
    await twin(target, target.url.origin, user, "cookie")
    await hold_cookie(page, target, user)
    await serve(page, target.url.origin)
    try:
        await confirmed(await open_socket(page, url_of(target, target.at(OWN))), target, user)
    except Nonconformance as fault:
        raise Inconclusive(f"the cookie is worth nothing: {fault.actual}; see browser.cookie-token") from None


@pytest.mark.requirement("browser.cookie-foreign-page")
async def test_page_of_another_port_gets_nothing_by_the_cookie(
    page: Page, target: Target, alice: Credential
) -> None:
    port = target.url.port + (1 if target.url.port < 65535 else -1)
    scheme, _, _ = target.url.origin.partition(":")
    host = f"[{target.url.host}]" if ":" in target.url.host else target.url.host
    neighbour = f"{scheme}://{host}:{port}"
    if neighbour in target.profile.allowed_origins:
        raise NotApplicable(f"{neighbour} is an allowed origin")
    attempt = await target.attempt(
        target.opening(target.at(OWN), token=alice.token, carrier="cookie", origin=neighbour)
    )
    attempt.connection.shut()
    if attempt.upgraded:
        raise Inconclusive("a raw client with the Origin of another port is accepted: see the chapter auth")
    await prove_cookie(page, target, alice)
    await serve(page, neighbour)
    await expect_refused(await open_socket(page, url_of(target, target.at(OWN))), target)


@pytest.mark.requirement("browser.cookie-held-back")
async def test_page_of_another_site_is_not_taken_for_the_cookies_user(
    page: Page, target: Target, alice: Credential
) -> None:
    own = target.url.host
    others = [
        one for one in target.profile.allowed_origins if not same_site(urlsplit(one).hostname or "", own)
    ]
    if not others:
        raise NotApplicable("every allowed origin is of the server's own site")
    await prove_cookie(page, target, alice)
    await serve(page, others[0])
    socket = await open_socket(page, url_of(target, target.at(OWN)))
    opened = await socket.next(target.limits.handshake)
    if opened is None or opened.kind != "open":
        await with_close(socket, target)
        target.recorder.observe(f"refused: {socket}")
        return
    message = await receive(socket, target)
    if message.get("user_id") is not None:
        raise Nonconformance(
            "a page of another site was taken for the user, though the browser kept the cookie back",
            expected=["connection_confirmed with user_id null", "a refused handshake"],
            actual=str(socket),
        )
    target.recorder.observe("anonymous")


def same_site(host: str, other: str) -> bool:
    """Whether two hosts may be of one site: the same, or with the same last two labels."""
    return host == other or host.split(".")[-2:] == other.split(".")[-2:]
