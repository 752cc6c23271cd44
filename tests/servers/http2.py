"""``python -m tests.servers.http2 PORT CONTROL_PORT [CERTIFICATE]``: the reference server behind HTTP/2.

What begins with HTTP/2's connection preface is spoken as RFC 8441 says: each extended CONNECT becomes a
WebSocket connection to the reference server, as a gateway makes one. All else is passed on octet by octet.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from reference_server.__main__ import main
from reference_server.server import PermissionsServer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CONNECTION_SPECIFIC = {"connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding"}
NOT_FOR_HTTP2 = CONNECTION_SPECIFIC | {"content-length", "sec-websocket-accept", "date"}
REQUIRED = {":method", ":scheme", ":path", ":authority"}


class Malformed(Exception):
    """A request that is a stream error (RFC 9113 §8.1.1)."""


class Stream:
    """One extended CONNECT: its connection to the server behind, and the task that reads from there."""

    def __init__(self) -> None:
        self.writer: asyncio.StreamWriter | None = None
        self.task: asyncio.Task[None] | None = None
        self.early: list[bytes] = []
        self.ended = False
        self.room = asyncio.Event()


class Gateway:
    """One HTTP/2 connection."""

    def __init__(self, writer: asyncio.StreamWriter, behind: tuple[str, int]) -> None:
        self.writer = writer
        self.behind = behind
        self.streams: dict[int, Stream] = {}
        config = h2.config.H2Configuration(
            client_side=False,
            header_encoding="latin-1",
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings = Settings(client=False, initial_values=self.settings())

    def settings(self) -> dict[SettingCodes, int]:
        return {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1, SettingCodes.MAX_CONCURRENT_STREAMS: 100}

    async def run(self, reader: asyncio.StreamReader, first: bytes) -> None:
        self.h2.initiate_connection()
        data = first
        try:
            while data:
                for event in self.h2.receive_data(data):
                    self.handle(event)
                await self.flush()
                data = await reader.read(65536)
        except ProtocolError:
            await self.flush()
        finally:
            for stream in self.streams.values():
                self.drop(stream)

    async def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    def handle(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", 0) or 0)
        match event:
            case h2.events.RequestReceived(stream_id=stream_id, headers=headers):
                stream = self.streams[stream_id] = Stream()
                stream.task = asyncio.create_task(self.serve(stream_id, stream, headers))
            case h2.events.DataReceived(data=data, flow_controlled_length=length, stream_id=stream_id):
                self.acknowledge(length, stream_id)
                if stream is not None:
                    self.pass_on(stream, data)
            case h2.events.StreamEnded() if stream is not None:
                self.client_ended(stream)
            case h2.events.StreamReset() if stream is not None:
                self.drop(stream)
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                for one in self.streams.values():
                    one.room.set()

    def acknowledge(self, length: int, stream_id: int) -> None:
        with contextlib.suppress(ProtocolError):
            self.h2.acknowledge_received_data(length, stream_id)

    def pass_on(self, stream: Stream, data: bytes) -> None:
        if stream.writer is None:
            stream.early.append(data)
        else:
            stream.writer.write(data)

    def client_ended(self, stream: Stream) -> None:
        stream.ended = True
        if stream.writer is not None:
            stream.writer.write_eof()

    def drop(self, stream: Stream) -> None:
        """The client reset the stream, or is gone."""
        if stream.task is not None:
            stream.task.cancel()
        if stream.writer is not None:
            stream.writer.transport.abort()

    # One stream.

    async def serve(self, stream_id: int, stream: Stream, headers: list[tuple[str, str]]) -> None:
        try:
            self.check(headers)
        except Malformed:
            self.reset(stream_id, ErrorCodes.PROTOCOL_ERROR)
            await self.flush()
            return
        fields = dict(headers)
        refusal = self.refusal(fields)
        if refusal is not None:
            self.h2.send_headers(stream_id, [(":status", str(refusal))], end_stream=True)
            await self.flush()
            return
        await self.tunnel(stream_id, stream, fields, headers)

    def check(self, headers: list[tuple[str, str]]) -> None:
        fields = dict(headers)
        wanted = REQUIRED if ":protocol" in fields or fields.get(":method") != "CONNECT" else {":authority"}
        pseudo = {name for name in fields if name.startswith(":")} - {":protocol", ":method"}
        if pseudo != wanted - {":method"} or fields.get(":path") == "" or CONNECTION_SPECIFIC & set(fields):
            raise Malformed

    def refusal(self, fields: dict[str, str]) -> int | None:
        if fields[":method"] != "CONNECT" or fields.get(":protocol") != "websocket":
            return 501
        return None

    def request(self, fields: dict[str, str], headers: list[tuple[str, str]]) -> bytes:
        lines = [
            f"GET {fields[':path']} HTTP/1.1",
            f"host: {fields[':authority']}",
            "upgrade: websocket",
            "connection: Upgrade",
            f"sec-websocket-key: {base64.b64encode(os.urandom(16)).decode()}",
            *(f"{name}: {value}" for name, value in headers if not name.startswith(":")),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def tunnel(
        self, stream_id: int, stream: Stream, fields: dict[str, str], headers: list[tuple[str, str]]
    ) -> None:
        reader, writer = await asyncio.open_connection(*self.behind)
        try:
            writer.write(self.request(fields, headers))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, response = self.response(head)
            self.h2.send_headers(stream_id, response, end_stream=status != 200)
            await self.flush()
            if status != 200:
                return
            stream.writer = writer
            for data in stream.early:
                writer.write(data)
            if stream.ended:
                writer.write_eof()
            while data := await reader.read(65536):
                await self.send(stream_id, stream, data)
            self.end(stream_id)
        except (OSError, asyncio.IncompleteReadError):
            self.reset(stream_id, ErrorCodes.CANCEL)
        except ProtocolError:
            pass  # the client has ended the stream
        finally:
            writer.close()
        await self.flush()

    def response(self, head: str) -> tuple[int, list[tuple[str, str]]]:
        first, *lines = head.split("\r\n")[:-2]
        status = int(first.split()[1])
        status = 200 if status == 101 else status
        pairs = [tuple(line.split(": ", 1)) for line in lines]
        kept = [(name.lower(), value) for name, value in pairs if name.lower() not in NOT_FOR_HTTP2]
        return status, [(":status", str(status)), *kept]

    async def send(self, stream_id: int, stream: Stream, data: bytes) -> None:
        while data:
            room = min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size)
            if room <= 0:
                stream.room.clear()
                await stream.room.wait()
                continue
            self.h2.send_data(stream_id, data[:room])
            data = data[room:]
            await self.flush()

    def end(self, stream_id: int) -> None:
        self.h2.end_stream(stream_id)

    def reset(self, stream_id: int, code: ErrorCodes) -> None:
        with contextlib.suppress(ProtocolError):
            self.h2.reset_stream(stream_id, code)


async def pass_through(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes, behind: tuple[str, int]
) -> None:
    """Pass everything on in both directions, the ends too."""
    back, forth = await asyncio.open_connection(*behind)
    forth.write(first)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
        else:
            sink.close()

    try:
        await asyncio.gather(copy(reader, forth), copy(back, writer))
    except OSError:
        for sink in (forth, writer):
            sink.transport.abort()
    finally:
        forth.close()


def install(gateway: type[Gateway] = Gateway, tls: ssl.SSLContext | None = None) -> None:
    """Put HTTP/2 in front of the reference server, which then listens behind, on a port of its own."""
    start = PermissionsServer.start

    async def start_behind(self: PermissionsServer, sockets: list[socket.socket]) -> None:
        inner = socket.create_server(("127.0.0.1", 0), backlog=1024)
        await start(self, [inner])
        behind = inner.getsockname()[:2]

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            first = b""
            try:
                while len(first) < len(PREFACE) and PREFACE.startswith(first):
                    data = await reader.read(65536)
                    first += data
                    if not data:
                        break
                if first.startswith(PREFACE):
                    await gateway(writer, behind).run(reader, first)
                else:
                    await pass_through(reader, writer, first, behind)
            except (OSError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        self.fronts = [  # type: ignore[attr-defined]  # kept from being collected
            await asyncio.start_server(accept, sock=one, ssl=tls, backlog=1024) for one in sockets
        ]

    PermissionsServer.start = start_behind  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    port, control_port, *files = sys.argv[1:]
    context = None
    if files:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files[0])
        context.set_alpn_protocols(["h2", "http/1.1"])
    install(tls=context)
    sys.argv[1:] = [
        "--host",
        "localhost",
        "--port",
        port,
        "--control-port",
        control_port,
        "--origin",
        "https://app.example",
    ]
    sys.exit(main())
