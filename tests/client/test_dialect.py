"""A dialect renames and moves in both directions, keeps values as they are, and knows what it met."""

from __future__ import annotations

import json

import pytest

from conformance.client.dialect import Dialect
from conformance.core.errors import NotApplicable

FLAT = Dialect(
    types={"heartbeat": "ping", "heartbeat_ack": "pong", "check_permission": None, "error": "fail",
           "connection_confirmed": "welcome", "permission_changed": "changed", "connect": "hello"},
    members={
        "type": "event", "id": "ref", "data": "body", "user_id": "userId", "userId": "name", "code": "why"
    },
    messages={"connection_confirmed": {"user_id": "who.uid"}},
    flat=frozenset({"permission_changed", "error", "connect"}),
    errors={"invalid_json": ("BAD_JSON", "NO_JSON")},
    features={"heartbeat": "ping"},
    server_time="ms",
    anonymous=("guest",),
)  # fmt: skip
NESTED = Dialect(members={"data.permission": "payload.what.perm", "data": "payload", "event_id": "meta.id"})


def heard(dialect, message):
    return json.loads(dialect.read(json.dumps(message)))


def said(dialect, message):
    return json.loads(dialect.written(json.dumps(message)))


def test_empty_dialect_changes_nothing():
    text = ' {"type" : "heartbeat"}'
    assert not Dialect()
    assert Dialect().written(text) == Dialect().read(text) == text
    assert Dialect().spoken(b"\xff") == b"\xff"


@pytest.mark.parametrize(
    ("sent", "wire"),
    [
        ({"type": "heartbeat", "id": "a"}, {"event": "ping", "ref": "a"}),
        ({"type": "heartbeat", "data": {"user_id": 1}}, {"event": "ping", "body": {"user_id": 1}}),
        ({"type": "connect", "data": {"userId": 1, "x": 2}}, {"event": "hello", "name": 1, "x": 2}),
        ({"type": "connect", "data": []}, {"event": "hello", "body": []}),
        ({"type": 7, "id": "a", "data": {}}, {"event": 7, "ref": "a", "body": {}}),
        ({"type": "connection_confirmed"}, {"event": "welcome"}),
        ({}, {}),
    ],
)
def test_client_messages_are_put_into_the_backends_words(sent, wire):
    assert said(FLAT, sent) == wire


@pytest.mark.parametrize(
    ("wire", "read"),
    [
        ({"event": "pong", "ref": "a", "body": {"userId": 1}},
         {"type": "heartbeat_ack", "id": "a", "data": {"userId": 1}}),
        ({"event": "welcome", "who": {"uid": "guest", "x": 1}, "groups": [],
          "features": {"ping": True, "new": 1}},
         {"type": "connection_confirmed", "user_id": None, "who": {"x": 1}, "groups": [],
          "features": {"heartbeat": True, "new": 1}}),
        ({"event": "changed", "userId": 1, "permission": "p", "granted": True, "extra": 1},
         {"type": "permission_changed", "extra": 1,
          "data": {"user_id": 1, "permission": "p", "granted": True}}),
        ({"event": "fail", "why": "NO_JSON", "message": "m"},
         {"type": "error", "data": {"code": "invalid_json", "message": "m"}}),
        ({"event": "fail", "why": "invalid_json", "message": "m"},
         {"type": "error", "data": {"code": "wire:invalid_json", "message": "m"}}),
        ({"event": "error", "why": 1}, {"type": "wire:error", "why": 1}),
        ({"event": "welcome", "user_id": 1}, {"type": "connection_confirmed", "wire:user_id": 1}),
        ({"type": "welcome"}, {"wire:type": "welcome"}),
        ({"event": "welcome", "server_time": 1755570544278},
         {"type": "connection_confirmed", "server_time": "2025-08-19T02:29:04.278000+00:00"}),
    ],
)  # fmt: skip
def test_server_messages_are_read_in_the_specifications_words(wire, read):
    assert heard(FLAT, wire) == read


def test_flat_members_can_be_nested_and_back():
    assert said(NESTED, {"type": "check_permission", "id": "1", "data": {"permission": "p"}}) == {
        "type": "check_permission", "id": "1", "payload": {"what": {"perm": "p"}},
    }  # fmt: skip
    wire = {"type": "permission_result", "payload": {"what": {"perm": "p"}, "allowed": False}}
    assert heard(NESTED, wire) == {"type": "permission_result", "data": {"permission": "p", "allowed": False}}
    wire = {"type": "role_updated", "meta": {"id": "e"}, "payload": {"user_id": 1, "roles": []}}
    assert heard(NESTED, wire)["event_id"] == "e"


