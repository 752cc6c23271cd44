"""A script that repeats one connection's conversation with Python's standard library alone."""

from __future__ import annotations

import base64
import inspect
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from conformance.core.masking import Secret
from conformance.report.excerpts import clip_line, visible
from conformance.report.repro import replay
from conformance.wire.frames import FrameParser, ReceivedFrame
from conformance.wire.handshake import ResponseParser
from conformance.wire.transcript import Entry, Transcript, describe

MAX_CHARACTERS = 24_000  # of the conversation in a script
HEX_A_LINE = 24
PACKED_FROM = 96
MARK = "# A repro script of websocket-conformance"
CAPPED = "The conversation goes on from here, but it is too long for a script."
HIDDEN = "The conversation goes on from here with a secret inside a frame, which no script holds."

Clean = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """What a script says of itself: the test, the rule, what was expected of which server and what came.

    ``secrets`` are the run's, by their values; each is read from an environment variable.
    """

    test: str
    url: str
    requirement: str
    rule: str
    message: str
    expected: Sequence[str] = ()
    actual: str = ""
    insecure: bool = False
    authority: str = ""
    secrets: Mapping[str, Secret] = field(default_factory=dict)


def script(transcript: Transcript, story: ScriptFacts, clean: Clean) -> str:
    """Return the script's text, or nothing where a secret would stand in it after all.

    Args:
        transcript: of the connection.
        story: what the script says of the failure.
        clean: removes secrets from a text.

    """
    lines = list(_conversation(transcript, story, clean)) or ["pass"]
    url = clean(story.url)
    verdict = [
        f"expected:  {', or '.join(story.expected) or 'see the rule'}",
        f"the run saw: {story.actual or story.message}",
        story.requirement,
        story.rule,
    ]
    about = [MARK, f"# {story.test}", f"# {story.requirement}", f"# found: {story.message}"]
    parts = [
        "\n".join(_line(clean(line)) for line in about),
        "# Needs Python 3.11 alone. Run: python FILE [URL] [--insecure] [--ca-file FILE]\n",
        inspect.getsource(replay).split('"""', 2)[2].strip() + "\n\n",
        "def conversation(talk: Talk) -> None:",
        *(f"    {line}" if line else "" for line in lines),
        "\n",
        f"VERDICT = {[_line(clean(line), 900) for line in verdict]!r}",
        'if __name__ == "__main__":',
        f"    main(conversation, {url!r}, VERDICT, insecure={story.insecure})",
        "",
    ]
    text = "\n".join(parts)
    return text if clean(text) == text else ""


def _line(text: str, limit: int = 300) -> str:
    return clip_line(" ".join(text.split()), limit)


def _conversation(transcript: Transcript, story: ScriptFacts, clean: Clean) -> Iterator[str]:
    """Yield the statements that say what we said, and listen where the run listened."""
    response, incoming, seen, upgraded = ResponseParser(), FrameParser(), 0, False
    frames = _Frames(transcript.entries, clean)
    spent, heard = 0, False
    for number, entry in enumerate(transcript.entries):
        said: list[str] = []
        if entry.direction == "received":
            heard = True
            data = entry.data
            if not upgraded:
                head = response.feed(data)
                upgraded = head is not None and head.upgraded
                data = response.rest if upgraded else b""
            seen += len(incoming.feed(data)) if upgraded else 0
            continue
        if heard:
            said.append(f"talk.hear(frames={seen})")
            heard = False
        if entry.direction == "event":
            said += {
                "we half-closed TCP (FIN)": ["talk.half_close()"],
                "we reset TCP (RST)": ["talk.reset()"],
            }.get(entry.note, [])
        elif upgraded and frames.secret:
            yield f"# {HIDDEN}"
            return
        elif entry.data:
            said += frames.statement(number) if upgraded else _text(entry.data, story)
        spent += sum(map(len, said))
        if spent > MAX_CHARACTERS or entry.cut:
            yield f'print("{CAPPED}")'
            return
        yield from said
    if transcript.dropped:
        yield f'print("{CAPPED}")'


