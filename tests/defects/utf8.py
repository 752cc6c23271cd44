"""Text that is UTF-8, and text that is not: RFC 6455 §8.1."""

from __future__ import annotations

import re

from websockets.frames import Opcode

from tests.defects.framing import frames
from tests.defects.registry import chapter

defect = chapter("protocol/test_utf8.py")
CUT_CHARACTER = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")


def texts(change, *, fragments=False):
    """Change the payload of whole text frames, or of continuations."""
    wanted = Opcode.CONT if fragments else Opcode.TEXT

    def each(_, frame):
        if frame.opcode is wanted and frame.fin:
            frame.data = change(bytes(frame.data))
        return frame

    frames(each)


@defect("utf8.valid-text")
def refuses_noncharacters() -> None:
    def change(data):
        if "\uffff" in data.decode(errors="ignore"):
            b"\xff".decode()
        return data

    texts(change)


@defect("utf8.invalid-text")
def reads_an_overlong_slash() -> None:
    texts(lambda data: data.replace(b"\xc0\xaf", b"/"))


@defect("utf8.invalid-text")
def reads_surrogate_pairs_as_java_writes_them() -> None:
    texts(lambda data: data.replace(b"\xed\xa0\xbd\xed\xb8\x80", b"\xf0\x9f\x98\x80"))


@defect("utf8.invalid-text")
def reads_code_points_above_unicode() -> None:
    texts(lambda data: data.replace(b"\xf4\x90\x80\x80", b"?"))


@defect("utf8.invalid-text")
def drops_a_character_cut_at_the_end() -> None:
    texts(lambda data: CUT_CHARACTER.sub(b"", data))


@defect("utf8.invalid-across-fragments")
def drops_a_character_cut_at_the_end_of_the_last_fragment() -> None:
    texts(lambda data: CUT_CHARACTER.sub(b"", data), fragments=True)


@defect("utf8.invalid-across-fragments")
def checks_the_first_fragment_only() -> None:
    texts(lambda data: data.replace(b"\xff", b"?"), fragments=True)


@defect(
    "utf8.split-character",
    companions={"session.heartbeat-fragmented": "its text has such a character, and comes byte by byte"},
)
def fails_on_four_byte_characters_cut_behind_the_first() -> None:
    def each(protocol, frame):
        if frame.opcode is Opcode.CONT and getattr(protocol, "cut", False):
            b"\xf0".decode()
        protocol.cut = frame.opcode < 8 and not frame.fin and bytes(frame.data[-1:]) in {b"\xf0", b"\xf1"}
        return frame

    frames(each)


@defect("utf8.close-reason")
def drops_a_reason_that_is_not_utf8() -> None:
    def each(_, frame):
        if frame.opcode is Opcode.CLOSE:
            try:
                bytes(frame.data[2:]).decode()
            except UnicodeDecodeError:
                frame.data = frame.data[:2]
        return frame

    frames(each)


@defect("utf8.close-reason")
def reads_surrogates_in_a_reason() -> None:
    def each(_, frame):
        if frame.opcode is Opcode.CLOSE and b"\xed\xa0\x80" in bytes(frame.data):
            frame.data = frame.data[:2]
        return frame

    frames(each)
