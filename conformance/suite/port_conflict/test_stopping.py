"""How a server gives its port back: Protocol §7.

All of it is seen in the lives of two instances on a port of their own: the first is stopped by SIGTERM with a
connection open, the second takes the port at once and is killed.
"""

from __future__ import annotations

import pytest
import pytest_asyncio

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.suite.instances import Life, live
from conformance.target.target import Target


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def life(target: Target) -> Life:
    """Return what was seen of this chapter's two instances, which live once for all tests."""
    return await live(target)


@pytest.mark.requirement("port.free-after-sigterm")
async def test_sigterm_ends_the_server_and_frees_the_port(life: Life) -> None:
    if life.exit_status is None:
        raise Nonconformance(
            "the server goes on after SIGTERM",
            expected=[f"its exit within {life.bound:.0f} s"],
            actual=f"it still runs; the connection: {life.ending}",
        )
    if life.outlived:
        raise Inconclusive("children of the stopped server hold the port: see port.no-child-outlives")
    if life.still_listening or life.still_accepting:
        raise Nonconformance(
            "the port is not free after SIGTERM and exit",
            expected=[f"nothing listens on port {life.port}"],
            actual="; ".join([*map(str, life.still_listening), *life.still_accepting]),
        )


@pytest.mark.requirement("port.no-child-outlives")
async def test_no_child_outlives_its_parent_with_the_socket(life: Life) -> None:
    if life.exit_status is None:
        raise Inconclusive("the server did not exit after SIGTERM: see port.free-after-sigterm")
    if life.outlived:
        raise Nonconformance(
            "children of the stopped server still hold its port",
            expected=["no child with the listening socket"],
            actual=", ".join(life.outlived),
        )
    if any(not one.pids for one in life.still_listening):
        raise Inconclusive("something still listens, and whose it is cannot be seen")


@pytest.mark.requirement("port.taken-again-at-once")
async def test_same_command_takes_the_port_again_at_once(life: Life) -> None:
    if life.taken_again is None:
        raise Inconclusive("the port did not become free after SIGTERM: see port.free-after-sigterm")
    if life.taken_again:
        raise Nonconformance(
            "the same command does not serve on the port that it had until now",
            expected=["a new instance that accepts connections"],
            actual=life.taken_again,
        )


@pytest.mark.requirement("port.going-away")
async def test_sigterm_closes_connections_as_going_away(life: Life) -> None:
    code = life.ending.close.code if life.ending.close else None
    if code not in {1001, 1012}:
        raise Nonconformance(
            "an open connection was not told that the server goes away",
            expected=["Close 1001", "Close 1012"],
            actual=life.ending.told,
        )


@pytest.mark.requirement("port.exit-status")
async def test_exit_status_after_sigterm(target: Target, life: Life) -> None:
    if life.exit_status is None:
        raise Inconclusive("the server did not exit after SIGTERM: see port.free-after-sigterm")
    shown = f"signal {-life.exit_status}" if life.exit_status < 0 else f"exit status {life.exit_status}"
    target.recorder.observe(shown)


@pytest.mark.requirement("port.nothing-after-sigkill")
async def test_nothing_keeps_listening_after_sigkill(life: Life) -> None:
    if life.after_kill is None:
        raise Inconclusive("there was no second instance to kill: see port.taken-again-at-once")
    if life.after_kill:
        raise Nonconformance(
            "the port is still held after its server was killed",
            expected=["nothing listens on the port"],
            actual="; ".join(life.after_kill),
        )
