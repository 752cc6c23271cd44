"""Whose the port is: Protocol §7."""

from __future__ import annotations

import asyncio

import pytest

from conformance.errors import Nonconformance, NotApplicable
from conformance.ports.listeners import listeners
from conformance.ports.processes import ancestors, owner, trees
from conformance.target.target import Target


@pytest.mark.smoke
@pytest.mark.requirement("port.one-process-tree")
async def test_listening_sockets_belong_to_one_process_tree(target: Target) -> None:
    found = await asyncio.to_thread(listeners, target.url.port)
    if not found:
        raise NotApplicable(
            f"cannot see the owners: no listening socket of port {target.url.port} is visible"
        )
    unseen = [one for one in found if not one.pids]
    groups = await asyncio.to_thread(trees, [pid for one in found for pid in one.pids])
    if len(groups) > 1:
        raise Nonconformance(
            f"port {target.url.port} is shared by {len(groups)} programs",
            expected=["the listening sockets of one process tree"],
            actual="; ".join(f"{one.address}: {owner(one.pids[0])}" for one in found if one.pids),
        )
    if unseen:
        raise NotApplicable(f"cannot see the owners: {'; '.join(map(str, unseen))}")
    (pids,) = groups
    target.recorder.observe("; ".join(f"{one}" for one in found))
    started = target.instance.pid if target.instance else None
    if started is not None and not any(started in (pid, *ancestors(pid)) for pid in pids):
        target.recorder.note(f"the port is not held by the start command's tree, but by {owner(min(pids))}")
