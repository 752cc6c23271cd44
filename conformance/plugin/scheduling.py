"""Which worker of pytest-xdist runs which tests of the suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xdist.scheduler import LoadScopeScheduling


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Keep the tests of a group on one worker, the largest group first; balance the others one by one."""

    def __init__(self, config: Any, log: Any, groups: Mapping[str, str]) -> None:
        super().__init__(config, log)
        self.groups = groups

    def _split_scope(self, nodeid: str) -> str:
        return self.groups.get(nodeid, nodeid)

    def _reschedule(self, node: Any) -> None:
        """Keep a worker supplied: it starts a test only when it knows the next one, or that there is none."""
        if node not in self.registered_collections:
            return  # it takes a lost worker's place and has not collected yet
        while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < 3:
            self._assign_work_unit(node)
        super()._reschedule(node)

    def remove_node(self, node: Any) -> str | None:
        """Give a lost worker's tests to others, all but the one that it crashed in.

        Returns:
            The test that it crashed in, if any.

        """
        for unit in self.assigned_work[node].values():
            for nodeid, done in unit.items():
                if not done:
                    unit[nodeid] = True  # or it would crash one worker after the other
                    super().remove_node(node)
                    return str(nodeid)
        super().remove_node(node)
        return None
