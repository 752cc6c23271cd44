"""A server's text, as a terminal or the log of a CI service may show it."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# GitHub's runner takes a line that begins with two colons, and "##[" wherever it stands, for a command.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=\[)", re.MULTILINE)


def printable(text: str) -> str:
    """Return a server's text as a terminal may show it: no escape sequences, no commands, nothing unseen."""
    shown = _CONTROL.sub(_escaped, text)
    shown = _COMMAND.sub(lambda match: "\\x23" if match[0] == "#" else f"{match[1]}\\x3a", shown)
    return shown.encode("utf-8", "backslashreplace").decode()


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
