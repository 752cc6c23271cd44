"""WebSocket over HTTP/2 (RFC 8441): whether the target offers it, and how tests open it."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
from collections.abc import AsyncIterator

from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance, Unreachable
from conformance.core.evidence import Happened, Kind, Told
from conformance.net.http2 import Http2Connection
from conformance.net.stream import Stream, extended_connect
from conformance.target.snapshot import Capability
from conformance.target.target import Target
from conformance.target.tls import tls_context, why_refused
from conformance.wire.events import Close
from conformance.wire.handshake import Request

ALPN = ("h2", "http/1.1")
UNLOCK = "serve WebSocket by extended CONNECT (RFC 8441)"


async def dial(target: Target, *, label: str = "HTTP/2", window: int | None = None) -> Http2Connection:
    """Open an HTTP/2 connection: over TLS by ALPN, else by prior knowledge. It need not have become one.

    Args:
        target: the server under test.
        label: what the connection is for, in the transcript.
        window: octets that the server may send on each stream before it is given more.

    Returns:
        The connection.

    Raises:
        Unreachable: no connection could be made.

    """
    tls = tls_context(target.profile, protocols=ALPN) if target.url.secure else None
    try:
        return await Http2Connection.open(
            dataclasses.replace(target.endpoint, tls=tls),
            label=label,
            report=target.recorder.breach,
            timeout=target.limits.handshake,
            window=window,
        )
    except OSError as error:
        raise Unreachable(f"no HTTP/2 connection to {target.url}: {why_refused(error)}") from error


async def offered(target: Target) -> list[Capability]:
    """Find out whether the target speaks HTTP/2 with extended CONNECT, and WebSocket over it.

    Returns:
        The capabilities ``http2`` and ``http2-websocket``.

    """
    evidence = await _evidence(target)
    if not isinstance(evidence, Http2Connection):
        return [
            Capability(name, present=False, evidence=evidence, unlock=UNLOCK)
            for name in ("http2", "http2-websocket")
        ]
    values = ", then ".join(map(str, evidence.connect_protocol))
    how = "ALPN answered h2" if evidence.alpn else "the HTTP/2 preface was answered"
    announced = Capability("http2", True, f"{how}; SETTINGS_ENABLE_CONNECT_PROTOCOL is {values}")  # noqa: FBT003
    try:
        stream = await Link(target, evidence).attempt()
        said = answer_of(stream)
        opened = stream.response is not None and stream.response.upgraded
        stream.shut()
    finally:
        evidence.close()
    websocket = Capability("http2-websocket", opened, f"an extended CONNECT was answered by {said}")
    return [announced, websocket]


async def _evidence(target: Target) -> Http2Connection | str:
    """Return a connection on which extended CONNECT is announced, or why there is none."""
    addresses = [ipaddress.ip_address(one.split("%")[0]) for one in target.endpoint.addresses]
    if not target.url.secure and not all(address.is_loopback for address in addresses):
        return "HTTP/2 without TLS is only tried on this machine"
    try:
        link = await dial(target)
    except Unreachable as error:
        return str(error)
    said = ""
    if target.url.secure and link.alpn != "h2":
        said = f"ALPN was answered by {link.alpn or 'nothing'}, not h2"
    elif not await link.until(lambda: link.ready or link.garbage is not None, target.limits.prompt):
        said = f"the HTTP/2 preface was answered by {link.end or 'nothing'}, no SETTINGS"
    elif link.garbage is not None:
        said = f"the HTTP/2 preface was answered by {link.garbage[:24]!r}"
    else:
        await link.ping(target.limits.prompt)  # SETTINGS may come in several frames
        if not any(link.connect_protocol):
            said = "it speaks HTTP/2, but SETTINGS_ENABLE_CONNECT_PROTOCOL is not 1"
    if not said:
        return link
    link.close()
    return said


def answer_of(stream: Stream) -> Told:
    """Return what became of a request."""
    if stream.response is not None:
        return Told(stream.response.line, Happened(Kind.RESPONSE, stream.response.status))
    return Told(stream.end.kind if stream.end is not None else "nothing")


class Link:
    """An HTTP/2 connection to the target, with the verbs of the opening handshake."""

    def __init__(self, target: Target, connection: Http2Connection) -> None:
        self.target = target
        self.connection = connection

    async def attempt(
        self,
        request: Request | None = None,
        *added: tuple[str, str],
        label: str = "",
        **pseudo: str | None,
    ) -> Stream:
        """Try an extended CONNECT.

        Args:
            request: the HTTP/1.1 handshake that asks for the same; by default a legal one.
            added: fields that follow the others.
            label: what the connection is for, in the transcript, where it is not the one that is judged.
            pseudo: changes pseudo-header fields; ``None`` leaves one out.

        Returns:
            The stream, answered or not.

        """
        target = self.target
        request = request or target.opening()
        scheme = "https" if target.url.secure else "http"
        fields = extended_connect(request, *added, **{"scheme": scheme} | pseudo)
        stream = self.connection.request(fields, request, label or "extended CONNECT")
        target.recorder.transcript(stream.transcript)
        await stream.read_response(target.limits.handshake)
        return stream

    def client(self, stream: Stream) -> Client:
        """Return the client of an open stream."""
        client = self.target.client(stream)
        client.speaks = self.target.has("heartbeat")
        return client

    @contextlib.asynccontextmanager
    async def upgraded(self, request: Request | None = None) -> AsyncIterator[Client]:
        """Expect that an extended CONNECT opens a WebSocket; the stream is left at the end.

        Yields:
            The open WebSocket.

        Raises:
            Nonconformance: the answer does not accept it.

        """
        stream = await self.attempt(request)
        client = self.client(stream)
        try:
            if stream.response is None or not stream.response.upgraded:
                raise Nonconformance(
                    "a legal extended CONNECT was not accepted",
                    expected=["a 2xx response"],
                    actual=answer_of(stream),
                )
            yield client
        finally:
            await self._leave(client, stream)

    async def _leave(self, client: Client, stream: Stream) -> None:
        # Once the server's Close is here nothing more is due; waiting for its END_STREAM is a test's matter.
        if stream.response is not None and stream.response.upgraded and stream.talking:
            client.send_close(1000)
            await client.take(lambda event: isinstance(event, Close), self.target.limits.prompt)
        stream.shut()

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        """Open a WebSocket that a test needs but does not judge, confirmed where there is a session.

        Yields:
            The WebSocket.

        Raises:
            Inconclusive: it cannot be had.

        """
        try:
            async with contextlib.AsyncExitStack() as stack:
                client = await stack.enter_async_context(self.upgraded())
                if self.target.has("session"):
                    await client.confirmed()
                await client.ping()
                kept = stack.pop_all()
        except Nonconformance as error:
            raise Inconclusive(f"a WebSocket over HTTP/2 that this test needs: {error}") from error
        async with kept:
            yield client

    async def refuses(
        self, request: Request, why: str, *added: tuple[str, str], **pseudo: str | None
    ) -> Stream:
        """Expect that an extended CONNECT opens nothing, and charge whether the connection survives it.

        Args:
            request: the HTTP/1.1 handshake that asks for the same.
            why: what is wrong with it, for the message.
            added: fields that follow the others.
            pseudo: changes pseudo-header fields; ``None`` leaves one out.

        Returns:
            The stream.

        Raises:
            Nonconformance: it was accepted.

        """
        stream = await self.attempt(request, *added, label=why, **pseudo)
        opened = stream.response is not None and stream.response.upgraded
        said = answer_of(stream)
        stream.shut()
        if opened:
            raise Nonconformance(
                f"{why}: an extended CONNECT that must be refused was accepted",
                expected=["a status of 400 or above", "RST_STREAM", "the end of the HTTP/2 connection"],
                actual=said,
            )
        self.target.recorder.observe(f"{why}: {said}")
        alive = await self.connection.ping(self.target.limits.reply)
        after = self.connection.goaway or self.connection.end or "no PING is answered"
        self.target.recorder.charge(
            "http2.stream-errors",
            kept=alive and self.connection.goaway is None,
            message=f"{why}: {said}; then {after}",
        )
        return stream


@contextlib.asynccontextmanager
async def linked(target: Target, *, window: int | None = None) -> AsyncIterator[Link]:
    """Open an HTTP/2 connection that a test needs but does not judge; it is closed at the end.

    Yields:
        The connection.

    Raises:
        Inconclusive: it cannot be had.

    """
    connection = await dial(target, window=window)
    try:
        if not await connection.until(lambda: connection.ready, target.limits.handshake):
            raise Inconclusive(f"no SETTINGS came: {connection.end or 'nothing came'}")
        yield Link(target, connection)
    finally:
        connection.close()
