"""What a handshake has to pass before it reaches a consumer. Every refusal looks the same: status 403."""

import logging

from permissions import carriers, origins
from permissions.carriers import BadTokenError, header_values, token_of
from permissions.tokens import caller_of, digest_of

logger = logging.getLogger(__name__)


async def refuse(scope, receive, send):
    """Close before accepting, which ASGI servers turn into status 403 without a body."""
    await receive()
    await send({"type": "websocket.close"})


class OriginMiddleware:
    """Let only our own pages in, and programs, which send no Origin.

    A browser adds its cookies to the handshake of any page, so a cookie without an Origin proves nothing
    and is refused as well.
    """

    def __init__(self, inner):
        self.inner = inner

    async def __call__(self, scope, receive, send):
        sent = header_values(scope, b"origin")
        hosts = header_values(scope, b"host")
        if sent:
            passed = len(sent) == 1 and len(hosts) == 1 and origins.is_allowed(scope, sent[0], hosts[0])
        else:
            passed = not carriers.from_cookie(scope)
        if not passed:
            logger.warning("handshake refused: origin")
        return await (self.inner if passed else refuse)(scope, receive, send)


class CanonicalPathMiddleware:
    """Refuse other spellings of a path: percent-encoded ones and those with a doubled leading slash.

    Routing sees the decoded path, and URLRouter strips every leading slash. A gateway that decides by
    the raw spelling must not be talked past by one that only this service understands.
    """

    def __init__(self, inner):
        self.inner = inner

    async def __call__(self, scope, receive, send):
        path = scope["path"]
        raw_path = scope.get("raw_path")
        canonical = path.isascii() and not path.startswith("//")
        if raw_path is not None:
            canonical = canonical and raw_path == path.encode("utf-8", "surrogatepass")
        return await (self.inner if canonical else refuse)(scope, receive, send)


async def authenticate(scope):
    """The caller of a handshake, or None for anonymous; BadTokenError if its token is not good."""
    token = token_of(scope)
    if token is None:
        return None
    caller = await caller_of(digest_of(token))
    if caller is None:
        raise BadTokenError
    return caller


class TokenAuthMiddleware:
    """Put the caller (None: anonymous) and the subprotocol to answer with into the scope.

    A bad token is refused, never let in as anonymous: its client would believe that it is logged in and
    miss its events without noticing.
    """

    def __init__(self, inner):
        self.inner = inner

    async def __call__(self, scope, receive, send):
        try:
            caller = await authenticate(scope)
        except BadTokenError:
            logger.warning("handshake refused: bad token")
            return await refuse(scope, receive, send)
        # With `bearer` offered token_of found a token, so there is something to confirm.
        subprotocol = carriers.BEARER if carriers.BEARER in scope.get("subprotocols", []) else None
        return await self.inner({**scope, "caller": caller, "accept_subprotocol": subprotocol}, receive, send)


def TokenAuthMiddlewareStack(inner):  # noqa: N802 - named like Channels' own AuthMiddlewareStack
    return TokenAuthMiddleware(inner)
