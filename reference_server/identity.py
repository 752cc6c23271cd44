"""Who is asking: the four carriers of a bearer token, and what becomes of it.

A token may come in the query (`?token=`), in the Authorization header (RFC 6750 section 2.1), behind the
subprotocol `bearer` (a browser's script can set no header, but it can offer subprotocols) or in a cookie.
The rule for all: no token means anonymous; a token that is not good, or not the only one, means refusal.
To let a client with a bad token in as anonymous would leave it waiting for events that never come.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from .handshake import Refusal
from .routes import AnonymousChannel, Channel, UserChannel

if TYPE_CHECKING:
    from websockets.datastructures import Headers

    from .state import State, Token

SUBPROTOCOL = "bearer"
COOKIE = "session"

_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True)
class Identity:
    """Who a connection is: `user_id` is None for anonymous, even when a token was shown."""

    user_id: int | None
    groups: tuple[str, ...]
    token: Token | None
    subprotocol: str | None


def identify(
    state: State,
    channel: Channel,
    *,
    headers: Headers,
    query: str,
    subprotocols: list[str],
    from_page: bool,
) -> Identity:
    """Return who asks for the channel, or raise `Refusal` with 401 or 403.

    `from_page` says that an allowed Origin was given; without it a cookie is not accepted.
    """
    carriers = [query_tokens(query), header_tokens(headers), subprotocol_tokens(subprotocols)]
    cookies = cookie_tokens(headers)
    if any(cookies) and not from_page:
        raise Refusal(403, "A cookie is accepted with an allowed Origin only.")
    token = the_one_token(state, [*carriers, cookies])
    user_id = None if token is None else token.user.user_id
    if isinstance(channel, UserChannel) and channel.user_id != user_id:
        if token is None:
            raise unauthorized()
        # The same answer whether that user exists or not.
        raise Refusal(403, "This channel is not yours.")
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in subprotocols else None
    if token is None or isinstance(channel, AnonymousChannel):
        return Identity(None, (), token, subprotocol)
    return Identity(user_id, tuple(token.user.groups), token, subprotocol)


def the_one_token(state: State, carriers: list[list[str]]) -> Token | None:
    """Return the token that all carriers agree on, None when no carrier has one.

    Each carrier is the list of the values it was given; an empty value is no token.
    """
    if any(len(set(values)) > 1 for values in carriers):
        raise unauthorized()
    secrets = {secret for values in carriers for secret in values if secret}
    if not secrets:
        return None
    token = state.find_token(secrets.pop())
    if secrets or token is None or not token.good:
        raise unauthorized()
    return token


def unauthorized() -> Refusal:
    """Return the one answer to every bad token: it does not say what was wrong with it."""
    return Refusal(401, "A valid token is required.", WWW_Authenticate="Bearer")


def query_tokens(query: str) -> list[str]:
    """Return the values of `token` in the query, percent-decoded."""
    return [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "token"]


def header_tokens(headers: Headers) -> list[str]:
    """Return the tokens of `Authorization: Bearer`; another scheme has none, and is not our business."""
    tokens = []
    for value in headers.get_all("Authorization"):
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "bearer":
            token = rest.strip(" ")
            if not _B64TOKEN.fullmatch(token):
                raise unauthorized()
            tokens.append(token)
    return tokens


def subprotocol_tokens(subprotocols: list[str]) -> list[str]:
    """Return the token behind each `bearer`; one without a token behind it is refused.

    A token that happens to spell `bearer` is skipped with its marker, not taken for another marker.
    """
    tokens = []
    items = iter(subprotocols)
    for item in items:
        if item == SUBPROTOCOL:
            token = next(items, None)
            if token is None:
                raise unauthorized()
            tokens.append(token)
    return tokens


def cookie_tokens(headers: Headers) -> list[str]:
    """Return the values of the session cookie."""
    pairs = [pair.strip(" \t") for value in headers.get_all("Cookie") for pair in value.split(";")]
    return [pair.removeprefix(f"{COOKIE}=") for pair in pairs if pair.startswith(f"{COOKIE}=")]
