"""Fixtures of the browser chapter: one browser a run, one context a test, all on the session's loop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from conformance.browser.finding import HINTS, found, why_missing
from conformance.browser.keeper import Keeper
from conformance.browser.witness import Witness
from conformance.core.errors import NotApplicable
from conformance.target.target import Target

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def keeper(request: pytest.FixtureRequest, target: Target) -> AsyncIterator[Keeper]:
    """Keep a real browser for the run: a Chromium, or the one that was asked for.

    Yields:
        Who starts the browser, and starts it again when it was lost.

    Raises:
        NotApplicable: there is no such browser.

    """
    name = getattr(request, "param", "chromium")
    executable = found(name)
    if executable is None:
        raise NotApplicable(f"{why_missing(name)}: {HINTS[name]}")
    ca_file = target.profile.ca_file if target.url.secure and not target.profile.insecure else None
    keeper = Keeper(name, executable, request.config.getoption("conformance_time_scale"), ca_file)
    yield keeper
    await keeper.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(keeper: Keeper) -> Browser:
    """Return the run's browser."""
    return await keeper.browser()


@pytest_asyncio.fixture(loop_scope="session")
async def page(keeper: Keeper, browser: Browser, target: Target) -> AsyncIterator[Page]:
    """Open an empty page in a context of its own; certificates are trusted as far as the profile does.

    Args:
        keeper: of the browser.
        browser: the running browser.
        target: the server under test.

    Yields:
        The page.

    Raises:
        NotApplicable: the server wants a certificate, and no browser has it.

    """
    from playwright.async_api import Error  # noqa: PLC0415 - a run without the browser need not load it

    profile = target.profile
    if target.url.secure and profile.certificate is not None:
        raise NotApplicable("the server is shown a certificate (tls.certificate), and no browser has it")
    # The raw twin has verified the certificate; how browsers judge it has a test of its own.
    context = await browser.new_context(
        ignore_https_errors=profile.insecure or profile.ca_file is not None,
        viewport={"width": 640, "height": 400},
    )
    target.recorder.record.browser = Witness(context).evidence
    made = await context.new_page()
    keeper.watched(made)
    yield made
    with contextlib.suppress(Error):  # it may have ended
        await context.close()
