"""The compiled schemas let nothing pass that jsonschema refuses, and pass what is in order."""

from __future__ import annotations

import copy
import json

import pytest

from conformance.client import messages

KINDS = [(sender, kind) for sender in ("server", "client") for kind in sorted(messages.schemas(sender))]
OTHERS = [
    None, True, 0, 1, 1.0, -1, 2**60, float("nan"), "", "x", "x" * 65, "\ud83d", "2026-02-30T00:00:00Z",
    "2026-11-22T10:00:00Z\n", [], [1], ["x"], [None], {}, {"a": 1},
]  # fmt: skip


def examples(sender, kind):
    return messages.schemas(sender)[kind]["examples"]


@pytest.mark.parametrize(("sender", "kind"), KINDS)
def test_message_in_order_passes_without_jsonschema(sender, kind):
    assert examples(sender, kind)
    assert all(messages._in_order(sender, kind)(example) for example in examples(sender, kind))


def bent(value):
    """Yield a JSON value with one part of it left out or replaced."""
    yield from OTHERS
    if isinstance(value, dict):
        for name, part in value.items():
            yield {key: member for key, member in value.items() if key != name}
            yield from ({**value, name: other} for other in bent(part))
    elif isinstance(value, list):
        yield from ([*value, other] for other in OTHERS)


@pytest.mark.parametrize(("sender", "kind"), KINDS)
def test_nothing_passes_that_the_schema_refuses(sender, kind):
    passed = refused = 0
    for message in (one for example in examples(sender, kind) for one in bent(copy.deepcopy(example))):
        allowed = messages._validator(sender, kind).is_valid(message)
        in_order = messages._in_order(sender, kind)(message)
        assert allowed or not in_order, json.dumps(message)
        passed += in_order
        refused += not allowed
    assert passed
    assert refused
