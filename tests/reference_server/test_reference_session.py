"""The messages of a session."""

from __future__ import annotations

import json

import pytest
from reference_harness import ALICE, CAROL, Running

DEEP = 100_000


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"id": "x"},
        {"id": "é" * 64},
        {"id": "\U0001f600" * 64},
        {"id": "\ud800"},
        {"timestamp": 1755570544278},
        {"timestamp": 9007199254740993},
        {"timestamp": 10**400},
        {"timestamp": -1},
        {"data": {}},
        {"data": {"a": [1, 2.5, None, True, "\u0000\u2028 \U0001f600", {"b": {}}]}},
        {"data": {"lone": "\udc00"}},
        {"data": {"n": 123456789012345678901234567890}},
        {"data": json.loads('{"x":' + "[" * 510 + "]" * 510 + "}")},
        {"id": "all", "timestamp": 0, "data": {"x": 1}},
    ],
)
def test_heartbeat_gives_back_what_it_was_given(target: Running, given: dict[str, object]) -> None:
    with target.connect() as client:
        answer = client.ask({"type": "heartbeat", "unknown": "member", **given})
        assert answer.pop("server_time").endswith("+00:00")
        assert answer == {"type": "heartbeat_ack", **given}


INVALID = {
    "empty": ("", "invalid_json"),
    "not JSON": ("hello", "invalid_json"),
    "two values": ("{}{}", "invalid_json"),
    "single quotes": ("{'type':'heartbeat'}", "invalid_json"),
    "byte order mark": ('\ufeff{"type":"heartbeat"}', "invalid_json"),
    "NaN": ('{"type":"heartbeat","data":{"x":NaN}}', "invalid_json"),
    "Infinity": ('{"type":"heartbeat","timestamp":-Infinity}', "invalid_json"),
    "overflow": ('{"type":"heartbeat","data":{"x":1e400}}', "invalid_json"),
    "thousands of digits": ('{"type":"heartbeat","data":{"x":' + "9" * 5000 + "}}", "invalid_json"),
    "deep lists": ('{"type":"heartbeat","data":{"x":' + "[" * DEEP + "]" * DEEP + "}}", "invalid_json"),
    "deep objects": ('{"a":' * DEEP + "1" + "}" * DEEP, "invalid_json"),
    "deep and unclosed": ("[" * DEEP, "invalid_json"),
    "nested just so": ('{"type":"heartbeat","data":{"x":' + "[" * 511 + "]" * 511 + "}}", "invalid_json"),
    "list": ("[]", "invalid_message"),
    "string": ('"heartbeat"', "invalid_message"),
    "null": ("null", "invalid_message"),
    "binary": (b'{"type":"heartbeat"}', "invalid_message"),
    "no type": ("{}", "invalid_message"),
    "type null": ('{"type":null}', "invalid_message"),
    "type a list": ('{"type":["heartbeat"]}', "invalid_message"),
    "type unknown": ('{"type":"nonsense"}', "unknown_type"),
    "type of the server": ('{"type":"permission_changed"}', "unknown_type"),
    "id empty": ('{"type":"heartbeat","id":""}', "invalid_message"),
    "id too long": ('{"type":"heartbeat","id":"' + "x" * 65 + '"}', "invalid_message"),
    "id a number": ('{"type":"heartbeat","id":1}', "invalid_message"),
    "id null": ('{"type":"heartbeat","id":null}', "invalid_message"),
    "timestamp a string": ('{"type":"heartbeat","timestamp":"1"}', "invalid_message"),
    "timestamp a fraction": ('{"type":"heartbeat","timestamp":1.5}', "invalid_message"),
    "timestamp true": ('{"type":"heartbeat","timestamp":true}', "invalid_message"),
    "data a list": ('{"type":"heartbeat","data":[]}', "invalid_message"),
    "data null": ('{"type":"heartbeat","data":null}', "invalid_message"),
    "no permission": ('{"type":"check_permission"}', "invalid_message"),
    "permission a number": ('{"type":"check_permission","data":{"permission":1}}', "invalid_message"),
}


@pytest.mark.parametrize("name", INVALID)
def test_bad_message_is_an_error_and_the_connection_stays(target: Running, name: str) -> None:
    text, code = INVALID[name]
    with target.connect(ALICE) as client:
        answer = client.ask(text)
        assert answer["type"] == "error"
        assert answer["data"]["code"] == code
        assert isinstance(answer["data"]["message"], str)
        assert "id" not in answer
        assert client.ask('{"type":"heartbeat","id":"after"}')["id"] == "after"


def test_error_carries_a_valid_id(target: Running) -> None:
    with target.connect() as client:
        assert client.ask({"type": "nonsense", "id": "7"})["id"] == "7"
        assert client.ask({"type": "heartbeat", "timestamp": "x", "id": "8"})["id"] == "8"


def test_last_of_duplicate_keys_wins(target: Running) -> None:
    with target.connect() as client:
        assert client.ask('{"type":"nonsense","type":"heartbeat","id":"a","id":"b"}')["id"] == "b"


@pytest.mark.parametrize("user_id", ["anonymous", 2, None, [], {"a": 1}])
def test_connect_has_no_answer_and_changes_nothing(target: Running, user_id: object) -> None:
    with target.connect(ALICE) as client:
        client.websocket.send(json.dumps({"type": "connect", "data": {"userId": user_id}, "timestamp": 1}))
        assert client.before_heartbeat() == []
        check = {"type": "check_permission", "data": {"permission": "articles.view"}}
        assert client.ask(check)["data"]["allowed"] is True


def test_permission_is_checked_for_the_connection_s_user(target: Running) -> None:
    check = {"type": "check_permission", "id": "p", "data": {"permission": "articles.view"}}
    expected = {"type": "permission_result", "id": "p"}
    for token, allowed in ((ALICE, True), (CAROL, False), (None, False)):
        with target.connect(token) as client:
            data = {"permission": "articles.view", "allowed": allowed}
            assert client.ask(check) == {**expected, "data": data}


def test_pipelined_requests_are_answered_in_order(target: Running) -> None:
    with target.connect() as client:
        for number in range(500):
            client.websocket.send(f'{{"type":"heartbeat","id":"{number}"}}')
        assert [client.receive()["id"] for _ in range(500)] == [str(number) for number in range(500)]


def test_message_over_the_limit_closes_with_1009(target: Running) -> None:
    with target.connect() as client:
        text = '{"type":"heartbeat","data":{"x":"%s"}}'
        exact = text % ("x" * (1048576 - len(text) + 2))
        assert len(exact) == 1048576
        client.websocket.send(exact)
        assert client.receive()["type"] == "heartbeat_ack"
        client.websocket.send(exact + " ")
        assert client.closed_with()[0] == 1009


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_close_code_is_given_back(target: Running, code: int) -> None:
    with target.connect() as client:
        client.websocket.close(code, "bye")
        assert client.closed_with() == (code, "bye")
