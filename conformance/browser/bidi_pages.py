"""Contexts, tabs and held requests of a Firefox, with the names that Playwright's have.

Source: W3C WebDriver BiDi; each method names its command.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Protocol
from urllib.parse import urlsplit

from playwright.async_api import Error

from conformance.browser.bidi_sockets import Listeners, Socket, Sockets

Handler = Callable[[Any], Awaitable[None]]
_CALL = """
json => {
  const asked = (%s);
  const value = typeof asked === 'function' ? asked(JSON.parse(json)) : asked;
  return Promise.resolve(value).then(one => JSON.stringify(one ?? null));
}
"""


class Browser(Protocol):
    """The session of a browser, as far as its contexts, tabs and requests know it."""

    pages: dict[str, Page]
    routes: list[tuple[str, Handler]]

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command and return its result."""


class Route:
    """A request that is held back."""

    def __init__(self, browser: Browser, request: Mapping[str, Any]) -> None:
        self._browser = browser
        self._id = request["request"]
        self.request = SimpleNamespace(url=request["url"])

    async def fulfill(self, *, status: int, content_type: str, body: str) -> None:
        """Answer in place of the network (``network.provideResponse``).

        Args:
            status: of the response.
            content_type: the value of Content-Type.
            body: its text.

        """
        headers = [{"name": "Content-Type", "value": {"type": "string", "value": content_type}}]
        await self._browser.ask(
            "network.provideResponse", request=self._id, statusCode=status, reasonPhrase="OK",
            headers=headers, body={"type": "string", "value": body},
        )  # fmt: skip


class Context(Listeners):
    """Pages that share cookies. It tells of ``page``, ``console`` and ``weberror``."""

    frames_note = "as script saw them: this browser tells no frames (WebDriver BiDi)"

    def __init__(self, browser: Browser, name: str) -> None:
        super().__init__()
        self.browser = browser
        self._name = name
        self._intercepts: dict[str, str] = {}

    async def new_page(self) -> Page:
        """Open a tab (``browsingContext.create``).

        Returns:
            The tab.

        """
        made = await self.browser.ask("browsingContext.create", type="tab", userContext=self._name)
        page = self.browser.pages[made["context"]] = Page(self, made["context"])
        self.emit("page", page)
        return page

    def logged(self, entry: Mapping[str, Any]) -> None:
        """Take a line of the console (``log.entryAdded``); what has no place in a script is the browser's."""
        text = entry.get("text") or ""
        if entry["type"] == "javascript" and entry["level"] == "error" and entry.get("stackTrace"):
            self.emit("weberror", SimpleNamespace(error=text))
        else:
            self.emit("console", SimpleNamespace(type=entry["level"], text=text))

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


class Page(Listeners):
    """A tab. It tells of each ``websocket``."""

    def __init__(self, context: Context, name: str) -> None:
        super().__init__()
        self.context = context
        self.url = "about:blank"
        self._name = name
        self._closed = False
        self.sockets = Sockets(self._opened)

    def _opened(self, socket: Socket) -> None:
        self.emit("websocket", socket)

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
        """Go one step back (``browsingContext.traverseHistory``) and wait until the address says so.

        Raises:
            Error: the address stays as it was.

        """
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
        """Call a function in the page, or read an expression (``script.callFunction``); values are JSON.

        Returns:
            What it gives.

        Raises:
            Error: the script raised something.

        """
        made = await self.context.browser.ask(
            "script.callFunction", functionDeclaration=_CALL % expression, awaitPromise=True,
            target={"context": self._name}, arguments=[{"type": "string", "value": json.dumps(argument)}],
        )  # fmt: skip
        if made["type"] == "exception":
            raise Error(str(made["exceptionDetails"]["text"]))
        return json.loads(made["result"]["value"])

    def is_closed(self) -> bool:
        """Return whether the tab was closed."""
        return self._closed

    async def screenshot(self, **_: float) -> bytes:
        """Return the page as PNG (``browsingContext.captureScreenshot``)."""
        made = await self.context.browser.ask("browsingContext.captureScreenshot", context=self._name)
        return base64.b64decode(made["data"])

    async def close(self) -> None:
        """Close the tab (``browsingContext.close``)."""
        self._closed = True
        await self.context.browser.ask("browsingContext.close", context=self._name)
