"""The message schemas as files: their examples, one fault at a time, and what the suite's own client says."""

from __future__ import annotations

import copy
import json
import timeit
from importlib import resources

import pytest
from client_harness import Server, acknowledge
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from conformance.client import messages
from conformance.client.messages import faults, faults_sent, schemas

JUDGE = {"server": faults, "client": faults_sent}
MESSAGES = [(sender, kind) for sender in JUDGE for kind in schemas(sender)]
EXAMPLES = [
    pytest.param(sender, example, id=f"{kind}-{number}")
    for sender, kind in MESSAGES
    for number, example in enumerate(schemas(sender)[kind]["examples"])
]
IDS = [kind for _, kind in MESSAGES]
DEFINITIONS = json.loads(
    resources.files("conformance.spec").joinpath("messages", "definitions.json").read_text("utf-8")
)
TIMES = [
    "2025-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2025-01-32T00:00:00Z", "2025-01-01T24:00:00Z",
    "2025-01-01T00:60:00Z", "2025-01-01T00:00:61Z", "2025-13-99", "2025-01-01T00:00Z", "now", "",
    "2025-01-01T00:00:00Z\n", "2025-01-01T00:00:00+24:00", "2025-01-01T00:00:00+01:60",
    "٢٠٢٥-01-01T00:00:00Z", "1755570544278",
]  # fmt: skip
NOT_TEXT = [1, True, None, [], {}]
NOT_INTEGER = ["1", 1.5, True, [], {}]
NOT_TRUTH = [0, 1, "true", None]
NOT_STRINGS = ["a", None, {}, {"0": "a"}]
WRONG_ID = ["", "x" * 65, "😀" * 65, *NOT_TEXT]
NOT_OBJECT = [None, [], "text", 1, False]
EVENT = {("event_id",): ["", *NOT_TEXT], ("server_time",): [*TIMES, *NOT_TEXT], ("data",): NOT_OBJECT}
FEATURES = (
    "permission_notifications", "role_updates", "menu_access_updates", "cache_invalidation", "heartbeat",
)  # fmt: skip

# By message and member: values of which each is one fault, and the member's own.
WRONG = {
    "connection_confirmed": {
        ("user_id",): ["1", 1.5, True, [], {}],
        ("groups",): NOT_STRINGS,
        ("groups", 0): NOT_TEXT,
        ("server_time",): [*TIMES, *NOT_TEXT],
        ("features",): NOT_OBJECT,
        **{("features", name): NOT_TRUTH for name in FEATURES},
    },
    "heartbeat_ack": {
        ("id",): WRONG_ID,
        ("timestamp",): [*NOT_INTEGER, None],
        ("server_time",): [*TIMES, *NOT_TEXT],
    },
    "permission_result": {
        ("id",): WRONG_ID,
        ("data",): NOT_OBJECT,
        ("data", "permission"): NOT_TEXT,
        ("data", "allowed"): NOT_TRUTH,
    },
    "error": {
        ("id",): WRONG_ID,
        ("data",): NOT_OBJECT,
        ("data", "code"): ["", "INTERNAL", "not_found", *NOT_TEXT],
        ("data", "message"): NOT_TEXT,
    },
    "permission_changed": EVENT
    | {
        ("data", "user_id"): [*NOT_INTEGER, None],
        ("data", "permission"): NOT_TEXT,
        ("data", "granted"): NOT_TRUTH,
    },
    "role_updated": EVENT
    | {
        ("data", "user_id"): [*NOT_INTEGER, None],
        ("data", "roles"): NOT_STRINGS,
        ("data", "roles", 0): NOT_TEXT,
    },
    "menu_access_updated": EVENT
    | {
        ("data", "user_id"): [*NOT_INTEGER, None],
        ("data", "menus"): NOT_STRINGS,
        ("data", "menus", 0): NOT_TEXT,
    },
    "cache_invalidated": EVENT
    | {
        ("data", "scope"): ["", "users", "ALL", *NOT_TEXT],
        ("data", "keys"): NOT_STRINGS,
        ("data", "keys", 0): NOT_TEXT,
    },
    "connect": {("id",): WRONG_ID, ("timestamp",): [*NOT_INTEGER, None], ("data",): NOT_OBJECT},
    "heartbeat": {("id",): WRONG_ID, ("timestamp",): [*NOT_INTEGER, None], ("data",): NOT_OBJECT},
    "check_permission": {
        ("id",): WRONG_ID,
        ("timestamp",): [*NOT_INTEGER, None],
        ("data",): NOT_OBJECT,
        ("data", "permission"): NOT_TEXT,
    },
}
# A member that may be anything, and so can have no wrong value.
ANYTHING = {("heartbeat_ack", ("data",)), ("connect", ("data", "userId"))}


def example(sender, kind):
    """Return a copy of the message's first, fullest example."""
    return copy.deepcopy(schemas(sender)[kind]["examples"][0])


