"""What came back, as values: a failure is known again by them, and marked in its conversation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Kind(Enum):
    """Of which kind it was. The value is how it is told."""

    NOTHING = "nothing"
    MESSAGE = "a message"
    BINARY_MESSAGE = "a binary message"
    OTHER_MESSAGE = "another message"
    PONG = "a Pong"
    CLOSE = "Close"
    EMPTY_CLOSE = "an empty Close"
    END = "the connection ended"
    RESPONSE = "HTTP"
    NO_HTTP = "bytes that are no HTTP"
    MISSING_FIELD = ""  # of a response whose status the detail names
    UNREAD_FIELD = "the server does not look at the field"
    OTHER = "something else"  # which its detail says


@dataclass(frozen=True, slots=True)
class Happened:
    """What came back, without what differs from run to run.

    ``code`` is the code of a Close frame, or the status of a response. ``detail`` says more of it,
    ``then`` what came after it.
    """

    kind: Kind
    code: int | None = None
    detail: str = ""
    then: Happened | None = None

    def with_detail(self, *details: str) -> Happened:
        """Return the same with more said of it, each once."""
        first = replace(self, detail="")
        told = dict.fromkeys(one for one in (self.detail, *details) if one not in {"", str(first)})
        return replace(self, detail=", ".join(told))

    def __str__(self) -> str:
        """Return it in words, as symptoms do."""
        head = "" if self.kind is Kind.OTHER else self.kind.value
        head += "" if self.code is None else f" {self.code}"
        told = ", ".join(filter(None, (head, self.detail)))
        return told if self.then is None else f"{told}, then {self.then}"


NOTHING = Happened(Kind.NOTHING)


def other(detail: str) -> Happened:
    """Return what is of no kind of its own."""
    return Happened(Kind.OTHER, detail=detail)


@dataclass(frozen=True, slots=True)
class Told:
    """What came back in words, and what is marked in the conversation as ``at`` fault."""

    text: str
    at: Happened | None = None

    def __str__(self) -> str:
        """Return the words."""
        return self.text
