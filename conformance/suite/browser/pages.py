"""What the browser's tests begin with: a page at an origin, the raw twin, and a socket that opened.

Before the browser is judged, the same thing is done over a raw connection (the *twin*). Where the twin fails,
the fault belongs to the twin's own chapter, and the browser's result is inconclusive.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from playwright.async_api import Page

from conformance.browser.script import ScriptSocket, Seen, open_socket, serve
from conformance.client.session import Client, Json
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target

FOREIGN = "https://foreign.example"
Carried = tuple[str, tuple[str, ...]]


def allowed_origin(target: Target) -> str:
    """Return the origin of pages that the server serves: the profile's first, or the server's own."""
    return (*target.profile.allowed_origins, target.url.origin)[0]


def name_of(page: Page) -> str:
    """Return the browser's name: chromium, firefox or webkit."""
    started = page.context.browser
    return started.browser_type.name if started else "the browser"


def url_of(target: Target, path: str) -> str:
    """Return the URL that script opens for a request target."""
    scheme = "wss" if target.url.secure else "ws"
    return f"{scheme}://{target.url.authority}{target.url.asking(path)}"


def carried(target: Target, user: Credential | None, carrier: str | None = None) -> Carried:
    """Return URL and subprotocols with which script shows a user's token.

    Those of the profile go with every handshake.

    Raises:
        NotApplicable: no carrier is offered that a script can use.

    """
    if user is None:
        return url_of(target, target.anonymous_path), target.profile.subprotocols
    offered = [carrier] if carrier else target.profile.carriers
    if "query" in offered:
        path = target.at(f"{OWN}?token={quote(user.token, safe='')}")
        return url_of(target, path), target.profile.subprotocols
    if "subprotocol" in offered:
        return url_of(target, target.at(OWN)), ("bearer", user.token, *target.profile.subprotocols)
    raise NotApplicable(f"script cannot show a token in what is offered: {', '.join(offered)}")


async def twin(
    target: Target, origin: str, user: Credential | None = None, carrier: str | None = None
) -> None:
    """Prove that a raw client with this origin and token is confirmed as the user.

    Raises:
        Inconclusive: it is not, so that nothing is said about the browser.

    """
    if user is not None and carrier is None:
        carrier = "query" if "query" in target.profile.carriers else "subprotocol"
    path = target.anonymous_path if user is None else target.at(OWN)
    async with target.connect(path, user=user, carrier=carrier, origin=origin) as client:
        if client.user_id != (user.user_id if user else None):
            raise Inconclusive(f"the raw twin was confirmed as {client.user_id}: see the chapter auth")
        response = client.connection.response
        chosen = response.get("Sec-WebSocket-Protocol") if response is not None else None
        if carrier == "subprotocol" and chosen != "bearer":
            raise Inconclusive(f"the raw twin got the subprotocol {chosen}: see auth.subprotocol-answer")


async def own_page(target: Target) -> None:
    """Prove that the server lets pages of its own origin in, where its cookie is always sent along.

    Raises:
        NotApplicable: it does not, as the profile's allowed origins say.

    """
    own, who = target.url.origin, visitor(target)
    if not target.profile.allowed_origins or own in target.profile.allowed_origins:
        return
    carriers = [one for one in target.profile.carriers if one != "cookie"]
    if who is not None and not carriers:
        return
    path = target.anonymous_path if who is None else target.at(OWN)
    token, carrier = (None, None) if who is None else (who.token, carriers[0])
    attempt = await target.attempt(target.opening(path, token=token, carrier=carrier, origin=own))
    attempt.connection.shut()
    if not attempt.upgraded:
        raise NotApplicable(f"{own}, the server's own origin, is none of the allowed ones and is refused")


def visitor(target: Target) -> Credential | None:
    """Return as whom a page connects where it does not matter: anonymous where that is allowed."""
    if target.has("anonymous"):
        return None
    if not target.users:
        raise NotApplicable("anonymous access is off, and the profile names no user")
    return target.users[0]


