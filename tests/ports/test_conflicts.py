"""The chapter's verdict on every port conflict, with real processes, and on servers that are not to blame."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

import pytest

from tests import conflicts
from tests.conflicts import Situation
from tests.conflicts.hidden import AS_NOBODY, ELSEWHERE, why_not
from tests.conflicts.situation import has_ipv6
from tests.ports.asking import Judgement, judge

Manager = Callable[[], contextlib.AbstractContextManager[Situation]]
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
TREE = "port.one-process-tree"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the conflicts are those of Linux's kernel")
families = pytest.param(conflicts.families, "port.addresses-same-service", marks=needs_ipv6)


def named(situation: object) -> str | None:
    return getattr(situation, "__name__", None)


def assert_processes_named(found: Judgement, it: Situation, text: str) -> None:
    for part, pid in it.pids.items():
        assert f"PID {pid} (" in text, (part, text)
    assert f":{it.port} " in text, found.text


@pytest.mark.parametrize(
    ("situation", "wire"),
    [
        families,
        (conflicts.shared, "port.repeated-connections"),
        (conflicts.shared_unequally, None),
    ],
    ids=named,
)
def test_conflict_is_red_and_names_its_processes(situation: Manager, wire: str | None) -> None:
    with situation() as it:
        found = judge(it.url)
    assert found.code == 1, found.text
    assert found.outcome(TREE) == "failed"
    assert_processes_named(found, it, found.reason(TREE))
    for pid in it.pids.values():  # whole in the report, and in the terminal's short line at least by number
        assert f"PID {pid}" in found.text
    if wire:
        assert found.outcome(wire) == "failed", found.text
        assert "WSGIServer" in found.reason(wire)
        assert_processes_named(found, it, found.reason(wire))


@needs_ipv6
def test_http_only_address_is_named_with_its_server() -> None:
    with conflicts.families() as it:
        found = judge(it.url)
    reason = found.reason("port.http-is-websocket-too")
    assert "an HTTP-only server answers at 127.0.0.1" in reason
    assert "WSGIServer" in reason
    assert found.outcome("port.http-is-websocket-too") == "failed"


def test_unlike_nodes_behind_one_process_show_by_sampling_alone() -> None:
    with conflicts.unlike_nodes() as it:
        found = judge(it.url)
    assert found.code == 1, found.text
    assert found.outcome("port.repeated-connections") == "failed"
    reason = found.reason("port.repeated-connections")
    assert "SimpleHTTP" in reason
    assert "websockets" in reason
    assert found.outcome(TREE) == "passed"


def test_orphaned_worker_is_advised_against() -> None:
    with conflicts.orphaned_worker() as it:
        found = judge(it.url)
    assert found.code == 0, found.text
    assert list(found.bad()) == ["port.no-orphan-holds"]
    assert f"PID {it.pids['orphan']}, whose parent has ended" in found.reason("port.no-orphan-holds")


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        (conflicts.shadowed, "is shared by 2 programs"),
        (conflicts.http_only, "'WSGIServer/"),
        (conflicts.orphan, "whose parent has ended"),
        (conflicts.stopped, "stopped by a signal"),
        (conflicts.backlog_full, "wait there to be accepted: 2"),
        (conflicts.time_wait, "(TIME_WAIT): 3"),
    ],
    ids=named,
)
def test_what_cannot_be_judged_names_its_cause_and_the_doctor(situation: Manager, words: str) -> None:
    with situation() as it:
        found = judge(it.url)
    assert found.code == 10, found.text
    (line,) = [one for one in found.text.splitlines() if one.startswith("INCONCLUSIVE")]
    assert words in line
    assert f"`conformance doctor {it.url}`" in line
    if it.pids:
        assert_processes_named(found, it, line)


@pytest.mark.parametrize(
    "situation",
    [
        conflicts.healthy,
        conflicts.prefork,
        conflicts.spawned,
        conflicts.a_socket_each,
        conflicts.balanced,
    ],
    ids=named,
)
def test_server_that_is_not_to_blame_is_green(situation: Manager) -> None:
    with situation() as it:
        found = judge(it.url)
    assert found.code == 0, found.text
    assert found.bad() == {}
    assert found.outcome(TREE) == "passed"


@pytest.mark.parametrize(
    ("situation", "wrapper"),
    [
        (conflicts.privileged, AS_NOBODY),
        (conflicts.hidden_pids, ELSEWHERE),
        (conflicts.a_socket_each, AS_NOBODY),
        (conflicts.balanced, AS_NOBODY),
    ],
    ids=["another-user", "another-namespace", "workers-of-another-user", "balancer-of-another-user"],
)
def test_what_cannot_be_seen_is_said_never_passed_and_nobody_accused(
    situation: Manager, wrapper: tuple[str, ...]
) -> None:
    if reason := why_not(wrapper):
        pytest.skip(reason)
    with situation() as it:
        found = judge(it.url, wrapper=wrapper)
    assert found.code == 0, found.text
    assert found.bad() == {}
    for requirement in (TREE, "port.no-orphan-holds"):
        assert found.outcome(requirement) == "not-applicable"
        assert "cannot be seen from here" in found.reason(requirement)
        assert f"127.0.0.1:{it.port} " in found.reason(requirement)


@pytest.mark.parametrize(
    ("situation", "wire"),
    [families, (conflicts.shared, "port.repeated-connections")],
    ids=named,
)
def test_conflict_of_another_user_is_red_on_the_wire(situation: Manager, wire: str) -> None:
    if reason := why_not(AS_NOBODY):
        pytest.skip(reason)
    with situation() as it:
        found = judge(it.url, wrapper=AS_NOBODY)
    assert found.code == 1, found.text
    assert found.outcome(wire) == "failed"
    assert "WSGIServer" in found.reason(wire)
    assert "user 0 that cannot be seen from here" in found.reason(wire)
    assert found.outcome(TREE) == "not-applicable"


def test_small_share_of_another_user_may_be_missed_and_is_never_passed() -> None:
    if reason := why_not(AS_NOBODY):
        pytest.skip(reason)
    with conflicts.shared_unequally() as it:
        found = judge(it.url, wrapper=AS_NOBODY)
    assert found.outcome(TREE) == "not-applicable"
    assert "(20 sockets)" in found.reason(TREE)


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        (conflicts.shadowed, "SimpleHTTP"),
        (conflicts.http_only, "'WSGIServer/"),
        (conflicts.orphan, "'WSGIServer/"),
        (conflicts.stopped, "wait there to be accepted:"),
        (conflicts.backlog_full, "wait there to be accepted: 2"),
        (conflicts.time_wait, "(TIME_WAIT): 3"),
    ],
    ids=named,
)
def test_what_another_user_cannot_judge_says_what_is_hidden(situation: Manager, words: str) -> None:
    if reason := why_not(AS_NOBODY):
        pytest.skip(reason)
    with situation() as it:
        found = judge(it.url, wrapper=AS_NOBODY)
    assert found.code == 10, found.text
    (line,) = [one for one in found.text.splitlines() if one.startswith("INCONCLUSIVE")]
    assert words in line
    assert f"`conformance doctor {it.url}`" in line
    if it.pids:
        assert f":{it.port} held by a process of user 0 that cannot be seen from here" in line
