"""What a connection tells of a server: its messages, Pongs and Close frames, and the end of TCP."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.wire.frames import BINARY


@dataclass(frozen=True, slots=True)
class Message:
    """A whole data message: its opcode, and its content after reassembly and inflating."""

    opcode: int
    content: bytes
    time: float

    @property
    def text(self) -> str:
        """The content as text; bytes that are no UTF-8 are shown, not lost."""
        return self.content.decode(errors="backslashreplace")

    @property
    def happened(self) -> str:
        """Of which kind it is, whatever it says: by that a failure is known again."""
        return "a binary message" if self.opcode == BINARY else "a message"


@dataclass(frozen=True, slots=True)
class Pong:
    """A Pong frame of the server."""

    payload: bytes
    time: float
    happened = "a Pong"


@dataclass(frozen=True, slots=True)
class Close:
    """A Close frame of the server; ``code`` is ``None`` where it has none."""

    code: int | None
    reason: bytes
    time: float

    @property
    def happened(self) -> str:
        """The code, without the reason."""
        return "an empty Close" if self.code is None else f"Close {self.code}"


@dataclass(frozen=True, slots=True)
class End:
    """The end of TCP: ``fin``, ``reset``, or ``garbage`` where the bytes were no HTTP.

    ``ours`` says that the server did not end it: we gave up reading, for the reason that ``kind`` says.
    """

    kind: str
    time: float
    ours: bool = False

    @property
    def happened(self) -> str:
        """That it ended: whether by FIN or RST is often a matter of luck."""
        if self.ours:
            return "bytes that are no HTTP" if self.kind == "garbage" else self.kind
        return "the connection ended"


Event = Message | Pong | Close | End


def happened(event: Event | None) -> str:
    """Return of which kind an event is, or that none came."""
    return "nothing" if event is None else event.happened
