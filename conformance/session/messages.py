"""The messages of the permissions protocol, checked against their JSON Schemas.

The schemas are the files of ``conformance/spec/messages``, one for each message, in a folder named after
its sender. The branch is chosen by ``type`` first, so that a complaint names the member and not the whole
message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Literal, cast

from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from conformance.session.quick import Check, quick

Sender = Literal["server", "client"]
_BASE = "file:///messages/"  # a name, never read: a reference resolves in the registry or not at all
_DEFINITIONS = "definitions.json"
_MOMENT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,]\d+)?(?:Z|[+-](\d{2})(?::?(\d{2}))?)?",
    re.ASCII,
)
_WORDS = {"$schema", "$comment", "title", "description", "examples"}
_formats = FormatChecker(formats=())


@_formats.checks("moment", raises=ValueError)
def is_moment(value: object) -> bool:
    """Whether a string names an existing date and time in ISO 8601; what is no string is left to `type`.

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
def registry() -> Registry[Any]:
    """Return every schema file by its address, for references between them; nothing is ever fetched."""
    definitions = resources.files("conformance.spec").joinpath("messages", _DEFINITIONS).read_text("utf-8")
    files = {_DEFINITIONS: json.loads(definitions)}
    sides: tuple[Sender, Sender] = ("server", "client")
    for sender in sides:
        files |= {f"{sender}/{kind}.json": schema for kind, schema in schemas(sender).items()}
    made = [(_BASE + name, Resource.from_contents(schema, DRAFT7)) for name, schema in files.items()]
    return Registry[Any]().with_resources(made)


@cache
def _validator(sender: Sender, kind: str) -> Draft7Validator:
    resolver = registry().resolver(f"{_BASE}{sender}/{kind}.json")
    return Draft7Validator(_flat(schemas(sender)[kind], resolver), format_checker=_formats)


@cache
def _quick(sender: Sender, kind: str) -> Check:
    return quick(cast("Mapping[str, Any]", _validator(sender, kind).schema), {"moment": _exists})


def _exists(value: object) -> bool:
    try:
        return is_moment(value)
    except ValueError:
        return False


def _flat(schema: dict[str, Any], resolver: Any) -> dict[str, Any]:
    # References resolved and words left out once, and not again for every message: several times as fast.
    if "$ref" in schema:
        found = resolver.lookup(schema["$ref"])
        return _flat(found.contents, found.resolver)
    flat = {keyword: value for keyword, value in schema.items() if keyword not in _WORDS}
    if "properties" in flat:
        flat["properties"] = {name: _flat(one, resolver) for name, one in flat["properties"].items()}
    if "items" in flat:
        flat["items"] = _flat(flat["items"], resolver)
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
    if _quick(sender, kind)(message):
        return ""
    error = best_match(_validator(sender, kind).iter_errors(message))
    if error is None:
        return ""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"{kind}{where}: {error.message[:200]}"
