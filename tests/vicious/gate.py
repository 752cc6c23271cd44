"""The reference server behind a switch: right until its turn comes, and then given over to a vice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.target.liveness import ASKING

TEST = re.compile(rb"(?i)\r\nx-conformance-test: ([^\r\n]*)")
AGENT = re.compile(rb"(?i)\r\nuser-agent: websocket-conformance")


class Client:
    """One connection of a client, from the side of a server that does with it what it likes.

    ``upgraded`` says that the reference server has switched it to WebSocket before the vice took it over.
    """

    def __init__(self, transport: asyncio.Transport, *, upgraded: bool) -> None:
        self.transport = transport
        self.upgraded = upgraded
        self._received = bytearray()
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Take what the client sent."""
        self._received += data
        self._news.set()

    def end(self) -> None:
        """Take note that the client is gone."""
        self.ended = True
        self._news.set()
        self._writable.set()

    def pause(self, *, writing: bool) -> None:
        """Take note of whether the client reads."""
        (self._writable.set if writing else self._writable.clear)()

    async def read(self) -> bytes:
        """Return the next bytes; none at the end."""
        while not self._received and not self.ended:
            self._news.clear()
            await self._news.wait()
        data = bytes(self._received)
        self._received.clear()
        return data

    async def head(self) -> bytes:
        """Return a request's head with what came behind it; all that there was, where the client left."""
        head = b""
        while b"\r\n\r\n" not in head and (data := await self.read()):
            head += data
        return head

    async def say(self, data: bytes) -> bool:
        """Send, waiting until the client takes it; return whether there still is a client."""
        self.transport.write(data)
        await asyncio.sleep(0)
        await self._writable.wait()
        return not self.ended and not self.transport.is_closing()

    async def idle(self) -> None:
        """Read until the client leaves."""
        while await self.read():
            pass


class Filtered:
    """What the reference server takes for its transport: a vice may change what it says and does."""

    def __init__(self, gate: Gate, transport: asyncio.Transport) -> None:
        self._gate = gate
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        """Leave all else to the real transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, unless another server speaks by now."""
        self._gate.upgraded = self._gate.upgraded or data.startswith(b"HTTP/1.1 101")
        if self._gate.client is None:
            for piece in self._gate.bend(data):
                self._transport.write(piece)

    def writelines(self, parts: list[bytes]) -> None:
        """Send several."""
        self.write(b"".join(parts))

    def write_eof(self) -> None:
        """Half-close, unless the vice is not to."""
        if self._gate.client is None and not self._gate.switch.keeps_open(self._gate):
            self._transport.write_eof()

    def close(self) -> None:
        """Close, unless the vice is not to."""
        if self._gate.client is None and not self._gate.switch.keeps_open(self._gate):
            self._transport.close()

    def abort(self) -> None:
        """End at once, unless the vice is not to."""
        if self._gate.client is None and not self._gate.switch.keeps_open(self._gate):
            self._transport.abort()


@dataclass
class Vice:
    """What becomes of connections.

    ``take`` has a connection for itself. ``bend`` changes what the reference server says on it, and
    ``keeps_open`` leaves TCP open where the reference server would end it.
    """

    name: str
    take: Callable[[Client], Awaitable[None]] | None = None
    bend: Callable[[Gate, bytes], list[bytes]] | None = None
    keeps_open: bool = False
    at_turn: Callable[[], None] | None = None


