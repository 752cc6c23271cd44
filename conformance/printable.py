"""A server's text, as a terminal may show it."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def printable(text: str) -> str:
    """Return a server's text as a terminal may show it: no escape sequences, no control characters."""
    return (
        _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
        .encode("utf-8", "backslashreplace")
        .decode()
    )