@pytest.mark.parametrize(
    "value",
    [
        "9007199254740993",
        "9" * 5000,
        "1e400",
        "NaN",
        '{"n":1,"n":2}',
        '{ "id" : {} }',
        '"\\ud800"',
        "-0.0",
        "[" * 9000,
    ],
)
def test_values_pass_unread(value):
    closing = "]" * value.count("[")
    sent = '{"type":"heartbeat","data":' + value + closing + "}"
    assert FLAT.written(sent) == '{"event":"ping","body":' + value + closing + "}"
    came = '{"event":"pong","body":' + value + closing + "}"
    assert FLAT.read(came) == '{"type":"heartbeat_ack","data":' + value + closing + "}"


@pytest.mark.parametrize(
    ("sent", "wire"),
    [('{"type":"heartbeat"', '{"event":"ping"'), ('{"type":"heartbeat",}', '{"event":"ping",}'),
     ('\ufeff{"type": "heartbeat"}', '\ufeff{"event": "ping"}'), ("hello", "hello"), ("[]", "[]"), ("", "")],
)  # fmt: skip
def test_faulty_json_keeps_its_fault(sent, wire):
    assert FLAT.written(sent) == wire


@pytest.mark.parametrize(
    "rest",
    [
        b',"\\ud800":1', b',"\\udc80":1', b',"\\udfff":1', b',"\\ud800":"\xff"',
        b',"\xff":1', b',"a":"\\udc80"',
    ],
)  # fmt: skip
def test_half_a_character_in_a_name_stays_an_escape(rest):
    assert FLAT.spoken(b'{"type":"heartbeat"' + rest + b"}") == b'{"event":"ping"' + rest + b"}"
    if b"\xff" not in rest:
        assert FLAT.heard(b'{"event":"pong"' + rest + b"}") == b'{"type":"heartbeat_ack"' + rest + b"}"


def test_bytes_that_are_no_text_pass():
    content = b'{"type":"heartbeat","data":"\xff\xed\xa0\x80"}'
    assert FLAT.spoken(content) == b'{"event":"ping","body":"\xff\xed\xa0\x80"}'


def test_message_that_the_backend_has_not_is_not_applicable():
    with pytest.raises(NotApplicable, match="no check_permission"):
        said(FLAT, {"type": "check_permission", "data": {"permission": "p"}})


def test_type_that_means_something_to_the_backend_is_no_unknown_type():
    with pytest.raises(NotApplicable, match="calls heartbeat"):
        said(FLAT, {"type": "ping"})


def test_only_what_was_met_is_seen():
    dialect = Dialect(types={"heartbeat": "ping", "error": "fail"}, members={"id": "ref", "message": "text"})
    said(dialect, {"type": "heartbeat"})
    assert dialect.seen == {"types.heartbeat"}
    heard(dialect, {"type": "fail", "data": {"text": "x"}})
    assert dialect.seen == {"types.heartbeat", "types.error", "members.message"}


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ({"event": "welcome", "who": {"uid": 1}, "features": {"ping": True}}, ""),
        ({"event": "changed"}, ""),
        ({"evnt": "welcome"},
         "no member `event` (dialect.members.type); seen members: evnt; did you mean `evnt`?"),
        ({"event": "hi"}, '`event` is "hi", not "welcome" (dialect.types.connection_confirmed)'),
        ({"event": "welcome", "userId": 1, "features": {"ping": True}},
         "no member `who.uid` (dialect.messages.connection_confirmed.user_id); seen members: event, userId"),
        ({"event": "welcome", "who": {"uid": 1}, "features": {"pings": True}},
         "no member `features.ping` (dialect.features.heartbeat); seen members: event, who, who.uid"),
    ],
)  # fmt: skip
def test_first_message_that_a_dialect_does_not_fit(first, words):
    found = FLAT.misfit(json.dumps(first).encode())
    assert words in found
    assert bool(words) == bool(found)


def test_no_json_is_not_the_dialects_fault():
    assert FLAT.misfit(b"hello") == ""
    assert Dialect().misfit(b'{"x":1}') == ""
