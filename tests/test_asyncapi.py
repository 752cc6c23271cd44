"""The AsyncAPI document: its structure, and what the official parser says about it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conformance.client.messages import faults, faults_sent, schemas
from conformance.spec import VERSION, registries, requirements
from reference_server.routes import AnonymousChannel, OwnChannel, UserChannel, match_channel, parse_user_id
from tests.conftest import ROOT

FILE = ROOT / "conformance" / "spec" / "asyncapi.json"
PARSER = Path(__file__).parent / "asyncapi"
DOCUMENT = json.loads(FILE.read_text("utf-8"))
MESSAGES = DOCUMENT["components"]["messages"]
OPERATIONS = [pytest.param(one, id=name) for name, one in DOCUMENT["operations"].items()]
CHANNELS = [pytest.param(one, id=name) for name, one in DOCUMENT["channels"].items()]
REPLIES = {"heartbeat": {"heartbeat_ack", "error"}, "check_permission": {"permission_result", "error"}}


def references(value):
    """Yield every reference below a value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


def resolve(reference, file=FILE):
    """Return what a reference points at; KeyError or OSError where there is nothing."""
    name, _, pointer = reference.partition("#")
    target = (file.parent / name).resolve() if name else file
    assert target.is_relative_to(FILE.parent), f"{reference} leaves the specification"
    found = json.loads(target.read_text("utf-8"))
    for part in pointer.split("/")[1:]:
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found, target


def kinds(references_to_messages):
    """Return the message types that a list of references names, which end at components.messages."""
    found = []
    for one in references_to_messages:
        target, _ = resolve(one["$ref"])
        while "$ref" in target:
            target, _ = resolve(target["$ref"])
        found.append(target["name"])
    return found


# Structure, without any tool.


def test_every_reference_resolves():
    waiting, seen = [(FILE, one) for one in references(DOCUMENT)], set()
    while waiting:
        file, reference = waiting.pop()
        if (file, reference) in seen:
            continue
        seen.add((file, reference))
        value, target = resolve(reference, file)
        waiting += [(target, one) for one in references(value)]
    assert len(seen) > 50


def test_version_is_the_specifications():
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"]["version"] == VERSION


def test_every_message_type_is_described_once():
    both = [("server", kind) for kind in schemas("server")] + [("client", kind) for kind in schemas("client")]
    payloads = [one["payload"]["$ref"] for one in MESSAGES.values()]
    assert sorted(payloads) == sorted(f"messages/{sender}/{kind}.json" for sender, kind in both)
    for kind, message in MESSAGES.items():
        schema, _ = resolve(message["payload"]["$ref"])
        assert (message["name"], message["title"]) == (kind, schema["title"])
        assert schema["properties"]["type"]["const"] == kind


