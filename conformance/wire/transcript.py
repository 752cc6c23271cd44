"""What was said on one connection, both ways, with times; annotated only when someone needs to read it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from conformance.wire.frames import CLOSE, FrameParser, ReceivedFrame, name_of

MAX_ENTRIES = 200
MAX_BYTES_SHOWN = 512
MAX_BYTES_SENT = 64 * 1024
MAX_FRAMES = 4
MAX_FAULTS = 32


class Entry(NamedTuple):
    """Bytes that were ``sent`` or ``received``, or an ``event``; ``cut`` says that more bytes were there."""

    time: float
    direction: str
    data: bytes
    note: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class MarkedFault:
    """The ``part`` of an entry that is wrong, and how the frame that it belongs to begins, if it is one."""

    part: str
    frame: bytes = b""


class Transcript:
    """A timed record of bytes and happenings. Times are seconds since the connection was begun."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.began = time.perf_counter()
        self.entries: list[Entry] = []
        self.dropped = 0
        self.answered = False  # by an HTTP response, whatever it says
        self.ended = False  # by the server, or by bytes that are no HTTP
        self.aftermath = False  # of another connection: the test did not end on this one
        self.faults: dict[int, list[MarkedFault]] = {}

    def now(self) -> float:
        """Return seconds since the connection was begun."""
        return time.perf_counter() - self.began

    def add(self, direction: str, data: bytes = b"", note: str = "") -> None:
        """Record bytes, or an event.

        Args:
            direction: ``sent``, ``received`` or ``event``.
            data: the bytes.
            note: what to say of them, or what the event was.

        """
        if len(self.entries) >= MAX_ENTRIES:
            self.dropped += 1
            return
        # What we said is kept further than it is shown, for the script that says it again.
        kept = data[: MAX_BYTES_SENT if direction == "sent" else MAX_BYTES_SHOWN * 8]
        self.entries.append(
            Entry(self.now(), direction, kept, note or str(len(data)), cut=len(kept) < len(data))
        )

    def mark(
        self, part: str, frame: bytes = b"", suits: Callable[[bytes], bool] = lambda _data: True
    ) -> None:
        """Mark what is wrong in what was received last.

        Args:
            part: what is wrong: a name of :func:`fields_of`, or a header.
            frame: the frame that it is in.
            suits: which received bytes may hold it; the last that suit are marked.

        """
        for position in range(len(self.entries) - 1, -1, -1):
            entry = self.entries[position]
            if part and entry.direction == "received" and suits(entry.data):
                faults = self.faults.setdefault(position, [])
                if len(faults) < MAX_FAULTS or not frame:  # what is said of no frame is what the test found
                    faults.append(MarkedFault(part, frame))
                return
            if self.dropped:  # what came last is not kept
                return

    def received(self) -> bytes:
        """Return what the server sent, as far as it was kept."""
        return b"".join(one.data for one in self.entries if one.direction == "received")

    def as_data(self, clean: Callable[[str], str]) -> dict[str, Any]:
        """Return the transcript as the report wants it; ``clean`` removes secrets from every text."""
        entries = [
            _entry(part, clean, faults)
            for at, one in enumerate(self.entries)
            for part, faults in _apart(one, self.faults.get(at, ()))
        ]
        return {"label": clean(self.label), "dropped": self.dropped, "entries": entries}


def _apart(entry: Entry, faults: Sequence[MarkedFault]) -> list[tuple[Entry, Sequence[MarkedFault]]]:
    """Return a response and the frames that came with it in one segment as two entries, else the one."""
    head, blank, rest = entry.data.partition(b"\r\n\r\n")
    if entry.direction != "received" or not head.startswith(b"HTTP/1.1 101") or not rest:
        return [(entry, faults)]
    first = entry._replace(data=head + blank, cut=False)
    second = entry._replace(data=rest, note=str(len(rest)))
    return [
        (first, [one for one in faults if not one.frame]),
        (second, [one for one in faults if one.frame]),
    ]


def _entry(recorded: Entry, clean: Callable[[str], str], faults: Sequence[MarkedFault]) -> dict[str, Any]:
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
        if faults:
            entry["fields"] = [_header(fault.part, text, clean) for fault in faults]
        return entry
    # Bytes that are no frames look like some too; a frame that was judged is one, whatever its opcode.
    judged = any(one.frame and _at_fault(frame, [one]) for frame in frames for one in faults)
    if frames and (judged or all(frame.opcode in {0, 1, 2, 8, 9, 10} for frame in frames)):
        entry["summary"] = "; ".join(describe(frame, clean) for frame in frames[:20])
        shown_frames = [one for at, one in enumerate(frames) if at < MAX_FRAMES or _at_fault(one, faults)]
        entry["fields"] = [
            field
            for frame in shown_frames[: 2 * MAX_FRAMES]
            for field in fields_of(frame, clean, {one.part for one in _at_fault(frame, faults)})
        ]
    else:
        entry["summary"] = f"{note} bytes"
        entry["fields"] = [{"name": one.part, "value": "in these bytes", "fault": True} for one in faults]
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


def _at_fault(frame: ReceivedFrame, faults: Sequence[MarkedFault]) -> list[MarkedFault]:
    whole = frame.header + frame.payload
    return [one for one in faults if whole.startswith(one.frame)]


def _header(part: str, text: str, clean: Callable[[str], str]) -> dict[str, Any]:
    """Return the field of a response that is at fault, or that it is missing."""
    head, _, _ = text.partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    values = [line.partition(":")[2].strip() for line in lines if line.lower().startswith(f"{part.lower()}:")]
    if part == "status line":
        values = [status]
    told = ", and again ".join(values) if values else "missing"
    return {"name": part, "value": clean(told)[:MAX_BYTES_SHOWN], "fault": True}


def fields_of(
    frame: ReceivedFrame, clean: Callable[[str], str], wrong: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Return the named fields of a frame, as RFC 6455 §5.2 names them.

    Args:
        frame: the frame.
        clean: removes secrets from a text.
        wrong: names of the fields that are at fault.

    """
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
        rows.append(("status code", str(frame.close_code)))
        rows += [("reason", _text(frame.close_reason, clean))] if frame.close_reason else []
    elif frame.payload:
        rows.append(("payload", _text(frame.payload, clean)))
    return [{"name": name, "value": value, "fault": name in wrong} for name, value in rows]


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
