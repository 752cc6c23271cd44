"""Where in the conversation the fault is that a test found: the field that its finding speaks of."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from conformance.wire.frames import CLOSE, PONG, FrameParser, ReceivedFrame
from conformance.wire.transcript import Transcript


def blame(transcripts: Sequence[Transcript], actual: str) -> None:
    """Mark in the connection on which the test ended what came back, as ``actual`` describes it.

    Where nothing came back, TCP ended, or it did not end, there is no field to mark.
    """
    told = [one for one in transcripts if not one.aftermath]
    if not told or actual.endswith("stays open"):
        return
    if found := re.match(r"Close (\d+)", actual):
        code = int(found[1])
        told[-1].blame("status code", suits=_with(lambda one: one.close_code == code and one.opcode == CLOSE))
    elif actual.startswith("an empty Close frame"):
        told[-1].blame("payload length", suits=_with(lambda one: one.opcode == CLOSE))
    elif actual.startswith("the message "):
        told[-1].blame("payload", suits=_with(lambda one: one.opcode in {0, 1, 2}))
    elif actual.startswith("a Pong of "):
        told[-1].blame("payload", suits=_with(lambda one: one.opcode == PONG))
    elif actual.startswith("HTTP/1."):
        told[-1].blame("status line", suits=lambda data: data.startswith(b"HTTP/"))


def _with(suits: Callable[[ReceivedFrame], bool]) -> Callable[[bytes], bool]:
    return lambda data: any(suits(frame) for frame in FrameParser().feed(data))
