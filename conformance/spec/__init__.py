"""The specification as data: requirements by chapter, and the loader that refuses what is not sound."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from conformance.spec.costs import COST_MEMBERS, BrokenBy, Cost, Mender, cost_of
from conformance.spec.levels import Level

VERSION = "1.0"
CHAPTERS = ("protocol", "session", "auth", "routing", "events", "port", "robustness", "browser")
FILES = {"protocol": ("protocol.toml", "http2.toml")}  # a chapter is one file of its name unless said here
NEEDS = {
    "session": "the permissions protocol: connection_confirmed as the first message",
    "echo": "messages that come back: heartbeats, or an echo path",
    "echo-binary": "an echo path that gives back binary messages",
    "anonymous": "anonymous access",
    "credentials": "a user with a token",
    "two-users": "two users with tokens",
    "carrier-query": "tokens in ?token=",
    "carrier-header": "tokens in Authorization: Bearer",
    "carrier-subprotocol": "tokens as a subprotocol pair",
    "carrier-cookie": "tokens in a cookie",
    "permissions": "users whose permissions the profile lists, or public ones",
    "bad-tokens": "tokens that must be refused",
    "allowed-origins": "the list of allowed origins",
    "control": "a control interface that causes changes",
    "nodes": "another node of the same backend",
    "start-command": "a command that starts the server",
    "own-process": "a server started by this run",
    "local": "a target on this machine",
    "browser": "a Chromium browser",
    "deflate": "permessage-deflate",
    "http2": "HTTP/2 with extended CONNECT",
    "http2-websocket": "WebSocket over HTTP/2 on the probed path",
    "limits": "a declared size limit",
    "idle-limit": "a declared time after which silent clients are dropped",
    "jwt": "tokens that are JSON Web Tokens",
    "jwt-public-key": "the public key of the target's JSON Web Tokens",
}

SHAPES = {
    "accepted": r".+ — .+",
    "clauses": r"RFC(6455|7692)-[0-9.]+-[0-9]+",
    "security": r"SEC-[A-Z0-9]+-[0-9]{2}",
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One rule that a server is held to.

    ``charged`` rules are judged on the way, in every test that sees them; the others by the tests that
    name them. ``needs`` are capabilities of the target without which the rule does not apply.
    ``observed`` says how a client sees the rule kept or broken; ``accepted`` lists the outcomes that keep
    it, each with its reason, where there is more than one. ``clauses`` and ``security`` are the ids of what
    it covers in :mod:`conformance.spec.sources`. ``unproven`` says why no broken server can break it.
    ``cost`` is what a breach costs, ``cost_reason`` the argument, ``broken_by`` how many stacks broke the
    rule when they were counted. ``mended_by`` says whose code has to change: that of the server (the
    program or library that speaks HTTP and WebSocket), that of the application on it, or either.
    """

    id: str
    chapter: str
    level: Level
    title: str
    text: str
    source: str
    needs: tuple[str, ...] = ()
    charged: bool = False
    accepted: tuple[str, ...] = ()
    since: str = "1.0"
    observed: str = ""
    clauses: tuple[str, ...] = ()
    security: tuple[str, ...] = ()
    unproven: str = ""
    cost: tuple[Cost, ...] = ()
    cost_reason: str = ""
    broken_by: BrokenBy | None = None
    mended_by: Mender | None = None

    @property
    def strict_only(self) -> bool:
        """Whether breaking it fails a run only with ``--strict``: it binds, and its breach costs nothing."""
        return self.binding and self.cost == ("neither",)

    @property
    def binding(self) -> bool:
        """Whether breaking it fails the target."""
        return self.level.binding

    @property
    def advisory(self) -> bool:
        """Whether breaking it is advised against."""
        return self.level.advisory


@cache
def requirements() -> Mapping[str, Requirement]:
    """Return every requirement by its id, in the order of the files.

    Raises:
        ValueError: a requirement file is not sound; the message names file, id and fault.

    """
    found: dict[str, Requirement] = {}
    for chapter in CHAPTERS:
        for name in FILES.get(chapter, (f"{chapter}.toml",)):
            file = resources.files(__package__).joinpath("requirements", name)
            for entry in tomllib.loads(file.read_text("utf-8"))["requirement"]:
                requirement = _read(entry, chapter, name)
                if requirement.id in found:
                    raise ValueError(f"{name}: the id {requirement.id} is used twice")
                found[requirement.id] = requirement
    return found


def _read(entry: dict[str, Any], chapter: str, name: str) -> Requirement:
    known = {"id", "level", "title", "text", "source", "needs", "charged", "accepted", "since"}
    known |= {"observed", "clauses", "security", "unproven", *COST_MEMBERS}
    where = f"{name}: {entry.get('id', 'a requirement without id')}"
    if unknown := set(entry) - known:
        raise ValueError(f"{where}: unknown member {', '.join(sorted(unknown))}")
    if missing := {"id", "level", "title", "text", "source"} - set(entry):
        raise ValueError(f"{where}: {', '.join(sorted(missing))} is missing")
    if entry.get("unproven") and entry["level"] != Level.MAY:
        raise ValueError(f"{where}: only what a server MAY do can go unproven")
    if entry["level"] not in [*Level]:
        raise ValueError(f"{where}: level {entry['level']!r} is none of {', '.join(Level)}")
    if unknown := set(entry.get("needs", ())) - set(NEEDS):
        raise ValueError(f"{where}: needs {', '.join(sorted(unknown))}, which no probe looks for")
    for member, shape in SHAPES.items():
        values = entry.get(member, [])
        if wrong := [one for one in values if not re.fullmatch(shape, str(one))]:
            raise ValueError(f"{where}: {member} {wrong[0]!r} has not the shape {shape}")
        if len(set(values)) != len(values):
            raise ValueError(f"{where}: {member} holds a value twice")
    return Requirement(
        id=entry["id"],
        chapter=chapter,
        level=Level(entry["level"]),
        title=entry["title"],
        text=" ".join(entry["text"].split()),
        source=entry["source"],
        needs=tuple(entry.get("needs", ())),
        charged=bool(entry.get("charged", False)),
        accepted=tuple(entry.get("accepted", ())),
        since=entry.get("since", "1.0"),
        observed=" ".join(entry.get("observed", "").split()),
        clauses=tuple(entry.get("clauses", ())),
        security=tuple(entry.get("security", ())),
        unproven=" ".join(entry.get("unproven", "").split()),
        **cost_of(entry, where),
    )
