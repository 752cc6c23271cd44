"""What a connection tells of a server: its messages, Pongs and Close frames, and the end of TCP."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.core.evidence import NOTHING, Happened, Kind, other
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
    def happened(self) -> Happened:
        """Of which kind it is, whatever it says: by that a failure is known again."""
        return Happened(Kind.BINARY_MESSAGE if self.opcode == BINARY else Kind.MESSAGE)


@dataclass(frozen=True, slots=True)
class Pong:
    """A Pong frame of the server."""

    payload: bytes
    time: float
    happened = Happened(Kind.PONG)


@dataclass(frozen=True, slots=True)
class Close:
    """A Close frame of the server; ``code`` is ``None`` where it has none."""

    code: int | None
    reason: bytes
    time: float

    @property
    def happened(self) -> Happened:
        """The code, without the reason."""
        return Happened(Kind.EMPTY_CLOSE) if self.code is None else Happened(Kind.CLOSE, self.code)


@dataclass(frozen=True, slots=True)
class End:
    """The end of TCP: ``fin``, ``reset``, or ``garbage`` where the bytes were no HTTP.

    ``ours`` says that the server did not end it: we gave up reading, for the reason that ``kind`` says.
    """

    kind: str
    time: float
    ours: bool = False

    @property
    def happened(self) -> Happened:
        """That it ended: whether by FIN or RST is often a matter of luck."""
        if self.ours:
            return Happened(Kind.NO_HTTP) if self.kind == "garbage" else other(self.kind)
        return Happened(Kind.END)


Event = Message | Pong | Close | End


def happened(event: Event | None) -> Happened:
    """Return of which kind an event is, or that none came."""
    return NOTHING if event is None else event.happened
