"""The permissions service itself, shared by the Python targets: no network, no framework, one thread.

A target brings the requests and the connections; here stands who may come in, what a message is answered
with, and who hears of a change.
"""

import datetime as dt
import hashlib
import json
import math
import os
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

ORIGINS = frozenset(os.environ.get("ALLOWED_ORIGINS", "https://app.example").split(","))
COOKIE = "session"
MAX_MESSAGE_BYTES = 1024 * 1024
FEATURES = {
    "permission_notifications": True,
    "role_updates": True,
    "menu_access_updates": True,
    "cache_invalidation": True,
    "heartbeat": True,
}

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_USER_ID = re.compile(r"[1-9][0-9]{0,18}")
_HOST = re.compile(r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?")

Header = Callable[[str], list[str]]
"""All values of a request header, one for each line."""


class Refusal(Exception):
    """A handshake that is answered by HTTP: its status code, a line of text, further headers."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status
        self.headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}


class MessageError(Exception):
    """A message that is answered with `error`."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


@dataclass
class User:
    id: int
    groups: list[str] = field(default_factory=list)
    permissions: set[str] = field(default_factory=set)
    roles: list[str] = field(default_factory=list)
    menus: list[str] = field(default_factory=list)
    active: bool = True


@dataclass
class Token:
    user_id: int
    not_before: float = -math.inf
    not_after: float = math.inf
    revoked: bool = False


@dataclass(frozen=True)
class Caller:
    """Who a connection is. `token` is the digest of the token that it showed; anonymous has no `user_id`."""

    user_id: int | None
    groups: tuple[str, ...]
    token: bytes | None
    subprotocol: str | None


@dataclass(eq=False)
class Connection:
    """An open connection: `push` queues a text for it and `close` ends it, both without waiting."""

    caller: Caller
    push: Callable[[str], None]
    close: Callable[[int], None]


def digest(secret):
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def seed():
    """Users and tokens as they are at the start; secrets come from the environment."""
    users = [
        User(1, ["editors", "staff"], {"articles.view"}),
        User(2, ["viewers"]),
        User(2**53 + 1),
        *(User(900 + n) for n in range(1, 7)),
        User(907, active=False),
    ]
    now = time.time()
    tokens = {
        "ALICE": Token(1),
        "BOB": Token(2),
        "CAROL": Token(2**53 + 1),
        **{f"DISPOSABLE_{n}": Token(900 + n) for n in range(1, 7)},
        "EXPIRED": Token(1, not_after=now - 3600),
        "NOT_YET": Token(1, not_before=now + 86400),
        "REVOKED": Token(1, revoked=True),
        "INACTIVE": Token(907),
    }
    return {user.id: user for user in users}, {
        digest(os.environ.get(f"{name}_TOKEN") or f"{name.lower().replace('_', '-')}-demo-token"): token
        for name, token in tokens.items()
    }


# Coming in.


def is_user_id(text):
    return _USER_ID.fullmatch(text) is not None and int(text) < 2**63


def subprotocols_of(header):
    """The subprotocols that are offered, in their order, for a library that does not say."""
    return [item.strip(" \t") for value in header("sec-websocket-protocol") for item in value.split(",")]


def secrets_of(query, header, subprotocols):
    """Every token that a handshake carries; an empty one in the query or the cookie counts as none."""
    found = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "token"]
    cookies = [pair.strip().partition("=") for value in header("cookie") for pair in value.split(";")]
    kept = [value for name, _, value in cookies if name == COOKIE]
    if any(kept) and not header("origin"):
        # A browser adds its cookies to what any page asks for: without Origin they prove nothing.
        raise Refusal(403, "A cookie needs an Origin.")
    if len(set(found)) > 1 or len(set(kept)) > 1:
        raise Refusal(401, "Two tokens.")
    carried = {secret for secret in (*found, *kept) if secret}
    for value in header("authorization"):
        scheme, _, secret = value.partition(" ")
        if scheme.lower() == "bearer":
            carried.add(secret.strip())
    offered = iter(subprotocols)
    carried.update(next(offered, "") for item in offered if item == "bearer")
    return carried


# Messages.


