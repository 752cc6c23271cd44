"""The baseline file: known failures, what need not apply, and the version of the requirements that count."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.core.complaints import suggestion
from conformance.core.errors import UsageProblem
from conformance.spec import VERSION
from conformance.verdict.known_failures import KnownFailure, read_entries

KEYS = frozenset({"requirements_version", "known_failure", "not_applicable"})
HEADER = """\
# What this server may still break: the baseline of the WebSocket conformance suite (docs/gate.md).
# `--baseline=FILE --update-baseline` writes it anew. It keeps reason, owner, expires, link and target, which
# you edit by hand, and drops comments and what is mended. Requirements newer than requirements_version are
# reported, but fail no build.
"""


@dataclass(slots=True)
class Baseline:
    """The file's content. ``not_applicable`` is None where the file does not gate applicability."""

    path: Path
    version: str = VERSION
    entries: tuple[KnownFailure, ...] = ()
    not_applicable: dict[str, str] | None = None
    existed: bool = field(default=True)

    def text(self) -> str:
        """Return the file, in an order that depends on nothing but its content."""
        from tomli_w import dumps  # noqa: PLC0415 - few runs write a baseline

        # Table by table: of short tables tomli-w would make one line, and it writes no comments.
        parts = [HEADER + dumps({"requirements_version": self.version})]
        entries = sorted(self.entries, key=lambda one: (one.requirement, one.target, one.reason))
        parts += ["[[known_failure]]\n" + dumps(_table(entry)) for entry in entries]
        if self.not_applicable is not None:
            parts.append("[not_applicable]\n" + dumps(dict(sorted(self.not_applicable.items()))))
        return "\n".join(parts)

    def write(self) -> None:
        """Write the file.

        Raises:
            UsageProblem: it cannot be written.

        """
        unfinished = self.path.with_name(f".{self.path.name}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(
                self.text(), "utf-8", errors="replace"
            )  # a symptom may be cut in a character
            unfinished.replace(self.path)
        except OSError as error:
            raise UsageProblem(f"--baseline {self.path}: {error.strerror}; nothing was written.") from None


def load(path: Path, *, create: bool = False) -> Baseline:
    """Read a baseline.

    Args:
        path: the TOML file.
        create: whether a file that does not exist yet is an empty one.

    Returns:
        What it says.

    Raises:
        UsageProblem: the file, a key or a value is wrong.

    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if create:
            return Baseline(path, existed=False)
        raise UsageProblem(f"--baseline {path}: no such file. Add --update-baseline to write it.") from None
    except OSError as error:
        raise UsageProblem(f"--baseline {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageProblem(f"--baseline {path} is no TOML: {error}.") from None
    return _read(path, table)


def _read(path: Path, table: Mapping[str, Any]) -> Baseline:
    def wrong(key: str, what: str, given: str = "", known: Collection[str] = ()) -> UsageProblem:
        return UsageProblem(f"--baseline {path}: {key}: {what}.{suggestion(given, known)}")

    for key in table:
        if key not in KEYS:
            raise wrong(key, "there is no such key", key, KEYS)
    version = table.get("requirements_version")
    if not isinstance(version, str):
        raise wrong("requirements_version", f'expected the version that is pinned, such as "{VERSION}"')
    try:
        later = numbers(version) > numbers(VERSION)
    except ValueError:
        raise wrong("requirements_version", f'expected a version such as "{VERSION}"') from None
    if later:
        raise wrong(
            "requirements_version",
            f"{version} is later than this suite's {VERSION}; upgrade the suite, or lower it by hand",
        )
    absent = table.get("not_applicable")
    if absent is not None and (
        not isinstance(absent, dict) or not all(isinstance(why, str) for why in absent.values())
    ):
        raise wrong("not_applicable", 'expected a table of "requirement" = "reason"')
    entries = read_entries(table.get("known_failure", []), wrong, path.name)
    return Baseline(path, version, tuple(entries), absent)


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, so that 1.10 is later than 1.9."""
    return tuple(int(part) for part in version.split("."))


def _table(entry: KnownFailure) -> dict[str, Any]:
    symptoms = sorted(entry.symptom)
    table = {
        "requirement": entry.requirement,
        "target": entry.target if entry.target != "*" else None,
        "reason": entry.reason,
        "owner": entry.owner,
        "symptom": symptoms[0] if len(symptoms) == 1 else symptoms or None,
        "expires": entry.expires,
        "link": entry.link or None,
    }
    return {key: value for key, value in table.items() if value is not None}
