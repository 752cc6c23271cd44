"""How a connection ended, and what came before, in a person's words."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.core.evidence import Happened, Told
from conformance.wire.events import Close, End, Event, Message, Pong, happened

FAILED = ("a Close frame", "the end of TCP (FIN)", "a TCP reset (RST)")
SHOWN = 20  # events before an end that are named one by one


@dataclass(slots=True)
class Ending:
    """How a connection ended: the server's Close frame if there was one, TCP's end if it came."""

    close: Close | None = None
    end: End | None = None
    before: list[Event] = field(default_factory=list)
    beneath: str = "TCP"
    given_up: End | None = None  # we stopped reading, which is no end of the server's making
    lingered: float = 0.0  # seconds between the Close frame and the end of TCP, or of our patience

    @property
    def messages(self) -> list[Message]:
        """Data messages that arrived before the end."""
        return [event for event in self.before if isinstance(event, Message)]

    @property
    def happened(self) -> Happened:
        """Of which kind it was, without what came before it: a server may push at any time."""
        return happened(self.close or self.end or self.given_up)

    @property
    def at(self) -> Happened | None:
        """What is marked in the conversation: the first that came, where the connection ended after it."""
        return happened([*self.before, self.close or self.end][0]) if self.end is not None else None

    @property
    def told(self) -> Told:
        """It in words, for a failure that is known again by its message alone."""
        return Told(str(self), self.at)

    @property
    def over(self) -> bool:
        """Whether the server ended the connection, by a Close frame or by TCP."""
        return self.close is not None or self.end is not None

    @property
    def sign(self) -> str:
        """What tells one way of ending a connection from another: the close code, or that there is none."""
        if self.close is not None:
            return "an empty Close frame" if self.close.code is None else f"Close {self.close.code}"
        return "an end without a Close frame" if self.end is not None else "no end"

    def __str__(self) -> str:
        """Return the ending as a person says it."""
        parts = [describe(event) for event in self.before[:SHOWN]]
        if len(self.before) > SHOWN:
            parts.append(f"{len(self.before) - SHOWN} more")
        if self.close is not None:
            parts.append(describe(self.close))
        if self.given_up is not None:
            parts.append(describe(self.given_up))
        parts.append(describe(self.end) if self.end else f"{self.beneath} stays open")
        return ", then ".join(parts)


def came(event: Event | None) -> Told:
    """Return what came as words, for a failure that is known again by its message alone."""
    return Told(describe(event), happened(event))


def describe(event: Event | None) -> str:
    """Return an event as a person says it."""
    match event:
        case None:
            return "nothing"
        case Message(content=content):
            return f"the message {content[:120].decode(errors='backslashreplace')!r}"
        case Pong(payload=payload):
            return f"a Pong of {len(payload)} bytes"
        case Close(code=None):
            return "an empty Close frame"
        case Close(code=code, reason=reason):
            return f"Close {code}" + (f" {reason[:60].decode(errors='backslashreplace')!r}" if reason else "")
        case End(ours=True, kind=kind):
            return "bytes that are no HTTP" if kind == "garbage" else kind
        case End(kind="fin"):
            return "TCP ended (FIN)"
        case End(kind="reset"):
            return "TCP was reset (RST)"
        case End(kind=kind) if "HTTP/2" in kind or "STREAM" in kind:
            return f"the stream ended ({kind})"
    return f"TCP ended ({event.kind})"
