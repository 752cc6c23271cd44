"""Start a browser, know its processes, and leave none of them behind."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psutil

from conformance.browser.chromium import launch_options, trusting
from conformance.browser.finding import system_firefox
from conformance.core.errors import Inconclusive, NotApplicable

if TYPE_CHECKING:
    from playwright.async_api import Browser

CLOSING = 10.0  # seconds in which a browser that is told to close has to do so
_NETWORK = "--utility-sub-type=network."


@dataclass(frozen=True, slots=True)
class Started:
    """A browser that was started: what drives it, its first process, and Chromium's for the network."""

    name: str
    driven: Browser
    processes: tuple[psutil.Process, ...]
    network: list[psutil.Process] = field(default_factory=list)

    def gone(self) -> str:
        """Return what of it has ended, or an empty string while all of it runs."""
        for one in self.processes:
            if not runs(one):
                return f"{self.name} ended (PID {one.pid})"
        for one in self.network:
            if not runs(one):
                return f"the network process of {self.name} ended (PID {one.pid})"
        return ""

    def look(self) -> None:
        """Look for the network process, which comes up with the first page."""
        if not self.network:
            self.network.extend(_network(self.processes))

    def kill(self) -> None:
        """End all its processes, whatever they are at."""
        kill(self.processes)


def runs(process: psutil.Process) -> bool:
    """Return whether a process runs, or at least stands still."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def kill(roots: Iterable[psutil.Process]) -> None:
    """End these processes and all that they started."""
    doomed = [*roots]
    for root in roots:
        with contextlib.suppress(psutil.Error):
            doomed += root.children(recursive=True)
    for one in doomed:
        with contextlib.suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(doomed, 3)


@contextlib.asynccontextmanager
async def launched(name: str, executable: Path, ca_file: Path | None = None) -> AsyncIterator[Started]:
    """Start a browser by Playwright, and a Firefox of the system by WebDriver BiDi.

    Args:
        name: chromium, firefox or webkit.
        executable: its program.
        ca_file: certificates of authorities that it trusts beside its own.

    Yields:
        The browser.

    Raises:
        Inconclusive: it does not start.
        NotApplicable: it cannot be made to trust them.

    """
    from playwright.async_api import Error  # noqa: PLC0415 - a run without the browser need not load it

    own = name == "firefox" and executable == system_firefox()
    async with contextlib.AsyncExitStack() as stack:
        before = set(_started(own=own))
        try:
            if own:
                from conformance.browser import bidi  # noqa: PLC0415

                # It has what the chapter uses of Playwright's class, and no more.
                driven = cast("Browser", await stack.enter_async_context(bidi.started(executable, ca_file)))
            else:
                driven = await _by_playwright(stack, name, executable, ca_file)
        except Error as error:
            raise Inconclusive(f"{executable} does not start: {str(error).splitlines()[0]}") from None
        started = Started(name, driven, tuple(set(_started(own=own)) - before))
        try:
            yield started
        finally:
            try:
                await asyncio.wait_for(driven.close(), CLOSING)
            except (Error, TimeoutError):
                started.kill()


async def _by_playwright(
    stack: contextlib.AsyncExitStack, name: str, executable: Path, ca_file: Path | None
) -> Browser:
    from playwright.async_api import async_playwright  # noqa: PLC0415

    playwright = await stack.enter_async_context(async_playwright())
    options = launch_options(executable) if name == "chromium" else {}
    if ca_file is not None:
        options["env"] = await _trust(stack, name, executable, ca_file)
    browser: Browser = await getattr(playwright, name).launch(**options)
    return browser


async def _trust(
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


def _started(*, own: bool) -> Iterable[psutil.Process]:
    """Return our children, or those of our children: Playwright's driver starts its browsers itself."""
    children = psutil.Process().children()
    if own:
        return children
    found = []
    for child in children:
        with contextlib.suppress(psutil.Error):
            found += child.children()
    return found


def _network(roots: Iterable[psutil.Process]) -> Iterable[psutil.Process]:
    for root in roots:
        with contextlib.suppress(psutil.Error):
            for one in root.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if any(word.startswith(_NETWORK) for word in one.cmdline()):
                        yield one
