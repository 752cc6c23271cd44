"""The quick yes: it is never said where jsonschema says no, and said to what is in order."""

from __future__ import annotations

import copy
import json
from importlib import resources

import pytest
from jsonschema import Draft7Validator

from conformance.client import messages
from conformance.client.quick import quick

MOMENT = {"moment": lambda _: True}
KINDS = sorted(messages.schemas("server"))
OTHERS = [None, True, 0, 1, 1.0, -1, 2**60, "", "x", "x" * 65, [], [1], ["x"], [None], {}, {"a": 1}]


def examples(kind):
    return messages.schemas("server")[kind]["examples"]


@pytest.mark.parametrize("kind", KINDS)
def test_message_in_order_gets_it(kind):
    assert examples(kind)
    assert all(messages._quick("server", kind)(one) for one in examples(kind))


def bent(value):
    """Yield a JSON value with one part of it left out or replaced."""
    yield from OTHERS
    if isinstance(value, dict):
        for name, part in value.items():
            yield {key: one for key, one in value.items() if key != name}
            yield from ({**value, name: other} for other in bent(part))
    elif isinstance(value, list):
        yield from ([*value, other] for other in OTHERS)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_never_said_where_the_schema_says_no(kind):
    said = denied = 0
    for whole in (one for example in examples(kind) for one in bent(copy.deepcopy(example))):
        fine = messages._validator("server", kind).is_valid(whole)
        yes = messages._quick("server", kind)(whole)
        assert fine or not yes, json.dumps(whole)
        said += yes
        denied += not fine
    assert said
    assert denied


def test_schema_with_an_unknown_keyword_gets_a_no():
    assert not quick({"type": "object", "minProperties": 1}, {})({"a": 1})
    assert not quick({"type": "string", "format": "nobody knows"}, {})("x")


@pytest.mark.parametrize("value", OTHERS, ids=repr)
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer"}, {"type": ["integer", "null"]}, {"type": "boolean"}, {"const": "x"},
        {"enum": ["x", "y"]},
        {"type": "array", "items": {"type": "string"}}, {"type": "string", "minLength": 1, "maxLength": 64},
        {"type": "string", "pattern": "^x$"}, {"type": "object", "required": ["a"]},
    ],
    ids=str,
)  # fmt: skip
def test_each_keyword_is_as_strict_as_the_schema(schema, value):
    assert Draft7Validator(schema).is_valid(value) or not quick(schema, MOMENT)(value)


def test_every_schema_is_known_whole():
    folder = resources.files("conformance.spec").joinpath("messages", "server")
    assert {file.name.removesuffix(".json") for file in folder.iterdir()} == set(KINDS)
