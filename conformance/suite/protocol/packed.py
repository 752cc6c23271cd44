"""Many cases in one test: some at a time on connections of their own, or cut into segments on one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from conformance.client.peer import Peer
from conformance.core.errors import Inconclusive, Nonconformance, Unreachable
from conformance.target.target import Target
from conformance.wire.frames import Frame

AT_ONCE = 8
SHARES = 4
MOST = 8  # failing cases of a share, before the rest is given up
Case = TypeVar("Case")


async def each(target: Target, cases: Mapping[str, Case], judge: Callable[[Case], Awaitable[None]]) -> None:
    """Judge every case, each on a connection of its own, with one bystander and one aftermath for all.

    A failure names the cases. The first of them is judged again, alone, so that the transcript shows it. What
    was judged stands: the cases that could not be judged are noted.

    Raises:
        Nonconformance: a case failed.
        Inconclusive: none failed and none passed, or the target could not be reached.

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
        name = next(iter(failed))
        target.recorder.record.transcripts.clear()
        again = await outcome(cases[name])
        failed[name] = again if isinstance(again, Nonconformance) else failed[name]
        named_ones = [error.of_case(case) for case, error in failed.items()]
        raise Nonconformance.of_cases(named_ones, judged=len(cases))
    unjudged = {name: one for name, one in outcomes.items() if one is not None}
    for one in unjudged.values():
        if isinstance(one, Unreachable) or len(unjudged) == len(outcomes):
            raise one
    if unjudged:
        names = ", ".join([*unjudged][:7]) + (", …" if len(unjudged) > 7 else "")
        target.recorder.note(
            f"{len(unjudged)} of {len(outcomes)} cases could not be judged ({names}): "
            f"{next(iter(unjudged.values()))}"
        )


async def in_shares(
    target: Target, cases: Iterable[Case], judge: Callable[[Sequence[Case]], Awaitable[None]]
) -> None:
    """Judge cases that follow each other on one connection on a few of them at a time, each with its share.

    ``judge`` takes the cases of its share one after the other. Behind one that fails it is called anew for
    those that are left, on another connection. Of the first that failed the transcript is made again, alone.

    Raises:
        Nonconformance: a case failed.
        Inconclusive: none failed, and one could not be judged.

    """
    every = list(cases)
    shares = [every[begin::SHARES] for begin in range(min(SHARES, len(every)))]
    found = await asyncio.gather(*(_through(share, judge) for share in shares))
    failed = [error for one in found for error in one.failed]
    if failed:
        target.recorder.record.transcripts.clear()
        with contextlib.suppress(Nonconformance, Inconclusive):
            await judge(next(one.shown for one in found if one.failed))
    _raise(failed, [one.unjudged for one in found], sum(one.judged for one in found))


async def in_turn(cases: Iterable[Case], judge: Callable[[Sequence[Case]], Awaitable[None]]) -> None:
    """Judge cases one after the other on one connection, and behind each that fails the rest on another.

    Raises:
        Nonconformance: a case failed.
        Inconclusive: none failed, and one could not be judged.

    """
    found = await _through(list(cases), judge)
    _raise(found.failed, [found.unjudged], found.judged)


def _raise(failed: Sequence[Nonconformance], unjudged: Iterable[Inconclusive | None], judged: int) -> None:
    if failed:
        raise Nonconformance.of_cases(failed, judged=judged)
    for one in unjudged:
        if one is not None:
            raise one


@dataclass(slots=True)
class _Found(Generic[Case]):
    """Which cases of a share failed, those up to the first, how many were judged, and what ended that."""

    failed: list[Nonconformance] = field(default_factory=list)
    shown: Sequence[Case] = ()
    judged: int = 0
    unjudged: Inconclusive | None = None


class _Share(Sequence[Case]):
    """Cases that know how many of them were begun: the last of these is the one that is being judged."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = cases
        self.begun = 0

    def __getitem__(self, position: Any) -> Any:
        return self.cases[position]

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        for self.begun, case in enumerate(self.cases, 1):  # noqa: B020 - kept as it goes, for who catches
            yield case


async def _through(cases: Sequence[Case], judge: Callable[[Sequence[Case]], Awaitable[None]]) -> _Found[Case]:
    """Judge cases in turn, behind one that fails on another connection.

    A server that fails :data:`MOST` of them fails the rest too, and costs a timeout for each: it is given up.
    """
    found: _Found[Case] = _Found()
    left = cases
    while left:
        share = _Share(left)
        try:
            await judge(share)
        except Nonconformance as error:
            found.shown = found.shown or left[: share.begun]
            if not share.begun:  # no case was at fault, so that the next attempt would end the same way
                found.failed.append(error)
                break
            found.judged += share.begun
            found.failed.append(error if error.case else error.of_case(str(left[share.begun - 1])))
            left = left[share.begun :]
            if left and len(found.failed) == MOST:
                found.failed.append(error.of_case("further"))
                found.judged += 1
                break
        except Inconclusive as error:
            found.unjudged = error
            break
        else:
            found.judged += len(left)
            break
    return found


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
    return error.of_case(cut)
