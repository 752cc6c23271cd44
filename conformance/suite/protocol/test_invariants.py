"""What the server itself sends, looked at on purpose; the same rules are watched in every other test too."""

from __future__ import annotations

import contextlib

import pytest

from conformance.core.errors import Nonconformance
from conformance.target.target import Target
from conformance.wire.frames import PING, Frame

WATCHED = [
    "framing.server-unmasked",
    "framing.server-reserved-bits",
    "framing.server-opcodes",
    "framing.server-control-frames",
    "framing.server-minimal-length",
    "framing.server-fragments",
    "utf8.server-text",
    "closing.server-close-payload",
    "closing.nothing-after-close",
    "handshake.response-headers",
]


@pytest.mark.parametrize(
    "requirement", [pytest.param(one, marks=pytest.mark.requirement(one), id=one) for one in WATCHED]
)
async def test_a_whole_conversation_keeps_the_invariant(target: Target, requirement: str) -> None:
    async with target.echoing() if target.has("echo") else target.connect() as peer:
        # Whether the server answers at all is judged elsewhere; here it is how its frames are made.
        with contextlib.suppress(Nonconformance):
            peer.send(Frame(PING, bytes(125)))
            await peer.expect_pong(bytes(125))
        with contextlib.suppress(Nonconformance):
            for size in (1, 60, 62, 63, 125, 126, 32768, 65536) if target.has("echo") else ():
                if target.sizes.fits(2 * size + (0 if peer.echoes else 100)):  # and what a heartbeat adds
                    await peer.exchange("é" * size)
        with contextlib.suppress(Nonconformance):
            peer.send_close(1000)
            await peer.expect_close_reply()
    broken = target.recorder.broken(requirement)
    target.expect(not broken, broken, expected=["the invariant kept in every frame"], actual=broken)
