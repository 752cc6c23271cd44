"""HTTP/2 on the client's side: one connection and its rules (RFC 9113, RFC 8441).

The library `h2` says what is legal and judges the server's frames. Our own part is what it hides: the
values of SETTINGS_ENABLE_CONNECT_PROTOCOL in their order, header fields that no response may have, the end
of a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable, Iterator

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from conformance.net.endpoint import Endpoint
from conformance.net.stream import Fields, Report, Stream, listed
from conformance.wire.handshake import Request
from conformance.wire.invariants import Breach

ENABLE_CONNECT_PROTOCOL = 0x8
DATA, HEADERS, SETTINGS = 0x0, 0x1, 0x4
MAX_WAITING = 16 * 1024 * 1024


class Http2Connection(asyncio.Protocol):
    """One HTTP/2 connection: SETTINGS, PING, GOAWAY, flow control, and its streams."""

    def __init__(self, label: str, report: Report, *, window: int | None = None) -> None:
        self._report = report
        self._label = label
        self.alpn: str | None = None
        self.connect_protocol: list[int] = []
        self.ready = False
        self.garbage: bytes | None = None
        self.goaway: str | None = None
        self.end: str | None = None
        self.streams: dict[int, Stream] = {}
        self._buffer = bytearray()
        self._pings: set[bytes] = set()
        self._changed = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        # Header fields are not validated by h2: requests may be wrong on purpose, responses are judged here.
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                header_encoding="latin-1",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
        initial: dict[h2.settings.SettingCodes, int] = {h2.settings.SettingCodes.ENABLE_PUSH: 0}
        if window is not None:
            initial[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = window
        self.h2.local_settings = h2.settings.Settings(client=True, initial_values=initial)

    @classmethod
    async def open(
        cls, endpoint: Endpoint, *, label: str, report: Report, timeout: float, window: int | None = None
    ) -> Http2Connection:
        """Connect and send the connection preface; under TLS only where ALPN chose h2 (see ``alpn``).

        Args:
            endpoint: where the server is, and by which TLS.
            label: what it is for, in the transcript.
            report: is called with each breach that the monitor sees.
            timeout: seconds.
            window: octets that the server may send on each stream before it is given more.

        Returns:
            The connection.

        Raises:
            OSError: no connection could be made.

        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            _, link = await loop.create_connection(
                lambda: cls(label, report, window=window),
                endpoint.host,
                endpoint.port,
                ssl=endpoint.tls,
                server_hostname=(endpoint.server_name or endpoint.host) if endpoint.tls else None,
            )
        return link

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the preface with our SETTINGS, or nothing where TLS agreed on another protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.alpn = tls.selected_alpn_protocol()
            if self.alpn != "h2":
                return
        self.h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Cut what arrived into frames and hand them to h2 one by one, so that a bad one takes none along."""
        if self.end is not None:
            return
        self._buffer += data
        if not self.ready and (len(self._buffer) >= 4 and self._buffer[3] != SETTINGS):
            self.garbage = bytes(self._buffer[:256])
            self._finish("it is no HTTP/2")
            return
        for frame in self._frames():
            if self.end is not None:
                return
            try:
                events = self.h2.receive_data(frame)
            except h2.exceptions.FlowControlError as error:
                self._breach("http2.flow-control", str(error))
                self._broke(str(error))
            except h2.exceptions.ProtocolError as error:
                self._breach("http2.frames", f"{type(error).__name__}: {error}")
                self._broke(str(error))
            else:
                for event in events:
                    self._handle(event)
        self._flush()
        self._changed.set()

    def eof_received(self) -> None:
        """Note the server's FIN."""
        self._finish("TCP ended (FIN)")

    def connection_lost(self, exc: Exception | None) -> None:
        """Note a reset, or the end that we made ourselves."""
        self._finish("TCP was reset (RST)" if exc is not None else "TCP ended (FIN)")

    def resume_writing(self) -> None:
        """Read on, where :meth:`_flush` stopped it."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _frames(self) -> Iterator[bytes]:
        while len(self._buffer) >= 9:
            size = 9 + int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < size:
                return
            frame = bytearray(self._buffer[:size])
            del self._buffer[:size]
            if frame[3] == SETTINGS and not frame[4] & 1:
                self._settings(frame)
            stream = self.streams.get(int.from_bytes(frame[5:9], "big"))
            if frame[3] in {DATA, HEADERS} and stream is not None and stream.ended_by_server:
                self._breach("http2.frames", f"frame type {frame[3]} came behind END_STREAM")
            yield bytes(frame)

    def _settings(self, frame: bytearray) -> None:
        """Judge SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3); h2 gets a value that it can go on with."""
        for position in range(9, len(frame) - 5, 6):
            identifier, value = struct.unpack_from("!HI", frame, position)
            if identifier != ENABLE_CONNECT_PROTOCOL:
                continue
            if value > 1:
                self._breach("http2.settings", f"SETTINGS_ENABLE_CONNECT_PROTOCOL is {value}")
                struct.pack_into("!I", frame, position + 2, 1)
            elif value == 0 and 1 in self.connect_protocol:
                self._breach("http2.settings", "SETTINGS_ENABLE_CONNECT_PROTOCOL is taken back: 0 after 1")
            self.connect_protocol.append(value)

    def _breach(self, requirement: str, message: str) -> None:
        self._report(Breach(requirement, message))

    def _broke(self, message: str) -> None:
        self._flush()
        self._finish(f"we ended it: {message}")
        self.close()

    def _finish(self, kind: str) -> None:
        if self.end is None:
            self.end = kind
        for stream in self.streams.values():
            if stream.end is None:
                stream.finish(f"the HTTP/2 connection ended, {kind}")
        self._changed.set()

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RemoteSettingsChanged():
                self.ready = True
                self._pump_all()
            case h2.events.WindowUpdated():
                self._pump_all()
            case h2.events.PingAckReceived(ping_data=data):
                self._pings.discard(bytes(data))
            case h2.events.ConnectionTerminated(error_code=code, last_stream_id=last):
                self.goaway = f"GOAWAY {_named(code)}, last stream {last}"
                for number, stream in self.streams.items():
                    stream.transcript.add("event", note=f"received {self.goaway}")
                    if number > (last or 0):
                        stream.finish(f"STREAM never begun, {self.goaway}")
            case _:
                stream_id = getattr(event, "stream_id", None)
                found = self.streams.get(stream_id) if stream_id is not None else None
                if found is not None:
                    self._stream_event(found, event)

    def _stream_event(self, stream: Stream, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived(headers=headers):
                stream.responded((str(name), str(value)) for name, value in headers or ())
            case h2.events.InformationalResponseReceived(headers=headers):
                if (":status", "101") in (headers or ()):
                    self._breach("http2.response-headers", "101 is answered, which HTTP/2 does not know")
            case h2.events.TrailersReceived():
                self._breach("http2.frames", "HEADERS came on an open tunnel")
            case h2.events.DataReceived(data=data, flow_controlled_length=length):
                stream.data_received(bytes(data or b""))
                if length and not stream.holding:
                    with contextlib.suppress(h2.exceptions.ProtocolError):
                        self.h2.acknowledge_received_data(length, stream.stream_id)
            case h2.events.StreamEnded():
                stream.finish("END_STREAM")
            case h2.events.StreamReset(error_code=code, remote_reset=True):
                stream.finish(f"RST_STREAM {_named(code)}")

    # What tests call.

    async def until(self, done: Callable[[], bool], timeout: float) -> bool:
        """Wait until something holds, the end, or ``timeout`` seconds.

        Returns:
            Whether it holds.

        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not done() and self.end is None:
                    self._changed.clear()
                    await self._changed.wait()
        return done()

    async def ping(self, timeout: float) -> bool:
        """Return whether an HTTP/2 PING is answered, and so whether the connection lives."""
        data = struct.pack("!Q", len(self._pings) + id(self) % 2**32)
        self._pings.add(data)
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.h2.ping(data)
            self._flush()
        return await self.until(lambda: data not in self._pings, timeout)

    def request(self, fields: Fields, request: Request, label: str) -> Stream:
        """Begin a stream with these fields.

        Args:
            fields: names and values, pseudo-header fields first.
            request: what the answer is judged against.
            label: what it is for, in the transcript.

        Returns:
            The stream.

        """
        stream = Stream(
            self, self.h2.get_next_available_stream_id(), f"{self._label} · {label}", self._report
        )
        stream.transcript.add("event", note=f"sent HEADERS on stream {stream.stream_id}: {listed(fields)}")
        stream.expect_response_to(request)
        self.streams[stream.stream_id] = stream
        if self.end is not None:
            stream.finish(f"the HTTP/2 connection ended, {self.end}")
            return stream
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.h2.send_headers(stream.stream_id, fields)
        self._flush()
        return stream

    def pump(self, stream: Stream) -> None:
        """Send what waits on a stream as far as the server's windows allow."""
        try:
            while stream.pending and self.end is None:
                data = stream.pending[0]
                size = min(
                    self.h2.local_flow_control_window(stream.stream_id),
                    self.h2.max_outbound_frame_size,
                )
                if data and size <= 0:
                    break
                self.h2.send_data(stream.stream_id, data[:size])
                stream.pending.popleft()
                if data[size:]:
                    stream.pending.appendleft(data[size:])
            if stream.ending and not stream.pending:
                stream.ending = False
                self.h2.end_stream(stream.stream_id)
        except (h2.exceptions.ProtocolError, KeyError):  # the stream is closed: what is left goes nowhere
            stream.pending.clear()
        stream.settle()
        self._flush()

    def _pump_all(self) -> None:
        for stream in self.streams.values():
            self.pump(stream)

    def padded(self, stream: Stream, data: bytes, padding: int) -> None:
        """Send one DATA frame with padding, or one that is empty: neither means anything to WebSocket.

        Args:
            stream: on which.
            data: its content.
            padding: octets, at most 255.

        """
        stream.transcript.add("sent", data, note=f"{len(data)} bytes, {padding} of padding")
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.h2.send_data(stream.stream_id, data, pad_length=padding)
        self._flush()

    def release(self, stream: Stream, octets: int) -> None:
        """Open the windows of a stream that we hold, and of the connection, by this much."""
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.h2.increment_flow_control_window(octets, stream.stream_id)
            self.h2.increment_flow_control_window(octets)
        self._flush()

    def reset(self, stream: Stream) -> None:
        """Send RST_STREAM with CANCEL."""
        stream.pending.clear()
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
            self.h2.reset_stream(stream.stream_id, h2.errors.ErrorCodes.CANCEL)
        self._flush()

    def _flush(self) -> None:
        data = self.h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            # Each PING of a server that does not read has an answer that waits for it in our memory.
            if self._transport.get_write_buffer_size() > MAX_WAITING:
                self._transport.pause_reading()

    def close(self) -> None:
        """Say GOAWAY and close TCP."""
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.h2.close_connection()
        self._flush()
        if self._transport is not None:
            if self._transport.get_extra_info("sslcontext") is not None:
                self._transport.abort()
            else:
                self._transport.close()


def _named(code: int | h2.errors.ErrorCodes | None) -> str:
    return code.name if isinstance(code, h2.errors.ErrorCodes) else f"0x{code or 0:x}"
