"""A WebSocket server that serves one connection at a time, as a synchronous worker does: ``PORT``."""

import base64
import hashlib
import re
import socketserver
import sys

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(socketserver.StreamRequestHandler):
    """Upgrade, and then hold the one thread until the client leaves."""

    def handle(self):
        head = b""
        while (line := self.rfile.readline()).strip():
            head += line
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
        if key is None:
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        accept = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        while self.rfile.read(1):
            pass


class Server(socketserver.TCPServer):
    """One thread, and the kernel's queue in front of it."""

    allow_reuse_address = True


with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    server.serve_forever()
