"""Clients that vanished without a word: they wait in the background of the whole run."""

from __future__ import annotations

import time

from conformance.core.errors import Unreachable
from conformance.net.connection import Connection
from conformance.target.target import Target


class Idlers:
    """Connections of clients that are gone: one behind its handshake, one in the middle of it.

    They are opened where the profile declares how long the server waits for such clients.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.began = 0.0
        self.silent: Connection | None = None
        self.half: Connection | None = None

    async def begin(self) -> None:
        """Open both; a target that cannot be reached is judged elsewhere."""
        if self.target.profile.idle_seconds is None:
            return
        try:
            attempt = await self.target.attempt(self.target.opening(), label="a client that vanished")
            if attempt.upgraded:
                self.silent = attempt.connection
                self.silent.auto_pong = False
            else:
                attempt.connection.shut()
            self.half = await self.target.tcp("a client that vanished in its handshake")
            self.half.write(self.target.opening().encode()[:-20])
        except Unreachable:
            pass
        self.began = time.monotonic()

    @property
    def allowed(self) -> float:
        """The seconds of the server's patience, with the bound of closing."""
        assert self.target.profile.idle_seconds is not None
        return self.target.profile.idle_seconds + self.target.limits.close

    def left(self) -> float:
        """Return the seconds that are left of that."""
        return max(0.0, self.began + self.allowed - time.monotonic())

    def end(self) -> None:
        """Leave nothing open."""
        for connection in (self.silent, self.half):
            if connection is not None:
                connection.reset()
