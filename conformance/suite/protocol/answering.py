"""What the tests of unusual handshakes share: any answer will do, silence will not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from conformance.target.attempt import Attempt
from conformance.target.target import Target
from conformance.wire.handshake import Request


async def expect_answered(target: Target, headers: Mapping[str, Sequence[tuple[str, str]]]) -> None:
    """Expect an answer of any kind within the short bound, and that nobody else is harmed.

    The cases, named by what is added to a legal request, are tried side by side: who hears nothing waits.
    """
    await target.bystander()
    attempts = await asyncio.gather(
        *(attempted(target, target.opening(extra=one)) for one in headers.values())
    )
    unanswered = []
    for name, attempt in zip(headers, attempts, strict=True):
        attempt.connection.shut()
        target.recorder.observe(f"{name}: {attempt}")
        if attempt.response is None and attempt.connection.end is None:
            unanswered.append(name)
    target.expect(
        not unanswered,
        "an unusual handshake was left without an answer",
        expected=["an HTTP error status", "101", "the end of TCP"],
        actual=f"nothing within {target.limits.prompt:g} s to {', '.join(unanswered)}",
    )
    await target.aftermath()


async def attempted(target: Target, request: Request) -> Attempt:
    """Try a handshake that some servers leave without an answer, for the short bound only."""
    return await target.attempt(request, timeout=target.limits.prompt)
