"""Handshakes that are larger than usual: RFC 9110 §5.4, RFC 9112 §6 and RFC 6455 §10.7."""

from __future__ import annotations

import pytest

from conformance.errors import Nonconformance
from conformance.target.target import Attempt, Target
from conformance.wire.connection import Pong
from conformance.wire.frames import PING, Frame
from conformance.wire.handshake import Request
from conformance.wire.peer import Peer, describe


@pytest.mark.requirement("handshake.many-headers")
async def test_hundred_header_fields_are_accepted(target: Target) -> None:
    many = [(f"X-Conformance-{number}", "value") for number in range(100)]
    async with target.upgraded(target.opening(extra=many)) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.large-header")
async def test_large_header_field_is_answered(target: Target) -> None:
    await expect_answered(target, target.opening(extra=[("X-Conformance", "v" * 65_536)]))


@pytest.mark.requirement("handshake.body-announced")
async def test_body_that_never_comes_is_not_waited_for(target: Target) -> None:
    await expect_answered(target, target.opening(extra=[("Content-Length", "5")]))


@pytest.mark.requirement("handshake.body-not-frames")
async def test_body_of_the_request_is_not_read_as_frames(target: Target) -> None:
    body = Frame(PING, b"in the body").encode()
    request = target.opening(extra=[("Content-Length", str(len(body)))]).saying(body=body)
    attempt = await attempted(target, request)
    if attempt.upgraded:
        peer = Peer(attempt.connection, target.limits, target.recorder)
        peer.send(Frame(PING, b"behind the body"))
        event = await peer.take(lambda one: isinstance(one, Pong), target.limits.reply)
        if isinstance(event, Pong) and event.payload == b"in the body":
            attempt.connection.shut()
            raise Nonconformance(
                "the body of the request was read as a frame",
                expected=["no Pong to the Ping in the body"],
                actual=describe(event),
            )
        await peer.leave()
    attempt.connection.shut()
    target.recorder.observe(str(attempt))


async def expect_answered(target: Target, request: Request) -> None:
    """Expect an answer of any kind within the short bound, and that nobody else is harmed."""
    await target.bystander()
    attempt = await attempted(target, request)
    attempt.connection.shut()
    target.expect(
        attempt.response is not None or attempt.connection.end is not None,
        "an unusual handshake was left without an answer",
        expected=["an HTTP error status", "101", "the end of TCP"],
        actual=f"nothing within {target.limits.prompt:g} s",
    )
    target.recorder.observe(str(attempt))
    await target.aftermath()


async def attempted(target: Target, request: Request) -> Attempt:
    """Try a handshake that some servers leave without an answer, for the short bound only."""
    return await target.attempt(request, timeout=target.limits.prompt)
