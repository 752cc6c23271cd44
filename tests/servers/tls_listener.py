"""A WebSocket server over TLS that can be awkward: ``python tls_listener.py PORT CERTIFICATE HOW [FILE]``.

``sni`` appends the name that each client asks for to FILE; ``client-certificate`` wants one signed by FILE;
``truncates`` ends TCP behind its Close without a close_notify; ``bad-record`` puts garbage there.
"""

import asyncio
import socket
import ssl
import sys
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve

PORT, CERTIFICATE, HOW, *FILE = sys.argv[1:]


class Rude(ServerConnection):
    def close_transport_rudely(self) -> None:
        raw = self.transport.get_extra_info("socket")
        if HOW == "bad-record":
            with socket.socket(fileno=socket.dup(raw.fileno())) as own:
                own.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        raw.shutdown(socket.SHUT_RDWR)

    def send_data(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.transport.write(data)
            elif HOW in {"truncates", "bad-record"}:
                self.close_transport_rudely()
            else:
                self.transport.close()


async def handler(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    if HOW == "client-certificate":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(FILE[0])
    if HOW == "sni":

        def note(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
            with Path(FILE[0]).open("a") as log:
                log.write(f"{name}\n")

        context.sni_callback = note
    async with serve(handler, "127.0.0.1", int(PORT), ssl=context, create_connection=Rude) as server:
        await server.serve_forever()


asyncio.run(main())
