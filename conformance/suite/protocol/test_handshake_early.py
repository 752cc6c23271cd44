"""Opening handshakes cut into segments, and bytes that come with them: RFC 6455 §4.1 and §4.2.2."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from conformance.core.errors import Nonconformance
from conformance.core.evidence import Told
from conformance.target.attempt import Attempt
from conformance.target.target import Target
from conformance.wire.events import End, Message, Pong
from conformance.wire.frames import PING, TEXT, Frame
from conformance.wire.handshake import Request

FEW = 48  # segments: as many any server has to put together
BATCH = 12  # connections at a time: each is held until all are there, and others of the run need some too


@pytest.mark.requirement("handshake.accepted")
@pytest.mark.parametrize("size", [pytest.param(1, id="1-byte"), pytest.param(7, id="7-bytes")])
async def test_handshake_in_small_segments_is_accepted(target: Target, size: int) -> None:
    request = target.opening()
    data = request.encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    try:
        await accepted_in(target, request, pieces)
    except Nonconformance:
        if len(pieces) <= FEW:
            raise
        # A server may bound in how many pieces a request comes. Then each part is sent so, the rest at once.
        part = FEW * size
        for at in range(0, len(data), part):
            fine = [data[spot : spot + size] for spot in range(at, min(at + part, len(data)), size)]
            rough = [data[:at], *fine, data[at + part :]]
            await accepted_in(target, request, [piece for piece in rough if piece])
        target.recorder.observe(
            f"a request in {len(pieces)} segments is refused, and each part of it is taken in {FEW}: a limit"
        )


async def accepted_in(target: Target, request: Request, segments: list[bytes]) -> None:
    """Expect that the request opens a WebSocket when it comes in these segments."""
    async with target.upgraded(request, segments=segments) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.accepted")
async def test_handshake_in_two_segments_is_accepted_wherever_it_is_cut(target: Target) -> None:
    request = target.opening()
    data = request.encode()
    positions = cuts(data)
    refused: dict[int, Attempt] = {}
    for first in range(0, len(positions), BATCH):
        refused |= await refused_when_cut(target, request, positions[first : first + BATCH])
    for position in refused:
        # Once more, alone: a server may drop who is slow with a request, and a batch may have had to wait.
        for attempt in (await refused_when_cut(target, request, [position])).values():
            raise Nonconformance(
                "a legal opening handshake was not accepted when it was cut into two segments",
                expected=["101 Switching Protocols, wherever the cut is"],
                actual=Told(
                    f"{attempt} when cut behind byte {position} of {len(data)}, "
                    f"{data[max(0, position - 12) : position]!r}; "
                    f"refused at {len(refused)} of {len(positions)} places",
                    attempt.at,
                ),
            )


async def refused_when_cut(target: Target, request: Request, positions: list[int]) -> dict[int, Attempt]:
    """Send a request in two segments on as many connections as there are cuts; return what was refused."""
    bystander = await target.bystander()
    data = request.encode()

    async def begun(position: int) -> Attempt:
        connection = await target.tcp(f"a handshake cut behind byte {position}")
        connection.expect_response_to(request)
        connection.write(data[:position])
        return Attempt(request, connection)

    async def ended(position: int, attempt: Attempt) -> None:
        attempt.connection.write(data[position:])
        await attempt.connection.read_response(target.limits.handshake)
        attempt.connection.shut()

    attempts = await asyncio.gather(*map(begun, positions))
    # The answers to later Pings say that the first parts were read before the second ones are sent; an
    # event loop accepts in one turn, makes the connection in the next ones, and reads behind those.
    for _ in range(5):
        await bystander.ping()
    await asyncio.gather(*map(ended, positions, attempts))
    return {at: one for at, one in zip(positions, attempts, strict=True) if not one.upgraded}


def cuts(data: bytes) -> list[int]:
    """Return where a request is cut: at its first bytes, round each colon and each end of a line."""
    chosen = {1, 2, 3, 4, 5, len(data) - 1}
    for mark in (b" HTTP/", b": ", b"\r\n"):
        at = data.find(mark)
        while at >= 0:
            chosen |= {at, at + 1, at + 2}
            at = data.find(mark, at + 1)
    return sorted(one for one in chosen if 0 < one < len(data))


async def early(target: Target) -> tuple[Attempt, Counter[str]]:
    """Send frames in the segment of the request and the same again behind the 101; count the answers."""
    request = target.opening()
    attempt = await target.attempt(request, segments=[request.encode() + frames(target, "early")])
    connection = attempt.connection
    answers: Counter[str] = Counter()
    if attempt.upgraded:
        connection.write(frames(target, "later"))
        deadline = time.monotonic() + 2 * target.limits.reply  # for all: a server may talk of other things
        wanted = {"the later Ping"} | ({"the later heartbeat"} if target.has("heartbeat") else set())
        while wanted - answers.keys():
            event = await connection.event(min(target.limits.reply, deadline - time.monotonic()))
            if event is None or isinstance(event, End):
                break
            content = event.content if isinstance(event, Message) else getattr(event, "payload", b"")
            kind = "Ping" if isinstance(event, Pong) else "heartbeat"
            answers.update(f"the {one} {kind}" for one in ("early", "later") if one.encode() in content)
    connection.shut()
    return attempt, answers


def frames(target: Target, word: str) -> bytes:
    """Return a Ping, and a heartbeat where the target answers those."""
    sent = Frame(PING, word.encode()).encode()
    return sent + (Frame(TEXT, target.harmless(word)).encode() if target.has("heartbeat") else b"")


@pytest.mark.requirement("handshake.early-data")
async def test_frame_in_the_segment_of_the_request_is_observed(target: Target) -> None:
    attempt, answers = await early(target)
    target.recorder.observe(f"{attempt}, answered: {', '.join(sorted(answers)) or 'nothing'}")


@pytest.mark.requirement("handshake.early-data-once")
async def test_early_frame_is_answered_once_and_behind_the_101(target: Target) -> None:
    await target.bystander()
    attempt, answers = await early(target)
    twice = [f"{what} was answered {count} times" for what, count in answers.items() if count > 1]
    if attempt.connection.garbage is not None or twice:
        raise Nonconformance(
            "frames in the segment of the request brought the server out of step",
            expected=["101, and no frame answered twice", "101, and the frames dropped", "a refusal"],
            actual="; ".join(twice) or Told(f"{attempt} in front of the response", attempt.at),
        )
    await target.aftermath()


@pytest.mark.requirement("handshake.pipelined-request")
async def test_request_behind_the_handshake_is_not_answered(target: Target) -> None:
    await target.bystander()
    request, second = target.opening(), target.opening()
    attempt = await target.attempt(request, segments=[request.encode() + second.encode()])
    if attempt.upgraded:
        await heard_out(target, attempt)
        attempt.connection.shut()
        head = attempt.response.head if attempt.response else b""
        behind = attempt.connection.transcript.received().partition(head)[2]
        target.expect(
            b"HTTP/1." not in behind,
            "a request behind the opening handshake was answered as HTTP on the open WebSocket",
            expected=["frames only behind the 101", "the end of the connection"],
            actual=f"{behind[behind.find(b'HTTP/1.') :][:40]!r}",
        )
    attempt.connection.shut()
    target.recorder.observe(str(attempt))
    await target.aftermath()


async def heard_out(target: Target, attempt: Attempt) -> None:
    """Read what a server says until it answers a Ping, or ends the connection."""
    attempt.connection.write(Frame(PING, b"heard out").encode())
    deadline = time.monotonic() + target.limits.prompt
    while True:
        event = await attempt.connection.event(deadline - time.monotonic())
        if event is None or isinstance(event, End | Pong):
            return
