"""The vices: each one way of holding to nothing."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import itertools
import os
import random
import re
import signal
import zlib
from collections.abc import Awaitable, Callable

from conformance.wire.frames import CONTINUATION, TEXT, Frame
from tests.vicious.gate import Client, Gate, Vice

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MESSAGE = b"\x81\x05flood"
VICES: dict[str, Vice] = {}
_random = random.Random(6455)


def vice(take: Callable[[Client], Awaitable[None]]) -> Callable[[Client], Awaitable[None]]:
    """Register what has a connection for itself."""
    name = take.__name__.replace("_", "-")
    VICES[name] = Vice(name, take=take)
    return take


def bent(bend: Callable[[Gate, bytes], list[bytes]]) -> Callable[[Gate, bytes], list[bytes]]:
    """Register what changes the reference server's words."""
    name = bend.__name__.replace("_", "-")
    VICES[name] = Vice(name, bend=bend)
    return bend


def accepted(head: bytes, *lines: bytes) -> bytes:
    """Return a right 101 for whatever was asked."""
    key = re.search(rb"(?i)sec-websocket-key: *([^\r\n]*)", head)
    accept = base64.b64encode(hashlib.sha1((key[1].strip() if key else b"") + GUID).digest())
    first = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
    return b"\r\n".join([*first, b"Sec-WebSocket-Accept: " + accept, *lines, b"", b""])


async def upgrade(client: Client, *lines: bytes) -> None:
    """Accept what is asked, whatever it is."""
    if not client.upgraded:
        await client.say(accepted(await client.head(), *lines))


def unmasked(opcode: int, payload: bytes, *, fin: bool = True, rsv1: bool = False) -> bytes:
    """Return a frame of a server."""
    return Frame(opcode, payload, fin=fin, rsv1=rsv1, mask=None).encode()


# Saying nothing, or always the same.


@vice
async def is_silent(client: Client) -> None:
    """Read, and never say anything."""
    await client.idle()


@vice
async def says_101_and_nothing_more(client: Client) -> None:
    """Upgrade everything, key or not, and never say anything again."""
    await upgrade(client)
    await client.idle()


@vice
async def hangs_up(client: Client) -> None:
    """Close whatever comes, at once."""
    client.transport.close()


@vice
async def resets(client: Client) -> None:
    """Read a little, and reset."""
    await client.read()
    client.transport.abort()


@vice
async def refuses_all(client: Client) -> None:
    """Answer 503 to everything."""
    if not client.upgraded:
        await client.head()
        body = b"Sorry.\n"
        await client.say(
            b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body)
        )


@vice
async def is_another_server(client: Client) -> None:
    """Answer as a web server that knows nothing of WebSocket."""
    if not client.upgraded:
        await client.head()
        body = b"<!doctype html><title>It works!</title><h1>It works!</h1>\n"
        head = (
            b"HTTP/1.1 200 OK\r\nServer: Apache/2.4.66 (Unix)\r\nContent-Type: text/html\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n"
        )
        await client.say(head % len(body) + body)


@vice
async def echoes_bytes(client: Client) -> None:
    """Give back the bytes as they came, masks and all, the request first."""
    while data := await client.read():
        await client.say(data)


@vice
async def upgrades_and_echoes_bytes(client: Client) -> None:
    """Upgrade, and then give back the bytes as they came, masks and all."""
    await upgrade(client)
    while data := await client.read():
        await client.say(data)


# Too much, too slowly, without an end.


@vice
async def floods(client: Client) -> None:
    """Send messages as fast as they go, and read nothing."""
    await upgrade(client)
    while await client.say(MESSAGE * 4096):
        pass


@vice
async def floods_with_pings(client: Client) -> None:
    """Send Pings as fast as they go."""
    await upgrade(client)
    while await client.say(b"\x89\x04ping" * 4096):
        pass


@vice
async def floods_the_head(client: Client) -> None:
    """Send header fields for ever."""
    await client.head()
    await client.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
    while await client.say(b"X-More: and more\r\n" * 2048):
        pass


@vice
async def interim_for_ever(client: Client) -> None:
    """Send 100 Continue for ever."""
    await client.head()
    while await client.say(b"HTTP/1.1 100 Continue\r\n\r\n" * 512):
        pass


@vice
async def floods_the_body(client: Client) -> None:
    """Refuse with a body that never ends."""
    if not client.upgraded:
        await client.head()
    await client.say(b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n")
    while await client.say(b"4000\r\n" + b"x" * 0x4000 + b"\r\n"):
        pass


@vice
async def drips(client: Client) -> None:
    """Send a message at one byte a second, over and over."""
    await upgrade(client)
    for byte in itertools.cycle(MESSAGE):
        if not await client.say(bytes([byte])):
            return
        await asyncio.sleep(1)


@vice
async def drips_the_response(client: Client) -> None:
    """Send the response itself at one byte a second."""
    await client.head()
    for byte in itertools.chain(accepted(b""), itertools.cycle(MESSAGE)):
        if not await client.say(bytes([byte])):
            return
        await asyncio.sleep(1)


@vice
async def never_ends_a_message(client: Client) -> None:
    """Send continuation frames for ever."""
    await upgrade(client)
    await client.say(unmasked(TEXT, b"x", fin=False))
    while await client.say(unmasked(CONTINUATION, b"x" * 0x10000, fin=False)):
        pass


@vice
async def never_ends_a_frame(client: Client) -> None:
    """Announce 2^40 bytes and send them."""
    await upgrade(client)
    await client.say(b"\x82\x7f" + (1 << 40).to_bytes(8, "big"))
    while await client.say(b"x" * 0x10000):
        pass


@vice
async def never_ends_a_smaller_frame(client: Client) -> None:
    """Announce 120 MiB, less than is refused, and send them, over and over."""
    await upgrade(client)
    while await client.say(b"\x82\x7f" + (120 << 20).to_bytes(8, "big")):
        for _ in range(120 << 4):
            if not await client.say(b"x" * 0x10000):
                return


@functools.cache
def bomb() -> bytes:
    """Return a megabyte that inflates to a gibibyte."""
    packer = zlib.compressobj(9, wbits=-15)
    part = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)  # as good a beginning as an end
    return (part * 64)[:-4]


