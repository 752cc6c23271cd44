"""Fixtures of the browser chapter: one browser a run, one context a test, all on the session's loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest_asyncio

from conformance.browser.chromium import find_browser, launch_options
from conformance.browser.witness import Witness
from conformance.errors import Inconclusive, NotApplicable
from conformance.target.target import Target

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Start a real Chromium, once for the run."""
    from playwright.async_api import Error, async_playwright  # noqa: PLC0415 - a run without the browser need not load it

    executable = find_browser()
    if executable is None:
        raise NotApplicable("no Chromium or Chrome was found")
    async with async_playwright() as playwright:
        try:
            started = await playwright.chromium.launch(**launch_options(executable))
        except Error as error:
            raise Inconclusive(f"{executable} does not start: {str(error).splitlines()[0]}") from None
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, target: Target) -> AsyncIterator[Page]:
    """Return an empty page in a context of its own; certificates are trusted as far as the profile does."""
    profile = target.profile
    # A context knows no other authorities than the system's: a file of one's own means trust without proof.
    context = await browser.new_context(
        ignore_https_errors=profile.insecure or profile.ca_file is not None,
        viewport={"width": 640, "height": 400},
    )
    target.recorder.record.browser = Witness(context).evidence
    yield await context.new_page()
    await context.close()
