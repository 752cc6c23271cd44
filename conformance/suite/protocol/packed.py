"""Many cases in one test: some at a time on connections of their own, or cut into segments on one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from conformance.errors import Inconclusive, Nonconformance
from conformance.target.target import Target
from conformance.wire.frames import Frame
from conformance.wire.peer import Peer

AT_ONCE = 8
SHARES = 4
Case = TypeVar("Case")


async def each(target: Target, cases: Mapping[str, Case], judge: Callable[[Case], Awaitable[None]]) -> None:
    """Judge every case, each on a connection of its own, with one bystander and one aftermath for all.

    A failure names the cases. The first of them is judged again, alone, so that the transcript shows it.

    Raises:
        Nonconformance: a case failed.
        Inconclusive: none failed, and one could not be judged.

    """
    await target.bystander()
    turn = asyncio.Semaphore(AT_ONCE)

    async def outcome(case: Case) -> Nonconformance | Inconclusive | None:
        async with turn:
            try:
                await judge(case)
            except (Nonconformance, Inconclusive) as error:
                return error
        return None

    outcomes = dict(zip(cases, await asyncio.gather(*map(outcome, cases.values())), strict=True))
    await target.aftermath()
    failed = {name: error for name, error in outcomes.items() if isinstance(error, Nonconformance)}
    if failed:
        name, error = next(iter(failed.items()))
        target.recorder.record.transcripts.clear()
        again = await outcome(cases[name])
        error = again if isinstance(again, Nonconformance) else error
        others = f" (also: {', '.join([*failed][1:7])}{', …' if len(failed) > 7 else ''})"
        raise Nonconformance(
            f"{name}: {error}{others if len(failed) > 1 else ''}",
            expected=error.expected,
            actual=error.actual,
        )
    unjudged = [one for one in outcomes.values() if one is not None]
    if unjudged:
        raise unjudged[0]


async def in_shares(
    target: Target, cases: Iterable[Case], judge: Callable[[Sequence[Case]], Awaitable[None]]
) -> None:
    """Judge cases that follow each other on one connection on a few of them at a time, each with its share.

    A share that fails is judged again, alone, so that the transcript shows it.

    Raises:
        Nonconformance: a case failed.
        Inconclusive: none failed, and one could not be judged.

    """
    every = list(cases)
    shares = [every[begin::SHARES] for begin in range(min(SHARES, len(every)))]
    errors = await asyncio.gather(*map(judge, shares), return_exceptions=True)
    failed = [(share, one) for share, one in zip(shares, errors, strict=True) if one is not None]
    for share, error in sorted(failed, key=lambda one: not isinstance(one[1], Nonconformance)):
        if isinstance(error, Nonconformance):
            target.recorder.record.transcripts.clear()
            await judge(share)
        raise error


async def in_segments(
    target: Target, peer: Peer, segments: Iterable[bytes], *, between: Peer | None = None
) -> None:
    """Send TCP segments that the server reads one by one.

    Between two of them another connection makes a round trip: a server that answers there was awake for
    the segment before it. On several connections at a time, each needs one of its own to go ``between``.
    """
    between = between or await target.bystander()
    for position, segment in enumerate(segments):
        if position:
            await between.ping()
        peer.send_bytes(segment)


def encoded(*frames: Frame) -> bytes:
    """Return frames as they go on the wire."""
    return b"".join(frame.encode() for frame in frames)


def named(cut: str, error: Nonconformance) -> Nonconformance:
    """Return a failure that says in which of many cases it was seen."""
    return Nonconformance(f"{cut}: {error}", expected=error.expected, actual=error.actual)
