"""The message schemas: legal messages have no fault, and a complaint names the member."""

from __future__ import annotations

import copy

import pytest
from client_harness import CONFIRMED
from jsonschema import Draft7Validator

from conformance.client import messages
from conformance.client.messages import faults, schemas

TIME = "2026-11-22T10:00:00Z"
EVENT = {"event_id": "e1", "server_time": TIME}
LEGAL = {
    "connection_confirmed": CONFIRMED,
    "heartbeat_ack": {"type": "heartbeat_ack", "id": "r1", "server_time": TIME, "timestamp": 5},
    "permission_result": {"type": "permission_result", "data": {"permission": "p", "allowed": False}},
    "error": {"type": "error", "data": {"code": "invalid_json", "message": "no"}},
    "permission_changed": {
        "type": "permission_changed",
        "data": {"user_id": 9007199254740993, "permission": "p", "granted": True},
        **EVENT,
    },
    "role_updated": {"type": "role_updated", "data": {"user_id": 1, "roles": []}, **EVENT},
    "menu_access_updated": {"type": "menu_access_updated", "data": {"user_id": 1, "menus": ["m"]}, **EVENT},
    "cache_invalidated": {"type": "cache_invalidated", "data": {"scope": "all", "keys": ["k"]}, **EVENT},
}


def members(value, path=()):
    """Yield the path of every member of an object, at any depth."""
    for key, one in value.items():
        yield (*path, key)
        if isinstance(one, dict):
            yield from members(one, (*path, key))


def changed(message, path, value=None, *, drop=False):
    """Return the message with one member set, or dropped."""
    made = copy.deepcopy(message)
    place = made
    for key in path[:-1]:
        place = place[key]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


REQUIRED = [
    (kind, path)
    for kind, message in LEGAL.items()
    for path in members(message)
    if path[-1] not in {"id", "timestamp", "type"}
]


def test_every_message_type_has_an_example_here():
    assert set(LEGAL) == set(schemas())


def test_schemas_are_schemas():
    for schema in schemas().values():
        Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("kind", LEGAL)
def test_legal_message_has_no_fault(kind):
    assert faults(LEGAL[kind]) == ""


@pytest.mark.parametrize("kind", LEGAL)
def test_unknown_members_are_nobodys_fault(kind):
    message = LEGAL[kind] | {"extra": 1}
    if "data" in message:
        message |= {"data": message["data"] | {"extra": None}}
    assert faults(message) == ""


@pytest.mark.parametrize(("kind", "path"), REQUIRED, ids=[f"{k}.{'.'.join(p)}" for k, p in REQUIRED])
def test_missing_member_is_named(kind, path):
    fault = faults(changed(LEGAL[kind], path, drop=True))
    assert fault == f"{'.'.join([kind, *path[:-1]])}: {path[-1]!r} is a required property"


@pytest.mark.parametrize(("kind", "path"), REQUIRED, ids=[f"{k}.{'.'.join(p)}" for k, p in REQUIRED])
def test_member_of_another_type_is_named(kind, path):
    fault = faults(changed(LEGAL[kind], path, 1.5))
    assert fault.startswith(f"{'.'.join([kind, *path])}: 1.5 is not ")
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("connection_confirmed", ("user_id",), "1"),
        ("connection_confirmed", ("user_id",), True),
        ("connection_confirmed", ("groups",), ["a", 1]),
        ("connection_confirmed", ("features", "heartbeat"), 1),
        ("connection_confirmed", ("server_time",), "yesterday"),
        ("connection_confirmed", ("server_time",), "2026-11-22"),
        ("heartbeat_ack", ("id",), ""),
        ("heartbeat_ack", ("id",), "x" * 65),
        ("heartbeat_ack", ("timestamp",), "5"),
        ("permission_result", ("data", "allowed"), "false"),
        ("error", ("data", "code"), "oops"),
        ("cache_invalidated", ("data", "scope"), "some"),
        ("role_updated", ("event_id",), ""),
    ],
)
def test_wrong_value_is_named(kind, path, value):
    fault = faults(changed(LEGAL[kind], path, value))
    assert fault.startswith(f"{'.'.join([kind, *path])}")


@pytest.mark.parametrize(
    "time", ["2026-11-22T10:00:00Z", "2026-11-22 10:00:00.123+0100", "2026-11-22T10:00:00,5-01:30"]
)
def test_server_time_with_and_without_fraction_and_offset(time):
    assert faults(LEGAL["heartbeat_ack"] | {"server_time": time}) == ""


def test_anonymous_user_is_null():
    assert faults(CONFIRMED | {"user_id": None}) == ""


def test_place_in_a_list_is_named():
    fault = faults(changed(CONFIRMED, ("groups",), ["a", 5]))
    assert fault == "connection_confirmed.groups[1]: 5 is not of type 'string'"


@pytest.mark.parametrize("message", [None, [], "text", 5, [CONFIRMED]])
def test_message_that_is_no_object(message):
    assert faults(message) == "not a JSON object"


@pytest.mark.parametrize("message", [{}, {"type": None}, {"type": 5}, {"type": ["error"]}])
def test_message_without_a_type(message):
    assert faults(message) == "no string member 'type'"


def test_unknown_type_is_nobodys_fault():
    assert faults({"type": "news", "data": 5}) == ""


def test_long_value_is_cut():
    assert faults(CONFIRMED | {"user_id": "x" * 10_000}) == "connection_confirmed.user_id: '" + "x" * 199


@pytest.mark.parametrize("number", [1.0, 1e30], ids=repr)
def test_whole_number_is_an_integer_however_it_is_written(number):
    assert faults(CONFIRMED | {"user_id": number}) == ""


def test_schemas_that_are_read_anew_say_the_same():
    for cached in vars(messages).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
    assert {kind: faults(message) for kind, message in LEGAL.items()} == dict.fromkeys(LEGAL, "")
    assert faults(changed(CONFIRMED, ("groups",), ["a", 5])).startswith("connection_confirmed.groups[1]: 5 ")
    assert faults(changed(CONFIRMED, ("server_time",), "now")).startswith(
        "connection_confirmed.server_time: "
    )
    wrong = changed(LEGAL["permission_result"], ("data", "allowed"), 1)
    assert faults(wrong) == "permission_result.data.allowed: 1 is not of type 'boolean'"
