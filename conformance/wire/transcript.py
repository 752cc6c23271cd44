"""What was said on one connection, both ways, with times; annotated only when someone needs to read it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from conformance.wire.frames import CLOSE, FrameParser, ReceivedFrame, name_of

MAX_ENTRIES = 200
MAX_BYTES_SHOWN = 512


class Transcript:
    """A timed record of bytes and happenings. Times are seconds since the connection was begun."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.began = time.perf_counter()
        self._entries: list[tuple[float, str, bytes, str]] = []
        self.dropped = 0

    def now(self) -> float:
        """Return seconds since the connection was begun."""
        return time.perf_counter() - self.began

    def add(self, direction: str, data: bytes = b"", note: str = "") -> None:
        """Record bytes that were ``sent`` or ``received``, or an ``event`` with a note."""
        if len(self._entries) >= MAX_ENTRIES:
            self.dropped += 1
            return
        self._entries.append((self.now(), direction, data[: MAX_BYTES_SHOWN * 8], note or str(len(data))))

    def as_data(self, clean: Callable[[str], str]) -> dict[str, Any]:
        """Return the transcript as the report wants it; ``clean`` removes secrets from every text."""
        entries = [_entry(*entry, clean) for entry in self._entries]
        return {"label": clean(self.label), "dropped": self.dropped, "entries": entries}


def _entry(
    moment: float, direction: str, data: bytes, note: str, clean: Callable[[str], str]
) -> dict[str, Any]:
    entry: dict[str, Any] = {"t": round(moment, 6), "direction": direction, "summary": clean(note)}
    if direction == "event":
        return entry
    text = data.decode("latin-1")
    secret_inside = clean(text) != text
    if data.startswith((b"HTTP/", b"GET ")) or b" HTTP/1." in data[:2048]:
        entry["summary"] = clean(text[: MAX_BYTES_SHOWN * 2]).rstrip("\r\n").replace("\r\n", "\n")
        return entry
    frames = FrameParser().feed(data)
    if frames and all(frame.opcode in {0, 1, 2, 8, 9, 10} for frame in frames):
        entry["summary"] = clean("; ".join(describe(frame) for frame in frames[:20]))
        entry["fields"] = [one for frame in frames[:4] for one in fields_of(frame, clean)]
    else:
        entry["summary"] = f"{note} bytes"
    shown = data[:MAX_BYTES_SHOWN]
    if not secret_inside:
        entry["hex"] = shown.hex(" ") + (" …" if len(data) > len(shown) else "")
    return entry


def describe(frame: ReceivedFrame) -> str:
    """Return a frame on one line, its payload elided where it is long."""
    bits = f" rsv={''.join(str(int(bit)) for bit in frame.rsv)}" if any(frame.rsv) else ""
    head = f"{name_of(frame.opcode)} fin={int(frame.fin)}{bits} mask={int(frame.mask is not None)}"
    if frame.opcode == CLOSE and frame.close_code is not None:
        return f"{head} code={frame.close_code} reason={_text(frame.close_reason)}"
    return f"{head} len={frame.declared_length} {_text(frame.payload)}".rstrip()


def fields_of(frame: ReceivedFrame, clean: Callable[[str], str]) -> list[dict[str, Any]]:
    """Return the named fields of a frame, as RFC 6455 §5.2 names them."""
    rows = [
        ("FIN", str(int(frame.fin))),
        ("RSV1-3", "".join(str(int(bit)) for bit in frame.rsv)),
        ("opcode", f"0x{frame.opcode:X} {name_of(frame.opcode)}"),
        ("MASK", str(int(frame.mask is not None))),
        ("payload length", f"{frame.declared_length} ({frame.length_form}-bit form)"),
    ]
    if frame.mask is not None:
        rows.append(("masking key", frame.mask.hex(" ")))
    if frame.opcode == CLOSE and frame.close_code is not None:
        rows += [("status code", str(frame.close_code)), ("reason", clean(_text(frame.close_reason)))]
    elif frame.payload:
        rows.append(("payload", clean(_text(frame.payload))))
    return [{"name": name, "value": value, "fault": False} for name, value in rows]


def _text(payload: bytes) -> str:
    if not payload:
        return ""
    shown = payload[:160]
    try:
        text = repr(shown.decode())
    except UnicodeDecodeError:
        text = shown[:48].hex(" ")
    return text + (f"… ({len(payload)} bytes)" if len(payload) > len(shown) else "")
