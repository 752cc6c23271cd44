"""Which channel a path names, as a model without any I/O: Protocol §2; and paths that nearly name one.

A path is exactly an endpoint, or equivalent to one by RFC 3986 §6.2.2.2, or becomes one where something on
the way decodes or forgives, or is none. What stands behind the first question mark changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

from conformance.fuzz.drawing import Draw

Kind = Literal["own", "user", "anonymous", "equivalent", "spelling", "none"]
OWN = "/ws/permissions/"
LARGEST_ID = 2**63 - 1
ENDPOINT = re.compile(r"/ws/permissions/(?:(?P<user>[1-9][0-9]{0,18})/|(?P<anonymous>anonymous/?))?")
FORGIVEN = re.compile(r"/ws/permissions/(?:(?P<user>\d+)/|(?P<anonymous>anonymous/?))?")
UNRESERVED = re.compile(r"%(?:2[DE]|3[0-9]|4[1-9A-F]|5[0-9A]|5F|6[1-9A-F]|7[0-9A]|7E)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route:
    """What a path is, and the user whose channel it names where it names one."""

    kind: Kind
    user_id: int | None = None


NONE = Route("none")


def route(path: str) -> Route:
    """Return what the specification makes of a path."""
    path = path.partition("?")[0]
    exact = _endpoint(path)
    if exact is not None:
        return exact
    plain = _endpoint(UNRESERVED.sub(lambda found: chr(int(found[0][1:], 16)), path))
    if plain is not None:
        return Route("equivalent", plain.user_id)
    return _spelling(path) or NONE


def _endpoint(path: str) -> Route | None:
    found = ENDPOINT.fullmatch(path)
    if found is None:
        return None
    if found["user"]:
        return Route("user", int(found["user"])) if int(found["user"]) <= LARGEST_ID else None
    return Route("anonymous" if found["anonymous"] else "own")


def _spelling(path: str) -> Route | None:
    """Return what a path is once gateways have decoded it, routers forgiven it and numbers been read."""
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return None
    decoded = re.sub(r";[^/]*", "", decoded.partition("?")[0]).rstrip("\r\n")
    found = FORGIVEN.fullmatch("/" + decoded.lstrip("/"))
    if found is None:
        return None
    digits = found["user"]
    return Route(
        "spelling", int("".join(str(unicodedata.decimal(one)) for one in digits)) if digits else None
    )


# Paths that nearly are endpoints.

SCRIPTS = {"arabic": 0x660, "persian": 0x6F0, "devanagari": 0x966, "thai": 0xE50, "fullwidth": 0xFF10}
INSERTED = (
    "/", "a", "0", "-", "+", ".", "..", "%2F", "%00", "%20", "%0A", ";x", "%", "\\", "%3F", "%252F", "%C0%AF",
    "x/../", "x/%2e%2e/", "x/%2E%2E/", "x/%2e./", "./", "%2e/",
)  # fmt: skip
PLACES = 4
Change = Callable[[str, int], str]


def _at(path: str, place: int) -> int:
    """Return where a segment begins or ends: from the last one on, for there the routes differ."""
    edges = [
        here for here in range(1, len(path) + 1) if "/" in path[here - 1 : here + 1] or here == len(path)
    ]
    return edges[-1 - place % len(edges)]


def _insert(text: str) -> Change:
    return lambda path, place: path[: _at(path, place)] + text + path[_at(path, place) :]


def _character(make: Callable[[str], str]) -> Change:
    def change(path: str, place: int) -> str:
        here = -place % len(path) if path else 0
        return path[:here] + make(path[here : here + 1]) + path[here + 1 :]

    return change


def _digits(zero: int) -> Change:
    def change(path: str, _: int) -> str:
        return re.sub(r"(?<![0-9%A-Fa-f])[0-9]+(?=/)", lambda one: "".join(map(other, one[0])), path)

    def other(digit: str) -> str:
        return "".join(f"%{byte:02X}" for byte in chr(zero + int(digit)).encode())

    return change


CHANGES: tuple[Change, ...] = (
    _character(lambda _: ""),
    _character(lambda one: one * 2),
    _character(str.swapcase),
    _character(lambda one: "".join(f"%{byte:02x}" for byte in one.encode())),
    _character(lambda one: "".join(f"%25{byte:02X}" for byte in one.encode())),
    lambda path, place: path[: _at(path, place)],
    lambda path, _: "/" + path,
    lambda path, _: re.sub(r"(?<![0-9])([0-9]+)(?=/)", r"0\1", path, count=1),
    *map(_digits, SCRIPTS.values()),
    *map(_insert, INSERTED),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: whether with the first user's token, its method, path and query."""

    path: str
    query: str = ""
    method: str = "GET"
    token: bool = True

    def __str__(self) -> str:
        """Describe the request for a person."""
        return f"{self.method} {self.path}{self.query} {'with' if self.token else 'without'} a token"


def requests(user_ids: Sequence[int]) -> Callable[[Draw], Request]:
    """Return what draws requests near the endpoints of these users, of nobody, and of numbers that wrap."""
    other = user_ids[-1]
    # The users that exist are the ones whose channels can be taken.
    ids = [*user_ids, *user_ids, *user_ids, 1234567890, 2**32 + other, LARGEST_ID + 1, 2**64 + other]
    bases = [OWN, OWN + "anonymous", OWN + "anonymous/", *(f"{OWN}{one}/" for one in ids)]
    once = [(make, place) for place in range(PLACES) for make in CHANGES]
    perhaps = [None] * (len(once) // 3) + once
    rarely = [None] * (len(once) * 2) + once

    queries = ["", "", "?v=1", "?", f"?user_id={other}", f"?/../{other}/"]
    methods = ["GET"] * 7 + ["POST", "PUT", "get"]

    def drawn(draw: Draw) -> Request:
        path = draw.choice(bases)
        for change in filter(None, (draw.choice(perhaps), draw.choice(rarely))):
            make, place = change
            path = make(path, place) or "/"
        path = path if path.startswith("/") else "/" + path
        return Request(path, draw.choice(queries), draw.choice(methods), draw.choice([True, True, False]))

    return drawn
