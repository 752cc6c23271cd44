"""The messages of a session: what the client may say, and what it is answered.

Everything here is a function from a message to an answer; nothing waits and nothing is sent.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from .identity import Identity
    from .state import State

FEATURES = {
    "permission_notifications": True,
    "role_updates": True,
    "menu_access_updates": True,
    "cache_invalidation": True,
    "heartbeat": True,
}
LONGEST_ID = 64  # code points
DEEPEST = 512  # objects and lists in each other

JSONObject = dict[str, Any]


class MessageError(Exception):
    """A message that is answered with `error`; the connection stays open."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def server_time() -> str:
    """Return the time as ISO 8601 with its offset."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def confirmation(identity: Identity) -> str:
    """Return the first message of every connection."""
    return encode(
        {
            "type": "connection_confirmed",
            "user_id": identity.user_id,
            "groups": list(identity.groups),
            "server_time": server_time(),
            "features": FEATURES,
        }
    )


def answer(state: State, identity: Identity, received: str | bytes) -> str | None:
    """Return the answer to one message, None when it has none. Never raises."""
    reply: JSONObject = {}
    try:
        message = decode(received)
        # First of all, so that every later error carries it.
        reply = given_id(message)
        content = handler_of(message)(state, identity, message)
        return None if content is None else encode(reply | content)
    except MessageError as error:
        return encode(reply | {"type": "error", "data": {"code": error.code, "message": str(error)}})
    except Exception:  # noqa: BLE001 - a fault of ours is answered, it does not end the connection
        data = {"code": "internal", "message": "The server failed on this message."}
        return encode(reply | {"type": "error", "data": data})


def heartbeat(_state: State, _identity: Identity, message: JSONObject) -> JSONObject:
    """Give back what was given."""
    given: JSONObject = {name: message[name] for name in ("timestamp", "data") if name in message}
    return {"type": "heartbeat_ack", **given, "server_time": server_time()}


def check_permission(state: State, identity: Identity, message: JSONObject) -> JSONObject:
    """Say whether the connection's user has a permission; nobody has an unknown one."""
    permission = message.get("data", {}).get("permission")
    if not isinstance(permission, str):
        raise MessageError("invalid_message", "data.permission must be a string.")
    allowed = identity.user_id is not None and permission in state.users[identity.user_id].permissions
    return {"type": "permission_result", "data": {"permission": permission, "allowed": allowed}}


def connect(_state: State, _identity: Identity, _message: JSONObject) -> None:
    """Take note of a client's greeting; the identity was settled by the handshake, not by `userId`."""


HANDLERS: dict[str, Callable[[State, Identity, JSONObject], JSONObject | None]] = {
    "connect": connect,
    "heartbeat": heartbeat,
    "check_permission": check_permission,
}


def given_id(message: JSONObject) -> JSONObject:
    """Return the message's `id` as a member for the answer; an invalid one is not given back."""
    if "id" not in message:
        return {}
    if not isinstance(message["id"], str) or not 1 <= len(message["id"]) <= LONGEST_ID:
        raise MessageError("invalid_message", f"id must be a string of 1 to {LONGEST_ID} code points.")
    return {"id": message["id"]}


def handler_of(message: JSONObject) -> Callable[[State, Identity, JSONObject], JSONObject | None]:
    """Return what answers the message, after checking the members that all messages share."""
    if not isinstance(message.get("type"), str):
        raise MessageError("invalid_message", "type is required and must be a string.")
    if message["type"] not in HANDLERS:
        raise MessageError("unknown_type", "This type of message is not known.")
    # type() and not isinstance(): in Python, true is an int.
    if "timestamp" in message and type(message["timestamp"]) is not int:
        raise MessageError("invalid_message", "timestamp must be an integer.")
    if not isinstance(message.get("data", {}), dict):
        raise MessageError("invalid_message", "data must be an object.")
    return HANDLERS[message["type"]]


def decode(received: str | bytes) -> JSONObject:
    """Parse one message: strictly JSON (RFC 8259), which knows neither NaN nor Infinity."""
    if isinstance(received, bytes):
        raise MessageError("invalid_message", "Messages are text, this one is binary.")
    try:
        message = json.loads(received, parse_constant=_not_a_number, parse_float=_finite)
        check_depth(message)
    except RecursionError:
        raise MessageError("invalid_json", "The message is nested too deeply.") from None
    except ValueError:  # JSONDecodeError too; and an integer of thousands of digits
        raise MessageError("invalid_json", "The message is not JSON.") from None
    if not isinstance(message, dict):
        raise MessageError("invalid_message", "A message is a JSON object.")
    return message


def check_depth(value: Any) -> None:
    """Raise `RecursionError` for what a parser may read but a client could not read back."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        if depth > DEEPEST:
            raise RecursionError
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]


def encode(message: JSONObject) -> str:
    """Write one message as JSON; integers stay exact, whatever their size."""
    try:
        text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair exists in JSON as an escape, not in UTF-8.
        return json.dumps(message, allow_nan=False, separators=(",", ":"))
    return text


def _not_a_number(_: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value
