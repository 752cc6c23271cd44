"""The polite tier's pace: how often, and how many at a time, a run opens connections to a target of others.

All processes of a run share one folder. Locks of the operating system count what is open, so that a process
that dies gives back what it held. The library filelock is not used: it locks whole files, and takes fifty
times as long to find one locked, where each waiting test tries 48 places of one file every few milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from conformance.core.errors import Inconclusive

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, each process keeps a pace of its own
    fcntl = None  # type: ignore[assignment]

RATE = 100.0  # new connections a second
BURST = 10  # of these at once, after a pause
OPEN = 32  # connections at a time, as far as tests begin on them
MORE = 16  # and as many more for tests that have begun and need another
WORKERS = 8  # processes that share this
TURN_BOUND = 30.0  # seconds that a test waits for its turn to open a connection
_ASK_AGAIN = 0.005


class Pace:
    """Turns to open a connection: :meth:`enter` waits for one, :meth:`leave` gives it back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clock: BinaryIO = (folder / "clock").open("a+b", buffering=0)
        self._slots: BinaryIO = (folder / "slots").open("a+b", buffering=0)
        self._held: list[int] = []

    async def enter(self) -> int:
        """Wait for the turn to open a connection.

        Returns:
            What :meth:`leave` takes.

        Raises:
            Inconclusive: every connection that the tier allows stayed in use.

        """
        slot = self._free()
        deadline = time.monotonic() + TURN_BOUND
        while slot is None:
            if time.monotonic() > deadline:
                raise Inconclusive(
                    f"all {OPEN + MORE} connections of the polite tier stayed in use for {TURN_BOUND:g} s"
                )
            await asyncio.sleep(_ASK_AGAIN)  # what is awaited happens in another process, which tells nobody
            slot = self._free()
        await asyncio.sleep(self._appointed() - time.monotonic())
        return slot

    def leave(self, slot: int) -> None:
        """Give a turn back; a second time it does nothing."""
        if slot in self._held:
            self._held.remove(slot)
            if fcntl is not None and not self._slots.closed:
                fcntl.lockf(self._slots, fcntl.LOCK_UN, 1, slot)

    def clear(self) -> None:
        """Give every turn of this process back: a loop that has ended tells of no connection's end."""
        for slot in list(self._held):
            self.leave(slot)

    def _free(self) -> int | None:
        # A process whose tests hold no more than the bystander begins one. It must leave room for the others
        # to go on, or all would wait for each other.
        limit = OPEN if len(self._held) < 2 else OPEN + MORE
        for slot in range(limit):
            if slot not in self._held and self._lock(slot):
                self._held.append(slot)
                return slot
        return None

    def _lock(self, slot: int) -> bool:
        if fcntl is None:
            return True
        try:
            fcntl.lockf(self._slots, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            return False
        return True

    def _appointed(self) -> float:
        """Return the moment of the next connection, in seconds of the machine's monotonic clock."""
        with self._alone():
            self._clock.seek(0)
            kept = self._clock.read(8)
            upcoming = struct.unpack("d", kept)[0] if len(kept) == 8 else 0.0
            moment = max(upcoming, time.monotonic() - BURST / RATE)
            self._clock.seek(0)
            self._clock.truncate()
            self._clock.write(struct.pack("d", moment + 1 / RATE))
        return float(moment)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if fcntl is not None:
            fcntl.flock(self._clock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if fcntl is not None:
                fcntl.flock(self._clock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the files, and of every turn with them."""
        self._clock.close()
        self._slots.close()
