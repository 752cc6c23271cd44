"""Several nodes of one server: every change goes through a log in Redis.

The log is a Redis stream, and the truth: a node that is asked for a change writes it there, and every node,
the asked one too, makes the changes in the order of the log. All of them start from the same state, so they
agree on it, and on which event is whose; each tells its own connections. A node that joins later makes first
what the log holds. What stands in it are the parameters as they came, a token that is revoked among them: the
Redis of a cluster is as private as its control interface.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from .actions import Actions, Parameters

LOG = "reference_server:changes"
RETRY = 0.2  # seconds
EVENT_IDS = uuid.UUID("7d3f3f0e-9a70-4c1c-8d3a-6e6a5a1f4b57")  # of this application, see RFC 9562 section 6.6


class ClusterError(Exception):
    """Redis cannot be reached; the text names no password."""


class Cluster:
    """The place of one node in the log."""

    def __init__(self, url: str, actions: Actions) -> None:
        self.actions = actions
        # Typed as what it is: a reply's shape depends on options that its types cannot see.
        self._redis: Any = Redis.from_url(url, decode_responses=True)
        self._last = "0-0"
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._following: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Make every change that the log holds already, then follow it.

        Raises:
            ClusterError: Redis cannot be reached.

        """
        try:
            for entry, fields in await self._redis.xrange(LOG):
                self._make(entry, fields)
        except (RedisError, OSError) as error:
            raise ClusterError(f"Redis cannot be used: {error}") from None
        self._following = asyncio.create_task(self._follow())

    async def leave(self) -> None:
        """Stop following."""
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
        await self._redis.aclose()

    async def carry_out(self, name: str, parameters: Parameters) -> None:
        """Write a change to the log and return when this node has made it. Raises what making it raises."""
        mine = str(uuid.uuid4())
        made = self._waiting[mine] = asyncio.get_running_loop().create_future()
        try:
            change = json.dumps([name, parameters])
            await self._redis.xadd(LOG, {"by": mine, "change": change})
            await made
        finally:
            del self._waiting[mine]

    async def _follow(self) -> None:
        while True:
            try:
                answer = await self._redis.xread({LOG: self._last}, block=0)
            except (RedisError, OSError):
                # Nothing is lost: the log goes on where this node stopped reading.
                await asyncio.sleep(RETRY)
                continue
            for _, entries in answer:
                for entry, fields in entries:
                    self._make(entry, fields)

    def _make(self, entry: str, fields: dict[str, str]) -> None:
        """Make one change. Every node refuses the same ones, and only who asked for it is told."""
        self._last = entry
        numbers = itertools.count()
        moment = datetime.fromtimestamp(int(entry.partition("-")[0]) / 1000, UTC)

        def stamp() -> tuple[str, str]:
            event_id = uuid.uuid5(EVENT_IDS, f"{entry}/{next(numbers)}")
            return str(event_id), moment.isoformat(timespec="milliseconds")

        asked = self._waiting.get(fields["by"])
        name, parameters = json.loads(fields["change"])
        self.actions.hub.stamp = stamp
        outcome: Any = None
        try:
            self.actions.perform(name, parameters)
        except Exception as error:  # noqa: BLE001 - whoever asked is told, and the log goes on
            outcome = error
        if asked is not None and not asked.done():
            asked.set_exception(outcome) if outcome else asked.set_result(None)
