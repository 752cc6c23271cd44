"""Where in the conversation the fault is that a test found: the field that its finding speaks of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from conformance.core.evidence import Happened, Kind
from conformance.wire.frames import CLOSE, PONG, FrameParser, ReceivedFrame
from conformance.wire.transcript import Transcript


def mark(transcripts: Sequence[Transcript], at: Happened | None) -> None:
    """Mark what came back in the connection on which the test ended.

    Where nothing came back, TCP ended, or it did not end, there is no field to mark.
    """
    judged = [one for one in transcripts if not one.aftermath]
    if not judged or at is None:
        return
    match at.kind:
        case Kind.CLOSE:
            part, suits = "status code", _with(lambda one: one.close_code == at.code and one.opcode == CLOSE)
        case Kind.EMPTY_CLOSE:
            part, suits = "payload length", _with(lambda one: one.opcode == CLOSE)
        case Kind.MESSAGE | Kind.BINARY_MESSAGE:
            part, suits = "payload", _with(lambda one: one.opcode in {0, 1, 2})
        case Kind.PONG:
            part, suits = "payload", _with(lambda one: one.opcode == PONG)
        case Kind.RESPONSE:
            part, suits = "status line", _begins_a_response
        case _:
            return
    judged[-1].mark(part, suits=suits)


def _begins_a_response(data: bytes) -> bool:
    return data.startswith(b"HTTP/")


def _with(suits: Callable[[ReceivedFrame], bool]) -> Callable[[bytes], bool]:
    return lambda data: any(suits(frame) for frame in FrameParser().feed(data))
