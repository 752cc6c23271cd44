"""Which channel a request target names.

Routes are matched on the target as it was sent, byte for byte: nothing is percent-decoded, no dot
segment removed, no slash merged. What a server decodes before it matches is what attackers encode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LARGEST_USER_ID = 2**63 - 1

_ABSOLUTE_FORM = re.compile(r"(?:https?|wss?)://([^/?#]+)(.*)", re.IGNORECASE)
# [0-9], not \d: that matches the digits of every script.
_USER_ID = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class OwnChannel:
    """`/ws/permissions/`: the channel of the token's user, or anonymous without a token."""


@dataclass(frozen=True)
class UserChannel:
    """`/ws/permissions/{user_id}/`: the channel of that user, for that user only."""

    user_id: int


@dataclass(frozen=True)
class AnonymousChannel:
    """`/ws/permissions/anonymous`, with or without a slash: anonymous, whoever asks."""


Channel = OwnChannel | UserChannel | AnonymousChannel


def split_target(target: str) -> tuple[str | None, str, str]:
    """Split a request target into authority (None in origin form), path and query.

    The absolute form means the same as the origin form, and its authority replaces the Host header
    (RFC 9112 section 3.2.2).
    """
    authority = None
    if absolute := _ABSOLUTE_FORM.fullmatch(target):
        authority, target = absolute.groups()
        if not target.startswith("/"):
            target = "/" + target
    path, _, query = target.partition("?")
    return authority, path, query


def match_channel(path: str) -> Channel | None:
    """Return the channel of a path, or None when the path is not a route."""
    if path == "/ws/permissions/":
        return OwnChannel()
    if path in ("/ws/permissions/anonymous", "/ws/permissions/anonymous/"):
        return AnonymousChannel()
    if path.startswith("/ws/permissions/") and path.endswith("/"):
        user_id = parse_user_id(path.removeprefix("/ws/permissions/").removesuffix("/"))
        if user_id is not None:
            return UserChannel(user_id)
    return None


def parse_user_id(text: str) -> int | None:
    """Return the user id: 1 to 19 ASCII digits, no leading zero, at most 2^63-1; None for all else."""
    if _USER_ID.fullmatch(text) and int(text) <= LARGEST_USER_ID:
        return int(text)
    return None
