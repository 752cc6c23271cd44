"""The verbs that tests are written in, as far as RFC 6455 goes.

An ``expect_…`` verb returns what came, or raises :class:`~conformance.errors.Nonconformance` with the
accepted set and what occurred. Silence is proven by order: a Ping is sent after what must be ignored, and
what did not arrive before its Pong did not happen.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from conformance.errors import Inconclusive, Nonconformance
from conformance.recorder import Recorder
from conformance.wire.connection import Close, Connection, End, Event, Message, Pong, happened
from conformance.wire.frames import CLOSE, CONTINUATION, PING, TEXT, Frame, close_payload

MARGIN = 3  # a line that was measured once may be slower the next time
FAILED = ("a Close frame", "the end of TCP (FIN)", "a TCP reset (RST)")
SHOWN = 20  # events before an end that are named one by one
PATIENCE = 5  # farewells in a row without an end of TCP, before no other is waited for as long
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


@dataclass(slots=True)
class Ending:
    """How a connection ended: the server's Close frame if there was one, TCP's end if it came."""

    close: Close | None = None
    end: End | None = None
    before: list[Event] = field(default_factory=list)
    beneath: str = "TCP"
    given_up: End | None = None  # we stopped reading, which is no end of the server's making

    @property
    def messages(self) -> list[Message]:
        """Data messages that arrived before the end."""
        return [event for event in self.before if isinstance(event, Message)]

    @property
    def happened(self) -> str:
        """Of which kind it was, without what came before it: a server may push at any time."""
        return happened(self.close or self.end or self.given_up)

    def __str__(self) -> str:
        """Describe the ending for a person."""
        parts = [describe(event) for event in self.before[:SHOWN]]
        if len(self.before) > SHOWN:
            parts.append(f"{len(self.before) - SHOWN} more")
        if self.close is not None:
            parts.append(describe(self.close))
        if self.given_up is not None:
            parts.append(describe(self.given_up))
        parts.append(describe(self.end) if self.end else f"{self.beneath} stays open")
        return ", then ".join(parts)


def describe(event: Event | None) -> str:
    """Return an event as a person says it."""
    match event:
        case None:
            return "nothing"
        case Message(content=content):
            return f"the message {content[:120].decode(errors='backslashreplace')!r}"
        case Pong(payload=payload):
            return f"a Pong of {len(payload)} bytes"
        case Close(code=None):
            return "an empty Close frame"
        case Close(code=code, reason=reason):
            return f"Close {code}" + (f" {reason[:60].decode(errors='backslashreplace')!r}" if reason else "")
        case End(ours=True, kind=kind):
            return "bytes that are no HTTP" if kind == "garbage" else kind
        case End(kind="fin"):
            return "TCP ended (FIN)"
        case End(kind="reset"):
            return "TCP was reset (RST)"
        case End(kind=kind) if "HTTP/2" in kind or "STREAM" in kind:
            return f"the stream ended ({kind})"
    return f"TCP ended ({event.kind})"


class Peer:
    """An open WebSocket connection, seen from the client that we are.

    ``speaks`` says that the server answers heartbeats. Only then is it known which messages are still to
    come, so that one more after a fault answers the fault: a Pong proves nothing about the application.
    """

    speaks = False

    def unasked(self, event: Event) -> bool:
        """Whether a message is one that a server may send at any time, and so no answer to anything."""
        del event
        return False

    def __init__(self, connection: Connection, limits: Limits, recorder: Recorder) -> None:
        self.connection = connection
        self.limits = limits
        self.recorder = recorder
        self.inbox: list[Event] = []

    # Saying things.

    def send(self, *frames: Frame) -> None:
        """Send frames in one write, so that they share TCP segments where they fit."""
        self.connection.write(b"".join(frame.encode() for frame in frames))
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
        """Send a Ping and expect the Pong with its payload; other events wait in ``inbox``."""
        return await self.expect_pong(self.send_ping(payload))

    def send_ping(self, payload: bytes | None = None) -> bytes:
        """Send a Ping, by default with a payload that no other has; return the payload."""
        payload = b"probe %d" % next(_counter) if payload is None else payload
        self.send(Frame(PING, payload))
        return payload

    async def expect_pong(self, payload: bytes) -> Pong:
        """Expect a Pong with exactly this payload."""
        event = await self.take(lambda e: isinstance(e, Pong) and e.payload == payload, self.limits.reply)
        if isinstance(event, Pong):
            return event
        others = [e for e in self.inbox if isinstance(e, Pong)]
        raise Nonconformance(
            "a Ping was not answered by a Pong with its payload",
            expected=[f"a Pong with the {len(payload)} bytes of the Ping"],
            actual=describe(others[-1] if others else event),
            happened=happened(others[-1] if others else event),
        )

    async def alive(self) -> None:
        """Prove that the connection works before a fault is tried on it.

        Raises:
            Inconclusive: it does not, so that nothing that follows could be blamed on the fault.

        """
        try:
            await self.ping()
        except Nonconformance as error:
            raise Inconclusive(
                f"the control failed before the fault was sent: {error.actual} to a Ping"
            ) from error
        self.recorder.control("on this connection a Ping was answered before the fault was sent")

    async def twin(self, *frames: Frame) -> None:
        """Send the same thing without its fault, and prove that the connection survives it."""
        self.send(*frames)
        await self.alive()
        self.recorder.control("the same without its fault was taken, and the connection went on")
        self.inbox.clear()

    async def expect_silence(self) -> None:
        """Expect nothing in answer to what was sent: a Pong must be the next thing that comes."""
        self.inbox.clear()
        await self.ping()
        self.inbox = [event for event in self.inbox if not self.unasked(event)]
        if self.inbox:
            raise Nonconformance(
                "there was an answer to what asks for none",
                expected=["nothing before the Pong to a later Ping"],
                actual=describe(self.inbox[0]),
                happened=happened(self.inbox[0]),
            )

    async def expect_message(self, timeout: float | None = None) -> Message:
        """Expect a data message."""
        event = await self.take(lambda e: isinstance(e, Message), timeout or self.limits.reply)
        if isinstance(event, Message):
            return event
        raise Nonconformance(
            "no message came", expected=["a message"], actual=describe(event), happened=happened(event)
        )

    async def ending(self, timeout: float | None = None, *, behind: float | None = None) -> Ending:
        """Wait for the connection's end and describe it. A Close frame is answered, so that TCP can end.

        ``behind`` bounds the wait for TCP's end behind a Close frame, where it is to be another one.
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
        deadline = time.monotonic() + (timeout if ending.close is None else behind)
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
                deadline = time.monotonic() + behind
            else:
                ending.before.append(event)
        return ending

    def _answer(self, close: Close) -> None:
        if not self.connection.close_sent:
            self.send(Frame(CLOSE, close_payload(close.code)))

    async def failing(self, timeout: float | None = None) -> Ending:
        """Wait for the end of a connection that has to fail.

        Behind a Close frame no verdict rests on the end of TCP: where it never comes, it is soon waited for
        no more.
        """
        weary = self.recorder.unended_failures >= PATIENCE
        ending = await self.ending(timeout, behind=self.limits.prompt / 20 if weary else None)
        unended = ending.close is not None and ending.end is None
        self.recorder.unended_failures = self.recorder.unended_failures + 1 if unended else 0
        return ending

    async def expect_failed(self, *, code: int | set[int]) -> Ending:
        """Expect that the server fails the connection (RFC 6455 §7.1.7), delivering nothing more.

        That it says so with a Close frame, and with ``code``, is judged under requirements of its own.
        """
        codes = {code} if isinstance(code, int) else code
        self.inbox.clear()
        ending = await self.failing()
        if ending.close is None and ending.end is None:
            raise Nonconformance("the server did not fail the connection", expected=FAILED, actual=ending)
        if self.speaks and not all(map(self.unasked, ending.messages)):
            raise Nonconformance(
                "the server answered a message that it had to refuse",
                expected=[f"{one} and no message before it" for one in FAILED],
                actual=ending,
                happened=f"a message, then {ending.happened}",
            )
        self.charge_failure(ending, codes)
        return ending

    async def expect_close_refused(self, *, sent: int | None, code: int | set[int]) -> Ending:
        """Expect that a Close frame with a fault fails the connection instead of being answered in kind.

        An answer with the code that was ``sent``, or with 1000, treats the fault as if it were in order.
        """
        codes = {code} if isinstance(code, int) else code
        self.inbox.clear()
        ending = await self.failing()
        close = ending.close
        if close is None and ending.end is None:
            raise Nonconformance("the server did not fail the connection", expected=FAILED, actual=ending)
        if close is not None and close.code is not None and close.code in {1000, sent}:
            raise Nonconformance(
                "a faulty Close frame was answered as if it were in order",
                expected=[f"a Close frame with {min(codes)} or another error code", *FAILED[1:]],
                actual=ending,
            )
        self.charge_failure(ending, {*codes, 1002})
        return ending

    def charge_failure(self, ending: Ending, codes: set[int]) -> None:
        """Charge how a failure was said: by a Close frame, with one of ``codes``."""
        wanted = " or ".join(map(str, sorted(codes)))
        self.recorder.charge(
            "closing.failure-close-frame",
            kept=ending.close is not None,
            message=f"{ending}, no Close frame",
            happened=ending.happened,
        )
        if ending.close is not None:
            self.recorder.charge(
                "closing.failure-code",
                kept=ending.close.code in codes,
                message=f"{ending}, expected Close {wanted}",
                happened=ending.happened,
            )
        self.recorder.observe(str(ending))

    async def expect_close_reply(self) -> Close:
        """Expect a Close frame in answer to ours, and then the end of TCP."""
        ending = await self.ending()
        if ending.close is None and self.connection.tls_fault:
            # What came in front of a bad record is lost with it: nobody knows whether it was a Close frame.
            raise Inconclusive(f"TLS broke behind our Close frame: {self.connection.tls_fault}")
        if ending.close is None:
            raise Nonconformance("a Close frame was not answered", expected=["a Close frame"], actual=ending)
        if ending.end is None:
            raise Nonconformance(
                f"{ending.beneath} stays open after the closing handshake",
                expected=[f"the end of {ending.beneath} within {self.limits.close:g} s"],
                actual=ending,
                happened=f"{ending.happened}, then nothing",
            )
        return ending.close

    async def leave(self) -> None:
        """Close as a client should, without judging the server's manners; never raises."""
        connection = self.connection
        upgraded = connection.response is not None and connection.response.upgraded
        if upgraded and connection.end is None and not connection.close_sent:
            self.send_close(1000)
            await self._farewell()
        connection.shut()

    async def greet_and_leave(self) -> bool:
        """Send a Ping and a Close frame at once, in one round trip; return whether the Pong came.

        A server that has read the Close frame need not send it any more (RFC 6455 §5.5.2), and a Close frame
        alone may be one that it sends to everybody: then a Ping alone tells.
        """
        payload = b"probe %d" % next(_counter)
        self.send(Frame(PING, payload), Frame(CLOSE, close_payload(1000)))
        event = await self.take(lambda e: isinstance(e, Pong) and e.payload == payload, self.limits.reply)
        await self._farewell()
        self.connection.shut()
        return isinstance(event, Pong)

    async def _farewell(self) -> None:
        # A server that leaves TCP open after each Close must not cost a second for each connection.
        weary = self.recorder.unanswered_farewells >= PATIENCE
        deadline = time.monotonic() + self.limits.prompt / (20 if weary else 1)
        while self.connection.end is None and (remaining := deadline - time.monotonic()) > 0:
            await self.connection.event(remaining)
        missed = self.connection.end is None
        self.recorder.unanswered_farewells = self.recorder.unanswered_farewells + 1 if missed else 0


def fragments(parts: Iterable[bytes], opcode: int = TEXT) -> list[Frame]:
    """Return the frames of one fragmented message (RFC 6455 §5.4)."""
    pieces = list(parts)
    last = len(pieces) - 1
    return [
        Frame(opcode if position == 0 else CONTINUATION, piece, fin=position == last)
        for position, piece in enumerate(pieces)
    ]
