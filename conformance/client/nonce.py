"""Numbers that stand in our messages, by which an answer is known for one.

Digits alone, so that they survive whatever an application does to a text: another case, an escape, a
replaced character beside them.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable

_NONCE = re.compile(rb"9\d{11}")
_numbers = itertools.count(900_000_000_000 + secrets.randbelow(90_000_000_000))


def nonce() -> str:
    """Return twelve digits that no other message has."""
    return str(next(_numbers))


def nonces(contents: Iterable[bytes]) -> set[bytes]:
    """Return the nonces that stand in messages, also across the fragments of one."""
    parts = list(contents)
    return {found for data in (*parts, b"".join(parts)) for found in _NONCE.findall(data)}


def given_back(content: bytes) -> set[bytes]:
    """Return what an echo may make of a text: itself, or without what is no UTF-8, replaced or left out."""
    return {content, *(content.decode(errors=how).encode() for how in ("replace", "ignore"))}
