"""The text of messages: JSON in, JSON out, and the errors in between. No I/O."""

import datetime as dt
import json

MAX_ID_LENGTH = 64
FEATURES = {
    "permission_notifications": True,
    "role_updates": True,
    "menu_access_updates": True,
    "cache_invalidation": True,
    "heartbeat": True,
}


class MessageError(Exception):
    """A message that is answered with `error`.

    Args:
        code: an error code of the protocol.
        message: for a person to read; never repeats what the client sent.
        reply_to: the `id` member of the answer, as {} or {"id": ...}.
    """

    def __init__(self, code, message, reply_to=None):
        super().__init__(message)
        self.answer = {"type": "error", **(reply_to or {}), "data": {"code": code, "message": message}}


def server_time():
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")


def encode(message):
    """The JSON text of a message, in UTF-8 where Unicode allows it.

    Lone surrogates have no UTF-8 form; they go back as the escapes they came as.

    Raises:
        MessageError: a number overflowed to infinity while decoding, or the nesting is too deep.
    """
    reply_to = {"id": message["id"]} if "id" in message else {}
    try:
        text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        try:
            text.encode()
        except UnicodeEncodeError:
            text = json.dumps(message, allow_nan=False, separators=(",", ":"))
    except RecursionError as error:
        raise MessageError("invalid_message", "The message is nested too deeply.", reply_to) from error
    except ValueError as error:
        raise MessageError("invalid_message", "A number is out of range.", reply_to) from error
    return text


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def decode(text):
    """The envelope of a client's message: `type`, and `id`, `timestamp`, `data` where they were given.

    Raises:
        MessageError: the text is no JSON object, or a member of the envelope has the wrong type.
    """
    try:
        message = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # ValueError also covers integers over Python's digit limit.
        raise MessageError("invalid_json", "The message is not JSON that this service can read.") from error
    if not isinstance(message, dict):
        raise MessageError("invalid_message", "The message is not a JSON object.")
    envelope = {name: message[name] for name in ("type", "id", "timestamp", "data") if name in message}
    if "id" in envelope and not _is_id(envelope["id"]):
        raise MessageError("invalid_message", f"`id` is not a string of 1 to {MAX_ID_LENGTH} characters.")
    reply_to = {"id": envelope["id"]} if "id" in envelope else {}
    if not isinstance(envelope.get("type"), str):
        raise MessageError("invalid_message", "`type` is not a string.", reply_to)
    if "timestamp" in envelope and type(envelope["timestamp"]) is not int:
        raise MessageError("invalid_message", "`timestamp` is not an integer.", reply_to)
    if "data" in envelope and not isinstance(envelope["data"], dict):
        raise MessageError("invalid_message", "`data` is not an object.", reply_to)
    return envelope


def _is_id(value):
    return isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH
