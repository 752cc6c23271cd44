"""Where an existing backend has the specification's endpoints: `[dialect.routes]` of the profile."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from conformance.core.errors import NotApplicable

OWN = "/ws/permissions/"
ANONYMOUS = "/ws/permissions/anonymous"
_USER = re.compile(re.escape(OWN) + r"([0-9]{1,19})/")
_ID = "{user_id}"


@dataclass(frozen=True, slots=True)
class Routes:
    """The backend's paths; ``None`` and an empty tuple say that it has no such endpoint.

    ``anonymous`` lists every spelling that is open. A near miss of an endpoint becomes the near miss of the
    backend's own, where one can be made.
    """

    own: str = OWN
    user: str | None = OWN + _ID + "/"
    anonymous: tuple[str, ...] = (ANONYMOUS, ANONYMOUS + "/")

    def at(self, path: str) -> str:
        """Return the backend's path for one of the specification's, its query kept.

        Raises:
            NotApplicable: the backend has no such endpoint, or the path has no counterpart there.

        """
        if self == SPECIFIED:
            return path
        plain, mark, query = path.partition("?")
        placed = self._endpoint(plain)
        if placed is None:
            placed = plain.replace(OWN.rstrip("/"), self.own.partition("?")[0].rstrip("/"), 1)
            if self.serves(placed):
                raise NotApplicable(f"{plain} has no counterpart: {placed} is one of the backend's own paths")
        if not mark:
            return placed
        return f"{placed}{'&' if '?' in placed else '?'}{query}"

    def _endpoint(self, path: str) -> str | None:
        if path == OWN:
            return self.own
        if path in {ANONYMOUS, ANONYMOUS + "/"}:
            spelling = 0 if path == ANONYMOUS else 1
            if len(self.anonymous) <= spelling:
                what = (
                    "no anonymous channel" if not self.anonymous else "one spelling of the anonymous channel"
                )
                raise NotApplicable(
                    f"the profile says that the backend has {what} (dialect.routes.anonymous)"
                )
            return self.anonymous[spelling]
        if found := _USER.fullmatch(path):
            if self.user is None:
                raise NotApplicable("the profile says that users have no channel (dialect.routes.user)")
            return self.user.replace(_ID, found[1])
        return None

    def serves(self, path: str) -> bool:
        """Return whether a path is one of the backend's endpoints."""
        plain = {one.partition("?")[0] for one in (self.own, *self.anonymous)}
        if path in plain:
            return True
        if self.user is None:
            return False
        shape = re.escape(self.user.partition("?")[0]).replace(re.escape(_ID), "[0-9]+")
        return re.fullmatch(shape, path) is not None

    def key_of(self, path: str) -> str:
        """Return the key of the route that a request target, its prefix gone, belongs to, or nothing."""
        plain = path.partition("?")[0]
        if plain == self.own.partition("?")[0]:
            return "routes.own"
        if plain in self.anonymous:
            return "routes.anonymous"
        return "routes.user" if self.serves(plain) else ""

    def prefix(self, prefix: str, path: str) -> str:
        """Return what stands before every endpoint, for a URL given with or without the own endpoint."""
        if self == SPECIFIED:
            return prefix
        own = self.own.partition("?")[0].rstrip("/")
        plain = path.rstrip("/")
        return plain[: len(plain) - len(own)] if own and plain.endswith(own) else prefix

    def entries(self) -> Iterable[tuple[str, str]]:
        """Yield every route that is not the specification's, as key and value."""
        for key, value in (("own", self.own), ("user", self.user)):
            if value is not None and value != getattr(SPECIFIED, key):
                yield f"routes.{key}", value
        if self.anonymous and self.anonymous != SPECIFIED.anonymous:
            yield "routes.anonymous", ", ".join(self.anonymous)


SPECIFIED = Routes()