@dataclass
class Switch:
    """When the vice begins.

    ``first``: with the first connection. ``connection:N``: with the N-th. ``seconds:S``: that long after the
    first test's. ``test:NAME``: with the first request of that test. ``inside:NAME``: behind the first bytes
    on a connection of that test. ``tests``: for each test's connection, never for the probe's, nor for one
    by which the suite asks whether the server is still there.
    """

    vice: Vice
    when: str
    turned: bool = False
    tested: bool = False
    count: int = 0
    gates: set[Gate] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Be turned from the start, where that is wanted."""
        self.kind, _, self.argument = self.when.partition(":")
        self.turned = self.kind == "first"

    def turn(self) -> None:
        """Give every connection over to the vice."""
        if self.turned:
            return
        self.turned = True
        if self.vice.at_turn is not None:
            self.vice.at_turn()
        for gate in list(self.gates):
            gate.give_over()

    def connected(self) -> None:
        """Count a connection."""
        self.count += 1
        if self.kind == "connection" and self.count >= int(self.argument):
            self.turn()

    def seen(self, gate: Gate, data: bytes) -> None:
        """Look at what a client sent."""
        found = TEST.search(data)
        if found:
            gate.test = found[1].decode("latin-1")
            if not self.tested:
                self.tested = True
                if self.kind == "seconds":
                    asyncio.get_running_loop().call_later(float(self.argument), self.turn)
        if (self.kind == "test" and self.argument in gate.test and gate.test) or (
            self.kind == "inside" and self.argument in gate.test and gate.test and not found
        ):
            self.turn()
        elif self.kind == "tests" and not gate.judged:
            gate.judged = True
            asking = gate.test == ASKING or (AGENT.search(data) and not found)  # the latter is the probe's
            if self.tested and not asking:
                gate.mine = True
                gate.give_over()

    def rules(self, gate: Gate) -> bool:
        """Whether the vice has this connection."""
        return self.turned or gate.mine

    def keeps_open(self, gate: Gate) -> bool:
        """Whether TCP stays open where the reference server would end it."""
        return self.rules(gate) and self.vice.keeps_open


class Gate(asyncio.Protocol):
    """Stands before one connection of the reference server."""

    def __init__(self, inner: asyncio.Protocol, switch: Switch) -> None:
        self.inner = inner
        self.switch = switch
        self.client: Client | None = None
        self.transport: asyncio.Transport
        self.upgraded = False
        self.judged = False
        self.mine = False
        self.test = ""
        self.queue: asyncio.Queue[int] | None = None

    def __getattr__(self, name: str) -> Any:
        """Be the reference server's connection to whoever asks."""
        return getattr(self.inner, name)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the reference server know, whoever will answer."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.switch.gates.add(self)
        self.switch.connected()
        if self.switch.turned:
            self.give_over()
        if self.client is None:
            self.inner.connection_made(Filtered(self, transport))  # type: ignore[arg-type]

    def give_over(self) -> None:
        """Give this connection to the vice, where it wants all of it."""
        if self.client is None and self.switch.vice.take is not None and not self.transport.is_closing():
            self.client = Client(self.transport, upgraded=self.upgraded)
            task = asyncio.get_running_loop().create_task(self._treat(self.client))
            self.switch.tasks.add(task)
            task.add_done_callback(self.switch.tasks.discard)

    async def _treat(self, client: Client) -> None:
        assert self.switch.vice.take is not None
        await self.switch.vice.take(client)
        if not client.ended:
            client.transport.close()

    def bend(self, data: bytes) -> list[bytes]:
        """Return what the reference server's words become."""
        if self.switch.rules(self) and self.switch.vice.bend is not None:
            return self.switch.vice.bend(self, data)
        return [data]

    def data_received(self, data: bytes) -> None:
        """Hand on what the client sent."""
        if self.client is None:
            self.switch.seen(self, data)
        if self.client is not None:
            self.client.feed(data)
        else:
            self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on that the client has ended its half."""
        if self.client is not None:
            self.client.end()
            return False
        return self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on the end."""
        self.switch.gates.discard(self)
        if self.client is not None:
            self.client.end()
        if self.upgraded or self.client is None:
            self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hand on that the client reads too slowly."""
        if self.client is not None:
            self.client.pause(writing=False)
        else:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that the client reads again."""
        if self.client is not None:
            self.client.pause(writing=True)
        else:
            self.inner.resume_writing()
