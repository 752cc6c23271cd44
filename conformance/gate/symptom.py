"""By what a failure is recognised in another run: its message without what differs from run to run."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 200
_VOLATILE = (
    (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<id>"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?", "<time>"),
    (r"\b(?:wss?|https?)://[^\s/'\"),;]+", "<server>"),
    (r"\[[0-9a-f]*:[0-9a-f:.]+\](?::\d+)?", "<address>"),
    (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<address>"),
    (r"\blocalhost:\d+\b", "<address>"),
    (r"\bport \d+\b", "port <n>"),
    (r"\b(?:pid|process) \d+\b", "process <n>"),
    (r"\b\d+(?:\.\d+)? ?(?:ms|s|µs|seconds?|minutes?)\b", "<time>"),
    (r"\b\d+\.\d+(?= times\b)", "<n>"),
    (r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{22}==|(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{27}=", "<key>"),
    (r"--hypothesis-seed=\d+", "--hypothesis-seed=<n>"),
    (r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", "<id>"),
    (r"\b\d{6,}\b", "<n>"),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), word) for pattern, word in _VOLATILE)


def symptom(message: str, actual: str = "") -> str:
    """Return a failure's message without ports, addresses, times and ids, one line of 200 characters at most.

    Close codes and status codes stay, for they tell failures apart; the status of an HTTP answer that came
    back is added. Of a story only the first line counts: its steps are drawn.
    """
    text = " ".join(message.partition("\n")[0].split()) or "without a message"
    for pattern, word in _PATTERNS:
        text = pattern.sub(word, text)
    status = re.match(r"HTTP/\d(?:\.\d)? (\d{3})\b", actual)
    if status and status[1] not in text:
        text += f" (HTTP {status[1]})"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}*"


def fits(pattern: str, text: str) -> bool:
    """Whether a text is what a pattern says; ``*`` stands for anything, nothing else is special."""
    wanted = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(wanted, text, re.IGNORECASE | re.DOTALL) is not None


def unpinned(patterns: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Return the symptoms that no pattern knows, each once."""
    known = tuple(patterns)
    return [one for one in dict.fromkeys(texts) if not any(fits(pattern, one) for pattern in known)]