async def connected(
    page: Page, target: Target, user: Credential | None = None, *, origin: str | None = None
) -> ScriptSocket:
    """Serve a page, prove the twin, open a socket in script and expect its confirmation."""
    origin = origin or allowed_origin(target)
    await twin(target, origin, user)
    await serve(page, origin)
    return await another(page, target, user)


async def another(page: Page, target: Target, user: Credential | None = None) -> ScriptSocket:
    """Open one more socket on a page that is served, and expect its confirmation."""
    socket = await open_socket(page, *carried(target, user))
    await confirmed(socket, target, user)
    return socket


async def confirmed(socket: ScriptSocket, target: Target, user: Credential | None) -> Seen:
    """Expect that a socket opens and is confirmed as the user; return what script saw as it opened."""
    opened = await socket.next(target.limits.handshake)
    if opened is None or opened.kind != "open":
        raise Nonconformance(
            "a browser's socket did not open, while a raw client's did",
            expected=["open"],
            actual=f"{await with_close(socket, target)}",
        )
    message = await receive(socket, target)
    wanted = user.user_id if user else None
    if message.get("type") != "connection_confirmed" or message.get("user_id", 0) != wanted:
        raise Nonconformance(
            "a browser's socket was not confirmed as a raw client's is",
            expected=[f"connection_confirmed with user_id {json.dumps(wanted)} as the first message"],
            actual=str(socket),
        )
    return opened


async def with_close(socket: ScriptSocket, target: Target) -> ScriptSocket:
    """Wait for the close that follows an error, and return the socket with all that was seen.

    Raises:
        Inconclusive: the browser did not let the socket reach the server.

    """
    if not any(seen.kind == "close" for seen in socket.seen):
        await socket.until("close", target.limits.close)
    if socket.blocked:
        raise Inconclusive(f"the browser's own rules kept the page from the server: {socket}")
    return socket


async def receive(socket: ScriptSocket, target: Target, bound: float | None = None) -> Json:
    """Return the next text message's JSON object, or an empty one."""
    seen = await socket.until("message", bound or target.limits.reply)
    try:
        value = json.loads(target.profile.dialect.read(seen.text)) if seen else None
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


async def prove_browser(page: Page, target: Target, user: Credential | None) -> None:
    """Prove that a page of an allowed origin connects, so that a refusal is not the browser's own.

    Raises:
        Inconclusive: it does not.

    """
    try:
        await connected(page, target, user)
    except Nonconformance as fault:
        raise Inconclusive(f"no page gets a connection: {fault.actual}; see browser.allowed-origin") from None


async def hold_cookie(page: Page, target: Target, user: Credential) -> None:
    """Give the browser the server's cookie with a user's token, as a login would."""
    await page.context.add_cookies(
        [
            {
                "name": target.profile.cookie,
                "value": user.token,
                "url": target.url.origin,
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )


async def expect_refused(socket: ScriptSocket, target: Target) -> None:
    """Expect what script sees of a refused handshake: error, then close with 1006, and no open."""
    await with_close(socket, target)
    kinds = [seen.kind for seen in socket.seen]
    if kinds != ["error", "close"] or socket.seen[-1].code != 1006:
        raise Nonconformance(
            "script did not see a refused handshake",
            expected=["error, then close 1006"],
            actual=str(socket),
        )


async def raw_close_code(target: Target, user: Credential | None, code: int | None, reason: str) -> int:
    """Return the code that script has to see after a close: the one given back to a raw client, or 1005."""
    origin = None if user else allowed_origin(target)
    client: Client
    async with target.connect(
        target.anonymous_path if user is None else target.at(OWN), user=user, origin=origin
    ) as client:
        client.send_close(code, reason)
        try:
            reply = await client.expect_close_reply()
        except Nonconformance as fault:
            raise Inconclusive(
                f"the raw twin's close was not answered: {fault.actual}; see the chapter protocol"
            ) from None
    return 1005 if reply.code is None else reply.code
