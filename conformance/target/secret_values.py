"""What of a URL, of header fields and of a command is secret, with the name that it is sent under."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from conformance.core.masking import Mask, Secret, named, secretive

# Header fields that say what a client is like, and nothing that is its own.
_OPEN = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "cache-control", "connection", "content-type", "host",
        "origin", "pragma", "upgrade", "user-agent",
    }
)  # fmt: skip
# A part of a path that is drawn, and not a word: letters and digits, and too long to be remembered.
_DRAWN = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[\w.~-]{16,}")


def of_url(url: str) -> Iterator[Secret]:
    """Yield what stands in a URL's query, its user and password, and parts of its path that were drawn."""
    try:
        parts = urlsplit(url)
        username, password = parts.username, parts.password
    except ValueError:
        return
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    raw = [tuple(one.partition("=")[::2]) for one in parts.query.split("&")]
    yield from named(((name, value) for name, value in raw if "=" in parts.query), "query")
    yield from named(pairs, "query")
    if parts.query and "=" not in parts.query:
        yield Secret(parts.query, variable="QUERY")
    for value in filter(None, (password, username if password is None else None)):
        yield Secret(unquote(value), "password", "PASSWORD")
    for part in parts.path.split("/"):
        if _DRAWN.fullmatch(part):
            yield Secret(part, variable="PATH_TOKEN")


def of_headers(headers: Mapping[str, str]) -> Iterator[Secret]:
    """Yield what stands in header fields: the values of cookies, the credentials behind a scheme, or all."""
    for name, value in headers.items():
        if name.lower() == "cookie":
            pairs = (one.strip().partition("=")[::2] for one in value.split(";"))
            yield from named(pairs, "cookie")
            continue
        if name.lower() in _OPEN:
            continue
        variable = re.sub(r"[^A-Z0-9_]", "_", f"header_{name}".upper())
        scheme, _, credentials = value.strip().partition(" ")
        if credentials and re.fullmatch(r"[A-Za-z-]+", scheme):
            yield Secret(credentials.strip(), name, variable)
            if scheme.lower() == "basic":
                yield from _of_basic(credentials.strip())
        elif value.strip():
            yield Secret(value.strip(), name, variable, sure=secretive(name))


def _of_basic(credentials: str) -> Iterator[Secret]:
    try:
        told = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    password = told.partition(":")[2]
    if password:
        yield Secret(password, "password", "PASSWORD")


def of_words(words: Sequence[str]) -> Iterator[Secret]:
    """Yield what stands in a command behind names such as ``--token``, or in a URL."""
    pieces = [piece for word in words for piece in word.split()]
    for at, piece in enumerate(pieces):
        name, joined, value = piece.partition("=")
        if "://" in piece:
            yield from of_url(piece)
        elif joined and secretive(name) and "{" not in value:
            yield Secret(value, name.lstrip("-"), "")
        elif secretive(piece) and piece.startswith("-") and at + 1 < len(pieces):
            value = pieces[at + 1]
            if not value.startswith("-") and "{" not in value:
                yield Secret(value, piece.lstrip("-"), "")


def unreadable(table: Mapping[str, Any]) -> Mask:
    """Return a mask of what a complaint about a profile must not quote: all that may be secret in it."""
    mask = Mask()
    for name, value in table.items():
        if name == "headers" and isinstance(value, dict):
            mask.add(*of_headers({key: one for key, one in value.items() if isinstance(one, str)}))
        elif isinstance(value, dict):
            mask.add(*unreadable(value).secrets.values())
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                mask.add(*of_url(one), *of_words([one]))
                mask.add(*([Secret(one, name)] if secretive(name) and name != "cookie" else []))
    return mask
