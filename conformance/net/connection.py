"""The one class that does I/O: a TCP or TLS connection that can say anything and keeps what was said."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from conformance.net.endpoint import Endpoint
from conformance.wire.allowance import Allowance
from conformance.wire.events import Close, End, Event, Message, Pong
from conformance.wire.frames import CLOSE, PING, PONG, Frame, FrameParser, Outgoing, ReceivedFrame
from conformance.wire.handshake import Request, Response, ResponseParser, chunk_behind
from conformance.wire.invariants import Breach, Monitor
from conformance.wire.transcript import Transcript

# Why one address of a name may be passed over for the next.
NOBODY_THERE = frozenset({errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EHOSTUNREACH})
MAX_PONGS = 16  # for the Pings that come at once


class Connection(asyncio.Protocol):
    """Bytes out as they are given, events in as they come, and a transcript of both.

    Nothing is answered by itself but a server's Ping, which gets its Pong (``auto_pong``). Events queue up
    in order until :meth:`event` takes them.
    """

    beneath = "TCP"

    def __init__(self, label: str, report: Callable[[Breach], None]) -> None:
        self.transcript = Transcript(label)
        self.auto_pong = True
        self.end: End | None = None
        self.response: Response | None = None
        self.first_byte: float | None = None
        self._upgraded = False
        self.close_sent = False
        self.tls_fault = ""
        self._half_closed = False
        self._request: Request | None = None
        self._parser = ResponseParser()
        self._frames = FrameParser()
        self._report = report
        self._monitor = Monitor(self._seen, self._message)
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._allowance = Allowance()
        self._unread = False
        self._owed: deque[bytes] = deque(maxlen=MAX_PONGS)
        self._outgoing = Outgoing()
        self._leave_turn: Callable[[], None] = lambda: None

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        *,
        label: str,
        report: Callable[[Breach], None],
        timeout: float,
        address: str | None = None,
    ) -> Connection:
        """Return a new connection over TCP, and TLS where the endpoint says so.

        Args:
            endpoint: where the server is, and by which TLS.
            label: what it is for, in the transcript.
            report: is called with each breach that the monitor sees.
            timeout: seconds.
            address: one of the endpoint's addresses; by default they are tried in turn.

        Raises:
            OSError: the connection was refused or could not be made; ``TimeoutError`` after ``timeout``
                seconds. ``ssl.SSLError`` is an ``OSError`` too.

        """
        loop = asyncio.get_running_loop()
        pace = endpoint.pace
        turn = await pace.enter() if pace else 0

        born: list[Connection] = []

        def made() -> Connection:
            one = cls(label, report)
            born.append(one)
            if pace is not None:
                one._leave_turn = functools.partial(pace.leave, turn)
            return one

        # Addresses that are known already: resolving a name costs asyncio a thread each time.
        addresses = [address] if address else [*endpoint.addresses] or [endpoint.host]
        try:
            async with asyncio.timeout(timeout):
                while True:
                    try:
                        _, connection = await loop.create_connection(
                            made,
                            addresses.pop(0),
                            endpoint.port,
                            ssl=endpoint.tls,
                            server_hostname=(endpoint.server_name or endpoint.host) if endpoint.tls else None,
                        )
                    except OSError as error:
                        if not addresses or error.errno not in NOBODY_THERE:
                            raise
                    else:
                        return connection
        except BaseException:
            for one in born:  # made, but too late: nobody else would ever close it
                one.reset()
            if pace is not None:
                pace.leave(turn)
            raise

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio has already set TCP_NODELAY, so each write is its own segment."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        where = f"to {peer[0]} port {peer[1]} made" if peer else "made, and reset before it was looked at"
        self.transcript.add("event", note=f"TCP connection {where}")

    def data_received(self, data: bytes) -> None:
        """Feed what arrived to the response parser, then to the frame parser."""
        if self.end is not None and self.end.ours:
            return
        self.transcript.add("received", data)
        if self.first_byte is None:
            self.first_byte = self.transcript.now()
        if self.response is None:
            self.response = self._parser.feed(data)
            if self.response is None:
                if self._parser.garbage is not None:
                    self.transcript.ended = True
                    self._give_up("garbage")
                return
            self.transcript.answered = True
            if self._request is not None:
                self._monitor.response(self._request, self.response)
            self._upgraded = self.response.upgraded
            data = self._parser.rest
            if self._upgraded and (size := chunk_behind(data, self._request, self.response)):
                self._give_up(f"a chunk of HTTP behind the 101 (its size: {size})")
        if self._upgraded:
            self._feed_frames(data)
        else:
            self.response.take(data)
        self._wake()

    def eof_received(self) -> bool:
        """Return whether our half stays open at the server's FIN: that of a WebSocket, to go on writing."""
        self.transcript.ended = True
        self._finish("fin")
        if not self._upgraded or self._transport is None:
            return False
        return self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Note a reset, or the end that we made ourselves."""
        self.transcript.ended = self.transcript.ended or exc is not None
        if isinstance(exc, ssl.SSLError):
            # An alert behind the handshake, or an end without close_notify: TLS ended, TCP was not reset.
            self.tls_fault = exc.reason or str(exc)
            self.transcript.add("event", note=f"TLS ended: {self.tls_fault}")
            exc = None
        self._finish("reset" if exc is not None else "fin")
        self._leave_turn()
        self._writable.set()
        # The monitor refers back to us: without it, all that was received goes as soon as nobody wants it.
        del self._monitor, self._frames

    def pause_writing(self) -> None:
        """Stop ``drain`` until the kernel takes more."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let ``drain`` go on."""
        self._writable.set()
        self._answer_pings()

    def _give_up(self, why: str) -> None:
        """Read no more of a server that has no end, or makes no sense."""
        self._unread = True
        self._finish(why, ours=True)
        if self._transport is not None:
            self._transport.abort()

    def _finish(self, kind: str, *, ours: bool = False) -> None:
        if self.end is None:
            self.end = End(kind, self.transcript.now(), ours)
            self.transcript.add(
                "event", note={"fin": "TCP ended (FIN)", "reset": "TCP reset (RST)"}.get(kind, kind)
            )
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _feed_frames(self, data: bytes) -> None:
        if self._unread:
            return
        now = self.transcript.now()
        for frame in self._frames.feed(data, now):
            self._allowance.frame(frame)
            self._monitor.frame(frame)
            if why := self._monitor.unread or self._allowance.exceeded():
                self._give_up(why)
                return
            # A masked Ping is our own, given back by an echo of bytes: answering it would make what the echo
            # says next look like the Pong that we wait for. A client answers nothing masked (RFC 6455 §5.1).
            if frame.opcode == PING and frame.mask is None:
                self._owed.append(frame.payload[:125])
            elif frame.opcode == PONG:
                self._events.append(Pong(frame.payload, now))
            elif frame.opcode == CLOSE:
                self._events.append(Close(frame.close_code, frame.close_reason, now))
        self._answer_pings()
        if self._frames.http:
            status = self._frames.http.partition(b"\r\n")[0][:60].decode("latin-1")
            self._give_up(f"a second HTTP response behind the 101 ({status})")
        if self._frames.overrun is not None:
            self._monitor.overrun(self._frames.overrun)
            self._give_up(f"a frame of {self._frames.overrun} bytes, more than is read")

    def _answer_pings(self) -> None:
        """Answer the server's Pings; of many at once the latest, as RFC 6455 §5.5.3 allows.

        Not while a server does not read, which would fill our memory, and not inside a frame that is sent
        piece by piece, which would spoil it.
        """
        if not self._owed or self._outgoing.inside or not self._writable.is_set():
            return
        if self.auto_pong and not self.close_sent and not self._outgoing.closed:
            self._say(b"".join(Frame(PONG, payload).encode() for payload in self._owed))
        self._owed.clear()

    def _seen(self, breach: Breach) -> None:
        self.transcript.mark(breach.part, breach.frame)
        self._report(breach)

    def _message(self, opcode: int, content: bytes) -> None:
        self._allowance.message(content)
        self._events.append(Message(opcode, content, self.transcript.now()))

    # What tests call.

    @property
    def received_frames(self) -> list[ReceivedFrame]:
        """The frames of the server; of very many only the last."""
        return self._allowance.frames

    @property
    def local_port(self) -> int | None:
        """Our own port of the TCP connection, by which the kernel's tables name its other end."""
        name = self._transport.get_extra_info("sockname") if self._transport is not None else None
        return int(name[1]) if name else None

    @property
    def gone(self) -> bool:
        """Whether the server has ended TCP; that we gave up reading is no end of its making."""
        return self.end is not None and not self.end.ours

    @property
    def garbage(self) -> bytes | None:
        """The first bytes of an answer that was no HTTP, or ``None``."""
        return self._parser.garbage

    @property
    def interim(self) -> Sequence[str]:
        """The status lines of the latest interim responses that came before the final one."""
        return self._parser.interim

    @property
    def unfinished(self) -> bytes:
        """What arrived of a response head that never became whole."""
        return self._parser.received if self.response is None else b""

    def write(self, data: bytes) -> None:
        """Send bytes as they are. After the end of TCP, or of our half, it does nothing: that is judged."""
        self._allowance.asked()
        self._say(data)
        if self._upgraded:
            self._outgoing.feed(data)
            self._answer_pings()

    def _say(self, data: bytes) -> None:
        if self._half_closed:
            return
        self.transcript.add("sent", data)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def write_slowly(self, segments: Iterable[bytes]) -> None:
        """Send each piece as a TCP segment of its own, letting the loop run between them."""
        for segment in segments:
            self.write(segment)
            await asyncio.sleep(0)  # not a wait: one turn of the loop, so that answers are read meanwhile

    async def drain(self, timeout: float) -> None:
        """Wait until the kernel has taken what was written, or TCP ended, or ``timeout`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._writable.wait()

    def send_request(self, request: Request) -> None:
        """Send an opening handshake and judge the response against it."""
        self.expect_response_to(request)
        self.write(request.encode())

    def expect_response_to(self, request: Request) -> None:
        """Judge the next response as the answer to ``request``, which the caller sends in its own way."""
        self._request = request

    async def read_response(self, timeout: float) -> Response | None:
        """Return the response head; ``None`` when TCP ended or ``timeout`` seconds passed without one."""
        await self._until(lambda: self.response is not None or self.end is not None, timeout)
        return self.response

    async def read_body(self, timeout: float) -> bytes:
        """Return the response's body as far as it comes before it is whole, TCP ends or ``timeout``."""
        response = self.response
        if response is None:
            return b""
        await self._until(lambda: self.end is not None or response.whole, timeout)
        return response.body

    async def event(self, timeout: float) -> Event | None:
        """Return the next event; the :class:`End` again and again once it came; ``None`` on time-out."""
        await self._until(lambda: bool(self._events) or self.end is not None, timeout)
        return self._events.popleft() if self._events else self.end

    async def _until(self, done: Callable[[], bool], timeout: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not done():
            if loop.time() >= deadline:
                return
            self._waiter = loop.create_future()
            timer = loop.call_at(deadline, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()

    def half_close(self) -> None:
        """Send a FIN and keep reading; under TLS it comes without a close_notify, as from a dying client."""
        self.transcript.add("event", note="we half-closed TCP (FIN)")
        self._half_closed = True
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            raw = self._transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End TCP with a RST, as a client does that vanishes."""
        self.transcript.add("event", note="we reset TCP (RST)")
        if self._transport is None:
            return
        raw = self._transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def shut(self) -> None:
        """Close our side for good: what the server has not taken by now, it may never take.

        asyncio would wait for that for ever, as it would for a close_notify under TLS.
        """
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Stop reading, as a slow client does."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
