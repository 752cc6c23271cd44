"""`python -m tests.defects.miniatures VICE PORT`: servers of a few lines that hold to nothing at all."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import sys
import threading
import time
from collections.abc import Callable

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MESSAGE = b"\x81\x05flood"


def says_101_and_nothing_more(client: socket.socket, _head: bytes) -> None:
    """Upgrade everything, key or not, and never say anything again."""
    while client.recv(65536):
        pass


def echoes_bytes(client: socket.socket, head: bytes) -> None:
    """Give back the bytes as they came, masks and all, the request first."""
    client.sendall(head)
    while data := client.recv(65536):
        client.sendall(data)


def floods(client: socket.socket, _head: bytes) -> None:
    """Send messages as fast as they go, and read nothing."""
    while True:
        client.sendall(MESSAGE * 512)


def drips(client: socket.socket, _head: bytes) -> None:
    """Send a message at one byte a second, over and over."""
    while True:
        for position in range(len(MESSAGE)):
            client.sendall(MESSAGE[position : position + 1])
            time.sleep(1)


def drips_the_response(client: socket.socket, _head: bytes) -> None:
    """Send the response itself at one byte a second."""
    for byte in b"HTTP/1.1 101 Switching Protocols\r\n":
        client.sendall(bytes([byte]))
        time.sleep(1)


VICES: dict[str, Callable[[socket.socket, bytes], None]] = {
    one.__name__.replace("_", "-"): one
    for one in (says_101_and_nothing_more, echoes_bytes, floods, drips, drips_the_response)
}
AT_ONCE = {"echoes-bytes", "drips-the-response"}


def response(head: bytes) -> bytes:
    """Return a right 101 for whatever was asked."""
    key = re.search(rb"(?i)sec-websocket-key: *([^\r\n]*)", head)
    accept = base64.b64encode(hashlib.sha1((key[1].strip() if key else b"") + GUID).digest())
    lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    return b"\r\n".join([*lines, b"Sec-WebSocket-Accept: " + accept, b"", b""])


def serve(vice: str, client: socket.socket) -> None:
    """Treat one client."""
    try:
        with client:
            head = b""
            while b"\r\n\r\n" not in head and (data := client.recv(65536)):
                head += data
            if vice not in AT_ONCE:
                client.sendall(response(head))
            VICES[vice](client, head)
    except OSError:
        pass


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=512)
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=serve, args=(sys.argv[1], accepted), daemon=True).start()
