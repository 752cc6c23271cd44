"""Handshakes that are larger than usual: RFC 9110 §5.4 and RFC 6455 §10.7."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from conformance.target.target import Attempt, Target
from conformance.wire.handshake import Request


@pytest.mark.requirement("handshake.many-headers")
async def test_hundred_header_fields_are_accepted(target: Target) -> None:
    many = [(f"X-Conformance-{number}", "value") for number in range(100)]
    async with target.upgraded(target.opening(extra=many)) as peer:
        await peer.ping()


LARGE: dict[str, list[tuple[str, str]]] = {
    "a value of 10 kB": [("X-Conformance", "v" * 10_000)],
    "a value of 64 kB": [("X-Conformance", "v" * 65_536)],
    "a name of 64 kB": [("X-" + "n" * 65_536, "value")],
    "300 fields": [(f"X-Conformance-{number}", "value") for number in range(300)],
    "3000 fields": [(f"X-Conformance-{number}", "value") for number in range(3000)],
    "a field 1000 times": [("X-Conformance", "value")] * 1000,
}


@pytest.mark.requirement("handshake.large-header")
async def test_large_header_section_is_answered(target: Target) -> None:
    await expect_answered(target, LARGE)


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
