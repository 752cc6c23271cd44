"""What the other side said in its own words: the first line of a body that is text, for the evidence."""

from __future__ import annotations

import html
import re

from conformance.commands.doctor.case import Case
from conformance.target.attempt import Attempt
from conformance.wire.handshake import Response

LONGEST = 160
_OWN_PAGE = re.compile(rb"<center>(nginx|openresty)")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r\n")
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def text_of(response: Response | None) -> str:
    """Return a body as one line of text, without markup; empty where it is none."""
    if response is None or not response.body:
        return ""
    text = whole_body(response)[:4096].decode("utf-8", "replace")
    if text.count("\ufffd") > len(text) // 10:
        return ""
    if "<" in text:
        text = html.unescape(_TAGS.sub(" ", text))
    return " ".join(text.split())[:LONGEST]


def whole_body(response: Response) -> bytes:
    """Return the body as far as it came, out of its chunks."""
    if "chunked" not in (response.get("Transfer-Encoding") or "").lower():
        return response.body
    rest, parts = response.body, []
    while (found := _CHUNK.match(rest)) and (size := int(found[1], 16)):
        parts.append(rest[found.end() : found.end() + size])
        rest = rest[found.end() + size + 2 :]
    return b"".join(parts)


def answers_itself(response: Response) -> bool:
    """Return whether a page is the proxy's own, and so no answer of a server behind it."""
    return _OWN_PAGE.search(response.body) is not None


def said(case: Case, attempt: Attempt | None) -> str:
    """Return the body of an answer as a clause for the evidence, or an empty string."""
    text = text_of(attempt.response if attempt is not None else None)
    return f" — it says: {case.clean(text)}" if text else ""
