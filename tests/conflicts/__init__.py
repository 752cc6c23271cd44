"""Port conflicts as they really happen, with real processes: one context manager for each situation.

Each yields a :class:`Situation`: the URL, the cause that a diagnosis has to name (``None`` for a healthy
server), and the processes by the part they play. Whatever a situation starts is ended with it.
"""

from tests.conflicts.crowds import (
    a_socket_each,
    balanced,
    prefork,
    shared,
    shared_unequally,
    spawned,
    unlike_nodes,
)
from tests.conflicts.families import families, shadowed
from tests.conflicts.hidden import hidden_pids, privileged
from tests.conflicts.holders import backlog_full, http_only, orphan, orphaned_worker, stopped, time_wait
from tests.conflicts.situation import Situation, healthy

__all__ = [
    "Situation",
    "a_socket_each",
    "backlog_full",
    "balanced",
    "families",
    "healthy",
    "hidden_pids",
    "http_only",
    "orphan",
    "orphaned_worker",
    "prefork",
    "privileged",
    "shadowed",
    "shared",
    "shared_unequally",
    "spawned",
    "stopped",
    "time_wait",
    "unlike_nodes",
]
