"""Controls: what is in order and has to work, before a fault is tried on the same connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, Self

from conformance.client.nonce import nonces
from conformance.client.talk import Talk
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.net.connection import Connection
from conformance.wire.ending import Ending
from conformance.wire.events import Close, Event, Message
from conformance.wire.frames import BINARY, DATA_OPCODES, TEXT, Frame, name_of


class Minding(Protocol):
    """What the probe found out about an application's own rules."""

    def minds(self, opcode: int) -> str:
        """Return how the application ends the connection upon a harmless message, or an empty string."""
        ...


class Controlled(Talk):
    """An open WebSocket connection, seen from the client that we are.

    ``speaks`` says that the server answers heartbeats, or gives messages back. ``again`` opens another
    connection like this one, for a control that an application ends by rules of its own; how it ended is then
    kept as ``objection``, with what was said.
    """

    speaks = False
    manners: Minding | None = None
    again: Callable[[], Awaitable[Connection]] | None = None
    objection: Ending | None = None
    twins: Sequence[Frame] = ()
    tried = ""

    def unasked(self, event: Event) -> bool:
        """Return whether a message is one that a server may send at any time.

        Such a message answers nothing.
        """
        del event
        return False

    def answering(self, events: Sequence[Event], *, said: bytes = b"") -> list[Message]:
        """Return the messages that answer what was sent since the last control, known by its nonces.

        A server may send messages at any time. One that was not asked for is not an answer. ``said`` is what
        a message meant, where the frames do not show it.
        """
        marks = nonces([*self.said, said])
        return [
            one for one in events if isinstance(one, Message) and any(mark in one.content for mark in marks)
        ]

    async def alive(self) -> None:
        """Prove that the connection works before a fault is tried on it.

        Raises:
            Inconclusive: it does not, so that nothing that follows could be blamed on the fault.

        """
        try:
            await self.ping()
        except Nonconformance as error:
            raise Inconclusive(
                f"the control failed before the fault was sent: {error.actual} to a Ping"
            ) from error
        self.recorder.control("on this connection a Ping was answered before the fault was sent")
        self.said.clear()

    async def twin(self, *frames: Frame) -> None:
        """Send the same thing without its fault, and prove that the connection survives it.

        Where an application ends the connection by rules of its own, the fault is tried on another one, and
        proves something only if it ends in another way.

        Raises:
            Inconclusive: this connection cannot be used, and no other can be opened.

        """
        self.twins = frames
        self.send(*frames)
        ending = await self.objection_to(frames)
        if ending is None:
            self.recorder.control("the same without its fault was taken, and the connection went on")
        else:
            self.objection, self.tried = ending, said_of(frames)
            await self._renew()
            self.recorder.control(f"the application answered {self.tried} by {ending}")
        self.inbox.clear()

    async def taken(self, *frames: Frame) -> None:
        """Send what is in order, and prove that the connection survives it: without that nothing is judged.

        Raises:
            Inconclusive: the application ends the connection.

        """
        self.send(*frames)
        ending = await self.objection_to(frames)
        if ending is not None:
            raise Inconclusive(f"the application ends the connection: {ending} to {said_of(frames)}")
        self.inbox.clear()

    async def twin_apart(self, *frames: Frame) -> None:
        """Do as :meth:`twin` on a connection of its own, where this one must not have seen the message."""
        if self.again is None:
            return
        other = self._like(await self.again())
        other.send(*frames)
        try:
            self.objection, self.tried = await other.objection_to(frames), said_of(frames)
        finally:
            await other.leave()

    def _like(self, connection: Connection) -> Self:
        """Return a peer as this one on another connection."""
        other = type(self)(connection, self.limits, self.recorder)
        other.speaks, other.manners = self.speaks, self.manners
        return other

    async def objection_to(self, frames: Sequence[Frame]) -> Ending | None:
        """Return how the application ended the connection upon what is in order; ``None``: it did not.

        Raises:
            Inconclusive: no control can be had: the connection neither answers nor ends.

        """
        if self._minded(frames):
            # The probe saw it: the connection may end a moment after the Pong.
            ending = await self.ending(self.limits.prompt, behind=self.limits.prompt / 20)
            if ending.over:
                return ending
        data = [frame for frame in frames if frame.opcode in DATA_OPCODES]
        try:
            # Inside a message no other one can be begun: a Ping tells.
            await (self.alive() if not data or data[-1].fin else Controlled.alive(self))
        except Inconclusive:
            if self.connection.end is None and not any(isinstance(one, Close) for one in self.inbox):
                raise
            ending = await self.ending(behind=self.limits.prompt / 20)
            if not ending.over:  # we gave up reading
                raise
            return ending
        return None

    def _minded(self, frames: Sequence[Frame]) -> bool:
        opcode, minded = 0, False
        for frame in frames:
            opcode = frame.opcode if frame.opcode in {TEXT, BINARY} else opcode
            whole = frame.fin and frame.opcode in DATA_OPCODES
            minded = minded or (whole and self.manners is not None and bool(self.manners.minds(opcode)))
        return minded

    async def _renew(self) -> None:
        """Go on with another connection that was opened like this one.

        Raises:
            Inconclusive: the application ends the connection upon what is in order.

        """
        if self.again is None:
            raise Inconclusive(f"the application ends the connection: {self.objection} to {self.tried}")
        self.connection.shut()
        self.connection = await self.again()
        await Controlled.alive(self)


def said_of(frames: Sequence[Frame]) -> str:
    """Return which message these frames make, for a person."""
    content = b"".join(frame.payload for frame in frames if frame.opcode in DATA_OPCODES)
    opcode = next((frame.opcode for frame in frames if frame.opcode in {TEXT, BINARY}), None)
    if opcode is None:
        return f"a valid {name_of(frames[0].opcode)} frame" if frames else "nothing"
    kind = "text" if opcode == TEXT else "binary message"
    if frames[0].rsv1:
        return f"a valid compressed {kind}"
    return f"a valid {kind} ({content[:60].decode(errors='backslashreplace')!r})"
