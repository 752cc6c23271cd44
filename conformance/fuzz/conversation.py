"""What is said on one connection: bursts of frames, each cut into TCP segments of its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass

from conformance.wire.deflate import Agreement
from conformance.wire.frames import CONTROL_OPCODES, PING, Frame, name_of


@dataclass(frozen=True, slots=True)
class Menu:
    """What a conversation may hold with this target.

    ``texts`` and ``binaries`` say which whole messages leave its connections open; ``agreed`` is what was
    agreed about compression, ``None`` where it is not in force; ``spoken`` puts a message in the words of
    the target's dialect; ``most`` is the size in bytes of the largest message that the target takes, where it
    has a limit; ``control`` is how much a control frame may carry between its fragments; ``minds`` says
    how the application ends the connection upon a text.
    """

    texts: bool = True
    binaries: bool = False
    agreed: Agreement | None = None
    spoken: Callable[[bytes], bytes] = bytes
    most: int | None = None
    control: int = 125
    minds: str = ""

    def heartbeat(self, identity: str, text: str) -> tuple[bytes, str]:
        """Return a heartbeat's content with as much of the text as fits, and that text."""
        content = self.spoken(heartbeat(identity, text))
        over = len(content) - self.most if self.most is not None else 0
        if over <= 0:
            return content, text
        plain = len(text) - len(text.rstrip("x"))  # the padding goes first, a character's bytes stay together
        text = text[: len(text) - over] if over <= plain else ""
        return self.spoken(heartbeat(identity, text)), text


@dataclass(frozen=True, slots=True)
class Burst:
    """Frames that are sent before an answer is awaited: the Pong of the last Ping, where there is one."""

    frames: tuple[Frame, ...]
    cuts: tuple[int, ...] = ()

    @property
    def segments(self) -> list[bytes]:
        """The bytes of the frames, cut where ``cuts`` says."""
        data = b"".join(frame.encode() for frame in self.frames)
        edges = [0, *(cut for cut in self.cuts if cut < len(data)), len(data)]
        return [data[begin:end] for begin, end in itertools.pairwise(edges)]

    @property
    def pings(self) -> list[bytes]:
        """The payloads of its Pings."""
        return [frame.payload for frame in self.frames if frame.opcode == PING]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A legal conversation, or one whose last burst holds a fault.

    ``heartbeats`` are (id, text) of the text messages in it; ``close`` is code and reason of its end.
    """

    bursts: tuple[Burst, ...]
    heartbeats: tuple[tuple[str, str], ...] = ()
    close: tuple[int | None, str] = (1000, "")

    @property
    def size(self) -> tuple[int, ...]:
        """Frames, segments and bytes."""
        segments = [segment for burst in self.bursts for segment in burst.segments]
        return sum(len(burst.frames) for burst in self.bursts), len(segments), sum(map(len, segments))

    @property
    def pings(self) -> list[bytes]:
        """The payloads of all Pings, in their order."""
        return [payload for burst in self.bursts for payload in burst.pings]

    def __str__(self) -> str:
        """Return the conversation in a line or a few: its frames, and how many segments they come in."""
        return " | ".join(
            f"{', '.join(map(short, burst.frames))} ({len(burst.segments)} segments)"
            if burst.cuts
            else ", ".join(map(short, burst.frames))
            for burst in self.bursts
        )


def short(frame: Frame) -> str:
    """Return a frame in a few words."""
    marks = [
        *(["RSV"] if frame.rsv1 or frame.rsv2 or frame.rsv3 else []),
        *(["unmasked"] if frame.mask is None else []),
        *(["FIN clear"] if not frame.fin else []),
    ]
    length = len(frame.payload) if frame.declared_length is None else frame.declared_length
    shown = f" {frame.payload!r}" if 0 < length <= 16 and frame.opcode in CONTROL_OPCODES else ""
    return f"{name_of(frame.opcode)}[{length}]{shown}" + (f" ({', '.join(marks)})" if marks else "")


def heartbeat(identity: str, text: str) -> bytes:
    """Return a heartbeat's content, its text in raw UTF-8 where JSON allows it."""
    message = {"type": "heartbeat", "id": identity, "data": {"t": text}}
    return json.dumps(message, ensure_ascii=False).encode()