def test_examples_are_valid():
    for kind, message in MESSAGES.items():
        schema, target = resolve(message["payload"]["$ref"])
        judge = {"server": faults, "client": faults_sent}[target.parent.name]
        given = [one["payload"] for one in message.get("examples", ())]
        assert schema["examples"]
        assert [judge(one) for one in schema["examples"] + given if judge(one)] == [], kind


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_message_with_an_id_is_correlated(message):
    schema, _ = resolve(message["payload"]["$ref"])
    expects_reply = message["name"] in {
        *REPLIES,
        *(reply for replies in REPLIES.values() for reply in replies),
    }
    assert ("correlationId" in message) == expects_reply
    assert not expects_reply or "id" in schema["properties"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_names_messages_of_its_channel(operation):
    channel = operation["channel"]["$ref"]
    assert resolve(channel)[0] in DOCUMENT["channels"].values()
    named = [*operation["messages"], *operation.get("reply", {}).get("messages", ())]
    assert named
    assert all(one["$ref"].startswith(f"{channel}/messages/") for one in named)
    assert operation.get("reply", {"channel": operation["channel"]})["channel"] == operation["channel"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_direction_is_the_servers(operation):
    said = set(kinds(operation["messages"]))
    if operation["action"] == "send":
        assert said <= set(schemas("server"))
        assert "reply" not in operation
    else:
        assert operation["action"] == "receive"
        assert said <= set(schemas("client"))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_requests_have_their_replies(operation):
    (*said,) = kinds(operation["messages"])
    replies = set(kinds(operation["reply"]["messages"])) if "reply" in operation else set()
    expected = REPLIES.get(said[0], set()) if operation["action"] == "receive" else set()
    assert replies == expected


@pytest.mark.parametrize("name", DOCUMENT["channels"])
def test_every_message_of_a_channel_is_in_an_operation(name):
    pointer = f"#/channels/{name}"
    used = set()
    for operation in DOCUMENT["operations"].values():
        if operation["channel"]["$ref"] == pointer:
            used |= set(kinds(operation["messages"]))
            used |= set(kinds(operation.get("reply", {}).get("messages", ())))
    assert used == set(DOCUMENT["channels"][name]["messages"]) == set(MESSAGES)


@pytest.mark.parametrize("channel", CHANNELS)
def test_parameters_are_those_of_the_address(channel):
    assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel.get("parameters", ()))


def test_addresses_are_the_endpoints():
    channels = DOCUMENT["channels"]
    assert match_channel(channels["own"]["address"]) == OwnChannel()
    assert match_channel(channels["user"]["address"].format(user_id=42)) == UserChannel(42)
    spellings = [channels["anonymous"]["address"], *channels["anonymous"]["x-ws-same-as"]]
    assert [match_channel(one) for one in spellings] == [AnonymousChannel()] * 2


@pytest.mark.parametrize(
    "text", ["1", "42", "9223372036854775807", "0", "01", "-1", "1a", "", "٣", "1\n", "99999999999999999999"]
)
def test_pattern_of_user_id_is_that_of_the_endpoint(text):
    parameter = DOCUMENT["components"]["parameters"]["user_id"]
    # JSON Schema's $ is the end; Python's also stands before a last newline.
    fits = re.search(parameter["x-pattern"].replace("$", r"\Z"), text) is not None
    assert (fits and int(text) <= int(parameter["x-maximum"])) == (parse_user_id(text) is not None)


@pytest.mark.parametrize("server", DOCUMENT["servers"].values(), ids=DOCUMENT["servers"])
def test_server_offers_the_four_carriers(server):
    assert server["protocol"] in {"ws", "wss"}
    assert [one["$ref"] for one in server["security"]] == [
        f"#/components/securitySchemes/{name}" for name in ("query", "header", "subprotocol", "cookie")
    ]
    assert set(re.findall(r"{(\w+)}", server["host"])) == set(server["variables"])


def test_binding_describes_the_opening_handshake():
    binding = DOCUMENT["components"]["channelBindings"]["permissions"]["ws"]
    assert binding["method"] == "GET"
    assert set(binding["query"]["properties"]) == {"token"}
    headers = {"Authorization", "Sec-WebSocket-Protocol", "Cookie", "Origin"}
    assert set(binding["headers"]["properties"]) == headers


def test_close_codes_may_be_sent():
    codes = [one["code"] for one in DOCUMENT["info"]["x-ws-close-codes"]]
    assert sorted(set(codes)) == codes
    assert set(codes) <= registries.valid_close_codes()
    assert {4401, 4403, 4408, 4429} <= set(codes)


def test_requirements_that_are_named_exist():
    named = [
        one for trait in DOCUMENT["components"]["operationTraits"].values() for one in trait["x-requirements"]
    ]
    named += re.findall(r"conformance spec ([a-z]+\.[a-z-]+)", DOCUMENT["info"]["description"])
    assert named
    assert not [one for one in named if one not in requirements()]


# The official parser.


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the pinned parser in a folder of its own; where that cannot be had, only CI is red."""
    unavailable = pytest.fail if os.environ.get("CI") else pytest.skip
    if missing := [name for name in ("node", "npm") if not shutil.which(name)]:
        unavailable(
            f"{' and '.join(missing)} not found: the official AsyncAPI parser needs Node.js 18 or later"
        )
    folder = tmp_path_factory.mktemp("asyncapi")
    for file in ("package.json", "package-lock.json", "validate.mjs"):
        shutil.copy(PARSER / file, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        unavailable(f"npm ci could not install the official AsyncAPI parser: {done.stderr[-2000:]}")
    return folder


def parse(parser, file):
    done = subprocess.run(
        ["node", "validate.mjs", str(file)],
        cwd=parser, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_official_parser_accepts_the_document(parser):
    status, said = parse(parser, FILE)
    assert status == 0, said["diagnostics"]
    assert said["document"]["channels"] == [one["address"] for one in DOCUMENT["channels"].values()]
    assert set(said["document"]["operations"]) == set(DOCUMENT["operations"])
    assert set(said["document"]["messages"]) == set(MESSAGES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"action": "send"', '"action": "push"', id="action"),
        pytest.param('"type": "httpApiKey"', '"type": "password"', id="security"),
        pytest.param("messages/server/error.json", "messages/server/none.json", id="reference"),
        pytest.param("own/messages/connect", "user/messages/connect", id="foreign-message"),
    ],
)
def test_official_parser_refuses_what_is_wrong(parser, tmp_path, old, new):
    shutil.copytree(FILE.parent / "messages", tmp_path / "messages")
    text = FILE.read_text("utf-8")
    assert old in text
    wrong = tmp_path / FILE.name
    wrong.write_text(text.replace(old, new, 1), "utf-8")
    assert parse(parser, wrong)[0] == 1


def test_parser_is_pinned_by_content_and_names_no_host():
    lock = (PARSER / "package-lock.json").read_text("utf-8")
    packages = {name: one for name, one in json.loads(lock)["packages"].items() if name}
    assert not [name for name, one in packages.items() if not one["integrity"].startswith("sha512-")]
    assert "://" not in lock
    assert "resolved" not in lock
    (pinned,) = json.loads((PARSER / "package.json").read_text("utf-8"))["dependencies"].values()
    assert packages["node_modules/@asyncapi/parser"]["version"] == pinned
