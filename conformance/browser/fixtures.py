"""Fixtures of the browser chapter: one browser a run, one context a test, all on the session's loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import Error as PlaywrightError

from conformance.browser.chromium import find_browser, launch_options
from conformance.errors import Inconclusive, NotApplicable


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Start a real Chromium, once for the run."""
    executable = find_browser()
    if executable is None:
        raise NotApplicable("no Chromium or Chrome was found")
    async with async_playwright() as playwright:
        try:
            started = await playwright.chromium.launch(**launch_options(executable))
        except PlaywrightError as error:
            raise Inconclusive(f"{executable} does not start: {str(error).splitlines()[0]}") from None
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """Return an empty page in a context of its own."""
    del request
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()
