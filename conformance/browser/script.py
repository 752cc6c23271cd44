"""WebSockets of a page's script: pages served at any origin, and all that a script can see of a socket.

A page is served by interception, so that its origin is real to the browser although no such host exists. Its
script keeps what happens to each socket, in order; nothing is lost between two questions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Error, Page, Route

from conformance.errors import NotApplicable

# What happens to a socket is kept until the test asks for it; all that waits is handed over at once.
SCRIPT = """
window.sockets = [];
window.begin = (url, protocols) => {
  const seen = { log: [], wake: () => {} };
  const keep = entry => { seen.log.push(entry); seen.wake(); };
  const socket = seen.socket = protocols.length ? new WebSocket(url, protocols) : new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => keep({ kind: 'open', protocol: socket.protocol, extensions: socket.extensions });
  socket.onmessage = ({ data }) => keep(typeof data === 'string'
    ? { kind: 'message', text: data } : { kind: 'binary', size: data.byteLength });
  socket.onerror = () => keep({ kind: 'error' });
  socket.onclose = e => keep({ kind: 'close', code: e.code, reason: e.reason, clean: e.wasClean });
  return window.sockets.push(seen) - 1;
};
window.next = (number, bound) => new Promise(resolve => {
  const seen = window.sockets[number];
  const timer = setTimeout(() => { seen.wake = () => {}; resolve([]); }, bound * 1000);
  seen.wake = () => {
    if (seen.log.length) {
      clearTimeout(timer);
      seen.wake = () => {};
      resolve(seen.log.splice(0));
    }
  };
  seen.wake();
});
"""
PAGE = f"<!doctype html><meta charset=utf-8><title>Conformance suite</title><script>{SCRIPT}</script>"


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that happened to a script's socket: open, message, binary, error or close."""

    kind: str
    text: str = ""
    protocol: str = ""
    extensions: str = ""
    code: int | None = None
    reason: str = ""
    clean: bool = False
    size: int = 0

    def __str__(self) -> str:
        """Describe it as script says it."""
        match self.kind:
            case "open":
                return f"open (protocol {self.protocol!r})"
            case "message":
                return f"message {self.text[:200]!r}"
            case "binary":
                return f"a binary message of {self.size} bytes"
            case "close":
                clean = "true" if self.clean else "false"
                return f"close {self.code} {self.reason!r} (wasClean {clean})"
        return self.kind


class ScriptSocket:
    """A WebSocket that a page's script opened."""

    def __init__(self, page: Page, number: int, said: list[str]) -> None:
        self._page = page
        self._number = number
        self._said = said
        self._waiting: deque[Seen] = deque()
        self.seen: list[Seen] = []

    @property
    def blocked(self) -> bool:
        """Whether the browser itself kept the socket from the server."""
        return any("ERR_BLOCKED" in one for one in self._said)

    async def next(self, bound: float) -> Seen | None:
        """Return what script saw next, or ``None`` after ``bound`` seconds."""
        if not self._waiting:
            entries: list[dict[str, Any]] = await self._page.evaluate(
                "([number, bound]) => window.next(number, bound)", [self._number, bound]
            )
            self._waiting.extend(Seen(**entry) for entry in entries)
        if not self._waiting:
            return None
        self.seen.append(self._waiting.popleft())
        return self.seen[-1]

    async def until(self, kind: str, bound: float) -> Seen | None:
        """Return the next thing of a kind; ``None`` where the socket closed first, or nothing more came."""
        while (seen := await self.next(bound)) is not None:
            if seen.kind == kind:
                return seen
            if seen.kind == "close":
                return None
        return None

    async def send(self, *texts: str) -> None:
        """Send text messages, one after the other in one turn of the script."""
        await self._page.evaluate(
            "([number, texts]) => texts.forEach(text => window.sockets[number].socket.send(text))",
            [self._number, list(texts)],
        )

    async def send_binary(self, size: int) -> None:
        """Send a binary message of zeros."""
        await self._page.evaluate(
            "([number, size]) => window.sockets[number].socket.send(new Uint8Array(size))",
            [self._number, size],
        )

    async def close(self, code: int | None = None, reason: str = "") -> None:
        """Call ``close()`` as script does."""
        arguments = [] if code is None else [code, reason]
        await self._page.evaluate(
            "([number, given]) => window.sockets[number].socket.close(...given)", [self._number, arguments]
        )

    def __str__(self) -> str:
        """Describe all that script saw."""
        seen = "script saw " + (", then ".join(map(str, self.seen[-4:])) or "nothing")
        return f"{seen}; the browser says: {self._said[-1]}" if self._said else seen


async def serve(page: Page, origin: str) -> None:
    """Show a page of this origin; every request of its context to that origin is answered with it.

    Handshakes are no such requests: they go to the network.
    """

    async def answer(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/html; charset=utf-8", body=PAGE)

    await page.context.route(f"{origin}/**", answer)
    await page.goto(f"{origin}/")


async def open_socket(page: Page, url: str, protocols: Sequence[str] = ()) -> ScriptSocket:
    """Construct a WebSocket in the page. What script may not know of a failure, the browser tells us.

    Raises:
        NotApplicable: the browser does not let this page try it at all (mixed content).

    """
    said: list[str] = []

    def keep(text: str) -> None:
        said.append(text)

    page.once("websocket", lambda socket: socket.on("socketerror", keep))
    try:
        number: int = await page.evaluate(
            "([url, protocols]) => window.begin(url, protocols)", [url, list(protocols)]
        )
    except Error as error:
        if "SecurityError" in str(error):
            raise NotApplicable(f"a page of {page.url} may not open {url.partition('?')[0]}") from None
        raise
    return ScriptSocket(page, number, said)
