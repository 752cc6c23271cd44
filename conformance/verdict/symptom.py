"""By what a failure is recognised in another run: which case failed, and of which kind what came back was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from conformance.core.errors import Nonconformance
from conformance.core.evidence import Happened, Kind
from conformance.verdict.charges import Way

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


@dataclass(frozen=True, slots=True)
class Symptom:
    """One failing case.

    ``case`` is the test with its parameters, and the case inside it; ``happened`` is the kind of what came
    back: a status, a close code, an end, a message. ``text`` is the message, by which entries of earlier
    versions know the failure; where nothing typed came back, it stands for what happened too.
    """

    case: str
    happened: str
    text: str

    def __str__(self) -> str:
        """Return what an entry pins."""
        told = f"{self.case}: {self.happened}" if self.case else self.happened
        return told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}*"

    def as_data(self) -> dict[str, str]:
        """Return it as plain data."""
        return asdict(self)

    @classmethod
    def of_text(cls, message: str, *, case: str = "") -> Symptom:
        """Return the symptom of a failure of which nothing is known but its message."""
        text = symptom(message)
        return cls(case, text, text)

    @classmethod
    def of_way(cls, way: Way, test: str) -> Symptom:
        """Return the symptom of a way in which a requirement was broken that the test is not about."""
        text = symptom(way.message)
        return cls("" if way.passing else _steady(test), _of_kind(way.happened) or text, text)

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Symptom:
        """Return what :meth:`as_data` made data of."""
        return cls(data["case"], data["happened"], data["text"])


def symptoms_of(test: str, error: Nonconformance) -> Iterator[Symptom]:
    """Yield a symptom for each case that failed in a test, which goes by a name such as ``a_ping[empty]``."""
    if error.cases:
        for one in error.cases:
            yield from symptoms_of(f"{test}/{error.case}" if error.case else test, one)
        return
    text = symptom(error.message, _status_of(error))
    case = f"{test}/{error.case}" if error.case else test
    yield Symptom(_steady(case), _of_kind(error.happened) or text, text)


def symptom(message: str, status: int | None = None) -> str:
    """Return a failure's message without ports, addresses, times and ids, one line of 200 characters at most.

    Close codes and status codes stay, for they tell failures apart; the ``status`` of a response that came
    back is added.
    """
    text = _steady(" ".join(message.split())) or "without a message"
    text += "" if status is None else f" (HTTP {status})"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}*"


def _status_of(error: Nonconformance) -> int | None:
    """Return the status of the response that is at fault, where the message does not name it."""
    named = error.happened is not None and error.happened.kind is Kind.MISSING_FIELD
    return error.at.code if error.at is not None and error.at.kind is Kind.RESPONSE and not named else None


def _of_kind(happened: Happened | None) -> str:
    """Return a kind in words; its detail may be what a server said, with what varies in it."""
    return "" if happened is None else str(replace(happened, detail=_steady(happened.detail)))


def _steady(message: str) -> str:
    for pattern, word in _PATTERNS:
        message = pattern.sub(word, message)
    return message


def fits(pattern: str, text: str) -> bool:
    """Return whether a text is what a pattern says; ``*`` stands for anything, nothing else is special."""
    wanted = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(wanted, text, re.IGNORECASE | re.DOTALL) is not None


def known(pattern: str, seen: Symptom) -> bool:
    """Return whether an entry's pattern is about this failure; those of earlier versions name its message."""
    return fits(pattern, str(seen)) or fits(pattern, seen.text)


def unpinned(patterns: Iterable[str], symptoms: Iterable[Symptom]) -> list[Symptom]:
    """Return the symptoms that no pattern knows, each once."""
    pinned = tuple(patterns)
    return [one for one in dict.fromkeys(symptoms) if not any(known(each, one) for each in pinned)]
