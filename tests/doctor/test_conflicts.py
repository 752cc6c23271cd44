"""The doctor's verdict on every port conflict, with real processes, and on servers that are not to blame."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from tests import conflicts
from tests.conflicts import Situation
from tests.conflicts.hidden import AS_NOBODY, ELSEWHERE, Hidden, why_not
from tests.conflicts.situation import has_ipv6
from tests.doctor.asking import ask

Manager = Callable[[], contextlib.AbstractContextManager[Situation]]
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


@pytest.mark.parametrize(
    "situation",
    [
        conflicts.shared,
        conflicts.shared_unequally,
        pytest.param(conflicts.families, marks=needs_ipv6),
        conflicts.shadowed,
        conflicts.orphan,
        conflicts.http_only,
        conflicts.stopped,
        conflicts.backlog_full,
        conflicts.time_wait,
    ],
    ids=lambda one: one.__name__,
)
def test_conflict_is_named_with_its_processes(situation: Manager) -> None:
    with situation() as it:
        found = ask(it.url)
    assert found.data["cause"] == it.cause, found.text
    assert found.code == 1
    for part, pid in it.pids.items():
        assert f"PID {pid} " in found.text, (part, found.text)


@pytest.mark.parametrize("situation", [conflicts.shared, conflicts.shadowed], ids=lambda one: one.__name__)
def test_the_intruder_is_the_one_to_stop(situation: Manager) -> None:
    with situation() as it:
        found = ask(it.url)
    assert [one["command"] for one in found.last["steps"]] == [f"kill {it.pids['intruder']}"], found.text


@pytest.mark.parametrize(
    "situation", [conflicts.healthy, conflicts.prefork, conflicts.balanced], ids=lambda one: one.__name__
)
def test_a_server_that_is_not_to_blame_is_healthy(situation: Manager) -> None:
    with situation() as it:
        found = ask(it.url)
    assert found.data["verdict"] == "healthy", found.text
    assert found.code == 0
    assert "one program holds the port" in found.text


@pytest.mark.parametrize(
    ("situation", "wrapper"),
    [(conflicts.privileged, AS_NOBODY), (conflicts.hidden_pids, ELSEWHERE)],
    ids=["another-user", "another-namespace"],
)
def test_what_cannot_be_seen_is_said_and_nobody_accused(
    situation: Callable[[], contextlib.AbstractContextManager[Hidden]], wrapper: tuple[str, ...]
) -> None:
    if reason := why_not(wrapper):
        pytest.skip(reason)
    with situation() as it:
        found = ask(it.url, wrapper=it.wrapper)
    assert found.code == 0, found.text
    (owners,) = [one for one in found.data["layers"] if one["layer"] == "owners"]
    assert owners["state"] == "unseen"
    assert any("cannot be seen" in one for one in found.data["not_seen"])
    assert f"ss -ltnp 'sport = :{it.port}'" in found.text


@pytest.mark.parametrize("situation", [conflicts.shared, conflicts.families, conflicts.stopped])
def test_conflicts_of_another_user_show_on_the_wire(situation: Manager) -> None:
    if reason := why_not(AS_NOBODY):
        pytest.skip(reason)
    if situation is conflicts.families and not has_ipv6():
        pytest.skip("this machine has no ::1")
    with situation() as it:
        found = ask(it.url, wrapper=AS_NOBODY)
    assert found.code == 1, found.text
    assert found.data["cause"] in {"port.answers-differ", "port.addresses-differ", "http.not-accepting"}
    assert "sudo ss -ltnp" in found.text
