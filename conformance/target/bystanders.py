"""The connections that stand by while others misbehave, and what their end says about an abuse.

A server may end a connection by rules of its own: it waits for a login, it counts Pings, it is busy. Such
an end is not the abuse's doing. A second bystander tells the two apart, and a connection that takes part in
nothing.
"""

from __future__ import annotations

import asyncio

from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance, Unreachable
from conformance.net.connection import Connection
from conformance.target.connector import Connector
from conformance.wire.ending import Ending
from conformance.wire.events import Close
from conformance.wire.frames import CLOSE, PING

MOST_PINGS = 60  # on one connection: servers count them
OLDEST = 5.0  # seconds that a bystander stands by
LONGEST = 10.0  # seconds in which a connection that does nothing is watched
EARLY = 0.8  # of the age at which idle connections are ended, from which on an end is the same one
POLICY = frozenset({1008, 1013, *range(3000, 5000)})


class Bystanders:
    """Two connections that take no part, renewed now and then, and how long an idle one lives here."""

    def __init__(self, target: Connector) -> None:
        self._target = target
        self.first: Client | None = None
        self.second: Client | None = None
        self._idle: tuple[float, str] | None = None  # the age at which idle ones are ended, and how
        self._lived = 0.0  # the age to which an idle one was seen to live
        self._turn = asyncio.Lock()

    def keeps(self, connection: Connection) -> bool:
        """Return whether a connection is one of these."""
        return any(one is not None and one.connection is connection for one in (self.first, self.second))

    async def get(self) -> Client:
        """Return a bystander that works, opened before what comes next.

        Raises:
            Unreachable: there is none.

        """
        async with self._turn:
            kept = [one for one in (self.first, self.second) if one is not None]
            for one in kept:
                if self._worn(one):
                    await self._drop(one)
            kept = [one for one in kept if not self._worn(one)]
            while len(kept) < 2:
                kept.append(await self.fresh())
            self.first, self.second = kept
            return self.first

    async def fresh(self) -> Client:
        """Open a connection, and prove by a Ping that it works.

        Returns:
            The connection.

        Raises:
            Unreachable: it does not.

        """
        target = self._target
        kept, target.recorder.record.transcripts = target.recorder.record.transcripts, []
        attempt = await target.attempt(target.opening())
        target.recorder.record.transcripts = kept
        if not attempt.upgraded:
            attempt.connection.shut()
            raise Unreachable(f"the bystander connection was refused: {attempt}")
        bystander = target.of(attempt)
        try:
            await bystander.ping()
        except Nonconformance as error:  # no fault of what the current test is about
            await bystander.leave()
            raise Unreachable(f"the bystander connection does not work: {error.actual} to a Ping") from error
        return bystander

    def ask(self) -> bytes:
        """Send the first bystander a Ping.

        Returns:
            The payload of the Ping.

        """
        return self.first.send_ping() if self.first is not None else b""

    async def harm(self, asked: bytes) -> str:
        """Return what became of the bystander that was asked, or an empty string where it was not harmed.

        What it missed by a rule of the server's own is no harm; then it is replaced.
        """
        first, second = self.first, self.second
        if first is None:
            return ""
        lost = await self._missed(first, asked)
        if not lost:
            first.inbox.clear()
            return ""
        if given_up(first.connection):
            # Either side may have been too slow for a Pong, which says nothing about the abuse.
            self._target.recorder.note("the bystander was closed behind the server's own Ping")
        elif second is not None and sent_away(first.connection) and not await self._missed(second):
            second.inbox.clear()
            self._target.recorder.note(f"the bystander was sent away ({lost}), another one was not")
        elif not await self.excused(first):
            self.shut()
            return f"a connection opened before does not answer: {lost}"
        await self._drop(first)
        self.first, self.second = second, None
        return ""

    async def _missed(self, bystander: Client, asked: bytes | None = None) -> str:
        try:
            await bystander.expect_pong(bystander.send_ping() if asked is None else asked)
        except Nonconformance as error:
            return error.actual
        return ""

    async def excused(self, client: Client) -> bool:
        """Return whether the server ends a connection that does nothing at that age, and in that way, too.

        The first time it is tried, which takes as long; what it shows holds for the run.
        """
        found = ended(client.connection)
        if found is None:
            return False
        age, sign = found
        if self._idle is not None:
            return age >= EARLY * self._idle[0] and sign == self._idle[1]
        if age <= self._lived:
            return False
        bound = min(1.25 * age + self._target.limits.prompt / 4, LONGEST)
        try:
            idle = await self._target.attempt(self._target.opening(), label="idle, as a control")
        except Inconclusive:
            return False
        watched = self._target.of(idle)
        end = await watched.ending(bound, behind=self._target.limits.prompt / 20)
        idle.connection.shut()
        if not end.over:
            self._lived = bound
            return False
        last = end.close or end.end
        self._idle = (last.time if last is not None else bound, end.sign)
        self._target.recorder.note(f"an idle connection is ended after {self._idle[0]:.1f} s: {end}")
        return age >= EARLY * self._idle[0] and sign == self._idle[1]

    def _worn(self, bystander: Client) -> bool:
        connection = bystander.connection
        oldest = OLDEST if self._idle is None else min(OLDEST, self._idle[0] / 2)
        return over(connection) or bystander.pings > MOST_PINGS or connection.transcript.now() > oldest

    async def _drop(self, bystander: Client) -> None:
        if over(bystander.connection):
            bystander.connection.shut()  # behind the server's FIN our half is still open
        else:
            await bystander.leave()

    def shut(self) -> None:
        """Drop both, whatever they still say."""
        for one in (self.first, self.second):
            if one is not None:
                one.connection.shut()
        self.first = self.second = None

    async def leave(self) -> None:
        """Leave nothing open behind."""
        for one in (self.first, self.second):
            if one is not None:
                await one.leave()
        self.first = self.second = None


def ended(connection: Connection) -> tuple[float, str] | None:
    """Return the age at which the server ended a connection, and how; ``None`` while it is open."""
    close = next((one for one in reversed(connection.received_frames) if one.opcode == CLOSE), None)
    if close is not None:
        told = Ending(close=Close(close.close_code, close.close_reason, close.time))
        return close.time, told.sign
    if connection.gone and connection.end is not None:
        return connection.end.time, Ending(end=connection.end).sign
    return None


def sent_away(connection: Connection) -> bool:
    """Return whether the server closed a connection by a policy of its own, and said so by the close code."""
    return any(one.opcode == CLOSE and one.close_code in POLICY for one in connection.received_frames[-2:])


def over(connection: Connection) -> bool:
    """Return whether the server has ended a connection, by a Close frame or by TCP."""
    frames = connection.received_frames
    return connection.end is not None or bool(frames and frames[-1].opcode == CLOSE)


def given_up(connection: Connection) -> bool:
    """Return whether the server has closed an idle connection for want of a Pong.

    Then a Ping of its own came, and a Close frame.
    """
    return [frame.opcode for frame in connection.received_frames[-2:]] == [PING, CLOSE]
