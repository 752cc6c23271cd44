"""Evidence made fit to print: text a server chose, and the conversations it took part in.

Everything here is pure. Text is made *inert* (control, bidirectional and surrogate characters become
visible escapes), *short* (each string has a limit) and *bounded in sum* (one `Budget` a page), so that a
server that answers with megabytes cannot make a report nobody can open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

from conformance.report.seen import Browser, browser_seen

# C0 and C1 controls but tab and line feed, soft hyphen, every invisible or direction-changing format
# character, lone surrogates, tags and the noncharacters at the plane's end: what a reader cannot see, or
# what would change how the text around it reads.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)

_BYTES_AN_ENTRY = 512
_BYTES_A_TRANSCRIPT = 4096
_HEX_AT_A_GLANCE = 48
_HEAD, _TAIL, _FAULTS = 8, 12, 10
_FIELDS, _FIELDS_ONCE_SPENT = 16, 6
_TEXT_ONCE_SPENT = 120
_TRANSCRIPTS_A_TEST = 4
_MARKUP_A_TEST = 900
_MARKUP_AN_ENTRY = 320
_MARKUP_A_FIELD = 60
_SCRIPT = 60_000
_OUTPUT = 9_000
# What a test tells of a requirement that it broke in passing; the rest of it is about its own.
_WITNESSED = ("id", "transcripts", "repeat", "script", "duration", "server_output", "browser")


def _escape_character(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str) -> str:
    r"""Return `text` with every unseen character written as an escape, such as `\x1b` or `\u202e`.

    Tabs and line feeds stay. The result always encodes to UTF-8.
    """
    return _UNSEEN.sub(_escape_character, text)


def clip(value: object, limit: int) -> str:
    """Return at most `limit` characters of `value` as visible text, saying what was left out.

    Args:
        value: text, or anything a JSON document can hold; None is empty.
        limit: characters of the result before the note about the rest.

    """
    text = "" if value is None else value if isinstance(value, str) else str(value)
    escaped = visible(text[:limit])
    # The second cut is for escapes: a thousand surrogates take six thousand characters.
    if len(text) <= limit and len(escaped) <= limit:
        return escaped
    return f"{escaped[:limit]} … [{len(text):,} characters in all]"


def clip_line(value: object, limit: int = 300) -> str:
    r"""Return at most `limit` characters of `value` on one line: line feeds and tabs are written out too."""
    return clip(value, limit).replace("\n", "\\n").replace("\t", "\\t")


def mapping(value: object) -> Mapping[str, Any]:
    """Return `value` if it is a mapping, else an empty one: documents may be old or cut short."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """Return `value` if it is a list, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the mappings in the list `value`, dropping what is anything else."""
    return [item for item in sequence(value) if isinstance(item, Mapping)]


def number(value: object) -> float | None:
    """Return `value` as a float if it is a number, else None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def milliseconds(value: object) -> str:
    """Return seconds as milliseconds, `0.42`, or nothing where there is no number."""
    seconds = number(value)
    return "" if seconds is None else f"{seconds * 1000:.2f}"


class Budget:
    """How many characters of evidence one page, or one test on it, may still show.

    Texts are charged as they will stand in the page, HTML escapes included. Once it is spent, texts shrink
    to their first line or two and conversations give way to a note: nothing disappears unsaid.
    """

    def __init__(self, characters: int, whole: Budget | None = None) -> None:
        self._left = characters
        self._whole = whole

    def share(self, among: int, limit: int) -> Budget:
        """Return an even share of what is left, at most `limit`, which is charged to this budget too."""
        return Budget(min(self._left // among, limit), self)

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self._left <= 0

    def charge(self, characters: int) -> None:
        """Take `characters` off what is left."""
        self._left -= characters
        if self._whole is not None:
            self._whole.charge(characters)

    def text(self, value: object, limit: int) -> str:
        """Return `value` clipped to `limit`, or further once the budget is spent, and charge for it."""
        shown = clip(value, min(limit, _TEXT_ONCE_SPENT) if self.spent else limit)
        self.charge(len(escape(shown)))
        return shown

    def texts(self, values: object, limit: int, count: int) -> tuple[str, ...]:
        """Return at most `count` of the list `values`, each clipped to `limit`, and say how many more."""
        every = sequence(values)
        kept = every[: 2 if self.spent else count]
        shown = tuple(self.text(value, limit) for value in kept)
        rest = len(every) - len(kept)
        return (*shown, f"… and {rest:,} more, in conformance.json") if rest else shown


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
