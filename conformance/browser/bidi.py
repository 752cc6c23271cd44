"""A Firefox of the system as pages that look like Playwright's, driven by WebDriver BiDi over a WebSocket.

Only what the browser chapter uses is here. Source: W3C WebDriver BiDi; each method names its command.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from playwright.async_api import Error
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from conformance.browser.authorities import write_store
from conformance.browser.bidi_pages import Context, Handler, Page, Route
from conformance.browser.bidi_sockets import PRELOAD
from conformance.core.errors import NotApplicable

BOUND = 60.0
EVENTS = (
    "network.beforeRequestSent",
    "network.responseCompleted",
    "network.fetchError",
    "browsingContext.contextCreated",
    "log.entryAdded",
    "script.message",
)
_READY = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
# Quiet on the network, and no question whether a page may reach this machine: our user says yes.
_PREFERENCES: Mapping[str, object] = {
    "network.lna.blocking": False,
    "network.lna.enabled": False,
    "network.trr.mode": 5,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "toolkit.telemetry.enabled": False,
}


@contextlib.asynccontextmanager
async def started(executable: Path, ca_file: Path | None = None) -> AsyncIterator[Browser]:
    """Start a Firefox with a profile of its own, which trusts the authorities of a file too, and end it.

    Yields:
        The browser.

    Raises:
        Error: it does not start, or does not speak BiDi.
        NotApplicable: it cannot be made to trust them.

    """
    with tempfile.TemporaryDirectory(prefix="conformance-firefox-", ignore_cleanup_errors=True) as profile:
        _prefer(Path(profile, "user.js"))
        if ca_file is not None and (why := await write_store(Path(profile), ca_file, executable)):
            raise NotApplicable(f"firefox cannot be made to trust {ca_file.name}: {why}")
        options = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = await asyncio.create_subprocess_exec(
            str(executable), *options,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            preexec_fn=_end_with_us if sys.platform.startswith("linux") else None,
        )  # fmt: skip
        drained = None
        try:
            assert process.stderr is not None
            url = await asyncio.wait_for(_announced(process.stderr), BOUND)
            drained = asyncio.create_task(_drain(process.stderr))
            async with connect(f"{url}/session", max_size=None, proxy=None) as wire:
                browser = Browser(wire)
                await browser.begin()
                yield browser
                await browser.end()
        except (TimeoutError, OSError) as error:
            raise Error(f"it does not speak WebDriver BiDi: {error}") from None
        finally:
            if drained is not None:
                drained.cancel()
            try:
                await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                process.kill()
                await process.wait()


def _end_with_us() -> None:
    """Have Linux end the browser where the suite itself is killed, and cannot do so any more."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _prefer(file: Path) -> None:
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(one)});" for name, one in _PREFERENCES.items()]
    file.write_text("\n".join(lines), "utf-8")


async def _announced(stream: asyncio.StreamReader) -> str:
    while line := await stream.readline():
        if match := _READY.search(line):
            return match[1].decode()
    raise Error("it ended before it listened")


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        pass


class Browser:
    """A session of WebDriver BiDi."""

    browser_type = SimpleNamespace(name="firefox")

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.pages: dict[str, Page] = {}
        self.routes: list[tuple[str, Handler]] = []
        self._reader = asyncio.create_task(self._read())

    async def begin(self) -> None:
        """Begin the session, and listen to requests, sockets and consoles."""
        await self.ask("session.new", capabilities={})
        await self.ask("session.subscribe", events=[*EVENTS])
        channel = {"type": "channel", "value": {"channel": "sockets"}}
        await self.ask("script.addPreloadScript", functionDeclaration=PRELOAD, arguments=[channel])

    async def close(self) -> None:
        """Close the browser (``browser.close``)."""
        with contextlib.suppress(ConnectionClosed):
            await self.ask("browser.close")

    async def end(self) -> None:
        """Stop reading."""
        self._reader.cancel()
        await asyncio.gather(self._reader, *self._tasks, return_exceptions=True)

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command.

        Returns:
            Its result.

        Raises:
            Error: the browser says that it failed.

        """
        self._number += 1
        number = self._number
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._wire.send(json.dumps({"id": number, "method": method, "params": params}))
        except ConnectionClosed:
            raise Error(f"{method}: the browser ended") from None
        try:
            message = await asyncio.wait_for(answer, BOUND)
        except TimeoutError:
            raise Error(f"{method}: no answer within {BOUND:g} s") from None
        if message.get("type") == "error":
            raise Error(f"{message.get('error')}: {message.get('message')}")
        result: dict[str, Any] = message.get("result", {})
        return result

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self._wire:
                message = json.loads(text)
                if waiting := self._waiting.pop(message.get("id"), None):
                    if not waiting.done():  # it may have come too late
                        waiting.set_result(message)
                elif message.get("type") == "event":
                    self._told(message["method"], message["params"])
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Error("the browser ended"))

    def _told(self, method: str, params: dict[str, Any]) -> None:
        if params.get("isBlocked"):
            task = asyncio.create_task(self._let_go(params))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if method == "browsingContext.contextCreated":
            if parent := self.pages.get(params.get("parent") or ""):
                self.pages[params["context"]] = parent  # a frame
            return
        page = self.pages.get(params.get("context") or params.get("source", {}).get("context") or "")
        if page is None:
            return
        if method == "log.entryAdded":
            page.context.logged(params)
        elif method == "script.message":
            page.sockets.said(json.loads(params["data"]["value"]))
        elif _handshake(params["request"]):
            page.sockets.handshake(method, params)

    async def _let_go(self, held: dict[str, Any]) -> None:
        request = held["request"]
        handler = next((one for origin, one in self.routes if request["url"].startswith(f"{origin}/")), None)
        with contextlib.suppress(Error):  # the page may be gone by now
            if (
                _handshake(request) or handler is None
            ):  # Firefox names a handshake http://, as a page of that host
                await self.ask("network.continueRequest", request=request["request"])
            else:
                await handler(Route(self, request))

    async def new_context(self, *, ignore_https_errors: bool = False, **_: Any) -> Context:
        """Return what shares no cookies with another: a user context."""
        made = await self.ask("browser.createUserContext", acceptInsecureCerts=ignore_https_errors)
        return Context(self, made["userContext"])


def _handshake(request: Mapping[str, Any]) -> bool:
    return any(one["name"].lower() == "sec-websocket-key" for one in request["headers"])
