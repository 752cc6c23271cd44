"""What IANA has registered for WebSocket, as dated data that a report can name: nothing is fetched."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

Sender = Literal["either", "client", "server", "nobody"]
Status = Literal["interim", "reserved", "standard"]
FILES = ("close_codes", "extensions", "subprotocols", "versions")


@dataclass(frozen=True, slots=True)
class CloseCode:
    """A status code of a Close frame. ``sent_by`` nobody: only an API reports it, no frame holds it."""

    code: int
    name: str
    meaning: str
    sent_by: Sender
    source: str
    registered: bool

    @property
    def sendable(self) -> bool:
        """Whether it may stand in a Close frame, whoever sends it."""
        return self.sent_by != "nobody"


@dataclass(frozen=True, slots=True)
class Version:
    """A value of Sec-WebSocket-Version."""

    number: int
    status: Status
    source: str


@cache
def _table(name: str) -> dict[str, Any]:
    file = f"{name}.toml"
    table = tomllib.loads(resources.files(__package__).joinpath(file).read_text("utf-8"))
    if missing := {"date", "registry_updated", "published", "complete"} - set(table):
        raise ValueError(f"{file}: {', '.join(sorted(missing))} is missing")
    if not table["complete"] and not table.get("reason"):
        raise ValueError(f"{file}: it is not complete, and gives no reason")
    return table


@cache
def _codes() -> dict[int, CloseCode]:
    found: dict[int, CloseCode] = {}
    for entry in _table("close_codes")["code"]:
        if entry["code"] in found:
            raise ValueError(f"close_codes.toml: {entry['code']} stands there twice")
        found[entry["code"]] = CloseCode(**entry, registered=True)
    if wrong := [one.code for one in found.values() if one.sent_by not in get_args(Sender)]:
        raise ValueError(f"close_codes.toml: sent_by of {wrong} is none of {', '.join(get_args(Sender))}")
    return found


def close_code(code: int) -> CloseCode | None:
    """Return what is registered for a code, else what its range is for; None beyond 0 to 4999."""
    if code in _codes():
        return _codes()[code]
    for entry in _table("close_codes")["range"]:
        if entry["first"] <= code <= entry["last"]:
            return CloseCode(
                code, "unregistered", entry["meaning"], entry["sent_by"], entry["source"], registered=False
            )
    return None


def close_codes() -> list[CloseCode]:
    """Return the registered close codes, in their order."""
    return [_codes()[code] for code in sorted(_codes())]


@cache
def valid_close_codes() -> frozenset[int]:
    """Return every code that may stand in a Close frame, from either side."""
    ranges = _table("close_codes")["range"]
    sendable = {
        n for one in ranges if one["sent_by"] != "nobody" for n in range(one["first"], one["last"] + 1)
    }
    for one in _codes().values():
        (sendable.add if one.sendable else sendable.discard)(one.code)
    return frozenset(sendable)


@cache
def versions() -> dict[int, Version]:
    """Return the registered version numbers of the protocol, the drafts' among them."""
    return {entry["number"]: Version(**entry) for entry in _table("versions")["version"]}


def complete(name: str) -> bool:
    """Return whether one of :data:`FILES` holds everything that was registered by :func:`date`."""
    return bool(_table(name)["complete"])


def date() -> str:
    """Return the day as of which all the registries are known, the oldest of the files' days."""
    return str(min(_table(name)["date"] for name in FILES))


def registry_updated() -> str:
    """Return the "Last Updated" of the oldest registry that was transcribed."""
    return str(min(_table(name)["registry_updated"] for name in FILES))
