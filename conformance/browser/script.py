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

from conformance.browser.source import ELSEWHERE, PAGE
from conformance.core.errors import NotApplicable

# What Chromium and Firefox say of a certificate: that it is not trusted, and that nobody they know signed it.
_UNTRUSTED = ("ERR_CERT", "NS_ERROR_MODULE_SECURITY")
_STRANGER = ("ERR_CERT_AUTHORITY_INVALID", "SEC_ERROR_UNKNOWN_ISSUER", "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT")
# What Firefox says of a service worker whose script went to a host that does not exist.
_LOST = "encountered an error during installation"


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
    content: str = ""

    def __str__(self) -> str:
        """Return it as script says it."""
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

    @property
    def untrusted(self) -> bool:
        """Whether the browser says that it does not trust the server's certificate."""
        return any(word in one for one in self._said for word in _UNTRUSTED)

    @property
    def stranger(self) -> bool:
        """Whether the browser says that it does not know the authority behind the server's certificate."""
        return any(word in one for one in self._said for word in _STRANGER)

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

    async def send_binary(self, content: bytes, *, binary_type: str = "arraybuffer") -> None:
        """Send a binary message; the answers come to script as ``binary_type``, arraybuffer or blob."""
        await self._page.evaluate(
            """([number, type, content]) => {
              const { socket } = window.sockets[number];
              socket.binaryType = type;
              socket.send(type === 'blob' ? new Blob([new Uint8Array(content)]) : new Uint8Array(content));
            }""",
            [self._number, binary_type, list(content)],
        )

    async def buffered(self) -> int:
        """Return ``bufferedAmount``."""
        amount: int = await self._page.evaluate(
            "number => window.sockets[number].socket.bufferedAmount", self._number
        )
        return amount

    async def close(self, code: int | None = None, reason: str = "") -> None:
        """Call ``close()`` as script does."""
        arguments = [] if code is None else [code, reason]
        await self._page.evaluate(
            "([number, given]) => window.sockets[number].socket.close(...given)", [self._number, arguments]
        )

    def __str__(self) -> str:
        """Return all that script saw."""
        seen = "script saw " + (", then ".join(map(str, self.seen[-4:])) or "nothing")
        return f"{seen}; the browser says: {self._said[-1]}" if self._said else seen


async def serve(page: Page, origin: str) -> None:
    """Show a page of this origin."""
    await serve_also(page, origin)
    await page.goto(f"{origin}/")


async def serve_also(page: Page, origin: str) -> None:
    """Answer every request of the page's context to this origin, but handshakes: they go to the network."""

    async def answer(route: Route) -> None:
        if route.request.url.endswith("/elsewhere.js"):
            await route.fulfill(status=200, content_type="text/javascript; charset=utf-8", body=ELSEWHERE)
        else:
            await route.fulfill(status=200, content_type="text/html; charset=utf-8", body=PAGE)

    await page.context.route(f"{origin}/**", answer)


async def open_socket(
    page: Page, url: str, protocols: Sequence[str] = (), *, where: str = "page"
) -> ScriptSocket:
    """Construct a WebSocket. What script may not know of a failure, the browser reports.

    Args:
        page: the page.
        url: of the WebSocket.
        protocols: the subprotocols to offer.
        where: what constructs it: the ``page``; a ``worker`` of it, its ``service-worker``, or a sandboxed
            ``frame`` in it, whose origin is opaque; or ``again`` for the page with a script that reconnects
            with backoff whenever the socket closes.

    Returns:
        The socket, opening.

    Raises:
        NotApplicable: the browser does not let this page try it at all (mixed content).
        Error: the page cannot run the script.

    """
    said: list[str] = []

    def keep(text: str) -> None:
        said.append(text)

    page.once("websocket", lambda socket: socket.on("socketerror", keep))
    try:
        number: int = await page.evaluate(
            "([where, url, protocols]) => window.begin(where, url, protocols)", [where, url, list(protocols)]
        )
    except Error as error:
        if "SecurityError" in str(error) or "serviceworker" in str(error).lower():
            what = "" if where == "page" else f" in a {where}"
            if _LOST in str(error):
                what += ": no page fetches its script, so that nothing intercepts it"
            raise NotApplicable(f"a page of {page.url} may not open {url.partition('?')[0]}{what}") from None
        raise
    return ScriptSocket(page, number, said)
