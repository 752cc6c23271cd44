"""What every repro script carries: a client of the standard library alone that says given bytes and listens.

The text of this module goes into each script as it stands, so it imports nothing of the project.
"""

from __future__ import annotations

import argparse
import base64
import os
import socket
import ssl
import struct
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from urllib.parse import quote, urlsplit

WAIT = 2.0  # seconds without a byte, after which no more is waited for
PAUSE = 0.005  # seconds between two segments, so that they are not read as one
NAMES = {0: "Continuation", 1: "Text", 2: "Binary", 8: "Close", 9: "Ping", 10: "Pong"}


class Talk:
    """One connection: it sends what it is given and prints whatever comes back."""

    def __init__(self, url: str, *, insecure: bool, ca_file: str | None) -> None:
        parts = urlsplit(url)
        secure = parts.scheme in {"wss", "https"}
        self.host = parts.netloc.rpartition("@")[2].encode()
        host, port = parts.hostname or "localhost", parts.port or (443 if secure else 80)
        self.stream = socket.create_connection((host, port), 10)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            context = ssl.create_default_context(cafile=ca_file)
            if insecure:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.stream = context.wrap_socket(self.stream, server_hostname=host)
        print(f"connected to {host} port {port}")
        self.received, self.seen, self.upgraded, self.ended = b"", 0, False, ""
        self.secrets: dict[str, str] = {}

    def secret(self, name: str, *, percent_encoded: bool = False) -> bytes:
        """Return a secret from the environment; it is never printed."""
        if name not in os.environ:
            sys.exit(f"Set the environment variable {name} to the secret that this conversation needs.")
        value = os.environ[name]
        self.secrets |= {value: name, quote(value, safe=""): name}
        return (quote(value, safe="") if percent_encoded else value).encode()

    def show(self, text: str) -> None:
        """Print a line without any secret, and without what a terminal would obey."""
        for value, name in self.secrets.items():
            text = text.replace(value, f"[{name}]") if value else text
        print("".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text))

    def say(self, *lines: bytes) -> None:
        """Send text in one segment."""
        for line in lines:
            self.show(f"-> {line.decode('latin-1').rstrip()}")
        self._write(b"".join(lines))

    def send(self, text: str) -> None:
        """Send bytes written in hex, or after `z` as zlib in base64; `--` begins a segment.

        A comment behind `#` is shown, one behind `# #` is not.
        """
        segments = [b""]
        for line in text.splitlines():
            data, _, comment = line.partition("#")
            word = data.strip()
            said = comment.strip()
            if said and not said.startswith("#"):
                self.show(f"-> {said}")
            if word == "--":
                segments.append(b"")
            elif word.startswith("z "):
                segments[-1] += zlib.decompress(base64.b64decode(word[2:]))
            else:
                segments[-1] += bytes.fromhex(word)
        for segment in segments:
            self._write(segment)

    def _write(self, data: bytes) -> None:
        try:
            self.stream.sendall(data)
        except OSError as error:
            print(f"   (sending failed: {error})")
        time.sleep(PAUSE)

    def half_close(self) -> None:
        """End our side of TCP and go on listening."""
        print("-> TCP FIN")
        self.stream.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End TCP with a reset."""
        print("-> TCP RST")
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.close()
        self.ended = "by us"

    def hear(self, frames: int | None = None) -> None:
        """Listen until so many frames came in all (0: the response's head), TCP ended, or nothing comes."""
        until = time.monotonic() + WAIT
        while not self.ended and (frames is None or self.seen < frames or not self.upgraded):
            if frames == 0 and b"\r\n\r\n" in self.received:
                break
            try:
                self.stream.settimeout(max(0.001, until - time.monotonic()))
                data = self.stream.recv(65536)
            except TimeoutError:
                print(f"   (nothing for {WAIT:g} s)")
                break
            except OSError as error:
                data, self.ended = b"", f"TCP reset or broken: {error}"
            if data:
                self.received += data
                until = time.monotonic() + WAIT
                self._take()
            elif not self.ended:
                self.ended = "TCP ended (FIN)"
            if self.ended:
                self._rest()
                self.show(f"<- {self.ended}")

    def _take(self) -> None:
        if not self.upgraded and b"\r\n\r\n" in self.received:
            head, _, rest = self.received.partition(b"\r\n\r\n")
            for line in head.decode("latin-1").split("\r\n"):
                self.show(f"<- {line}")
            self.upgraded = head.split(b" ")[1:2] == [b"101"]
            self.received = rest
        while self.upgraded and self._frame():
            self.seen += 1

    def _frame(self) -> bool:
        data = self.received
        if len(data) < 2:
            return False
        size, at = data[1] & 0x7F, 2
        if size > 125:
            form, width = ("!H", 2) if size == 126 else ("!Q", 8)
            if len(data) < 2 + width:
                return False
            size, at = struct.unpack_from(form, data, 2)[0], 2 + width
        at += 4 if data[1] & 0x80 else 0
        if len(data) < at + size:
            return False
        opcode, payload = data[0] & 0x0F, data[at : at + size]
        text = repr(payload.decode(errors="backslashreplace")[:200])
        if opcode == 8 and size > 1:
            text = (
                f"code={struct.unpack_from('!H', payload)[0]} reason={payload[2:].decode(errors='replace')!r}"
            )
        name = NAMES.get(opcode, f"Reserved 0x{opcode:X}")
        marks = f"fin={data[0] >> 7} rsv={data[0] >> 4 & 7:03b} mask={data[1] >> 7} len={size}"
        self.show(f"<- {name} {marks} {text}")
        if not any(value.encode() in data for value in self.secrets if value):
            self.show(f"   {data[: at + min(size, 64)].hex(' ')}{' ...' if size > 64 else ''}")
        self.received = data[at + size :]
        return True

    def _rest(self) -> None:
        if self.received:
            self.show(f"<- {len(self.received)} bytes that are no whole frame: {self.received[:64]!r}")


def main(conversation: Callable[[Talk], None], url: str, verdict: Sequence[str], *, insecure: bool) -> None:
    """Hold a conversation with the server at the URL on the command line, then say what was expected.

    Args:
        conversation: holds it.
        url: where to, unless the command line says otherwise.
        verdict: what was expected and what came, line by line.
        insecure: whether no certificate is verified.

    """
    parser = argparse.ArgumentParser(description="Replay one conversation of a conformance run.")
    parser.add_argument("url", nargs="?", default=url, help="the server (%(default)s)")
    parser.add_argument("--insecure", action="store_true", default=insecure, help="verify no certificate")
    parser.add_argument("--ca-file", help="authorities to trust for wss")
    options = parser.parse_args()
    try:
        talk = Talk(options.url, insecure=options.insecure, ca_file=options.ca_file)
    except OSError as error:
        sys.exit(f"No connection to {options.url}: {error}")
    conversation(talk)
    talk.hear()
    print("", *verdict, sep="\n")
