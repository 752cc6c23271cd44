"""The findings: what is sent, what of the answers is a breach, and whose breach it is known to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.findings.exchange import Answer, Opening, Sent

UVICORN = ("uvicorn websockets-sansio", "uvicorn websockets", "uvicorn wsproto")
SANSIO, SOCKETS, WSPROTO = UVICORN
VERSION, EXTENSIONS, PROTOCOL = "Sec-WebSocket-Version", "Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"
EVERYBODY = ("daphne", "websockets", *UVICORN, "hypercorn", "granian", "aiohttp", "ws")


@dataclass(frozen=True)
class Finding:
    """One row: asked of the servers that it is about, and of those that ``others`` adds as a control."""

    requirement: str
    what: str
    sent: Sent
    breach: Callable[[Answer], bool]
    servers: tuple[str, ...]
    others: tuple[str, ...] = ()


def upgraded(answer: Answer) -> bool:
    """The handshake was accepted."""
    return answer.status == 101


def refused(answer: Answer) -> bool:
    """A legal handshake was not accepted."""
    return answer.status != 101


def lacks(name: str, *statuses: int) -> Callable[[Answer], bool]:
    """The refusal, of one of these statuses, has no such field."""
    return lambda answer: answer.status in statuses and answer.field(name) is None


def lacks_version(answer: Answer) -> bool:
    """The version is refused without naming those that work."""
    return answer.status >= 400 and answer.field("Sec-WebSocket-Version") is None


def taken(answer: Answer) -> bool:
    """The bad offer was accepted. Whoever ends the connection instead has not accepted it either."""
    offered = (answer.field("Sec-WebSocket-Extensions") or "").startswith("permessage-deflate")
    return answer.status == 101 and offered


def _opening(
    requirement: str,
    what: str,
    opening: Opening,
    servers: tuple[str, ...],
    breach: Callable[[Answer], bool] = upgraded,
) -> Finding:
    others = tuple(name for name in EVERYBODY if name not in servers)
    return Finding(requirement, what, Sent(opening), breach, servers, others)


def _without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in EVERYBODY if name not in names)


def _line(line: str) -> Opening:
    return Opening(line=line)


def _more(*lines: str) -> Opening:
    return Opening(more=lines)


def _instead(name: str, value: str) -> Opening:
    return Opening(without=(name,), more=(f"{name}: {value}",))


# What Daphne refuses: it looks at what stands behind a colon.
PORTS = ("a.example:80/path", "a.example:80a")
HOSTS = (
    "user@a.example",
    "a.example/path",
    "http://a.example:80",
    "a.example, b.example",
    "a b.example",
    "a.example:80:80",
)
HANDSHAKE = (
    _opening(
        "handshake.http-version", "HTTP/1.0", _line("GET / HTTP/1.0"), _without("hypercorn", "websockets")
    ),
    _opening(
        "handshake.http-version", "HTTP/0.9", _line("GET / HTTP/0.9"), (*UVICORN, "aiohttp", "ws")
    ),
    _opening(
        "handshake.host", "Host twice", _more("Host: 127.0.0.1:{port}"),
        ("daphne", "websockets", "granian", "ws"),
    ),
    _opening("handshake.host", "no Host", Opening(without=("Host",)), ("websockets", "granian", "ws")),
    *(
        _opening("handshake.host-malformed", f"Host: {host}", _instead("Host", host), EVERYBODY)
        for host in HOSTS
    ),
    *(
        _opening(
            "handshake.host-malformed", f"Host: {host}", _instead("Host", host), _without("daphne")
        )
        for host in PORTS
    ),
    *(
        _opening("handshake.method", method, _line(f"{method} / HTTP/1.1"), ("granian",))
        for method in ("POST", "CONNECT", "GETT")
    ),
    _opening("handshake.method", "HEAD", _line("HEAD / HTTP/1.1"), ("granian", "aiohttp")),
    _opening("handshake.method", "get", _line("get / HTTP/1.1"), ("granian", "hypercorn")),
    *(
        _opening(
            "handshake.version-spelling", f"version {value}", _instead(VERSION, value), servers
        )
        for value, servers in (("013", ("daphne", "ws")), ("+13", ("daphne", "ws")), ("13.0", ("ws",)))
    ),
    _opening(
        "handshake.version-offered", "version 14", _instead(VERSION, "14"),
        _without("daphne", "ws", WSPROTO), lacks_version,
    ),
    *(
        _opening(
            "handshake.extensions-malformed", f"extensions {value!r}", _more(f"{EXTENSIONS}: {value}"),
            ("daphne", WSPROTO, "hypercorn", "granian", "aiohttp"),
        )
        for value in ("x-a;;b", 'x-a; b="1', "x a", "")
    ),
    _opening(
        "handshake.extension-unknown", "extensions ', x-a, ,'", _more("Sec-WebSocket-Extensions: , x-a, ,"),
        ("ws",), refused,
    ),
    *(
        _opening(
            "handshake.subprotocol-malformed", f"subprotocol {value!r}", _more(f"{PROTOCOL}: {value}"),
            ("daphne", SOCKETS, WSPROTO, "hypercorn", "granian", "aiohttp"),
        )
        for value in ("two words", "(chat)", "chat;v=1", "")
    ),
    _opening(
        "handshake.body-length-malformed", "Transfer-Encoding: x-conformance",
        _more("Transfer-Encoding: x-conformance"), ("aiohttp", "ws"),
    ),
    _opening(
        "handshake.connection-list", "Connection: Upgrade, then Connection: keep-alive",
        Opening(more=("Connection: keep-alive",)), (*UVICORN, "hypercorn"), refused,
    ),
    _opening(
        "handshake.allow-in-405", "POST", _line("POST / HTTP/1.1"), ("daphne", "ws"), lacks("Allow", 405)
    ),
    _opening(
        "handshake.upgrade-in-426", "version 14", _instead(VERSION, "14"), (WSPROTO,),
        lacks("Upgrade", 426),
    ),
    _opening(
        "handshake.upgrade-in-426", "no Upgrade", Opening(without=("Upgrade",)), ("ws",),
        lacks("Upgrade", 426),
    ),
)  # fmt: skip

# The offer, and who takes it besides wsproto (that is, uvicorn with it, and hypercorn), or instead of it.
OFFERS = {
    "foo=1": (True, ()),
    "server_max_window_bits=010": (True, ("aiohttp", "ws")),
    "server_max_window_bits=0xa": (False, ("ws",)),
    "server_max_window_bits": (True, ("aiohttp",)),
    "server_no_context_takeover=1": (True, ()),
    "client_max_window_bits=09": (True, ("aiohttp", "ws")),
    "client_max_window_bits=16": (False, ("aiohttp",)),
    "client_no_context_takeover=0": (True, ()),
    "server_max_window_bits=10; server_max_window_bits=10": (True, ("aiohttp",)),
    "server_no_context_takeover; server_no_context_takeover": (True, ("aiohttp",)),
    "client_max_window_bits; client_max_window_bits=10": (True, ("aiohttp",)),
    "client_no_context_takeover; client_no_context_takeover": (True, ("aiohttp",)),
    "client_max_window_bits=7": (False, ("aiohttp",)),
    "server_max_window_bits=1_0": (True, ()),
    "server_max_window_bits=+10": (True, ("ws",)),
    'server_max_window_bits="010"': (False, ("ws",)),
    "server_max_window_bits=10; foo": (True, ()),
    "max_window_bits=10": (True, ()),
}
DEFLATE = (
    *(
        _opening(
            "deflate.declines-bad-offer", offer, _more(f"{EXTENSIONS}: permessage-deflate; {offer}"),
            ((WSPROTO, "hypercorn") if wsproto else ()) + others, taken,
        )
        for offer, (wsproto, others) in OFFERS.items()
    ),
    _opening(
        "deflate.response-parameters", "server_max_window_bits=15",
        _more("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15"), ("aiohttp",),
        lambda answer: answer.field("Sec-WebSocket-Extensions") == "permessage-deflate",
    ),
)  # fmt: skip
