"""What was said on one connection, both ways, with times; annotated only when someone needs to read it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.wire.frames import CLOSE, FrameParser, ReceivedFrame, name_of

MAX_ENTRIES = 200
MAX_BYTES_SHOWN = 512


MAX_BYTES_SENT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """Bytes that were ``sent`` or ``received``, or an ``event``; ``cut`` says that more bytes were there."""

    time: float
    direction: str
    data: bytes
    note: str
    cut: bool = False


class Transcript:
    """A timed record of bytes and happenings. Times are seconds since the connection was begun."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.began = time.perf_counter()
        self.entries: list[Entry] = []
        self.dropped = 0

    def now(self) -> float:
        """Return seconds since the connection was begun."""
        return time.perf_counter() - self.began

    def add(self, direction: str, data: bytes = b"", note: str = "") -> None:
        """Record bytes that were ``sent`` or ``received``, or an ``event`` with a note."""
        if len(self.entries) >= MAX_ENTRIES:
            self.dropped += 1
            return
        # What we said is kept further than it is shown, for the script that says it again.
        kept = data[: MAX_BYTES_SENT if direction == "sent" else MAX_BYTES_SHOWN * 8]
        self.entries.append(
            Entry(self.now(), direction, kept, note or str(len(data)), cut=len(kept) < len(data))
        )

    def received(self) -> bytes:
        """Return what the server sent, as far as it was kept."""
        return b"".join(one.data for one in self.entries if one.direction == "received")

    def as_data(self, clean: Callable[[str], str]) -> dict[str, Any]:
        """Return the transcript as the report wants it; ``clean`` removes secrets from every text."""
        entries = [_entry(entry, clean) for entry in self.entries]
        return {"label": clean(self.label), "dropped": self.dropped, "entries": entries}


def _entry(recorded: Entry, clean: Callable[[str], str]) -> dict[str, Any]:
    direction, note, data = recorded.direction, recorded.note, recorded.data[: MAX_BYTES_SHOWN * 8]
    entry: dict[str, Any] = {"t": round(recorded.time, 6), "direction": direction, "summary": clean(note)}
    if direction == "event":
        return entry
    text = data.decode("latin-1")
    frames = FrameParser().feed(data)
    texts = [text, *(frame.payload.decode("latin-1") for frame in frames)]
    secret_inside = any(clean(one) != one for one in texts)
    if data.startswith((b"HTTP/", b"GET ")) or b" HTTP/1." in data[:2048]:
        entry["summary"] = clean(text)[: MAX_BYTES_SHOWN * 2].rstrip("\r\n").replace("\r\n", "\n")
        return entry
    if frames and all(frame.opcode in {0, 1, 2, 8, 9, 10} for frame in frames):
        entry["summary"] = "; ".join(describe(frame, clean) for frame in frames[:20])
        entry["fields"] = [one for frame in frames[:4] for one in fields_of(frame, clean)]
    else:
        entry["summary"] = f"{note} bytes"
    shown = data[:MAX_BYTES_SHOWN]
    if not secret_inside:
        entry["hex"] = shown.hex(" ") + (" …" if len(data) > len(shown) else "")
    return entry


def describe(frame: ReceivedFrame, clean: Callable[[str], str]) -> str:
    """Return a frame on one line, its payload elided where it is long."""
    bits = f" rsv={''.join(str(int(bit)) for bit in frame.rsv)}" if any(frame.rsv) else ""
    head = f"{name_of(frame.opcode)} fin={int(frame.fin)}{bits} mask={int(frame.mask is not None)}"
    if frame.opcode == CLOSE and frame.close_code is not None:
        return f"{head} code={frame.close_code} reason={_text(frame.close_reason, clean)}"
    return f"{head} len={frame.declared_length} {_text(frame.payload, clean)}".rstrip()


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
        rows += [("status code", str(frame.close_code)), ("reason", _text(frame.close_reason, clean))]
    elif frame.payload:
        rows.append(("payload", _text(frame.payload, clean)))
    return [{"name": name, "value": value, "fault": False} for name, value in rows]


def _text(payload: bytes, clean: Callable[[str], str]) -> str:
    # Cleaned before it is cut and quoted: half a secret, or one in escapes, would not be found afterwards.
    if not payload:
        return ""
    try:
        whole = clean(payload.decode())
    except UnicodeDecodeError:
        raw = payload.decode("latin-1")
        shown = clean(raw)[:48].encode("latin-1", "replace").hex(" ")
        return shown + (f"… ({len(payload)} bytes)" if len(payload) > 48 else "")
    return repr(whole[:160]) + (f"… ({len(payload)} bytes)" if len(whole) > 160 else "")
