"""A Firefox of the system as pages that look like Playwright's, driven by WebDriver BiDi over a WebSocket.

Only what the browser chapter uses is here. Source: W3C WebDriver BiDi; each method names its command.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Error
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Handler = Callable[[Any], Awaitable[None]]
BOUND = 30.0
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
_CALL = """
json => {
  const asked = (%s);
  const value = typeof asked === 'function' ? asked(JSON.parse(json)) : asked;
  return Promise.resolve(value).then(one => JSON.stringify(one ?? null));
}
"""


@contextlib.asynccontextmanager
async def started(executable: Path) -> AsyncIterator[Browser]:
    """Start a Firefox with a profile of its own, and end it.

    Raises:
        Error: it does not start, or does not speak BiDi.

    """
    with tempfile.TemporaryDirectory(prefix="conformance-firefox-", ignore_cleanup_errors=True) as profile:
        _prefer(Path(profile, "user.js"))
        options = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = await asyncio.create_subprocess_exec(
            str(executable), *options,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
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
                with contextlib.suppress(Error, ConnectionClosed):
                    await browser.ask("browser.close")
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
        self.routes: list[tuple[str, Handler]] = []
        self._reader = asyncio.create_task(self._read())

    async def begin(self) -> None:
        """Begin the session and listen to requests that are held back."""
        await self.ask("session.new", capabilities={})
        await self.ask("session.subscribe", events=["network.beforeRequestSent"])

    async def end(self) -> None:
        """Stop reading."""
        self._reader.cancel()
        await asyncio.gather(self._reader, *self._tasks, return_exceptions=True)

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command and return its result.

        Raises:
            Error: the browser says that it failed.

        """
        self._number += 1
        number = self._number
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._wire.send(json.dumps({"id": number, "method": method, "params": params}))
        message = await asyncio.wait_for(answer, BOUND)
        if message.get("type") == "error":
            raise Error(f"{message.get('error')}: {message.get('message')}")
        result: dict[str, Any] = message.get("result", {})
        return result

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self._wire:
                message = json.loads(text)
                if waiting := self._waiting.pop(message.get("id"), None):
                    waiting.set_result(message)
                elif message.get("params", {}).get("isBlocked"):
                    task = asyncio.create_task(self._let_go(message["params"]))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        for waiting in self._waiting.values():
            waiting.set_exception(Error("the browser ended"))

    async def _let_go(self, held: dict[str, Any]) -> None:
        request = held["request"]
        handshake = any(one["name"].lower() == "sec-websocket-key" for one in request["headers"])
        handler = next((one for origin, one in self.routes if request["url"].startswith(f"{origin}/")), None)
        with contextlib.suppress(Error):  # the page may be gone by now
            if handshake or handler is None:  # Firefox names a handshake http://, as a page of that host
                await self.ask("network.continueRequest", request=request["request"])
            else:
                await handler(Route(self, request))

    async def new_context(self, *, ignore_https_errors: bool = False, **_: Any) -> Context:
        """Return what shares no cookies with another: a user context."""
        made = await self.ask("browser.createUserContext", acceptInsecureCerts=ignore_https_errors)
        return Context(self, made["userContext"])


class Route:
    """A request that is held back."""

    def __init__(self, browser: Browser, request: Mapping[str, Any]) -> None:
        self._browser = browser
        self._id = request["request"]
        self.request = SimpleNamespace(url=request["url"])

    async def fulfill(self, *, status: int, content_type: str, body: str) -> None:
        """Answer in place of the network (``network.provideResponse``)."""
        headers = [{"name": "Content-Type", "value": {"type": "string", "value": content_type}}]
        await self._browser.ask(
            "network.provideResponse", request=self._id, statusCode=status, reasonPhrase="OK",
            headers=headers, body={"type": "string", "value": body},
        )  # fmt: skip


