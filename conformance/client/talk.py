"""What is said and heard on an open connection, before anything is judged."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from conformance.client.recorder import Recorder
from conformance.core.errors import Nonconformance
from conformance.net.connection import Connection
from conformance.wire.ending import Ending, describe
from conformance.wire.events import Close, End, Event, Pong, happened
from conformance.wire.frames import CLOSE, CONTINUATION, PING, TEXT, Frame, close_payload

MARGIN = 3  # a line that was measured once may be slower the next time
MISSED = 5  # ends of TCP that came late or never, and not made up for, before no other is waited for as long
LATE = 0.25  # of the bound for what comes promptly: a server that takes longer makes each test wait
_counter = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds in seconds, made from the measured round trip by ``conformance.target.probe``.

    ``rate`` is what the way carries in octets a second, there and back, where it could be measured.
    """

    handshake: float = 5.0
    reply: float = 5.0
    close: float = 5.0
    event: float = 10.0
    prompt: float = 1.0
    idle: float = 60.0
    rate: float | None = None

    def back(self, size: int) -> float:
        """Return the bound for a message of this many octets to come back: a slow line carries it twice."""
        return self.reply + (2 * MARGIN * size / self.rate if self.rate else 0.0)


class Talk:
    """An open connection on which we say what we like and hear what comes."""

    def __init__(self, connection: Connection, limits: Limits, recorder: Recorder) -> None:
        self.connection = connection
        self.limits = limits
        self.recorder = recorder
        self.inbox: list[Event] = []
        self.pings = 0
        self.said: list[bytes] = []  # what a message could answer, of what was sent since the last control

    # Saying things.

    def send(self, *frames: Frame) -> None:
        """Send frames in one write, so that they share TCP segments where they fit."""
        self.connection.write(b"".join(frame.encode() for frame in frames))
        self.said += [frame.payload for frame in frames if frame.opcode not in {PING, CLOSE}]
        if any(frame.opcode == CLOSE for frame in frames):
            self.connection.close_sent = True

    def send_bytes(self, data: bytes) -> None:
        """Send raw bytes."""
        self.connection.write(data)

    async def send_slowly(self, segments: Iterable[bytes]) -> None:
        """Send each piece as a TCP segment of its own."""
        await self.connection.write_slowly(segments)

    def send_text(self, text: str | bytes) -> None:
        """Send one text message in one frame."""
        self.send(Frame(TEXT, text if isinstance(text, bytes) else text.encode()))

    def send_fragments(self, parts: Iterable[bytes], opcode: int = TEXT) -> None:
        """Send one message in as many frames as there are parts."""
        self.send(*fragments(parts, opcode))

    def send_close(self, code: int | None = 1000, reason: str | bytes = b"") -> None:
        """Send a Close frame."""
        self.send(Frame(CLOSE, close_payload(code, reason)))

    # Hearing things.

    async def take(self, wanted: Callable[[Event], bool], timeout: float) -> Event | None:
        """Return the first event that is wanted, keeping the others in ``inbox`` in their order.

        Returns the :class:`End` where TCP ends first, ``None`` after ``timeout`` seconds.
        """
        for position, kept in enumerate(self.inbox):
            if wanted(kept):
                return self.inbox.pop(position)
        deadline = time.monotonic() + timeout  # one for all: a server may go on talking of other things
        while True:
            # What has come by then counts, however late we look at it.
            event = await self.connection.event(deadline - time.monotonic())
            if event is None or isinstance(event, End) or wanted(event):
                return event
            self.inbox.append(event)
            if isinstance(event, Close):
                return event

    async def ping(self, payload: bytes | None = None) -> Pong:
        """Send a Ping and expect the Pong with its payload; other events wait in ``inbox``.

        Returns:
            The Pong.

        """
        return await self.expect_pong(self.send_ping(payload))

    def send_ping(self, payload: bytes | None = None) -> bytes:
        """Send a Ping, by default with a payload that no other has.

        Returns:
            The payload.

        """
        payload = b"probe %d" % next(_counter) if payload is None else payload
        self.pings += 1
        self.send(Frame(PING, payload))
        return payload

    async def expect_pong(self, payload: bytes) -> Pong:
        """Expect a Pong with exactly this payload.

        Returns:
            The Pong.

        Raises:
            Nonconformance: it does not come in time.

        """
        event = await self.take(lambda e: isinstance(e, Pong) and e.payload == payload, self.limits.reply)
        if isinstance(event, Pong):
            return event
        others = [e for e in self.inbox if isinstance(e, Pong)]
        raise Nonconformance(
            "a Ping was not answered by a Pong with its payload",
            expected=[f"a Pong with the {len(payload)} bytes of the Ping"],
            # How the connection ended says more than a Pong to an earlier Ping.
            actual=self._instead_of_a_pong(others[-1] if others and event is None else event),
            happened=happened(others[-1] if others and event is None else event),
        )

    def _instead_of_a_pong(self, event: Event | None) -> str:
        last = self.connection.received_frames[-1:]
        if event is None and last and last[0].opcode == PING:
            masked = "a masked Ping" if last[0].mask is not None else "a Ping"
            return f"no Pong, but {masked} of {len(last[0].payload)} bytes"
        return describe(event)

    async def ending(self, timeout: float | None = None, *, behind: float | None = None) -> Ending:
        """Wait for the connection's end and describe it. A Close frame is answered, so that TCP can end.

        Args:
            timeout: seconds for the Close frame or the end of TCP.
            behind: seconds for the end of TCP after a Close frame, where they are to be others.

        Returns:
            How it ended, or that it did not.

        """
        timeout = timeout or self.limits.close
        behind = timeout if behind is None else behind
        ending = Ending(
            before=[e for e in self.inbox if not isinstance(e, Close)], beneath=self.connection.beneath
        )
        ending.close = next((e for e in self.inbox if isinstance(e, Close)), None)
        self.inbox.clear()
        if ending.close is not None:
            self._answer(ending.close)
        closed_at = time.monotonic()
        deadline = closed_at + (timeout if ending.close is None else behind)
        while ending.end is None:
            event = await self.connection.event(deadline - time.monotonic())
            if event is None:
                break
            if isinstance(event, End) and event.ours:
                ending.given_up = event
                break
            if isinstance(event, End):
                ending.end = event
            elif isinstance(event, Close) and ending.close is None:
                ending.close = event
                self._answer(event)
                closed_at = time.monotonic()
                deadline = closed_at + behind
            else:
                ending.before.append(event)
        ending.lingered = time.monotonic() - closed_at if ending.close is not None else 0.0
        return ending

    def _answer(self, close: Close) -> None:
        if not self.connection.close_sent:
            self.send(Frame(CLOSE, close_payload(close.code)))

    async def failing(self, timeout: float | None = None) -> Ending:
        """Wait for the end of a connection that has to fail.

        After a Close frame no verdict rests on the end of TCP: where it comes late, or never, later waits for
        it are short.

        Returns:
            How it ended, or that it did not.

        """
        weary = self.recorder.unended_failures >= MISSED
        ending = await self.ending(timeout, behind=self.limits.prompt / 20 if weary else None)
        late = ending.close is not None and (
            ending.end is None or ending.lingered > LATE * self.limits.prompt
        )
        self.recorder.unended_failures = patience(self.recorder.unended_failures, spent=late)
        return ending

    async def leave(self) -> None:
        """Close as a client should, without judging the server's manners; never raises."""
        connection = self.connection
        upgraded = connection.response is not None and connection.response.upgraded
        if upgraded and connection.end is None and not connection.close_sent:
            self.send_close(1000)
            await self._farewell()
        connection.shut()

    async def greet_and_leave(self) -> bool:
        """Send a Ping and a Close frame at once, in one round trip.

        A server that has read the Close frame need not send it any more (RFC 6455 §5.5.2), and a Close frame
        alone may be one that it sends to everybody: then a Ping alone tells.

        Returns:
            Whether the Pong came.

        """
        payload = b"probe %d" % next(_counter)
        self.send(Frame(PING, payload), Frame(CLOSE, close_payload(1000)))
        event = await self.take(lambda e: isinstance(e, Pong) and e.payload == payload, self.limits.reply)
        await self._farewell()
        self.connection.shut()
        return isinstance(event, Pong)

    async def _farewell(self) -> None:
        # A server that leaves TCP open after each Close must not cost a second a connection.
        weary = self.recorder.unanswered_farewells >= MISSED
        began = time.monotonic()
        deadline = began + self.limits.prompt / (20 if weary else 1)
        while self.connection.end is None and (remaining := deadline - time.monotonic()) > 0:
            await self.connection.event(remaining)
        missed = self.connection.end is None or time.monotonic() - began > LATE * self.limits.prompt
        self.recorder.unanswered_farewells = patience(self.recorder.unanswered_farewells, spent=missed)


def patience(waits: int, *, spent: bool) -> int:
    """Return how many ends were waited for in vain of late: one that comes at once makes up for one."""
    return min(waits + 1, 2 * MISSED) if spent else max(waits - 1, 0)


def fragments(parts: Iterable[bytes], opcode: int = TEXT) -> list[Frame]:
    """Return the frames of one fragmented message (RFC 6455 §5.4)."""
    pieces = list(parts)
    last = len(pieces) - 1
    return [
        Frame(opcode if position == 0 else CONTINUATION, piece, fin=position == last)
        for position, piece in enumerate(pieces)
    ]
