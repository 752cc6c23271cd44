"""One browser for all tests of the page, a context for each; a page that breaks its policy fails its test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from conformance.browser.chromium import find_browser, launch_options
from tests.page.serving import Backend
from tests.page.showing import Shown


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Start a real Chromium, once."""
    executable = find_browser()
    if executable is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium or Chrome was found")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(**launch_options(executable))
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """Return an empty page; nothing that is loaded into it may come from elsewhere, or break the policy."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = await context.new_page()
    opened.set_default_timeout(15000)
    faults: list[str] = []
    requested: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None
    )
    opened.on("request", lambda request: requested.append(request.url))
    yield opened
    await context.close()
    assert not faults
    assert len([url for url in requested if not url.startswith("data:")]) <= 1


@pytest.fixture(scope="session")
def shared() -> Iterator[Backend]:
    """Start the reference server, once."""
    started = Backend()
    yield started
    started.kill()


@pytest.fixture
def backend(shared: Backend) -> Backend:
    """Return the reference server as it was at the start."""
    shared.control("reset")
    return shared


@pytest.fixture
def shown(page: Page) -> Shown:
    """Return the page's controls."""
    return Shown(page)
