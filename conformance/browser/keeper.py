"""The run's browser: started on first use, watched while a test runs, and started anew where it ended.

A browser that crashes or hangs says nothing about the server: the test that it happens to is inconclusive.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.browser.launching import Started, launched
from conformance.core.errors import Inconclusive, NotApplicable

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

LIVES = 3
LOOK = 5.0  # seconds between two looks at a page
PAGE_BOUND = 20.0  # seconds in which a page has to answer the simplest question
LONGEST = 60.0  # seconds


class Keeper:
    """One browser of the run."""

    def __init__(self, name: str, executable: Path, scale: float, ca_file: Path | None = None) -> None:
        self.name = name
        self.distrusts = ""  # why it does not know the authorities of the profile, once that is known
        self._ca_file = ca_file
        self._executable = executable
        self._scale = max(scale, 1.0)
        self._stack = contextlib.AsyncExitStack()
        self._started: Started | None = None
        self._stranger: Started | None = None
        self._lives = LIVES
        self._trouble = ""

    async def browser(self) -> Browser:
        """Return the browser, and start it where it does not run.

        Raises:
            Inconclusive: it does not start, or has ended too often.

        """
        if self._started is not None and self._started.gone():
            await self.close()
        if self._started is None:
            if not self._lives:
                raise Inconclusive(f"{self.name} has ended {LIVES} times in this run: see the tests before")
            self._lives -= 1
            self._started = await self._start()
        self._trouble = ""
        return self._started.driven

    async def _start(self) -> Started:
        try:
            return await self._stack.enter_async_context(launched(self.name, self._executable, self._ca_file))
        except NotApplicable as reason:
            self.distrusts, self._ca_file = str(reason), None
            return await self._stack.enter_async_context(launched(self.name, self._executable))

    @contextlib.asynccontextmanager
    async def stranger(self) -> AsyncIterator[Browser]:
        """Yield a browser that has not been given the profile's authorities."""
        if self._ca_file is None:
            yield await self.browser()
            return
        async with launched(self.name, self._executable) as self._stranger:
            yield self._stranger.driven

    async def close(self) -> None:
        """End the browser."""
        self._started = None
        await self._stack.aclose()

    def watched(self, page: Page) -> None:
        """Hear of a page that crashes, and know what it lives on."""
        if self._started is not None:
            self._started.look()
        page.on("crash", lambda _: self._note(f"a page of {self.name} crashed"))

    def _note(self, trouble: str) -> None:
        self._trouble = self._trouble or trouble

    def why(self) -> str:
        """Return what went wrong with the browser in the current test, or an empty string."""
        return self._trouble or (self._started.gone() if self._started else "")

    async def keep(self, test: Callable[[], Awaitable[None]], page: Page | None) -> None:
        """Run a test, and end the browser when a page does not answer: no question to it ends otherwise."""
        watch = asyncio.create_task(self._watch(page) if page is not None else self._wait())
        try:
            await test()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _wait(self) -> None:
        """Give up on a test that opens its own pages when it takes far too long."""
        bound = LONGEST * self._scale
        await asyncio.sleep(bound)
        self._give_up(f"its test did not end within {bound:g} s")

    def _give_up(self, why: str) -> None:
        self._note(f"{self.name} hung ({why}) and was ended")
        for one in (self._started, self._stranger):
            if one is not None:
                one.kill()

    async def _watch(self, page: Page) -> None:
        from playwright.async_api import Error  # noqa: PLC0415 - a run without the browser need not load it

        patience = PAGE_BOUND * self._scale
        while not page.is_closed():
            await asyncio.sleep(LOOK)  # it is not for the server that this waits
            try:
                await asyncio.wait_for(page.evaluate("0"), patience)
            except TimeoutError:
                self._give_up(f"a page gave no answer within {patience:g} s")
                break
            except Error:
                continue  # that is an answer, too: between two documents there is none to ask
