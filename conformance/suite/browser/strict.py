"""Pages that verify the server's certificate as their browser always does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from urllib.parse import quote

from playwright.async_api import Browser

from conformance.browser.script import ScriptSocket, open_socket, serve
from conformance.core.errors import Inconclusive
from conformance.suite.browser.pages import allowed_origin, url_of, with_close
from conformance.target.target import Target


def address(target: Target) -> str:
    """Return the URL that script opens: the probed endpoint, with a token where one is needed."""
    token = target.default_token
    path = target.path.partition("?")[0]
    return url_of(target, path + (f"?token={quote(token, safe='')}" if token else ""))


async def prove_raw(target: Target) -> None:
    """Prove that a raw client gets in that verifies the certificate as the profile says.

    Raises:
        Inconclusive: it does not.

    """
    attempt = await target.attempt(
        target.opening(
            target.path.partition("?")[0],
            token=target.default_token,
            carrier="query",
            origin=allowed_origin(target),
        )
    )
    attempt.connection.shut()
    if not attempt.upgraded:
        raise Inconclusive(f"the raw twin got {attempt}: see the chapter protocol")


@contextlib.asynccontextmanager
async def strict(browser: Browser, target: Target) -> AsyncIterator[ScriptSocket]:
    """Open a socket in a context that verifies certificates, and wait until it is open or closed."""
    context = await browser.new_context(ignore_https_errors=False)
    try:
        page = await context.new_page()
        await serve(page, allowed_origin(target))
        socket = await open_socket(page, address(target))
        if await socket.until("open", target.limits.handshake) is None:
            await with_close(socket, target)
        yield socket
    finally:
        await context.close()


def opened(socket: ScriptSocket) -> bool:
    """Whether a socket opened."""
    return any(seen.kind == "open" for seen in socket.seen)
