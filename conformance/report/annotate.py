"""The evidence of a test made fit to print: the conversations it took part in, field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

from conformance.report.browser_evidence import Browser, browser_seen
from conformance.report.excerpts import (
    Budget,
    clip_line,
    mapping,
    mappings,
    milliseconds,
    number,
    visible,
)

_BYTES_AN_ENTRY = 512
_BYTES_A_TRANSCRIPT = 4096
_HEX_AT_A_GLANCE = 48
_HEAD, _TAIL, _FAULTS = 8, 12, 10
_FIELDS, _FIELDS_ONCE_SPENT = 16, 6
_TRANSCRIPTS_A_TEST = 4
_MARKUP_A_TEST = 900
_MARKUP_AN_ENTRY = 320
_MARKUP_A_FIELD = 60
_SCRIPT = 60_000
_OUTPUT = 9_000
# What a test tells of a requirement that it broke in passing; the rest of it is about its own.
_WITNESSED = ("id", "transcripts", "repeat", "script", "duration", "server_output", "browser")


@dataclass(frozen=True)
class Field:
    """One annotated part of a frame, header or body; `fault` marks the one that is wrong."""

    name: str
    value: str
    fault: bool


@dataclass(frozen=True)
class Entry:
    """One thing said on the wire, or a run of `gap` entries left out."""

    time: str = ""
    direction: str = "event"
    summary: str = ""
    fields: tuple[Field, ...] = ()
    hex: str = ""
    hex_note: str = ""
    gap: int = 0

    @property
    def fault(self) -> bool:
        """Whether any field of this entry is wrong."""
        return any(field.fault for field in self.fields)

    @property
    def long(self) -> bool:
        """Whether its bytes are too many to show unfolded."""
        return len(self.hex) > _HEX_AT_A_GLANCE * 3


@dataclass(frozen=True)
class Transcript:
    """One connection's conversation, ready to print."""

    label: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


def _fields(entry: Mapping[str, Any], budget: Budget) -> tuple[Field, ...]:
    annotated = mappings(entry.get("fields"))
    # A fault beyond the limit is worth more than the ordinary fields before it.
    limit = _FIELDS_ONCE_SPENT if budget.spent else _FIELDS
    if len(annotated) > limit:
        annotated = sorted(annotated, key=lambda field: not field.get("fault"))[:limit]
    budget.charge(_MARKUP_A_FIELD * len(annotated))
    return tuple(
        Field(
            name=budget.text(field.get("name"), 60),
            value=budget.text(field.get("value"), 160),
            fault=bool(field.get("fault")),
        )
        for field in annotated
    )


def _hex(entry: Mapping[str, Any], allowed: int) -> tuple[str, str, int]:
    """Return the shown bytes as hex, a note on those left out, and how many are shown."""
    dump = entry.get("hex")
    if not isinstance(dump, str) or not dump:
        return "", "", 0
    limit = min(_BYTES_AN_ENTRY, allowed)
    shown = visible(dump[: limit * 3].strip())
    size = (len(dump) + 1) // 3
    if len(dump) <= limit * 3:
        return shown, "", size
    return shown, f"the first {limit:,} of {size:,} bytes", limit


def _entry(entry: Mapping[str, Any], allowed: int, budget: Budget) -> tuple[Entry, int]:
    dump, note, size = _hex(entry, allowed)
    budget.charge(_MARKUP_AN_ENTRY + len(dump))
    direction = entry.get("direction")
    return Entry(
        time=milliseconds(entry.get("t")),
        direction=direction if direction in ("sent", "received") else "event",
        summary=budget.text(entry.get("summary"), 400),
        fields=_fields(entry, budget),
        hex=dump,
        hex_note=note,
    ), size


def _is_wrong(entry: Mapping[str, Any]) -> bool:
    return any(field.get("fault") for field in mappings(entry.get("fields")))


