"""Events, and the control interface that causes them."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest
from reference_harness import ALICE, BOB, BOUND, CAROL, CAROL_ID, KEY, TOKENS, Running


def test_event_comes_once_to_each_connection_of_the_user_and_to_nobody_else(target: Running) -> None:
    with ExitStack() as stack:
        first, second = (stack.enter_context(target.connect(ALICE)) for _ in range(2))
        others = [
            stack.enter_context(target.connect(token, path))
            for token, path in (
                (BOB, "/ws/permissions/"),
                (None, "/ws/permissions/"),
                (ALICE, "/ws/permissions/anonymous"),
            )
        ]
        assert target.control("grant", user_id=1, permission="articles.édit") == 204
        event = first.receive()
        assert event == second.receive()
        assert event["type"] == "permission_changed"
        assert event["data"] == {"user_id": 1, "permission": "articles.édit", "granted": True}
        assert event["event_id"]
        assert event["server_time"].endswith("+00:00")
        assert all(client.before_heartbeat() == [] for client in [first, second, *others])


def test_events_have_their_data_and_their_order(target: Running) -> None:
    with target.connect(CAROL) as client:
        target.control("grant", user_id=CAROL_ID, permission="a")
        target.control("set-roles", user_id=CAROL_ID, roles="author,editor")
        target.control("set-menus", user_id=CAROL_ID, menus="")
        target.control("set-menus", user_id=CAROL_ID, menus="home")
        target.control("invalidate-cache", scope="user", user_id=CAROL_ID, keys="k1,k2")
        target.control("revoke", user_id=CAROL_ID, permission="a")
        events = client.before_heartbeat()
    assert [(event["type"], event["data"]) for event in events] == [
        ("permission_changed", {"user_id": CAROL_ID, "permission": "a", "granted": True}),
        ("role_updated", {"user_id": CAROL_ID, "roles": ["author", "editor"]}),
        ("menu_access_updated", {"user_id": CAROL_ID, "menus": ["home"]}),
        ("cache_invalidated", {"scope": "user", "keys": ["k1", "k2"]}),
        ("permission_changed", {"user_id": CAROL_ID, "permission": "a", "granted": False}),
    ]
    assert len({event["event_id"] for event in events}) == 5


def test_cache_of_all_reaches_anonymous_too(target: Running) -> None:
    with target.connect() as anonymous, target.connect(BOB) as bob:
        assert target.control("invalidate-cache", scope="all", keys="k") == 204
        assert anonymous.receive() == bob.receive()


def test_state_is_changed_before_the_event(target: Running) -> None:
    check = {"type": "check_permission", "data": {"permission": "p"}}
    with target.connect(BOB) as old:
        target.control("grant", user_id=2, permission="p")
        assert old.receive()["data"]["granted"] is True
        assert old.ask(check)["data"]["allowed"] is True
        with target.connect(BOB) as new:
            assert new.ask(check)["data"]["allowed"] is True
            assert new.before_heartbeat() == []


def test_every_change_after_the_confirmation_is_delivered(target: Running) -> None:
    for number in range(30):
        with target.connect(BOB) as client:
            target.control("grant", user_id=2, permission=f"p{number}")
            assert client.receive()["data"]["permission"] == f"p{number}"


def test_no_change_no_event(target: Running) -> None:
    with target.connect(ALICE) as client:
        target.control("grant", user_id=1, permission="articles.view")
        target.control("revoke", user_id=1, permission="unknown")
        assert client.before_heartbeat() == []


def test_reset_announces_what_it_changes(target: Running) -> None:
    with target.connect(ALICE) as client:
        target.control("revoke", user_id=1, permission="articles.view")
        target.control("reset")
        assert [event["data"]["granted"] for event in client.before_heartbeat()] == [False, True]


@pytest.mark.parametrize(
    ("number", "action", "by_token"),
    [
        (1, "revoke-token", True),
        (2, "expire-token", True),
        (3, "revoke-token", False),
        (4, "deactivate-user", False),
    ],
)
def test_burnt_credential_closes_its_connections(
    target: Running, number: int, action: str, *, by_token: bool
) -> None:
    token = TOKENS[f"DISPOSABLE_{number}_TOKEN"]
    with target.connect(token) as client, target.connect(BOB) as bystander:
        parameters = {"token": token} if by_token else {"user_id": 900 + number}
        assert target.control(action, **parameters) == 204
        code, reason = client.closed_with()
        assert code == 4401
        assert token not in reason
        assert bystander.before_heartbeat() == []
    refused = target.get("/ws/permissions/", f"Authorization: Bearer {token}")
    assert refused.status == 401
    assert target.control("reset") == 204
    with target.connect(token) as client:
        assert client.confirmed["user_id"] == 900 + number


@pytest.mark.parametrize(
    ("action", "parameters", "status"),
    [
        ("nonsense", {}, 404),
        ("grant/", {"user_id": 1, "permission": "x"}, 404),
        ("grant", {"user_id": 4242, "permission": "x"}, 404),
        ("grant", {"user_id": "alice", "permission": "x"}, 400),
        ("grant", {"user_id": "01", "permission": "x"}, 400),
        ("grant", {"permission": "x"}, 400),
        ("grant", {"user_id": 1}, 400),
        ("grant", {"user_id": 1, "permission": ""}, 400),
        ("set-roles", {"user_id": 1}, 400),
        ("invalidate-cache", {"keys": "x"}, 400),
        ("invalidate-cache", {"scope": "some"}, 400),
        ("invalidate-cache", {"scope": "user"}, 400),
        ("invalidate-cache", {"scope": "all"}, 204),
        ("revoke-token", {}, 400),
        ("revoke-token", {"token": "unknown"}, 404),
        ("revoke-token", {"user_id": 4242}, 404),
        ("deactivate-user", {}, 400),
    ],
)
def test_control_says_what_is_wrong(
    target: Running, action: str, parameters: dict[str, object], status: int
) -> None:
    assert target.control(action, **parameters) == status


def test_control_is_for_post_and_not_for_pages(target: Running) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS"):
        assert target.control("reset", method) == 405
    for origin in ("https://app.example", "null", f"http://127.0.0.1:{target.control_port}"):
        assert target.control("reset", headers={"Origin": origin}) == 403


def test_slow_reader_delays_nobody_and_is_closed_without_a_gap(target: Running) -> None:
    keys = ",".join(f"key-{number}" for number in range(4000))
    head = (
        f"GET /ws/permissions/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Authorization: Bearer {BOB}\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.socket() as slow, target.connect(BOB) as quick:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        slow.settimeout(BOUND)
        slow.connect(("127.0.0.1", target.port))
        slow.sendall(head.encode())
        assert slow.recv(12) == b"HTTP/1.1 101"
        slowest = 0.0
        for number in range(150):
            assert target.control("invalidate-cache", scope="user", user_id=2, keys=f"{number},{keys}") == 204
            began = time.monotonic()
            assert quick.receive()["data"]["keys"][0] == str(number)
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 1.0
        end = time.monotonic() + BOUND
        received = 0
        try:
            while data := slow.recv(1 << 20):
                received += len(data)
                assert time.monotonic() < end
        except ConnectionResetError:
            pass
        assert received < 150 * len(keys)
