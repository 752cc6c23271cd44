"""Fixtures of the browser chapter: one browser a run, one context a test, all on the session's loop."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import pytest_asyncio

from conformance.browser.chromium import launch_options, trusting
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
async def launched(name: str, executable: Path, ca_file: Path | None = None) -> AsyncIterator[Browser]:
    """Start a browser by Playwright, and a Firefox of the system by WebDriver BiDi.

    With ``ca_file`` it trusts these authorities beside its own.

    Raises:
        Inconclusive: it does not start.
        NotApplicable: it cannot be made to trust them.

    """
    from playwright.async_api import Error, async_playwright  # noqa: PLC0415 - a run without the browser need not load it

    async with contextlib.AsyncExitStack() as stack:
        try:
            if name == "firefox" and executable == system_firefox():
                from conformance.browser import bidi  # noqa: PLC0415

                # It has what the chapter uses of Playwright's class, and no more.
                started = cast("Browser", await stack.enter_async_context(bidi.started(executable, ca_file)))
            else:
                playwright = await stack.enter_async_context(async_playwright())
                options = launch_options(executable) if name == "chromium" else {}
                if ca_file is not None:
                    options["env"] = await trust(stack, name, executable, ca_file)
                started = await getattr(playwright, name).launch(**options)
                stack.push_async_callback(started.close)
        except Error as error:
            raise Inconclusive(f"{executable} does not start: {str(error).splitlines()[0]}") from None
        yield started


async def trust(
    stack: contextlib.AsyncExitStack, name: str, executable: Path, ca_file: Path
) -> Mapping[str, str]:
    """Return the environment in which a browser of Playwright's trusts these authorities.

    Raises:
        NotApplicable: there is none.

    """
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-home-")))
    if name == "chromium":
        environment, why = await trusting(home, ca_file, executable)
    else:
        environment, why = {}, "Playwright gives this browser no authorities"
    if why:
        raise NotApplicable(f"{name} cannot be made to trust {ca_file.name}: {why}")
    return environment


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