def _kept(entries: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return which entries to show: the opening, the end, and those with a fault in between."""
    if len(entries) <= _HEAD + _TAIL + 2:
        return list(range(len(entries)))
    middle = range(_HEAD, len(entries) - _TAIL)
    faults = [i for i in middle if _is_wrong(entries[i])]
    return [*range(_HEAD), *faults[:_FAULTS], *range(len(entries) - _TAIL, len(entries))]


def transcript(recorded: Mapping[str, Any], budget: Budget) -> Transcript:
    """Return one connection's conversation, cut to what a reader needs and the page can bear.

    Args:
        recorded: a member of a test's `transcripts`.
        budget: its test's; once it is spent, only the first entry with a fault is still shown.

    """
    entries = mappings(recorded.get("entries"))
    shown: list[Entry] = []
    allowed, next_index, fault_shown = _BYTES_A_TRANSCRIPT, 0, False
    for index in _kept(entries):
        if budget.spent and (fault_shown or not _is_wrong(entries[index])):
            continue
        if index > next_index:
            shown.append(Entry(gap=index - next_index))
        entry, size = _entry(entries[index], allowed, budget)
        shown.append(entry)
        allowed, next_index, fault_shown = allowed - size, index + 1, fault_shown or entry.fault
    if next_index < len(entries):
        shown.append(Entry(gap=len(entries) - next_index))
    label = budget.text(recorded.get("label") or "connection", 200)
    return Transcript(label, tuple(shown), tuple(_notes(recorded, shown)))


def _notes(recorded: Mapping[str, Any], shown: Sequence[Entry]) -> list[str]:
    """Return what a reader must know about the cuts, whoever made them."""
    notes = []
    if dropped := number(recorded.get("dropped")):
        notes.append(f"{dropped:,.0f} entries were not recorded: the conversation was too long")
    if any(entry.gap or entry.hex_note for entry in shown):
        notes.append("shortened here; conformance.json holds everything that was recorded")
    return notes


@dataclass(frozen=True)
class Evidence:
    """One test as evidence for one requirement, ready to print."""

    id: str
    message: str
    expected: tuple[str, ...]
    actual: str
    notes: tuple[str, ...]
    transcripts: tuple[Transcript, ...]
    repeat: str
    script: str = ""
    time: str = ""
    controls: tuple[str, ...] = ()
    output: str = ""
    browser: Browser | None = None


def evidence(test: Mapping[str, Any], breach: Mapping[str, Any] | None, budget: Budget) -> Evidence:
    """Return a test as evidence: for its own requirement, or for one it broke in passing.

    Args:
        test: a member of the document's `tests`.
        breach: a member of the test's `breaches`, where that is what is told; what the test itself expected
            belongs to another requirement then, and is left out.
        budget: what this test may show.

    """
    told = test if breach is None else _in_passing(test, breach)
    budget.charge(_MARKUP_A_TEST)
    message = budget.text(told.get("message"), 2_000)
    expected = budget.texts(told.get("expected"), 400, 16)
    actual = budget.text(told.get("actual"), 1_600)
    notes = budget.texts(told.get("notes"), 600, 12)
    recorded = mappings(told.get("transcripts"))
    shown = recorded[: 0 if budget.spent else _TRANSCRIPTS_A_TEST]
    if more := len(recorded) - len(shown):
        notes = (*notes, f"{more:,} recorded connections are not shown here; they are in conformance.json.")
    return Evidence(
        id=clip_line(told.get("id"), 300),
        message=message,
        expected=expected,
        actual=actual,
        notes=notes,
        transcripts=tuple(transcript(t, budget) for t in shown),
        repeat=clip_line(told.get("repeat"), 600),
        script=_script(told.get("script"), budget),
        time=milliseconds(told.get("duration")),
        controls=budget.texts(told.get("controls"), 300, 6),
        output=budget.text(told.get("server_output"), _OUTPUT),
        browser=browser_seen(mapping(told.get("browser")), budget),
    )


def _script(text: object, budget: Budget) -> str:
    """Return a script whole or not at all: half of one repeats nothing."""
    if not isinstance(text, str) or not text or budget.spent or len(text) > _SCRIPT:
        return ""
    shown = visible(text)
    budget.charge(len(escape(shown)))
    return shown


def _in_passing(test: Mapping[str, Any], breach: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `test` as a witness of a breach of another requirement than its own."""
    watcher = "Seen by the monitor that watches every connection, while this test was about something else."
    same = {key: test.get(key) for key in _WITNESSED}
    return {**same, "message": breach.get("message"), "notes": [watcher]}
