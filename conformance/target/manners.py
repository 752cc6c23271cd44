"""How the application behind a URL takes our messages: it has rules that the RFC does not know."""

from __future__ import annotations

import asyncio

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.target.snapshot import Manners, Taking
from conformance.target.target import Target
from conformance.wire.frames import BINARY, TEXT, Frame

# Seconds in which an application makes up its mind about a message, when it says nothing to it at once.
MIND = 0.25
NO_TEXT = b"\xff\xfe harmless \x00"


async def learn_manners(target: Target) -> Manners:
    """Send a harmless text and harmless binary data, each on its own connection, and see who minds.

    Returns:
        How the application takes each.

    """
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