def named(kind, path):
    """Return how a complaint names a member."""
    return kind + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def with_value(message, path, value):
    place = message
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return message


def members_of(schema, path=()):
    """Yield the path of each member that a schema describes, items of lists at their first place."""
    if "$ref" in schema:
        schema = definition(schema["$ref"])
    for name, one in schema.get("properties", {}).items():
        yield (*path, name)
        yield from members_of(one, (*path, name))
    if "items" in schema:
        yield (*path, 0)


def definition(reference):
    """Return what a message's reference names, as JSON Schema resolves it."""
    known = Registry().with_resource(
        "file:///messages/definitions.json", Resource.from_contents(DEFINITIONS, DRAFT7)
    )
    return known.resolver("file:///messages/server/error.json").lookup(reference).contents


def references(schema):
    """Yield every reference of a schema."""
    if isinstance(schema, dict):
        yield from [schema["$ref"]] if "$ref" in schema else ()
        for one in schema.values():
            yield from references(one)


# The files.


def test_every_message_of_the_protocol_has_a_file():
    assert set(schemas("client")) == {"connect", "heartbeat", "check_permission"}
    assert set(schemas("server")) == {
        "connection_confirmed", "heartbeat_ack", "permission_result", "error",
        "permission_changed", "role_updated", "menu_access_updated", "cache_invalidated",
    }  # fmt: skip


@pytest.mark.parametrize(("sender", "kind"), MESSAGES, ids=IDS)
def test_schema_is_sound_and_says_what_it_describes(sender, kind):
    schema = schemas(sender)[kind]
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["title"]
    assert schema["description"]
    assert schema["properties"]["type"]["const"] == kind
    assert "type" in schema["required"]
    assert "additionalProperties" not in json.dumps(schema)


@pytest.mark.parametrize(("sender", "kind"), MESSAGES, ids=IDS)
def test_every_member_is_described(sender, kind):
    def described(schema):
        schema = definition(schema["$ref"]) if "$ref" in schema else schema
        return bool(schema.get("description")) and all(map(described, schema.get("properties", {}).values()))

    assert described(schemas(sender)[kind])


def test_shared_members_are_defined_once():
    files = resources.files("conformance.spec").joinpath("messages")
    shared = json.loads(files.joinpath("definitions.json").read_text("utf-8"))["definitions"]
    for sender, kind in MESSAGES:
        for name, member in schemas(sender)[kind]["properties"].items():
            if name in shared and (kind, name) != ("connection_confirmed", "user_id"):  # this one may be null
                assert member == {"$ref": f"../definitions.json#/definitions/{name}"}, (kind, name)


@pytest.mark.parametrize("name", ["id", "timestamp", "server_time", "event_id", "user_id", "permission"])
def test_examples_of_shared_members_are_valid(name):
    shared = definition(f"../definitions.json#/definitions/{name}")
    assert shared["examples"]
    assert not [one for one in shared["examples"] if list(Draft7Validator(shared).iter_errors(one))]


@pytest.mark.parametrize(
    "address", ["../other.json", "https://example.com/schema.json", "file:///etc/hostname"]
)
def test_nothing_is_fetched(address):
    with pytest.raises(KeyError):
        messages._flat({"$ref": address})


@pytest.mark.parametrize(("sender", "kind"), MESSAGES, ids=IDS)
def test_references_are_resolved_as_json_schema_does(sender, kind):
    for reference in references(schemas(sender)[kind]):
        assert messages._flat({"$ref": reference}) == messages._flat(definition(reference))


# Messages without a fault.


@pytest.mark.parametrize(("sender", "message"), EXAMPLES)
def test_example_is_valid(sender, message):
    assert JUDGE[sender](message) == ""


@pytest.mark.parametrize(("sender", "kind"), MESSAGES, ids=IDS)
def test_first_example_holds_every_member(sender, kind):
    # The table of faults changes one of them at a time, which has to be there.
    optional = {("id",), ("timestamp",)} if sender == "client" else set()
    for path in set(members_of(schemas(sender)[kind])) - optional:
        place = example(sender, kind)
        for part in path:
            place = place[part]


@pytest.mark.parametrize(("sender", "message"), EXAMPLES)
def test_unknown_members_are_allowed_at_every_depth(sender, message):
    def extended(value):
        if isinstance(value, dict):
            return {name: extended(one) for name, one in value.items()} | {"x": [{"type": 5}]}
        return value

    assert JUDGE[sender](extended(message)) == ""


@pytest.mark.parametrize("identity", ["x", "x" * 64, "😀" * 64, "\x00", " "])
def test_id_is_counted_in_code_points(identity):
    assert faults_sent({"type": "heartbeat", "id": identity}) == ""


@pytest.mark.parametrize("number", [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1, 2**200])
def test_integers_have_no_bounds_of_ours(number):
    assert faults_sent({"type": "heartbeat", "timestamp": number}) == ""


