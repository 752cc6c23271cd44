"""A quick yes to the many messages that are in order; jsonschema judges every other one, and says why."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
TYPES: Mapping[str, Check] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
SILENT = frozenset({"$schema", "$comment", "title", "description", "examples"})


def quick(schema: Mapping[str, Any], formats: Mapping[str, Check]) -> Check:
    """Return what says yes only to values that the schema allows; to some of those it may say no.

    It knows the keywords that the schemas of the messages use: to a schema with others it says no.
    """
    checks: list[Check] = []
    for keyword, wanted in schema.items():
        if keyword in SILENT:
            continue
        make = KEYWORDS.get(keyword)
        if make is None or (keyword == "format" and wanted not in formats):
            return lambda _value: False
        checks.append(make(wanted, formats))
    return _all(checks)


def _all(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check_all(value: Any) -> bool:
        for check in checks:  # noqa: SIM110 - a generator is twice as slow
            if not check(value):
                return False
        return True

    return check_all


def _type(wanted: str | list[str], _formats: Mapping[str, Check]) -> Check:
    known = [TYPES[one] for one in ([wanted] if isinstance(wanted, str) else wanted) if one in TYPES]
    if len(known) == 1:
        return known[0]
    return lambda value: any(check(value) for check in known)


def _const(wanted: Any, _formats: Mapping[str, Check]) -> Check:
    return lambda value: isinstance(value, str) and value == wanted


def _enum(wanted: list[Any], _formats: Mapping[str, Check]) -> Check:
    return lambda value: isinstance(value, str) and value in wanted


def _required(names: list[str], _formats: Mapping[str, Check]) -> Check:
    needed = frozenset(names)
    return lambda value: isinstance(value, dict) and needed <= value.keys()


def _properties(schemas: Mapping[str, Any], formats: Mapping[str, Check]) -> Check:
    checks = {name: quick(schema, formats) for name, schema in schemas.items()}

    def check_members(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for name, member in value.items():  # noqa: SIM110 - a generator is twice as slow
            if name in checks and not checks[name](member):
                return False
        return True

    return check_members


def _items(schema: Mapping[str, Any], formats: Mapping[str, Check]) -> Check:
    check = quick(schema, formats)
    return lambda value: isinstance(value, list) and all(map(check, value))


def _least(length: int, _formats: Mapping[str, Check]) -> Check:
    return lambda value: isinstance(value, str) and len(value) >= length


def _most(length: int, _formats: Mapping[str, Check]) -> Check:
    return lambda value: isinstance(value, str) and len(value) <= length


def _pattern(pattern: str, _formats: Mapping[str, Check]) -> Check:
    found = re.compile(pattern).search
    return lambda value: isinstance(value, str) and found(value) is not None


def _format(name: str, formats: Mapping[str, Check]) -> Check:
    return formats[name]


KEYWORDS: Mapping[str, Callable[[Any, Mapping[str, Check]], Check]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "required": _required,
    "properties": _properties,
    "items": _items,
    "minLength": _least,
    "maxLength": _most,
    "pattern": _pattern,
    "format": _format,
}
