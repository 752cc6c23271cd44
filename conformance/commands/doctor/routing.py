"""The layer of routes: the endpoints, the paths near the one that was asked for, and what each answers."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from conformance.commands.doctor.case import NOBODY, Case, line_of
from conformance.commands.doctor.findings import Finding, ok
from conformance.core.errors import NotApplicable
from conformance.target.attempt import Attempt
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.url import ENDPOINTS

USUAL = ("/", "/ws", "/ws/", "/websocket", "/socket")


def endpoints(case: Case) -> list[str]:
    """Return the specification's endpoints behind the URL's prefix."""
    users = case.target.users
    one = users[0].user_id if users else 1
    found = []
    for path in (OWN, f"{OWN}{one}/", ANONYMOUS, f"{ANONYMOUS}/"):
        with contextlib.suppress(NotApplicable):  # by its profile the backend has no such endpoint
            found.append(case.target.at(path))
    return found


def near(case: Case) -> list[str]:
    """Return the paths near the URL's own that people mean, or mistake for it, without the path itself."""
    path = case.path
    stripped = path.rstrip("/")
    parts = [part for part in path.split("/") if part]
    found = [stripped if path.endswith("/") else f"{path}/", path.lower(), "/" + "/".join(parts)]
    found += [
        f"/ws{path}",
        "/" + "/".join(parts[1:]),
        f"/{'/'.join(parts[1:])}/",
        "/" + "/".join(parts[:-1]) + "/",
    ]
    if case.permissions or case.base:
        found += endpoints(case)
    elif path != OWN:
        found += [OWN, ANONYMOUS, f"{stripped}{OWN}"]
    found += USUAL
    return [
        one
        for one in dict.fromkeys(found)
        if one.startswith("/") and not one.startswith("//") and one != path
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """What one path answers."""

    path: str
    kind: str
    attempt: Attempt | None


async def walk_paths(case: Case) -> list[Row]:
    """Ask the URL's own path, the endpoints and the near misses for the upgrade.

    Returns:
        What each answered.

    """
    kinds = {case.path: "asked for"}
    if case.permissions or case.base:
        kinds |= {one: "endpoint" for one in endpoints(case) if one not in kinds}
        kinds |= {one: "near miss" for one in _misses(case) if one not in kinds}
    kinds |= {one: "near miss" for one in near(case) if one not in kinds}
    found = await case.ask_all({path: case.request(path) for path in kinds})
    return [Row(path, kind, found.get(path)) for path, kind in kinds.items()]


def _misses(case: Case) -> list[str]:
    own = case.target.at(OWN)
    head = own.removesuffix(ENDPOINTS)
    return [
        own.rstrip("/"),
        f"{own}1",
        f"{own}Anonymous",
        f"{own}anonymous//",
        f"{head}/ws//permissions/",
        f"{head}/permissions/",
        NOBODY,
    ]


async def routes(case: Case) -> Finding:
    """Say which of the endpoints open; only the URL's own path counts.

    Returns:
        The finding of this layer.

    """
    own = f"{case.clean(case.path)} opens"
    if not (case.permissions and case.path in endpoints(case)):
        return ok("routes", own)
    others = [one for one in endpoints(case) if one != case.path]
    found = await case.ask_all({path: case.request(path) for path in others})
    lines = [
        f"{case.clean(path)}: {case.clean(line_of(one))}" for path, one in found.items() if not one.upgraded
    ]
    return ok("routes", own if lines else f"{own}, and so do the other endpoints", *lines)