@vice
async def sends_a_bomb(client: Client) -> None:
    """Send a megabyte that inflates to a gibibyte, where compression was offered or not."""
    await upgrade(client, b"Sec-WebSocket-Extensions: permessage-deflate")
    packed = unmasked(TEXT, bomb(), rsv1=True)
    while await client.say(packed):
        pass


# Lies.

LIES = {
    "accept": b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "extension": b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8, x-unheard-of",
    "subprotocol": b"Sec-WebSocket-Protocol: chat.never.offered",
    "length": b"Content-Length: 7\r\nContent-Length: 9\r\nTransfer-Encoding: chunked",
    "odd": b"X-Folded: one\r\n two\r\nX-NUL: a\x00b\r\nX-Latin: \xfc\xff\r\nno header at all",
    "huge": b"X-Huge: " + b"h" * 50_000,
}


def lying(*lies: str) -> Callable[[Gate, bytes], list[bytes]]:
    """Return what puts these lies into every 101."""

    def bend(_gate: Gate, data: bytes) -> list[bytes]:
        if not data.startswith(b"HTTP/1.1 101"):
            return [data]
        head, blank, rest = data.partition(b"\r\n\r\n")
        if "accept" in lies:
            head = re.sub(rb"(?i)\r\nsec-websocket-accept:[^\r\n]*", b"", head)
        if "upgrade" in lies:
            head = re.sub(rb"(?i)\r\nupgrade:[^\r\n]*", b"\r\nUpgrade: h2c", head)
        more = b"".join(b"\r\n" + LIES[one] for one in lies if one in LIES)
        return [head + more + blank + rest]

    return bend


ALL_LIES = ("accept", "extension", "subprotocol", "length", "odd", "huge")
VICES["lies-in-every-header"] = Vice("lies-in-every-header", bend=lying(*ALL_LIES))
VICES["upgrades-to-something-else"] = Vice("upgrades-to-something-else", bend=lying("upgrade"))


# Talking.


@bent
def talks_on(gate: Gate, data: bytes) -> list[bytes]:
    """Be right, but say something that nobody asked for ten times a second."""
    if gate.queue is None and gate.upgraded:
        gate.queue = asyncio.Queue()

        async def talk() -> None:
            while not gate.transport.is_closing():
                await asyncio.sleep(0.1)
                gate.transport.write(unmasked(TEXT, b'{"type":"gossip","data":{}}'))

        task = asyncio.get_running_loop().create_task(talk())
        gate.switch.tasks.add(task)
    return [data]


# By chance.


@vice
async def closes_at_random(client: Client) -> None:
    """Say a right 101 and a few right Pongs, and close or reset after some bytes."""
    await asyncio.sleep(_random.random() / 100)
    (client.transport.close if _random.random() < 0.5 else client.transport.abort)()


@bent
def loses_its_temper(gate: Gate, data: bytes) -> list[bytes]:
    """Be right, but close, reset or stop at any write, once in twenty."""
    chance = _random.random()
    if chance < 0.05:
        (gate.transport.close if chance < 0.025 else gate.transport.abort)()
        return []
    return [data]


@bent
def drops_answers(_gate: Gate, data: bytes) -> list[bytes]:
    """Be right, but forget what to say, once in twenty."""
    return [] if _random.random() < 0.05 else [data]


# Resources.


@vice
async def never_reads(client: Client) -> None:
    """Accept, and let the window go to zero."""
    client.transport.pause_reading()
    await asyncio.Event().wait()


@vice
async def upgrades_and_never_reads(client: Client) -> None:
    """Upgrade, and let the window go to zero."""
    await upgrade(client)
    client.transport.pause_reading()
    await asyncio.Event().wait()


@bent
def floods_behind_close(gate: Gate, data: bytes) -> list[bytes]:
    """Be right up to the Close frame, and send bytes for ever behind it."""
    if gate.upgraded and data[:1] == b"\x88":

        async def flood() -> None:
            client = Client(gate.transport, upgraded=True)
            gate.client = client
            while await client.say(MESSAGE * 4096):
                pass

        task = asyncio.get_running_loop().create_task(flood())
        gate.switch.tasks.add(task)
    return [data]


VICES["floods-behind-close"].keeps_open = True
VICES["never-ends-tcp"] = Vice("never-ends-tcp", keeps_open=True)


@bent
def drips_its_words(gate: Gate, data: bytes) -> list[bytes]:
    """Be right, at one byte a second."""
    if gate.queue is None:
        queue = gate.queue = asyncio.Queue[int]()

        async def drip() -> None:
            while not gate.transport.is_closing():
                gate.transport.write(bytes([await queue.get()]))
                await asyncio.sleep(1)

        task = asyncio.get_running_loop().create_task(drip())
        gate.switch.tasks.add(task)
    for byte in data:
        gate.queue.put_nowait(byte)
    return []


VICES["drips-its-words"].keeps_open = True
VICES["stops-itself"] = Vice("stops-itself", at_turn=lambda: os.kill(os.getpid(), signal.SIGSTOP))
VICES["dies"] = Vice("dies", at_turn=lambda: os._exit(3))
VICES["none"] = Vice("none")
