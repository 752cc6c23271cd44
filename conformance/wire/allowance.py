"""How much a server may send while nothing is said to it, and how much of that is kept."""

from __future__ import annotations

from conformance.wire.frames import CLOSE, MAX_LENGTH, ReceivedFrame

# What a server may send while nothing is said to it, in frames and bytes (a message counts inflated too), and
# what is kept of all that it sent. An empty frame counts for what it costs us.
MAX_FRAMES = 50_000
MAX_UNASKED = 2 * MAX_LENGTH
MAX_KEPT = 2 * MAX_LENGTH
FRAME_COST = 512
MAX_BEHIND = 1000  # frames behind the server's own Close, each of which is one too many


class Allowance:
    """Count what a server sends of its own accord; :meth:`exceeded` says when that is too much.

    ``frames`` holds what was received, the oldest dropped where it is more than can be kept.
    """

    def __init__(self) -> None:
        self.frames: list[ReceivedFrame] = []
        self._unasked = self._unasked_frames = 0
        self._kept = 0
        self._behind_close = 0

    def frame(self, frame: ReceivedFrame) -> None:
        """Count and keep a frame."""
        self._unasked += len(frame.payload)
        self._unasked_frames += 1
        self._behind_close += self._behind_close > 0 or frame.opcode == CLOSE
        self._kept += len(frame.payload) + FRAME_COST
        self.frames.append(frame)
        if self._kept > MAX_KEPT:
            self.frames = self.frames[-2:]
            self._kept = sum(len(kept.payload) + FRAME_COST for kept in self.frames)

    def message(self, content: bytes) -> None:
        """Count a whole message, which may be far longer than its frames were before they were inflated."""
        self._unasked += len(content)

    def asked(self) -> None:
        """Begin anew: the client said something, and what comes now may answer it."""
        self._unasked = self._unasked_frames = 0

    def exceeded(self) -> str:
        """Return what the server sent too much of, or an empty string."""
        if self._unasked > MAX_UNASKED:
            return f"more than {MAX_UNASKED >> 20} MiB of frames"
        if self._behind_close > MAX_BEHIND:
            return f"more than {MAX_BEHIND} frames behind a Close"
        return f"more than {MAX_FRAMES} frames" if self._unasked_frames > MAX_FRAMES else ""
