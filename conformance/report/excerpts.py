"""Text that a server chose, made fit to print.

Everything here is pure. Text is made *inert* (control, bidirectional and surrogate characters become
visible escapes), *short* (each string has a limit) and *bounded in sum* (one `Budget` a page), so that a
server that answers with megabytes cannot make a report nobody can open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import escape

# C0 and C1 controls but tab and line feed, soft hyphen, every invisible or direction-changing format
# character, lone surrogates, tags and the noncharacters at the plane's end: what a reader cannot see, or
# what would change how the text around it reads.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)

_TEXT_ONCE_SPENT = 120


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
        """Return the first of some texts, each clipped, and a line on how many more there are.

        Args:
            values: a list of texts; anything else counts as an empty one.
            limit: characters of each.
            count: how many at most.

        """
        every = sequence(values)
        kept = every[: 2 if self.spent else count]
        shown = tuple(self.text(value, limit) for value in kept)
        rest = len(every) - len(kept)
        return (*shown, f"… and {rest:,} more, in conformance.json") if rest else shown
