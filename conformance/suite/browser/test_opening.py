"""Who gets a connection, and how a refusal looks to script: Protocol §8."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from conformance.browser.script import open_socket, serve
from conformance.errors import Inconclusive
from conformance.suite.browser.pages import (
    FOREIGN,
    allowed_origin,
    carried,
    connected,
    expect_refused,
    prove_browser,
    url_of,
    visitor,
)
from conformance.target.target import OWN, Target

UNKNOWN = "/ws/permissions/no-such-path"


@pytest.mark.requirement("browser.allowed-origin")
async def test_page_of_an_allowed_origin_gets_a_confirmed_connection(page: Page, target: Target) -> None:
    await connected(page, target, visitor(target))


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
