"""Where a handshake may carry its bearer token, and what two tokens mean."""

import re
from urllib.parse import parse_qsl

from django.conf import settings

BEARER = "bearer"


class BadTokenError(Exception):
    """The handshake carries something that was meant as a token and cannot be one."""


def header_values(scope, name):
    """All values of a header field. Servers repeat the field, or join its values by a comma (Daphne)."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def from_query(scope):
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {value for name, value in pairs if name == "token"}


def from_authorization(scope):
    """Tokens of the Bearer scheme; another scheme is not a token and therefore no claim to be someone."""
    tokens = set()
    for value in header_values(scope, b"authorization"):
        for credentials in value.split(","):
            scheme, _, token = credentials.strip().partition(" ")
            if scheme.lower() == BEARER:
                if not token.strip():
                    raise BadTokenError
                tokens.add(token.strip())
    return tokens


def from_subprotocols(scope):
    """Each offered `bearer` is followed by its token: browsers can set no header but this one."""
    offered = list(scope.get("subprotocols", []))
    tokens = set()
    while BEARER in offered:
        after = offered.index(BEARER) + 1
        if after == len(offered) or not offered[after]:
            raise BadTokenError
        tokens.add(offered[after])
        offered = offered[after + 1 :]
    return tokens


def from_cookie(scope):
    """Values of the session cookie. Cookie values hold neither separator, so both kinds of joint split."""
    tokens = set()
    for value in header_values(scope, b"cookie"):
        for pair in re.split("[;,]", value):
            name, _, token = pair.strip().partition("=")
            if name == settings.SESSION_TOKEN_COOKIE:
                tokens.add(token)
    return tokens


def token_of(scope):
    """The one token of a handshake, or None.

    An empty query parameter or cookie counts as no token: pages write `?token=` before a login.

    Raises:
        BadTokenError: two different tokens, or an announced token that is missing. Choosing one of two
            would let whoever can add the second (a link, a cookie of a sibling domain) choose the user.
    """
    tokens = from_query(scope) | from_authorization(scope) | from_subprotocols(scope) | from_cookie(scope)
    if len(tokens) > 1:
        raise BadTokenError
    return next(iter(tokens), None) or None
