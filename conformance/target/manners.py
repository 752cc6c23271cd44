"""How the application behind a URL takes our messages: it has rules that the RFC does not know."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.errors import Inconclusive, Nonconformance
from conformance.wire.frames import BINARY, TEXT, Frame

if TYPE_CHECKING:
    from conformance.target.target import Target

# Seconds in which an application makes up its mind about a message, when it says nothing to it at once.
MIND = 0.25
NO_TEXT = b"\xff\xfe harmless \x00"


@dataclass(frozen=True, slots=True)
class Taking:
    """What an application does with a harmless message.

    ``back``: it comes back. ``taken``: the connection goes on, whatever is said to it. ``unwelcome``: it ends
    the connection, as ``said``.
    """

    how: str = "taken"
    said: str = ""

    def __str__(self) -> str:
        """Describe it for a person."""
        how = {"back": "it comes back", "taken": "it is taken"}.get(self.how, "it is unwelcome")
        return how + (f": {self.said}" if self.said else "")


@dataclass(frozen=True, slots=True)
class Manners:
    """How it takes text and how it takes binary data."""

    text: Taking = field(default_factory=Taking)
    binary: Taking = field(default_factory=Taking)

    def minds(self, opcode: int) -> str:
        """Return how the application ends the connection upon a harmless message, or an empty string."""
        taking = {TEXT: self.text, BINARY: self.binary}.get(opcode)
        return taking.said if taking is not None and taking.how == "unwelcome" else ""


async def learn_manners(target: Target) -> Manners:
    """Send a harmless text and harmless binary data, each on its own connection, and see who minds."""
    text, binary = await asyncio.gather(
        _taking(target, Frame(TEXT, target.harmless()), back=target.has("echo")),
        _taking(target, Frame(BINARY, NO_TEXT), back=target.has("echo-binary")),
    )
    return Manners(text, binary)


async def _taking(target: Target, frame: Frame, *, back: bool) -> Taking:
    limits = target.limits
    try:
        async with target.connect(label="is this message welcome?") as peer:
            if back and (peer.echoes or frame.opcode == TEXT):
                return Taking("back")
            peer.send(frame)
            ending = await peer.ending(MIND * max(1.0, limits.prompt), behind=limits.prompt / 20)
            if ending.over:
                return Taking("unwelcome", str(ending))
    except (Inconclusive, Nonconformance):
        pass  # that no connection can be had is told where one is needed
    return Taking()
