"""Fixtures of the browser chapter: one browser a run, one context a test, all on the session's loop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import pytest_asyncio

from conformance.browser.chromium import launch_options
from conformance.browser.finding import HINTS, found, system_firefox, why_missing
from conformance.browser.witness import Witness
from conformance.errors import Inconclusive, NotApplicable
from conformance.target.target import Target

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    """Start a real browser, once for the run: a Chromium, or the one that was asked for."""
    name = getattr(request, "param", "chromium")
    executable = found(name)
    if executable is None:
        raise NotApplicable(f"{why_missing(name)}: {HINTS[name]}")
    async with launched(name, executable) as started:
        yield started


@contextlib.asynccontextmanager
async def launched(name: str, executable: Path) -> AsyncIterator[Browser]:
    """Start a browser by Playwright, and a Firefox of the system by WebDriver BiDi.

    Raises:
        Inconclusive: it does not start.

    """
    from playwright.async_api import Error, async_playwright  # noqa: PLC0415 - a run without the browser need not load it

    async with contextlib.AsyncExitStack() as stack:
        try:
            if name == "firefox" and executable == system_firefox():
                from conformance.browser import bidi  # noqa: PLC0415

                # It has what the chapter uses of Playwright's class, and no more.
                started = cast("Browser", await stack.enter_async_context(bidi.started(executable)))
            else:
                playwright = await stack.enter_async_context(async_playwright())
                options = launch_options(executable) if name == "chromium" else {}
                started = await getattr(playwright, name).launch(**options)
                stack.push_async_callback(started.close)
        except Error as error:
            raise Inconclusive(f"{executable} does not start: {str(error).splitlines()[0]}") from None
        yield started


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
