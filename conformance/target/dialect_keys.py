"""`[dialect]` of the profile, checked against the message schemas: what can be renamed, moved or left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from conformance.client.dialect import CONFIRMED, Dialect, kinds, paths_of
from conformance.client.messages import Sender, schemas
from conformance.core.complaints import Wrong
from conformance.target.routes import ANONYMOUS, SPECIFIED, Routes

DIALECT_KEYS = frozenset(
    {
        "types",
        "members",
        "messages",
        "flat",
        "errors",
        "features",
        "routes",
        "server_time",
        "anonymous_user_id",
    }
)
ROUTE_KEYS = frozenset({"own", "user", "anonymous"})
SIDES: tuple[Sender, Sender] = ("client", "server")
FEATURES = tuple(schemas("server")[CONFIRMED]["properties"]["features"]["properties"])
ERRORS = tuple(schemas("server")["error"]["properties"]["data"]["properties"]["code"]["enum"])
KINDS = tuple(dict.fromkeys(kind for side in SIDES for kind in kinds(side)))
_PATHS = {kind: tuple(p for s in SIDES if kind in kinds(s) for p in paths_of(kind, s)) for kind in KINDS}
MEMBERS = tuple(
    dict.fromkeys(
        name for paths in _PATHS.values() for path in paths for name in (path, path.rpartition(".")[2])
    )
)


def read_dialect(table: Any, wrong: Wrong) -> tuple[Dialect, Routes]:
    """Return the dialect and the routes of a profile's table.

    Raises:
        UsageProblem: a key or value is wrong; made by ``wrong``, which knows the file.

    """
    reader = _Reader(wrong)
    table = reader.table("dialect", table, DIALECT_KEYS)
    server_time = table.get("server_time", "iso")
    if server_time not in {"iso", "s", "ms"}:
        raise wrong("dialect.server_time", f"{server_time!r} is none of iso, s, ms")
    anonymous: tuple[Any, ...] = ()
    if "anonymous_user_id" in table:
        anonymous = (table["anonymous_user_id"],)
        if not isinstance(anonymous[0], (str, int)):
            raise wrong("dialect.anonymous_user_id", "expected a string or an integer")
    dialect = Dialect(
        types=reader.types(table.get("types", {})),
        members=reader.members("dialect.members", table.get("members", {}), MEMBERS),
        messages={
            kind: reader.members(f"dialect.messages.{kind}", one, _PATHS[kind])
            for kind, one in reader.table("dialect.messages", table.get("messages", {}), KINDS).items()
        },
        flat=reader.flat(table.get("flat", False)),
        errors=reader.errors(table.get("errors", {})),
        features=reader.names("dialect.features", table.get("features", {}), FEATURES),
        server_time=server_time,
        anonymous=anonymous,
    )
    reader.distinct(dialect)
    return dialect, reader.routes(table.get("routes", {}))


class _Reader:
    def __init__(self, wrong: Wrong) -> None:
        self.wrong = wrong

    def table(self, where: str, value: Any, known: Collection[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(where, "expected a table")
        for key in value:
            if key not in known:
                raise self.wrong(f"{where}.{key}", "there is no such key", key, known)
        return value

    def names(self, where: str, value: Any, known: Collection[str]) -> dict[str, str]:
        table = self.table(where, value, known)
        for key, name in table.items():
            if not isinstance(name, str) or not name:
                raise self.wrong(f"{where}.{key}", "expected the name on the wire, a string")
        return table

    def types(self, value: Any) -> dict[str, str | None]:
        table = self.table("dialect.types", value, KINDS)
        found: dict[str, str | None] = {}
        for kind, name in table.items():
            where = f"dialect.types.{kind}"
            if name is False and kind != CONFIRMED:
                found[kind] = None
            elif isinstance(name, str) and name:
                found[kind] = name
            elif name is False:
                raise self.wrong(where, "without it nobody can tell who a connection is")
            else:
                raise self.wrong(
                    where, "expected the name on the wire, or false where there is no such message"
                )
        return found

    def members(self, where: str, value: Any, known: Collection[str]) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self.wrong(where, "expected a table")
        flat = dict(_flattened(value))
        for key, path in flat.items():
            if key not in known:
                raise self.wrong(f"{where}.{key}", "the protocol has no such member", key, known)
            if not isinstance(path, str) or not all(path.split(".")):
                raise self.wrong(f"{where}.{key}", 'expected a path such as "userId" or "data.user"')
        return flat

    def flat(self, value: Any) -> frozenset[str]:
        # A heartbeat's data is the client's own: it stays one value wherever it stands.
        movable = [kind for kind, paths in _PATHS.items() if any(path.startswith("data.") for path in paths)]
        if isinstance(value, bool):
            return frozenset(movable if value else ())
        if not isinstance(value, list):
            raise self.wrong("dialect.flat", "expected true, false or a list of message types")
        for kind in value:
            if kind not in movable:
                raise self.wrong("dialect.flat", f"{kind!r} has no members in `data`", str(kind), movable)
        return frozenset(value)

    def errors(self, value: Any) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for code, given in self.table("dialect.errors", value, ERRORS).items():
            listed = [given] if isinstance(given, str) else given
            if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
                raise self.wrong(f"dialect.errors.{code}", "expected a code, or a list of codes")
            twice = [one for one in listed if any(one in names for names in found.values())]
            if twice:
                raise self.wrong(f"dialect.errors.{code}", f"{twice[0]!r} stands for two codes")
            found[code] = tuple(listed)
        return found

    def routes(self, value: Any) -> Routes:
        table = self.table("dialect.routes", value, ROUTE_KEYS)
        for key, given in table.items():
            listed = given if key == "anonymous" and isinstance(given, list) else [given]
            absent = given is False and key != "own"
            if key != "user" and any(isinstance(one, str) and ("?" in one or "{" in one) for one in listed):
                raise self.wrong(f"dialect.routes.{key}", "expected a path without a query")
            if not absent and not all(isinstance(one, str) and one.startswith("/") for one in listed):
                hint = "" if key == "own" else ", or false where there is none"
                raise self.wrong(f"dialect.routes.{key}", f"expected a path that begins with /{hint}")
        user, anonymous = table.get("user", SPECIFIED.user), table.get("anonymous", SPECIFIED.anonymous)
        if isinstance(user, str) and "{user_id}" not in user:
            raise self.wrong("dialect.routes.user", "there is no {user_id} in it")
        spellings = (anonymous,) if isinstance(anonymous, str) else tuple(anonymous or ())
        if anonymous == ANONYMOUS:
            spellings = SPECIFIED.anonymous
        return Routes(own=table.get("own", SPECIFIED.own), user=user or None, anonymous=spellings)

    def distinct(self, dialect: Dialect) -> None:
        """Refuse what cannot be read back: two messages with one name, two members in one place."""
        for side in SIDES:
            names: dict[str, str] = {}
            for kind in kinds(side):
                name = dialect.types.get(kind, kind)
                if name is not None and name in names:
                    key = kind if kind in dialect.types else names[name]
                    raise self.wrong(
                        f"dialect.types.{key}",
                        f"{name!r} would be both {names[name]} and {kind}: give the other one its name too, "
                        "or false",
                    )
                if name is not None:
                    names[name] = kind
            for kind in kinds(side):
                self._places(dialect, kind, paths_of(kind, side))

    def _places(self, dialect: Dialect, kind: str, paths: Iterable[str]) -> None:
        taken: dict[tuple[str, ...], str] = {}
        for path in paths:
            if path == "data" and kind in dialect.flat:
                continue
            place, keys = dialect.place(kind, path)
            if place in taken:
                keys = keys or dialect.place(kind, taken[place])[1] or ["flat"]
                raise self.wrong(
                    f"dialect.{keys[-1]}",
                    f"in {kind}, {taken[place]} and {path} would both stand at {'.'.join(place)}",
                )
            taken[place] = path


def _flattened(table: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    # An unquoted `data.permission = "perm"` is a table to TOML, and means the same.
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{above}{key}.")
        else:
            yield above + key, value
