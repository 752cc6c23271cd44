"""How large a message the target takes: RFC 6455 §10.4 leaves that to each implementation.

A test that is not about limits asks here before it makes a payload, so that a limit which is kept as it
should be is never taken for a fault in framing or compression.
"""

from __future__ import annotations

from dataclasses import dataclass

from conformance.core.errors import NotApplicable
from conformance.wire.frames import BINARY, TEXT

BLOCKS = 40  # bytes of DEFLATE around what cannot be made shorter, in a few blocks
KINDS = {
    "text": "text messages",
    "binary": "binary messages",
    "fragmented": "messages in fragments",
    "compressed": "compressed messages that inflate",
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """The largest messages that the target takes, in bytes of payload; ``None`` where no limit was met.

    ``text`` and ``binary`` are messages in one frame. ``fragmented`` is a text in frames that are well below
    ``text``, ``compressed`` a text by what it inflates to. ``above`` says what a larger message is answered
    by, ``tried`` is the largest size that was tried.
    """

    text: int | None = None
    binary: int | None = None
    fragmented: int | None = None
    compressed: int | None = None
    above: str = ""
    tried: int = 0

    def most(self, opcode: int = TEXT, *, frame: int | None = None, compressed: bool = False) -> int | None:
        """Return how many bytes a message may have; ``None`` where no limit is known.

        Args:
            opcode: TEXT or BINARY.
            frame: bytes of its largest frame; by default it is sent in one.
            compressed: whether the message is sent compressed.

        """
        limits = [self.binary if opcode == BINARY else self.text]
        if frame is not None:
            whole = limits[0]
            # A limit of the single frame says nothing about the sum of several.
            if opcode == TEXT and (whole is None or frame <= whole):
                limits = [self.fragmented]
        most = min((one for one in limits if one is not None), default=None)
        if not compressed:
            return most
        most = min((one for one in (most, self.compressed) if one is not None), default=None)
        # On the wire it may be longer than what it inflates to, and a server may count both.
        return None if most is None else max(0, most - most // 64 - BLOCKS)

    def room(self, wanted: int, opcode: int = TEXT, *, compressed: bool = False) -> int:
        """Return the wanted size, or the largest that is taken where that is less.

        Args:
            wanted: bytes.
            opcode: TEXT or BINARY.
            compressed: whether the message is sent compressed.

        """
        most = self.most(opcode, compressed=compressed)
        return wanted if most is None else min(wanted, most)

    def fits(self, size: int, opcode: int = TEXT, *, compressed: bool = False) -> bool:
        """Return whether a message of this size in one frame is taken, as far as is known.

        Args:
            size: bytes.
            opcode: TEXT or BINARY.
            compressed: whether the message is sent compressed.

        """
        return self.room(size, opcode, compressed=compressed) == size

    def need(
        self, size: int, opcode: int = TEXT, *, frame: int | None = None, compressed: bool = False
    ) -> None:
        """Leave a case that needs a message of this size to servers that take it.

        Args:
            size: bytes.
            opcode: TEXT or BINARY.
            frame: bytes of its largest frame; by default it is sent in one.
            compressed: whether the message is sent compressed.

        Raises:
            NotApplicable: this one does not.

        """
        most = self.most(opcode, frame=frame, compressed=compressed)
        if most is not None and size > most:
            raise NotApplicable(f"the server {self}; this case needs a message of {size} bytes")

    def capped(self, declared: int | None) -> Sizes:
        """Return these sizes with the limit that the profile declares, where it is below what was found."""
        if declared is None:
            return self

        def least(found: int | None) -> int:
            return declared if found is None else min(found, declared)

        return Sizes(
            text=least(self.text),
            binary=least(self.binary),
            fragmented=least(self.fragmented),
            compressed=least(self.compressed),
            above=self.above,
            tried=self.tried,
        )

    def by_kind(self) -> dict[str, int]:
        """Return the limits that are known, by the kind of message."""
        found = {name: getattr(self, name) for name in KINDS}
        return {name: limit for name, limit in found.items() if limit is not None}

    def __str__(self) -> str:
        """Return the limit in words, exactly and in bytes."""
        limits = self.by_kind()
        if not limits:
            return f"takes messages of {self.tried} bytes, the largest that were tried"
        if len(limits) == len(KINDS) and len(set(limits.values())) == 1:
            told = f"messages up to {limits['text']} bytes"
        else:
            by_limit: dict[int, list[str]] = {}
            for name, limit in limits.items():
                by_limit.setdefault(limit, []).append(KINDS[name])
            told = ", ".join(
                f"{' and '.join(kinds)} up to {limit} bytes" for limit, kinds in by_limit.items()
            )
        return f"takes {told}" + (f"; above it {self.above}" if self.above else ", as the profile declares")
