"""Where a dialect puts things: types elsewhere, containers that move, what is left, what does not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.client.dialect import Dialect

PARTS: dict[str, Any] = {
    "types": {"heartbeat": "ping"},
    "members": {"id": "ref"},
    "messages": {"error": {"id": "ref"}},
    "flat": frozenset({"error"}),
    "errors": {"invalid_json": ("BAD", "WORSE")},
    "features": {"heartbeat": "ping"},
    "server_time": "ms",
    "anonymous": (None,),
}
MOVED = Dialect(
    members={"data.permission": "payload.what", "data": "payload", "code": "why"},
    messages={"error": {"data": "fault"}, "check_permission": {"id": "meta.ref"}},
)
ELSEWHERE = Dialect(
    types={"error": "oops"},
    messages={
        "error": {"type": "status.kind"},
        "role_updated": {"type": "what"},
        "heartbeat_ack": {"id": "n"},
    },
)


def heard(dialect: Dialect, message: object) -> Any:
    return json.loads(dialect.heard(json.dumps(message).encode()))


def said(dialect: Dialect, message: object) -> Any:
    return json.loads(dialect.spoken(json.dumps(message).encode()))


@pytest.mark.parametrize("part", PARTS)
def test_any_part_alone_makes_a_dialect(part: str) -> None:
    assert Dialect(**{part: PARTS[part]})


def test_entries_stand_as_in_the_profile() -> None:
    lacking = PARTS | {"types": {"heartbeat": "ping", "error": None}}
    assert list(Dialect(**lacking).entries()) == [
        ("types.heartbeat", "ping"),
        ("members.id", "ref"),
        ("messages.error.id", "ref"),
        ("errors.invalid_json", "BAD, WORSE"),
        ("features.heartbeat", "ping"),
    ]


# Writing.


@pytest.mark.parametrize(
    ("sent", "wire"),
    [
        ({"type": "check_permission", "id": "heartbeat", "data": {"permission": "p", "code": 1}},
         {"type": "check_permission", "meta": {"ref": "heartbeat"}, "payload": {"what": "p", "code": 1}}),
        ({"type": "heartbeat", "id": "a", "data": {"permission": 1}},
         {"type": "heartbeat", "id": "a", "payload": {"permission": 1}}),
    ],
)  # fmt: skip
def test_what_a_message_does_not_know_moves_with_its_container_alone(sent: object, wire: object) -> None:
    assert said(MOVED, sent) == wire


def test_only_the_type_is_renamed() -> None:
    dialect = Dialect(types={"heartbeat": "größe"})
    text = '{"type":"größe","id":"heartbeat","data":{ "type" : "heartbeat" }}'
    assert dialect.written(text.replace("größe", "heartbeat")) == text
    assert dialect.seen == {"types.heartbeat"}


# Reading.


@pytest.mark.parametrize(
    ("wire", "read"),
    [
        ({"type": "permission_result", "payload": {"allowed": True, "what": "p", "extra": 1}},
         {"type": "permission_result", "data": {"allowed": True, "permission": "p", "extra": 1}}),
        ({"type": "permission_result", "payload": {"what": "p", "permission": "own"}},
         {"type": "permission_result", "data": {"permission": "p", "wire:permission": "own"}}),
        ({"type": "permission_result", "payload": [1], "data": 2},
         {"type": "permission_result", "data": [1], "wire:data": 2}),
        ({"type": "error", "fault": {"why": "x", "extra": 1}, "payload": {"why": 2}},
         {"type": "error", "data": {"code": "x", "extra": 1}, "payload": {"why": 2}}),
        ({"type": "error", "fault": {"why": "x"}}, {"type": "error", "data": {"code": "x"}}),
        ({"type": "news", "payload": {"a": 1}}, {"type": "news", "data": {"a": 1}}),
        ({"type": 5, "payload": {}}, {"type": 5, "data": {}}),
    ],
)  # fmt: skip
def test_container_that_moves_takes_along_what_is_left_in_it(wire: object, read: object) -> None:
    assert heard(MOVED, wire) == read


@pytest.mark.parametrize(
    ("wire", "read"),
    [
        ({"status": {"kind": "oops", "x": 1}, "data": {"code": "c"}},
         {"type": "error", "status": {"x": 1}, "data": {"code": "c"}}),
        ({"what": "role_updated", "event_id": "e"}, {"type": "role_updated", "event_id": "e"}),
        ({"what": "other"}, {"what": "other"}),
        ({"status": {"kind": "error"}}, {"status": {"kind": "error"}}),
        ({"what": 5, "type": "error"}, {"what": 5, "type": "wire:error"}),
        ({"type": "heartbeat_ack", "n": "a", "what": "role_updated"},
         {"type": "heartbeat_ack", "id": "a", "what": "role_updated"}),
    ],
)  # fmt: skip
def test_type_stands_where_its_message_has_it(wire: object, read: object) -> None:
    assert heard(ELSEWHERE, wire) == read


@pytest.mark.parametrize(("container", "named"), [("data", "wire:data"), ("body", "body")])
@pytest.mark.parametrize("own", [{"q": 1}, {}, 5], ids=repr)
def test_flat_message_with_a_container_of_its_own_keeps_it_apart(
    container: str, named: str, own: object
) -> None:
    dialect = Dialect(flat=frozenset({"permission_changed"}), members={"data": container})
    event = {"user_id": 1, "permission": "p", "granted": True}
    text = dialect.read(json.dumps({"type": "permission_changed", **event, container: own}))
    assert json.loads(text) == {"type": "permission_changed", "data": event, named: own}
    assert text.count('"data"') == 1


def test_message_that_the_backend_lacks_is_none_that_it_sends() -> None:
    dialect = Dialect(types={"heartbeat_ack": None})
    for given in (5, None, "news"):
        assert heard(dialect, {"type": given, "id": 1}) == {"type": given, "id": 1}
    assert heard(dialect, {"type": "heartbeat_ack"}) == {"type": "heartbeat_ack"}


@pytest.mark.parametrize("content", [b'{"type":"oops","x":"\xff"}', b"oops", b"[]"])
def test_what_is_no_message_is_heard_as_it_is(content: bytes) -> None:
    assert Dialect(types={"error": "oops"}).heard(content) == content
    assert Dialect().heard(b' {"type":"error"}') == b' {"type":"error"}'


# Values that mean something else.


@pytest.mark.parametrize(
    ("code", "read", "seen"),
    [
        ("BAD", "invalid_json", {"errors.invalid_json"}),
        ("WORSE", "invalid_json", {"errors.invalid_json"}),
        ("invalid_json", "wire:invalid_json", set()),
        ("forbidden", "forbidden", set()),
        (7, 7, set()),
        (None, None, set()),
    ],
)
def test_code_is_read_by_what_it_means(code: object, read: object, seen: set[str]) -> None:
    dialect = Dialect(errors=PARTS["errors"])
    assert heard(dialect, {"type": "error", "data": {"code": code}})["data"]["code"] == read
    assert dialect.seen == seen | {"types.error"}


@pytest.mark.parametrize(
    ("unit", "value", "read"),
    [
        ("iso", "1755570544", "1755570544"),
        ("s", "1755570544", '"2025-08-19T02:29:04+00:00"'),
        ("s", "1755570544.5", '"2025-08-19T02:29:04.500000+00:00"'),
        ("ms", "1755570544278", '"2025-08-19T02:29:04.278000+00:00"'),
        ("s", "99999999999", '"5138-11-16T09:46:39+00:00"'),
        ("s", "100000000000", "100000000000"),
        ("ms", "-5", "-5"),
        ("ms", '"2025-08-19"', '"2025-08-19"'),
        ("s", "9" * 500, "9" * 500),
    ],
)
def test_time_of_the_server_is_read_in_its_unit(unit: str, value: str, read: str) -> None:
    dialect = Dialect(types={"error": "oops"}, server_time=unit)
    text = dialect.read('{"type":"heartbeat_ack","server_time":' + value + "}")
    assert text == '{"type":"heartbeat_ack","server_time":' + read + "}"


@pytest.mark.parametrize(
    ("nobody", "value", "read"),
    [
        ("guest", '"guest"', "null"),
        ("guest", '"gu\\u0065st"', "null"),
        ("guest", '"other"', '"other"'),
        ("guest", "guest", "guest"),
        (0, "0", "null"),
        (0, "false", "false"),
        (0, "0.0", "0.0"),
        (0, "[" * 9_999, "[" * 9_999),
        (False, "0", "0"),
    ],
)
def test_user_that_stands_for_nobody_is_null(nobody: object, value: str, read: str) -> None:
    closing = "]" * value.count("[")
    dialect = Dialect(anonymous=(nobody,))
    for kind, around in (("connection_confirmed", ("", "")), ("role_updated", ('"data":{', "}"))):
        text = dialect.read(f'{{"type":"{kind}",{around[0]}"user_id":{value}{closing}{around[1]}}}')
        assert text == f'{{"type":"{kind}",{around[0]}"user_id":{read}{closing}{around[1]}}}'


# What does not fit.

DEEP = {"a": {"b": {"c": {"d": 1}}}}


def place_of_the_type(path: str) -> Dialect:
    return Dialect(messages={"connection_confirmed": {"type": path}})


@pytest.mark.parametrize(
    ("dialect", "first", "found"),
    [
        (Dialect(flat=frozenset({"error"})), DEEP,
         "has no member `type` (dialect.members.type); seen members: a, a.b, a.b.c"),
        (place_of_the_type("no.such"), {"qq": {"rr": {"SUCH": "x"}}},
         ("has no member `no.such` (dialect.messages.connection_confirmed.type); "
         "seen members: qq, qq.rr, qq.rr.SUCH; did you mean `qq.rr.SUCH`?")),
        (place_of_the_type("kind"), {"kinetic": 1, "type": 2},
         ("has no member `kind` (dialect.messages.connection_confirmed.type); "
         "seen members: kinetic, type; did you mean `kinetic`?")),
        (Dialect(members={"type": "q"}), {str(n): n for n in range(10, 31)},
         "has no member `q` (dialect.members.type); seen members: "
         + ", ".join(str(n) for n in range(10, 30))),
    ],
    ids=["no-type", "last-name", "near", "many"],
)  # fmt: skip
def test_member_that_is_missing_is_told_by_name(dialect: Dialect, first: object, found: str) -> None:
    assert dialect.misfit(json.dumps(first).encode()) == f"the first message {found}"


def test_other_type_is_told_by_its_place() -> None:
    found = Dialect(members={"type": "meta.kind"}).misfit(json.dumps({"meta": {"kind": "x" * 90}}).encode())
    assert found.startswith(f'the first message\'s `meta.kind` is "{"x" * 59}, not "connection_confirmed" ')
    assert found.endswith("(dialect.types.connection_confirmed)")


def test_octets_that_are_no_text_are_no_reason_to_doubt_the_dialect() -> None:
    dialect = Dialect(messages={"connection_confirmed": {"type": "t"}})
    assert dialect.misfit(b'{"t":"connection_confirmed","x":"\xff"}') == ""
    assert dialect.misfit(b"\xff") == ""
