"""How a browser shows a token: Protocol §3 and §8."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from conformance.browser.script import open_socket, serve
from conformance.core.errors import Nonconformance
from conformance.suite.browser.pages import (
    allowed_origin,
    carried,
    confirmed,
    hold_cookie,
    own_page,
    twin,
    url_of,
)
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target


@pytest.mark.requirement("browser.subprotocol-token")
async def test_token_as_subprotocol_opens_with_bearer(page: Page, target: Target, alice: Credential) -> None:
    origin = allowed_origin(target)
    await twin(target, origin, alice, "subprotocol")
    await serve(page, origin)
    socket = await open_socket(page, *carried(target, alice, "subprotocol"))
    opened = await confirmed(socket, target, alice)
    if opened.protocol != "bearer":
        raise Nonconformance(
            "the socket's protocol is not the marker of the token",
            expected=["protocol 'bearer'"],
            actual=str(opened),
        )


@pytest.mark.requirement("browser.query-token")
async def test_token_in_the_query_is_confirmed_as_its_user(
    page: Page, target: Target, alice: Credential
) -> None:
    origin = allowed_origin(target)
    await twin(target, origin, alice, "query")
    await serve(page, origin)
    await confirmed(await open_socket(page, *carried(target, alice, "query")), target, alice)


@pytest.mark.requirement("browser.cookie-token")
async def test_cookie_of_the_server_is_confirmed_as_its_user(
    page: Page, target: Target, alice: Credential
) -> None:
    # The page is the server's own: a browser adds no SameSite cookie to what another site's page asks for.
    origin = target.url.origin
    await own_page(target)
    await twin(target, origin, alice, "cookie")
    await hold_cookie(page, target, alice)
    await serve(page, origin)
    await confirmed(await open_socket(page, url_of(target, target.at(OWN))), target, alice)