def server_time():
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def encode(message):
    try:
        text = json.dumps(message, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON has it as an escape, UTF-8 has not
        return json.dumps(message, allow_nan=False)
    return text


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def decode(received):
    if isinstance(received, bytes):
        raise MessageError("invalid_message", "Messages are text.")
    if len(received.encode("utf-8", "surrogatepass")) > MAX_MESSAGE_BYTES:
        raise MessageError("too_large", f"A message has at most {MAX_MESSAGE_BYTES} bytes.")
    try:
        message = json.loads(received, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise MessageError("invalid_json", "The message is not JSON.") from None
    if not isinstance(message, dict):
        raise MessageError("invalid_message", "A message is an object.")
    return message


def id_of(message):
    """The `id` that an answer gives back; an invalid one is not given back."""
    if "id" not in message:
        return {}
    if not isinstance(message["id"], str) or not 1 <= len(message["id"]) <= 64:
        raise MessageError("invalid_message", "id is a string of 1 to 64 characters.")
    return {"id": message["id"]}


class Service:
    """Everything the service knows, and the connections that are open."""

    def __init__(self):
        self.users, self.tokens = seed()
        self.connections = set()

    def is_good(self, key):
        """Whether a token, by its digest, identifies its user now."""
        token = self.tokens.get(key)
        if token is None or token.revoked or not token.not_before <= time.time() < token.not_after:
            return False
        return self.users[token.user_id].active

    def admit(self, channel, query, header, subprotocols):
        """Return who asks for a channel, or raise `Refusal`.

        `channel` is "own", "anonymous" or the text of a user's id; `query` is the undecoded query.
        """
        if channel not in {"own", "anonymous"} and not is_user_id(channel):
            raise Refusal(404, "There is nothing here.")
        hosts, origins = header("host"), header("origin")
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise Refusal(400, "Exactly one valid Host is required.")
        if len(origins) > 1 or not ORIGINS.issuperset(origins):
            raise Refusal(403, "This origin may not connect.")
        # Not every server hands over what it could not parse, and not every one leaves it in the header.
        if not all(_TOKEN.fullmatch(item) for item in (*subprotocols, *subprotocols_of(header))):
            raise Refusal(400, "A subprotocol is a token.")
        secrets = secrets_of(query, header, subprotocols)
        if len(secrets) > 1:
            raise Refusal(401, "Two tokens.")
        key = digest(secrets.pop()) if secrets else None
        if key is not None and not self.is_good(key):
            raise Refusal(401, "A valid token is required.")
        user = None if key is None else self.users[self.tokens[key].user_id]
        if channel not in {"own", "anonymous"} and (user is None or channel != str(user.id)):
            raise Refusal(401 if user is None else 403, "This channel is not yours.")
        if channel == "anonymous":
            user = None
        groups = () if user is None else tuple(user.groups)
        subprotocol = "bearer" if "bearer" in subprotocols else None
        return Caller(None if user is None else user.id, groups, key, subprotocol)

    def join(self, caller, push, close):
        """Register an open connection; it hears of every change from here on."""
        connection = Connection(caller, push, close)
        self.connections.add(connection)
        if caller.token is not None and not self.is_good(caller.token):
            close(4401)  # revoked while the handshake was being answered
        return connection

    def confirmation(self, caller):
        return encode({
            "type": "connection_confirmed",
            "user_id": caller.user_id,
            "groups": caller.groups,
            "server_time": server_time(),
            "features": FEATURES,
        })  # fmt: skip

    def answer(self, caller, received):
        """Return the answer to one message, or None when it has none."""
        same = {}
        try:
            message = decode(received)
            same = id_of(message)
            content = self.content(caller, message)
            return None if content is None else encode(same | content)
        except MessageError as error:
            data = {"code": error.code, "message": str(error)}
        except (ValueError, RecursionError):
            data = {"code": "invalid_message", "message": "This cannot be given back."}
        return encode(same | {"type": "error", "data": data})

    def content(self, caller, message):
        kind, data = message.get("type"), message.get("data", {})
        if not isinstance(kind, str):
            raise MessageError("invalid_message", "type is a string.")
        if not isinstance(data, dict):
            raise MessageError("invalid_message", "data is an object.")
        if type(message.get("timestamp", 0)) is not int:
            raise MessageError("invalid_message", "timestamp is an integer.")
        if kind == "connect":
            return None
        if kind == "heartbeat":
            given = {name: message[name] for name in ("timestamp", "data") if name in message}
            return {"type": "heartbeat_ack", **given, "server_time": server_time()}
        if kind == "check_permission":
            permission = data.get("permission")
            if not isinstance(permission, str):
                raise MessageError("invalid_message", "data.permission is a string.")
            allowed = caller.user_id is not None and permission in self.users[caller.user_id].permissions
            return {"type": "permission_result", "data": {"permission": permission, "allowed": allowed}}
        raise MessageError("unknown_type", "This type is unknown.")

    def publish(self, kind, data, user_id=None):
        """Queue an event for every connection of a user, or for all of them."""
        event = {"type": kind, "event_id": str(uuid.uuid4()), "server_time": server_time(), "data": data}
        text = encode(event)
        for connection in list(self.connections):
            if user_id is None or connection.caller.user_id == user_id:
                connection.push(text)

    def close_unauthenticated(self):
        """Close what was opened with a token that is no longer good."""
        for connection in list(self.connections):
            if connection.caller.token is not None and not self.is_good(connection.caller.token):
                connection.close(4401)