def _text(data: bytes, story: ScriptFacts) -> list[str]:
    """Return the statement that sends a handshake's bytes, a line of theirs in each line."""
    rows = []
    for line in data.splitlines(keepends=True):
        pieces: list[bytes | str] = [line]
        for secret in sorted(story.secrets.values(), key=lambda one: -len(one.value)):
            for form, expression in _spoken(secret):
                pieces = _put(pieces, form, expression)
        if line.strip().lower() == f"host: {story.authority}".lower().encode():
            pieces = _put(pieces, story.authority.encode(), "talk.host")
        rows.append(f"    {' + '.join(one if isinstance(one, str) else repr(one) for one in pieces)},")
    return ["talk.say(", *rows, ")"]


def _spoken(secret: Secret) -> Iterator[tuple[bytes, str]]:
    """Yield the forms in which a handshake holds a secret, each with the expression that stands for it."""
    if not secret.variable or (secret.weak and not secret.name):
        return
    call = f'talk.secret("{secret.variable}"'
    begin = f"{secret.name}=" if secret.weak else ""
    said = f"{begin.encode()!r} + " if begin else ""
    yield (begin + secret.value).encode(), f"{said}{call})"
    percent = quote(secret.value, safe="")
    if percent != secret.value:
        yield (begin + percent).encode(), f"{said}{call}, percent_encoded=True)"


def _put(pieces: Sequence[bytes | str], wanted: bytes, expression: str) -> list[bytes | str]:
    """Return pieces in which an expression stands for some bytes, wherever they stand in bytes."""
    made: list[bytes | str] = []
    for piece in pieces:
        if isinstance(piece, str) or not wanted:
            made.append(piece)
            continue
        for number, part in enumerate(piece.split(wanted)):
            made += [expression] if number else []
            made += [part] if part else []
    return made


class _Frames:
    """What we sent behind the upgrade, as annotated hex, cut where our segments were cut."""

    def __init__(self, entries: Sequence[Entry], clean: Clean) -> None:
        self._clean = clean
        self._places: dict[int, tuple[int, int]] = {}
        stream, upgraded, response = b"", False, ResponseParser()
        for number, entry in enumerate(entries):
            if entry.direction == "received" and not upgraded:
                head = response.feed(entry.data)
                upgraded = head is not None and head.upgraded
            elif entry.direction == "sent" and upgraded:
                self._places[number] = (len(stream), len(stream) + len(entry.data))
                stream += entry.data
        self._stream = stream
        self._found = list(_cut(stream))
        texts = [stream, *(frame.payload for _, frame in self._found)]
        self.secret = any(clean(one.decode("latin-1")) != one.decode("latin-1") for one in texts)

    def statement(self, number: int) -> list[str]:
        """Return the statement that sends one segment."""
        begin, end = self._places[number]
        rows = []
        for at, frame in self._found:
            head = at + len(frame.header)
            behind = head + frame.declared_length
            about = describe(frame, self._clean)
            rows += self._rows(max(begin, at), min(end, head), about)
            rows += self._rows(max(begin, head), min(end, behind), "# its payload")
        rest = self._found[-1][0] + _length(self._found[-1][1]) if self._found else 0
        rows += self._rows(max(begin, rest), end, "no whole frame")
        return ['talk.send(r"""', *(f"    {row}" for row in rows), '""")']

    def _rows(self, begin: int, end: int, about: str) -> list[str]:
        data = self._stream[begin:end]
        if begin >= end:
            return []
        comment = f"  # {visible(' '.join(about.split()))}".replace('"""', "'''")
        if len(data) >= PACKED_FROM:
            return [f"z {base64.b64encode(zlib.compress(data, 9)).decode()}{comment}, {len(data)} bytes"]
        lines = [data[at : at + HEX_A_LINE].hex(" ") for at in range(0, len(data), HEX_A_LINE)]
        return [lines[0] + comment, *lines[1:]]


def _cut(stream: bytes) -> Iterator[tuple[int, ReceivedFrame]]:
    """Yield the whole frames in a stream, each with where it begins."""
    at = 0
    for frame in FrameParser().feed(stream):
        yield at, frame
        at += _length(frame)


def _length(frame: ReceivedFrame) -> int:
    return len(frame.header) + frame.declared_length
