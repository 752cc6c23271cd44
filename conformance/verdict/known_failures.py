"""One tolerated failure: which requirement, of which target, why, whose, until when, recognised by what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.core.complaints import Wrong
from conformance.verdict.symptom import fits

KEYS = frozenset({"requirement", "target", "reason", "owner", "symptom", "expires", "link"})
ANY = ("*",)


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A requirement that the target is known to break, and why that is so for now.

    ``target`` is a pattern of the URL, the host or the ``Server`` header. ``symptom`` holds patterns of what
    is tolerated, ``"*"`` of any failure; an entry that was written without one tolerates nothing until it
    says what. ``where`` names the file that the entry stands in. Entries of a server ``family`` are never
    stale: versions differ, and not every application lets a fault of its server show.
    """

    requirement: str
    reason: str
    link: str = ""
    owner: str = ""
    target: str = "*"
    symptom: tuple[str, ...] = ANY
    expires: dt.date | None = None
    where: str = "the profile"
    family: str = ""

    def concerns(self, names: Iterable[str]) -> bool:
        """Return whether the entry is about the target that goes by these names."""
        return self.target == "*" or any(fits(self.target, name) for name in names)


def read_entries(entries: Any, wrong: Wrong, where: str) -> list[KnownFailure]:
    """Return the ``[[known_failure]]`` entries of a TOML table.

    Args:
        entries: what stands under ``known_failure``.
        wrong: makes a complaint about the file.
        where: the name of the file, for people.

    Raises:
        UsageProblem: made by ``wrong(key path, fault, given, known)``; whether the requirement exists is not
            asked here.

    """
    if not isinstance(entries, list):
        raise wrong("known_failure", "expected [[known_failure]] entries")
    return [_read(entry, f"known_failure {n}", wrong, where) for n, entry in enumerate(entries, 1)]


def _read(entry: Any, at: str, wrong: Wrong, where: str) -> KnownFailure:
    if not isinstance(entry, dict):
        raise wrong(at, "expected a table")
    for key, value in entry.items():
        if key not in KEYS:
            raise wrong(f"{at}.{key}", "there is no such key", key, KEYS)
        if key not in {"symptom", "expires"} and not isinstance(value, str):
            raise wrong(f"{at}.{key}", f"expected str, got {type(value).__name__}")
    if not entry.get("requirement"):
        raise wrong(f"{at}.requirement", "it is missing")
    if not entry.get("reason", "").strip():
        raise wrong(f"{at}.reason", "a known failure needs its reason")
    if "target" in entry and not entry["target"]:
        raise wrong(f"{at}.target", 'expected a pattern such as "*.example.com"; leave it out for any target')
    return KnownFailure(
        requirement=entry["requirement"],
        reason=entry["reason"],
        link=entry.get("link", ""),
        owner=entry.get("owner", ""),
        target=entry.get("target", "*"),
        symptom=_symptoms(entry.get("symptom", []), f"{at}.symptom", wrong),
        expires=_date(entry.get("expires"), f"{at}.expires", wrong),
        where=where,
    )


def _symptoms(value: Any, at: str, wrong: Wrong) -> tuple[str, ...]:
    given: Sequence[Any] = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(one, str) and one for one in given):
        raise wrong(at, "expected a text or a list of texts")
    return tuple(given)


def _date(value: Any, at: str, wrong: Wrong) -> dt.date | None:
    if isinstance(value, str):
        try:
            value = dt.date.fromisoformat(value)
        except ValueError:
            raise wrong(at, f"expected a day such as 2027-03-31, got {value!r}") from None
    if value is not None and (not isinstance(value, dt.date) or isinstance(value, dt.datetime)):
        raise wrong(at, "expected a day such as 2027-03-31")
    return value
