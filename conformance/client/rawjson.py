"""JSON objects taken apart and put together again without reading their values.

A dialect renames and moves members, and must do so with messages that no parser reads back the same:
integers of thousands of digits, duplicate keys, lone surrogates, NaN, nesting thousands deep. So a value
stays the text that it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

Pairs = list[tuple[str, str]]
Path = tuple[str, ...]

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_NAME = re.compile(rf"[ \t\r\n]*({_STRING})[ \t\r\n]*:", re.DOTALL)
_PIECE = re.compile(rf'{_STRING}|[\[{{]|[\]}}]|,|[^"\[\]{{}},]+', re.DOTALL)
_BLANK = re.compile(r"[ \t\r\n]*")


def split(text: str) -> Pairs | None:
    """Return an object's members as names and texts of values, in their order; ``None`` for anything else."""
    at = _past_blanks(text, 0)
    if text[at : at + 1] != "{":
        return None
    at = _past_blanks(text, at + 1)
    if text[at : at + 1] == "}":
        return [] if _past_blanks(text, at + 1) == len(text) else None
    pairs: Pairs = []
    while True:
        named = _NAME.match(text, at)
        if named is None:
            return None
        end = _end_of_value(text, named.end())
        value = text[named.end() : end].strip(" \t\r\n")
        if end >= len(text) or not value or text[end] == "]":
            return None
        try:
            pairs.append((json.loads(named[1]), value))
        except ValueError:
            return None
        if text[end] == "}":
            return pairs if _past_blanks(text, end + 1) == len(text) else None
        at = end + 1


def _past_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _end_of_value(text: str, at: int) -> int:
    """Return where the comma or bracket stands that ends a value, or the text's length."""
    depth = 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:  # a string without its end
            return len(text)
        first = text[at]
        if first in "[{":
            depth += 1
        elif depth == 0 and first in ",]}":
            return at
        elif first in "]}":
            depth -= 1
        at = piece.end()
    return at


def joined(entries: Sequence[tuple[Path, str]]) -> str:
    """Return the object that has these values at these paths, in the order of their first members."""
    parts: list[str] = []
    opened: set[str] = set()
    for path, value in entries:
        name = path[0]
        if len(path) == 1:
            parts.append(f"{json.dumps(name, ensure_ascii=False)}:{value}")
        elif name not in opened:
            opened.add(name)
            inside = [(other[1:], one) for other, one in entries if len(other) > 1 and other[0] == name]
            parts.append(f"{json.dumps(name, ensure_ascii=False)}:{joined(inside)}")
    return "{" + ",".join(parts) + "}"


def value_at(pairs: Pairs, path: Path) -> str | None:
    """Return the text of the value at a path; of members given twice the last counts, as for most parsers."""
    found = next((value for name, value in reversed(pairs) if name == path[0]), None)
    if found is None or len(path) == 1:
        return found
    inside = split(found)
    return value_at(inside, path[1:]) if inside is not None else None


def without(pairs: Pairs, used: set[Path], here: Path = ()) -> list[tuple[Path, str]]:
    """Return what is left of an object when the values at the used paths are taken out.

    Args:
        pairs: the members of the object, as :func:`split` gives them.
        used: paths of the values to leave out.
        here: the path of the object itself.

    """
    left: list[tuple[Path, str]] = []
    for name, value in pairs:
        path = (*here, name)
        if path in used:
            continue
        inside = split(value) if any(one[: len(path)] == path for one in used) else None
        if inside is None:
            left.append((path, value))
        else:
            left += without(inside, used, path)
    return left
