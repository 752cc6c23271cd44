"""What a browser saw while a test ran: frames, console messages, page errors, and how its page looked."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page, WebSocket

FRAMES, CHARACTERS, LINES = 100, 400, 50
# In base64. A page under test is a list of some lines; what is larger is not ours to show.
LARGEST_SCREENSHOT = 200_000
BOUND = 5.0


class Witness:
    """All that one test's pages saw, from their first moment on; the oldest frames are dropped first."""

    def __init__(self, context: BrowserContext) -> None:
        self._loop = asyncio.get_running_loop()
        self._note: str = getattr(context, "frames_note", "")
        self._began = self._loop.time()
        self._page: Page | None = None
        self._sockets = 0
        self._dropped = 0
        self._frames: list[str] = []
        self._console: list[str] = []
        self._errors: list[str] = []
        context.on("page", self._watch)
        context.on("console", lambda said: self._keep(self._console, f"{said.type}: {said.text}"))
        context.on("weberror", lambda raised: self._keep(self._errors, str(raised.error)))

    def _watch(self, page: Page) -> None:
        self._page = self._page or page
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        self._sockets += 1
        number = self._sockets
        self._frame(number, "opens", socket.url)
        socket.on("framesent", lambda payload: self._frame(number, "sent", payload))
        socket.on("framereceived", lambda payload: self._frame(number, "received", payload))
        socket.on("socketerror", lambda error: self._frame(number, "error", error))
        socket.on("close", lambda how: self._frame(number, "closed", how if isinstance(how, str) else ""))

    def _frame(self, number: int, what: str, payload: str | bytes = "") -> None:
        if isinstance(payload, bytes):
            payload = f"{len(payload)} bytes {payload[: CHARACTERS // 2].hex()}"
        moment = 1000 * (self._loop.time() - self._began)
        # Cut when it is told: a secret that is cut here would not be known for one.
        self._frames.append(f"{moment:8.1f} ms  socket {number} {what} {payload}".rstrip())
        if len(self._frames) > FRAMES:
            # The opening stays: without it nobody knows which socket this was.
            del self._frames[FRAMES // 4]
            self._dropped += 1

    @staticmethod
    def _keep(lines: list[str], text: str) -> None:
        if len(lines) < LINES:
            lines.append(text)

    def evidence(self) -> dict[str, Any]:
        """Return what was seen, between two turns of the loop that the pages live on."""
        frames = list(self._frames)
        if self._dropped:
            frames.insert(FRAMES // 4, f"… {self._dropped} frames left out")
        if frames and self._note:
            frames.insert(0, self._note)
        return {
            "screenshot": self._screenshot(),
            "frames": frames,
            "console": list(self._console),
            "errors": list(self._errors),
        }

    def _screenshot(self) -> str:
        """Return the first page's look as PNG in base64; nothing where it cannot be had."""
        if self._page is None or self._page.is_closed() or self._loop.is_running():
            return ""
        from playwright.async_api import Error  # noqa: PLC0415 - a run without the browser need not load it

        try:
            image = self._loop.run_until_complete(self._page.screenshot(timeout=1000 * BOUND))
        except Error:
            return ""
        text = base64.b64encode(image).decode()
        return text if len(text) <= LARGEST_SCREENSHOT else ""


def cut(text: str) -> str:
    """Return a line short enough for a report."""
    return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]} … [{len(text)} characters]"
