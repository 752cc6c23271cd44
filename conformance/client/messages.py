"""The messages of the permissions protocol, checked against their JSON Schemas.

The schemas are the files of ``conformance/spec/messages``, one for each message, in a folder named after
its sender. The branch is chosen by ``type`` first, so that a complaint names the member and not the whole
message.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # slow to load, and seldom needed: only what is not in order has to be explained
    from jsonschema import Draft7Validator

Sender = Literal["server", "client"]
_REFERENCE = "../definitions.json#/definitions/"
_MOMENT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,]\d+)?(?:Z|[+-](\d{2})(?::?(\d{2}))?)?",
    re.ASCII,
)
_WORDS = {"$schema", "$comment", "title", "description", "examples"}


def is_moment(value: object) -> bool:
    """Return whether a string names an existing date and time in ISO 8601.

    What is not a string is left to `type`.

    Raises:
        ValueError: there is no such day or time of day.

    """
    if not isinstance(value, str):
        return True
    found = _MOMENT.fullmatch(value)
    if found is None:
        return False
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    hours, minutes = (int(part or 0) for part in found.groups()[6:])
    if (minute, second) == (59, 60):
        second = 59  # a leap second exists, though datetime has no room for it
    datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - made to see whether it can be made
    return hours < 24 and minutes < 60


@cache
def schemas(sender: Sender = "server") -> dict[str, Any]:
    """Return the schemas of all messages that this side may send, by message type."""
    folder = resources.files("conformance.spec").joinpath("messages", sender)
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".json"): json.loads(file.read_text("utf-8")) for file in found}


@cache
def _definitions() -> dict[str, Any]:
    text = resources.files("conformance.spec").joinpath("messages", "definitions.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)["definitions"]
    return found


@cache
def _validator(sender: Sender, kind: str) -> Draft7Validator:
    with warnings.catch_warnings(action="ignore"):  # of a library that is loaded amid a test
        from jsonschema import Draft7Validator, FormatChecker  # noqa: PLC0415 - see above

    formats = FormatChecker(formats=())
    formats.checks("moment", raises=ValueError)(is_moment)
    return Draft7Validator(_flat(schemas(sender)[kind]), format_checker=formats)


@cache
def _in_order(sender: Sender, kind: str) -> Callable[[Any], bool]:
    """Return what knows a message that is in order, several times as fast as jsonschema."""
    import fastjsonschema  # noqa: PLC0415 - a run without messages does not wait for it

    check = fastjsonschema.compile(
        _flat(schemas(sender)[kind]), formats={"moment": _exists}, use_default=False
    )

    def in_order(message: Any) -> bool:
        try:
            check(message)
        except fastjsonschema.JsonSchemaValueException:
            return False
        return True

    return in_order


def _exists(value: object) -> bool:
    try:
        return is_moment(value)
    except ValueError:
        return False


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    # References resolved and words left out once, and not again for every message: several times as fast.
    if "$ref" in schema:
        return _flat(_definitions()[schema["$ref"].removeprefix(_REFERENCE)])
    flat = {keyword: value for keyword, value in schema.items() if keyword not in _WORDS}
    if "properties" in flat:
        flat["properties"] = {name: _flat(one) for name, one in flat["properties"].items()}
    if "items" in flat:
        flat["items"] = _flat(flat["items"])
    return flat


def faults(message: Any) -> str:
    """Return what is wrong with a server's message in one line, or an empty string.

    A type that the specification does not know is nobody's fault.
    """
    return _faults(message, "server", unknown="")


def faults_sent(message: Any) -> str:
    """Return what is wrong with a client's message in one line, or an empty string.

    Here a type that the specification does not know is a fault: no server has to understand it.
    """
    return _faults(message, "client", unknown="a type that the protocol does not know")


def _faults(message: Any, sender: Sender, *, unknown: str) -> str:
    if not isinstance(message, dict):
        return "not a JSON object"
    kind = message.get("type")
    if not isinstance(kind, str):
        return "no string member 'type'"
    if kind not in schemas(sender):
        return unknown
    if _in_order(sender, kind)(message):
        return ""
    validator = _validator(sender, kind)
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - loaded by now

    error = best_match(validator.iter_errors(message))
    if error is None:
        return ""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"{kind}{where}: {error.message[:200]}"
