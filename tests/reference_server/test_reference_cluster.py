"""Several nodes on one Redis: one log of changes, made in its order by each."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from reference_harness import ALICE, BOB, BOUND, TOKENS, Running, server, start

from conformance.target.launch import free_port
from tests.redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cluster() -> Iterator[tuple[str, Running, Running]]:
    """Return the URL of a Redis, and two nodes on it."""
    with redis_server() as url, server("--redis", url) as first, server("--redis", url) as second:
        yield url, first, second


def test_event_is_the_same_on_every_node_and_comes_once(cluster: tuple[str, Running, Running]) -> None:
    _, first, second = cluster
    with first.connect(ALICE) as here, second.connect(ALICE) as there, second.connect(BOB) as other:
        for number, through in enumerate([first, second, first]):
            assert through.control("grant", user_id=1, permission=f"p{number}") == 204
            event = there.receive()
            assert event == here.receive()
            assert event["data"]["permission"] == f"p{number}"
        assert [client.before_heartbeat() for client in (here, there, other)] == [[], [], []]


def test_changes_through_both_nodes_have_one_order(cluster: tuple[str, Running, Running]) -> None:
    _, first, second = cluster
    with ExitStack() as stack:
        clients = [stack.enter_context(node.connect(ALICE)) for node in (first, second)]
        for number in range(10):
            assert (first, second)[number % 2].control("set-roles", user_id=1, roles=f"r{number}") == 204
        seen = [[client.receive()["event_id"] for _ in range(10)] for client in clients]
    assert seen[0] == seen[1]


def test_state_is_that_of_the_log(cluster: tuple[str, Running, Running]) -> None:
    url, first, second = cluster
    assert first.control("grant", user_id=1, permission="reports.view") == 204
    assert first.control("revoke-token", token=TOKENS["DISPOSABLE_1_TOKEN"]) == 204
    with server("--redis", url) as later, later.connect(ALICE) as client:
        reply = client.ask({"type": "check_permission", "data": {"permission": "reports.view"}})
        assert reply["data"]["allowed"] is True
        assert (
            later.get("/ws/permissions/", f"Authorization: Bearer {TOKENS['DISPOSABLE_1_TOKEN']}").status
            == 401
        )
        assert second.control("reset") == 204
        assert client.receive()["data"] == {"user_id": 1, "permission": "reports.view", "granted": False}


def test_reset_announces_each_difference_with_an_event_id_of_its_own(
    cluster: tuple[str, Running, Running],
) -> None:
    _, first, second = cluster
    for permission in ("a", "b"):
        assert first.control("grant", user_id=2, permission=permission) == 204
    with second.connect(BOB) as client:
        assert second.control("reset") == 204
        assert client.receive()["event_id"] != client.receive()["event_id"]


@pytest.mark.parametrize(
    ("action", "parameters", "status"),
    [
        pytest.param("grant", {"user_id": "1"}, 400, id="parameter-missing"),
        pytest.param("grant", {"user_id": "77", "permission": "a"}, 404, id="no-such-user"),
        pytest.param("no-such-action", {}, 404, id="no-such-action"),
    ],
)
def test_refused_change_is_answered_and_stops_nobody(
    cluster: tuple[str, Running, Running], action: str, parameters: dict[str, str], status: int
) -> None:
    _, first, second = cluster
    assert first.control(action, **parameters) == status
    with second.connect(ALICE) as client:
        assert first.control("invalidate-cache", scope="all", keys="k") == 204
        assert client.receive()["data"] == {"scope": "all", "keys": ["k"]}


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{port}", "nowhere"])
def test_redis_that_cannot_be_used_is_told_in_one_line(url: str) -> None:
    process = start("--redis", url.format(port=free_port("127.0.0.1")))
    _, complaint = process.communicate(timeout=BOUND)
    assert process.returncode == 1
    assert complaint.startswith("error: --redis: ")
    assert len(complaint.splitlines()) == 1