@pytest.mark.parametrize("value", [None, 1, "1", "anonymous", True, [], {"a": 1}, 1.5])
def test_user_id_of_connect_is_anything(value):
    assert faults_sent({"type": "connect", "data": {"userId": value}}) == ""


@pytest.mark.parametrize("value", [None, 1, "text", [1, {}], {"a": None}, False])
def test_heartbeat_may_give_back_any_value(value):
    assert faults(example("server", "heartbeat_ack") | {"data": value}) == ""


@pytest.mark.parametrize(
    "time",
    [
        "2024-02-29T23:59:59Z", "2016-12-31T23:59:60Z", "2025-08-19T10:29:04.278287", "2025-08-19 10:29:04",
        "2025-08-19T10:29:04,5+05:45", "2025-08-19T10:29:04+0100", "2025-08-19T10:29:04-03",
        "2025-08-19T10:29:04.123456789Z", "0001-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_moment_with_and_without_fraction_and_offset(time):
    assert faults(example("server", "heartbeat_ack") | {"server_time": time}) == ""


# One fault at a time.


@pytest.mark.parametrize(("sender", "kind"), MESSAGES, ids=IDS)
def test_table_of_faults_knows_every_member(sender, kind):
    described = set(members_of(schemas(sender)[kind])) - {("type",)}
    assert described - {path for one, path in ANYTHING if one == kind} == set(WRONG[kind])


@pytest.mark.parametrize(
    ("sender", "kind", "path", "value"),
    [
        pytest.param(sender, kind, path, value, id=f"{named(kind, path)}={json.dumps(value)[:30]}")
        for sender, kind in MESSAGES
        for path, values in WRONG[kind].items()
        for value in values
    ],
)
def test_wrong_value_is_named(sender, kind, path, value):
    fault = JUDGE[sender](with_value(example(sender, kind), path, value))
    assert fault.startswith(f"{named(kind, path)}: ")
    assert "\n" not in fault


def required_of(schema, path=()):
    schema = definition(schema["$ref"]) if "$ref" in schema else schema
    for name in schema.get("required", ()):
        yield (*path, name)
    for name, one in schema.get("properties", {}).items():
        yield from required_of(one, (*path, name))


@pytest.mark.parametrize(
    ("sender", "kind", "path"),
    [
        pytest.param(sender, kind, path, id=named(kind, path))
        for sender, kind in MESSAGES
        for path in required_of(schemas(sender)[kind])
        if path != ("type",)
    ],
)
def test_missing_member_is_named(sender, kind, path):
    message = example(sender, kind)
    place = message
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    assert JUDGE[sender](message) == f"{named(kind, path[:-1])}: {path[-1]!r} is a required property"


@pytest.mark.parametrize("judge", JUDGE.values(), ids=JUDGE)
@pytest.mark.parametrize("message", [None, [], "connect", 5, [{"type": "connect"}]])
def test_message_that_is_no_object(judge, message):
    assert judge(message) == "not a JSON object"


@pytest.mark.parametrize("judge", JUDGE.values(), ids=JUDGE)
@pytest.mark.parametrize(
    "message", [{}, {"type": None}, {"type": 5}, {"type": ["connect"]}, {"Type": "connect"}]
)
def test_message_without_a_type(judge, message):
    assert judge(message) == "no string member 'type'"


@pytest.mark.parametrize("kind", ["news", "heartbeat_ack", "Heartbeat", "", "../definitions"])
def test_client_says_only_what_the_protocol_knows(kind):
    assert faults_sent({"type": kind}) == "a type that the protocol does not know"


def test_server_may_say_what_the_protocol_does_not_know():
    assert faults({"type": "heartbeat", "timestamp": "never"}) == ""


# The suite's own client, as the other side hears it.


@pytest.mark.asyncio
async def test_client_says_what_the_schemas_allow():
    def reply(message):
        if message["type"] == "check_permission":
            data = message["data"] | {"allowed": True}
            return [{"type": "permission_result", "id": message["id"], "data": data}]
        return acknowledge(message) if message["type"] == "heartbeat" else []

    server = Server(reply)
    client = server.client
    client.say("connect", data={"userId": "anonymous"}, timestamp=1755570544278)
    client.say("heartbeat")
    await client.ask("heartbeat", timestamp=1, data={"text": "é€😀"})
    await client.heartbeat()
    await client.heartbeat({"nested": [{}]})
    await client.allowed("articles.publish")
    await client.alive()
    await client.expect_no_event()
    assert [message["type"] for message in server.heard] == [
        "connect", *["heartbeat"] * 4, "check_permission", *["heartbeat"] * 2,
    ]  # fmt: skip
    assert [faults_sent(message) for message in server.heard] == [""] * len(server.heard)


# What it costs.


def test_usual_message_takes_a_fraction_of_a_millisecond():
    message = example("server", "connection_confirmed")
    assert faults(message) == ""
    # The best of many: others may be using this machine too.
    assert min(timeit.repeat(lambda: faults(message), number=20, repeat=30)) / 20 < 0.000_3
