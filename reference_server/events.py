"""Delivery of changes to the connections they concern.

Every message to a client goes through its connection's one queue, in order: the confirmation first, then
answers and events as they come about. Publishing puts an event into queues and waits for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed

from .session import encode, server_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.server import ServerConnection

    from .identity import Identity

LONGEST_QUEUE = 1024  # messages
LARGEST_QUEUE = 1024 * 1024  # characters
CLOSE_TIMEOUT = 2.0  # seconds


class Peer:
    """One open connection: who it is, and what it is still to be sent."""

    def __init__(self, websocket: ServerConnection, identity: Identity) -> None:
        self.websocket = websocket
        self.identity = identity
        self._queue: asyncio.Queue[tuple[str, asyncio.Event | None]] = asyncio.Queue()
        self._queued_characters = 0

    def push(self, text: str) -> bool:
        """Queue a message; return False when the reader is too slow to be kept."""
        self._put(text, None)
        return self._queue.qsize() <= LONGEST_QUEUE and self._queued_characters <= LARGEST_QUEUE

    async def reply(self, text: str) -> None:
        """Queue an answer and wait until it is written.

        A client that asks without reading is thereby no longer read: its own TCP connection slows it
        down, and its queue holds one answer at most.
        """
        written = asyncio.Event()
        self._put(text, written)
        await written.wait()

    async def write(self) -> None:
        """Send what is queued until the connection ends."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                text, written = await self._queue.get()
                await self.websocket.send(text)
                self._queued_characters -= len(text)
                if written is not None:
                    written.set()

    def _put(self, text: str, written: asyncio.Event | None) -> None:
        self._queued_characters += len(text)
        self._queue.put_nowait((text, written))

    async def close(self, code: int, reason: str) -> None:
        """Close, in bounded time whatever the client does.

        The close frame waits behind what the client has not read; when it does not read at all, the
        TCP connection is dropped.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.websocket.close(code, reason)
        self.websocket.transport.abort()


def fresh_stamp() -> tuple[str, str]:
    """Return the event_id and the server_time of an event that is made now."""
    return str(uuid.uuid4()), server_time()


class Hub:
    """The open connections."""

    def __init__(self) -> None:
        self._peers: set[Peer] = set()
        self._closing: set[asyncio.Task[None]] = set()
        # Nodes of a cluster have to agree on these, so they are not always made here.
        self.stamp: Callable[[], tuple[str, str]] = fresh_stamp

    def join(self, peer: Peer, confirmation: str) -> None:
        """Register a connection: from here on it gets every event, behind its confirmation.

        Both happen in one step of the event loop, so no change falls between them.
        """
        peer.push(confirmation)
        self._peers.add(peer)

    def leave(self, peer: Peer) -> None:
        """Forget a connection."""
        self._peers.discard(peer)

    def publish(self, event: str, data: dict[str, Any], *, user_id: int | None = None) -> None:
        """Queue an event on every connection of a user, or on all connections without `user_id`.

        The message is written once: each connection gets the same `event_id`, in the order of changes.
        """
        event_id, moment = self.stamp()
        message = {"type": event, "event_id": event_id, "server_time": moment, "data": data}
        text = encode(message)
        for peer in list(self._peers):
            concerned = user_id is None or peer.identity.user_id == user_id
            if concerned and not peer.push(text):
                # To skip an event would be a lie; the client learns that it must connect anew.
                self.close(peer, 1013, "Too slow to keep up with the events.")

    def close_where(self, condition: Callable[[Identity], bool], code: int, reason: str) -> None:
        """Close every connection whose identity meets the condition."""
        for peer in list(self._peers):
            if condition(peer.identity):
                self.close(peer, code, reason)

    def close(self, peer: Peer, code: int, reason: str) -> None:
        """Take a connection out of delivery at once and close it, without waiting for it."""
        self.leave(peer)
        task = asyncio.get_running_loop().create_task(peer.close(code, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
