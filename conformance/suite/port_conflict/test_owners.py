"""Whose the port is: Protocol §7."""

from __future__ import annotations

import asyncio

import pytest

from conformance.core.errors import Nonconformance, NotApplicable
from conformance.ports.listeners import Listener, listeners
from conformance.ports.processes import ancestors, is_orphan, owner, trees
from conformance.ports.programs import described, head
from conformance.target.target import Target


async def visible(target: Target) -> list[Listener]:
    """Return the listening sockets of the port, of which there are some on this machine."""
    found = await asyncio.to_thread(listeners, target.url.port)
    if not found:
        raise NotApplicable(
            f"cannot see the owners: no listening socket of port {target.url.port} is visible"
        )
    return found


@pytest.mark.smoke
@pytest.mark.requirement("port.one-process-tree")
async def test_listening_sockets_belong_to_one_process_tree(target: Target) -> None:
    found = await visible(target)
    unseen = [one for one in found if not one.pids]
    groups = await asyncio.to_thread(trees, [pid for one in found for pid in one.pids])
    if len(groups) > 1:
        raise Nonconformance(
            f"port {target.url.port} is shared by {len(groups)} programs: "
            + " and ".join(f"PID {head(pids)}" for pids in groups),
            expected=["the listening sockets of one process tree"],
            actual="; ".join(await asyncio.to_thread(described, found, groups)),
        )
    if unseen:
        raise NotApplicable(f"cannot see the owners: {'; '.join(described(unseen, ()))}")
    (pids,) = groups
    target.recorder.observe("; ".join(f"{one}" for one in found))
    started = target.instance.pid if target.instance else None
    if started is not None and not any(started in (pid, *ancestors(pid)) for pid in pids):
        target.recorder.note(f"the port is not held by the start command's tree, but by {owner(min(pids))}")


@pytest.mark.requirement("port.no-orphan-holds")
async def test_no_orphan_holds_the_port(target: Target) -> None:
    found = await visible(target)
    unseen = [one for one in found if not one.pids]
    pids = sorted({pid for one in found for pid in one.pids})
    orphans = [pid for pid in pids if await asyncio.to_thread(is_orphan, pid)]
    if orphans:
        raise Nonconformance(
            f"port {target.url.port} is held by PID {', '.join(map(str, orphans))}, whose parent has ended",
            expected=["a process that is watched over, or started on its own"],
            actual="; ".join(str(owner(pid)) for pid in orphans),
        )
    if unseen:
        raise NotApplicable(f"cannot see the owners: {'; '.join(described(unseen, ()))}")
