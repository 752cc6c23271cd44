"""``extends = "other.toml"``: a profile that says only in what it differs from another one.

Tables are merged key by key; any other value, lists too, takes the place of what the other profile says, and
``false`` in ``[limits]`` takes a limit away. Paths stay relative to the file that wrote them, except
``control.python``, which is looked up beside the profile that is run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.core.errors import UsageProblem

KEY = "extends"
SECRETS = ("env", "file", "generate")
_PATHS = (
    ("target", "cwd"),
    ("tls", "ca_file"),
    ("tls", "certificate"),
    ("tls", "key"),
    ("jwt", "public_key"),
)


def read(path: Path) -> dict[str, Any]:
    """Return a profile's table, with everything it takes from the profiles that it extends.

    Raises:
        UsageProblem: a file cannot be read or is no TOML, or a profile extends itself.

    """
    return _read(path, ())


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    table = _parsed(path, above)
    if KEY not in table:
        return table
    name = table.pop(KEY)
    if not isinstance(name, str) or not name:
        raise UsageProblem(f"profile {path}: {KEY}: expected the path of another profile.")
    other = path.resolve().parent / name
    chain = (*above, path.resolve())
    if other.resolve() in chain:
        raise UsageProblem(f"profile {path}: {KEY}: {name} extends this profile in its turn.")
    made = _merged(_anchored(_read(other, chain), other.resolve().parent), table)
    if isinstance(limits := made.get("limits"), dict):
        made["limits"] = {key: value for key, value in limits.items() if value is not False}
    return made


def _parsed(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    by = f", which {above[-1]} extends" if above else ""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageProblem(f"profile {path}{by}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageProblem(f"profile {path}{by} is no TOML: {error}.") from None


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables as one; a secret (one key of three) is a value, not a table to be merged."""
    made = dict(base)
    for key, value in own.items():
        there = made.get(key)
        if isinstance(value, dict) and isinstance(there, dict) and not _is_secret(value):
            made[key] = _merged(there, value)
        else:
            made[key] = value
    return made


def _is_secret(value: Mapping[str, Any]) -> bool:
    (name, one), *others = [*value.items()] or [("", None)]
    return name in SECRETS and isinstance(one, str) and not others


def _anchored(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the table with its paths absolute, so that they may stand in a profile elsewhere."""
    if isinstance(table.get("target", {}), dict):
        # Without cwd, commands run beside the profile that gives them.
        table = {**table, "target": {"cwd": ".", **table.get("target", {})}}
    for part, key in _PATHS:
        values = table.get(part)
        if isinstance(values, dict) and isinstance(values.get(key), str):
            table = {**table, part: {**values, key: str(folder / values[key])}}
    return {key: _secrets_anchored(value, folder) for key, value in table.items()}


def _secrets_anchored(value: Any, folder: Path) -> Any:
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and isinstance(value.get("file"), str):
        return {"file": str(folder / value["file"])}
    return {key: _secrets_anchored(one, folder) for key, one in value.items()}
