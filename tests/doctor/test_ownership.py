"""The rules of who gets a connection and who is in conflict, from listeners alone."""

from __future__ import annotations

import os

import pytest

from conformance.commands.doctor.ownership import Programs, caught_by, conflict, covering
from conformance.ports.listeners import Listener

PORT = 8000


def held(address: str, *pids: int, uid: int = 1000) -> Listener:
    return Listener(address, PORT, pids, uid)


def programs(*groups: set[int]) -> Programs:
    return Programs(tuple(frozenset(one) for one in groups))


@pytest.mark.parametrize(
    ("addresses", "asked", "caught"),
    [
        (["0.0.0.0"], "127.0.0.1", ["0.0.0.0"]),
        (["0.0.0.0", "127.0.0.1"], "127.0.0.1", ["127.0.0.1"]),
        (["::"], "127.0.0.1", ["::"]),
        (["::", "0.0.0.0"], "127.0.0.1", ["0.0.0.0"]),
        (["::", "::1"], "::1", ["::1"]),
        (["0.0.0.0"], "::1", []),
        (["127.0.0.2", "::1"], "127.0.0.1", []),
        (["127.0.0.1", "127.0.0.1"], "127.0.0.1", ["127.0.0.1", "127.0.0.1"]),
    ],
)
def test_most_specific_listener_gets_the_connection(
    addresses: list[str], asked: str, caught: list[str]
) -> None:
    assert [one.address for one in caught_by([held(one) for one in addresses], asked)] == caught


def test_ipv6_wildcard_beside_ipv4_keeps_to_its_family() -> None:
    found = [held("::", 1), held("127.0.0.1", 2)]
    assert covering(found, "127.0.0.1") == [found[1]]
    assert conflict(found, ["127.0.0.1"], programs({1}, {2})) is None


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ([held("127.0.0.1", 1), held("127.0.0.1", 2)], "port.shared"),
        ([held("0.0.0.0", 1), held("127.0.0.1", 2)], "port.shadowed"),
        ([held("127.0.0.1", 1), held("::1", 2)], "port.families"),
        ([held("127.0.0.1", uid=0), held("::1", 2)], "port.families"),
    ],
)
def test_conflict_is_named(found: list[Listener], cause: str) -> None:
    made = conflict(found, ["127.0.0.1", "::1"], programs({1}, {2}))
    assert made is not None
    assert made.cause == cause


@pytest.mark.parametrize(
    "found",
    [
        [held("127.0.0.1", 1), held("::1", 1)],
        [held("127.0.0.1", 1, 3), held("127.0.0.1", 3)],
        [held("127.0.0.1"), held("127.0.0.1")],
        [held("127.0.0.1", 1), held("10.0.0.1", 2)],
        [held("127.0.0.1", uid=0), held("::1", uid=0)],
    ],
    ids=["both-families", "workers", "unseen", "elsewhere", "unseen-families"],
)
def test_nobody_is_accused_without_proof(found: list[Listener]) -> None:
    assert conflict(found, ["127.0.0.1", "::1"], programs({1, 3}, {2})) is None


def test_our_own_processes_are_one_program() -> None:
    found = Programs.of([held("127.0.0.1", os.getpid()), held("::1", os.getpid(), os.getppid())])
    assert len(found.groups) == 1