class Context:
    """Pages that share cookies."""

    def __init__(self, browser: Browser, name: str) -> None:
        self.browser = browser
        self._name = name
        self._first: Callable[[Page], None] | None = None
        self._intercepts: dict[str, str] = {}

    def on(self, event: str, listener: Callable[[Any], None]) -> None:
        """Tell of new pages; BiDi has no events of WebSockets to tell of."""
        if event == "page":
            self._first = listener

    async def new_page(self) -> Page:
        """Open a tab (``browsingContext.create``)."""
        made = await self.browser.ask("browsingContext.create", type="tab", userContext=self._name)
        page = Page(self, made["context"])
        if self._first is not None:
            self._first(page)
        return page

    async def route(self, pattern: str, handler: Handler) -> None:
        """Hold back requests to an origin (``network.addIntercept``)."""
        origin = pattern.removesuffix("/**")
        if origin in self._intercepts:
            return
        parts = urlsplit(origin)
        match: dict[str, str] = {
            "type": "pattern",
            "protocol": parts.scheme,
            "hostname": parts.hostname or "",
        }
        if parts.port is not None:
            match["port"] = str(parts.port)
        made = await self.browser.ask(
            "network.addIntercept", phases=["beforeRequestSent"], urlPatterns=[match]
        )
        self._intercepts[origin] = made["intercept"]
        self.browser.routes.append((origin, handler))

    async def add_cookies(self, cookies: Sequence[Mapping[str, Any]]) -> None:
        """Set cookies (``storage.setCookie``)."""
        for one in cookies:
            url = urlsplit(one["url"])
            cookie = {
                "name": one["name"],
                "value": {"type": "string", "value": one["value"]},
                "domain": url.hostname,
                "path": "/",
                "httpOnly": one["httpOnly"],
                "secure": url.scheme == "https",
                "sameSite": one["sameSite"].lower(),
            }
            await self.browser.ask(
                "storage.setCookie",
                cookie=cookie,
                partition={"type": "storageKey", "userContext": self._name},
            )

    async def set_offline(self, offline: bool) -> None:  # noqa: FBT001 - as Playwright has it
        """Cut the network off (``emulation.setNetworkConditions``)."""
        conditions = {"type": "offline"} if offline else None
        await self.browser.ask(
            "emulation.setNetworkConditions", networkConditions=conditions, userContexts=[self._name]
        )

    async def close(self) -> None:
        """Close the pages and forget all (``browser.removeUserContext``)."""
        for origin, name in self._intercepts.items():
            await self.browser.ask("network.removeIntercept", intercept=name)
            self.browser.routes = [one for one in self.browser.routes if one[0] != origin]
        await self.browser.ask("browser.removeUserContext", userContext=self._name)


class Page:
    """A tab."""

    def __init__(self, context: Context, name: str) -> None:
        self.context = context
        self.url = "about:blank"
        self._name = name
        self._closed = False

    async def goto(self, url: str) -> None:
        """Go somewhere and wait until it is loaded (``browsingContext.navigate``)."""
        made = await self.context.browser.ask(
            "browsingContext.navigate", context=self._name, url=url, wait="complete"
        )
        self.url = made["url"]

    async def reload(self) -> None:
        """Load the page again (``browsingContext.reload``)."""
        await self.context.browser.ask("browsingContext.reload", context=self._name, wait="complete")

    async def go_back(self, **_: str) -> None:
        """Go one step back (``browsingContext.traverseHistory``) and wait until the address says so."""
        before = self.url
        await self.context.browser.ask("browsingContext.traverseHistory", context=self._name, delta=-1)
        for _attempt in range(200):
            with contextlib.suppress(Error):  # between two documents there is none to ask
                self.url = await self.evaluate("document.readyState === 'complete' ? location.href : ''")
                if self.url not in {"", before}:
                    return
            await asyncio.sleep(0.02)
        raise Error(f"the page stays at {before}")

    async def evaluate(self, expression: str, argument: object = None) -> Any:
        """Call a function in the page, or read an expression (``script.callFunction``); values are JSON."""
        made = await self.context.browser.ask(
            "script.callFunction", functionDeclaration=_CALL % expression, awaitPromise=True,
            target={"context": self._name}, arguments=[{"type": "string", "value": json.dumps(argument)}],
        )  # fmt: skip
        if made["type"] == "exception":
            raise Error(str(made["exceptionDetails"]["text"]))
        return json.loads(made["result"]["value"])

    def on(self, _event: str, _listener: Callable[[Any], None]) -> None:
        """Hear nothing: BiDi has no events of WebSockets."""

    once = on

    def is_closed(self) -> bool:
        """Whether the tab was closed."""
        return self._closed

    async def screenshot(self, **_: float) -> bytes:
        """Return the page as PNG (``browsingContext.captureScreenshot``)."""
        made = await self.context.browser.ask("browsingContext.captureScreenshot", context=self._name)
        return base64.b64decode(made["data"])

    async def close(self) -> None:
        """Close the tab (``browsingContext.close``)."""
        self._closed = True
        await self.context.browser.ask("browsingContext.close", context=self._name)
