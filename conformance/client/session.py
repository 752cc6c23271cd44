"""The client that tests use: one that speaks the protocol, and gets back the messages that it sends."""

from __future__ import annotations

import json
import time
from functools import cache, partial

from conformance.client.matching import says
from conformance.client.peer import describe
from conformance.client.speaker import DEEPEST, EVENTS, Json, Speaker, numbers
from conformance.core.errors import Inconclusive, Nonconformance
from conformance.core.evidence import Happened, Kind
from conformance.net.connection import Connection
from conformance.wire.events import Event, Message, happened
from conformance.wire.frames import TEXT, name_of

__all__ = ["DEEPEST", "EVENTS", "Client", "Json", "difference", "heartbeat"]
PLACE = "the place of a text"


@cache
def _numbers() -> str:
    return "".join(f"{number} " for number in range(0x10000 // 4 + 100))  # always enough


def heartbeat(text: str, identity: str) -> Json:
    """Return a heartbeat that carries a text."""
    return {"type": "heartbeat", "id": identity, "data": {"text": text}}


def _has(content: bytes, event: Event) -> bool:
    return isinstance(event, Message) and event.content == content


def difference(opcode: int, sent: bytes, found: Message) -> str:
    """Return where what came back differs from what was sent, for a person.

    Args:
        opcode: of the message that was sent.
        sent: its content.
        found: the message that came back.

    """
    if found.opcode != opcode:
        return f"a {name_of(found.opcode)} message of {len(found.content)} bytes"
    pairs = zip(sent, found.content, strict=False)
    at = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(sent), len(found.content)))
    around = slice(max(0, at - 4), at + 8)
    return (
        f"{len(found.content)} bytes, different from byte {at} on: "
        f"{found.content[around].hex(' ') or 'nothing'} instead of {sent[around].hex(' ') or 'nothing'}"
    )


class Client(Speaker):
    """A :class:`Speaker` whose messages come back: from an echo as they are, elsewhere in a heartbeat."""

    def _like(self, connection: Connection) -> Client:
        other = Client(connection, self.limits, self.recorder, self.dialect)
        other.speaks, other.manners = self.speaks, self.manners
        other.echoes, other.chatty, other.confirms = self.echoes, self.chatty, self.confirms
        other.sizes = self.sizes
        return other

    def carrying(self, text: str, identity: str = "echo") -> bytes:
        """Return the content of a text message that comes back with this text.

        ``identity`` tells apart heartbeats of one connection that wait for their answer at the same time.

        Raises:
            NotApplicable: it is longer than the server takes.

        """
        message = heartbeat(text, identity)
        content = text.encode() if self.echoes else self._spoken(message)
        self.sizes.need(len(content))
        if not self.echoes:
            self._carried[content] = message
        return content

    def cut(self, text: str, *, compressed: bool = False) -> str:
        """Return as much of an ASCII text as a message of the size that the server takes can carry."""
        around = 0 if self.echoes else len(self._spoken(heartbeat("", "a long identity")))
        return text[: max(0, self.sizes.room(len(text) + around, compressed=compressed) - around)]

    def sized(self, length: int, identity: str = "echo", *, frame: int | None = None) -> bytes:
        """Return the content of exactly ``length`` bytes of a text message that comes back.

        The numbers in it are different at each place, so that nothing can be lost or moved unseen. From 64
        KiB on the rest is one letter, which costs nobody time to compress.

        Args:
            length: bytes.
            identity: the ``id`` of a heartbeat.
            frame: bytes of its largest frame, where it is sent in several.

        Raises:
            NotApplicable: it is longer than the server takes.
            ValueError: a heartbeat does not become that short.

        """
        self.sizes.need(length, frame=frame)
        before, behind = b"", b""
        if not self.echoes:
            # Nothing in the text is written otherwise in JSON, so that it need not go through an encoder.
            before, _, behind = self._spoken(heartbeat(PLACE, identity)).partition(PLACE.encode())
        room = length - len(before) - len(behind)
        if room < 0:
            raise ValueError(f"a heartbeat has at least {length - room} bytes")
        text = _numbers()[: min(room, 0x10000)].ljust(room, "p")
        content = b"".join((before, text.encode(), behind))
        if not self.echoes:
            self._carried[content] = heartbeat(text, identity)
        return content

    def _spoken(self, message: Json) -> bytes:
        return self.dialect.spoken(json.dumps(message, ensure_ascii=False).encode())

    async def exchange(self, text: str) -> None:
        """Send a text and expect it back."""
        content = self.carrying(text, f"e{next(numbers)}")
        self.send_text(content)
        await self.expect_back(content)

    async def expect_back(self, content: bytes, opcode: int = TEXT) -> None:
        """Expect the content of a message that was sent to come back: all of it, and of the same type.

        Args:
            content: the content, in bytes.
            opcode: TEXT or BINARY.

        Raises:
            Nonconformance: another message came back, or none in time.

        """
        if not self.echoes:
            sent = self._carried.get(content) or json.loads(content)
            await self._expect_acknowledged(sent, self.limits.back(len(content)))
            return
        others: list[Event] = []
        marker: bytes | None = None
        bound = self.limits.back(len(content))
        deadline = time.monotonic() + 2 * bound  # for it, and for what is sent behind it
        while True:
            event = await self.take(lambda e: isinstance(e, Message), min(bound, deadline - time.monotonic()))
            if isinstance(event, Message) and (event.opcode, event.content) == (opcode, content):
                if marker is not None:  # it must not be taken for an answer to what is sent next
                    await self.take(partial(_has, marker), bound)
                self.inbox[:0] = others
                return
            if isinstance(event, Message) and (marker is None or event.content != marker):
                # Not it. What has not come before the echo of a later message does not come any more.
                others.append(event)
                if marker is None:
                    marker = b"behind it %d" % next(numbers)
                    self.send_text(marker)
                continue
            found = others[0] if others else event
            raise Nonconformance(
                "a message did not come back as it was sent",
                expected=[f"the same {len(content)} bytes as a {name_of(opcode)} message"],
                actual=difference(opcode, content, found) if isinstance(found, Message) else describe(found),
                happened=Happened(Kind.OTHER_MESSAGE) if isinstance(found, Message) else happened(found),
            )

    async def _expect_acknowledged(self, sent: Json, timeout: float) -> None:
        reply = await self.reply_to(sent["id"], timeout)
        if not says(reply, {"type": "heartbeat_ack"} | self.returned(data=sent["data"])):
            content, found = (json.dumps(one.get("data")).encode() for one in (sent, reply))
            raise Nonconformance(
                "a heartbeat's data did not come back as it was sent",
                expected=["heartbeat_ack with the same data"],
                actual=f"{reply.get('type')}: {difference(TEXT, content, Message(TEXT, found, 0.0))}",
            )

    async def alive(self) -> None:
        """Prove by Ping and heartbeat that connection and application work before a fault is tried.

        Raises:
            Inconclusive: they do not.

        """
        await super().alive()
        if not self.speaks:
            return
        try:
            await self.exchange("alive")
        except Nonconformance as error:
            raise Inconclusive(f"the control failed before the fault was sent: {error.actual}") from error
        self.said.clear()
