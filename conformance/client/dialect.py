"""A dialect: the names that an existing backend has for the protocol's messages and members.

Tests speak the specification's language; a dialect stands between them and the wire. Messages are renamed and
their members moved in both directions, values stay as they are, and what the wire carried stands in the
transcripts untouched. Which entries were ever met is kept, so that one that maps to nothing is reported.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from conformance.client.messages import Sender, schemas
from conformance.client.rawjson import Pairs, Path, joined, split, value_at, without
from conformance.core.errors import NotApplicable

CONFIRMED = "connection_confirmed"
ENVELOPE = ("type", "id", "timestamp", "data")
_TYPE = re.compile(r'"type"(\s*:\s*)"([^"\\]*)"')
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NO_OCTET = re.compile(r"[\ud800-\udc7f\udd00-\udfff]")  # surrogates that `surrogateescape` never makes
_FOREIGN = "wire:"  # before a name that means something else in the specification


@cache
def paths_of(kind: str | None, sender: Sender) -> tuple[str, ...]:
    """Return a message's members, those of `data` and `features` with a dot; for None the envelope's."""
    if kind not in schemas(sender):
        return ENVELOPE
    found = list(ENVELOPE)
    for name, schema in schemas(sender)[kind]["properties"].items():
        found.append(name)
        found += [f"{name}.{inner}" for inner in schema.get("properties", ())]
    return tuple(dict.fromkeys(found))


def kinds(sender: Sender) -> tuple[str, ...]:
    """Return the names of the messages that a side sends."""
    return tuple(schemas(sender))


@dataclass(slots=True)
class Dialect:
    """Other names for the protocol's messages and members; an empty one changes nothing.

    ``types`` gives a message's name on the wire, ``None`` where the backend has no such message. ``members``
    maps a member to its path on the wire: a bare name wherever that member stands, a path such as
    ``data.permission`` to a place of its own; ``messages`` does so for one message only and goes first.
    ``flat`` names messages whose `data` members stand beside the type. ``errors`` lists the codes on the
    wire that mean one of the specification's.
    """

    types: Mapping[str, str | None] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    flat: frozenset[str] = frozenset()
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    features: Mapping[str, str] = field(default_factory=dict)
    server_time: str = "iso"
    anonymous: tuple[Any, ...] = ()
    seen: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        """Return whether anything is named otherwise than in the specification."""
        return bool(
            self.types or self.members or self.messages or self.flat or self.errors or self.features
            or self.server_time != "iso" or self.anonymous
        )  # fmt: skip

    def entries(self) -> Iterator[tuple[str, str]]:
        """Yield every entry as key and value, as they stand in the profile; not those that say `false`."""
        yield from ((f"types.{kind}", name) for kind, name in self.types.items() if name is not None)
        yield from ((f"members.{path}", wire) for path, wire in self.members.items())
        for kind, members in self.messages.items():
            yield from ((f"messages.{kind}.{path}", wire) for path, wire in members.items())
        yield from ((f"errors.{code}", ", ".join(names)) for code, names in self.errors.items())
        yield from ((f"features.{name}", wire) for name, wire in self.features.items())

    # What the backend has.

    def lacks(self, kind: str) -> bool:
        """Return whether the profile says that the backend has no such message."""
        return kind in self.types and self.types[kind] is None

    def needs(self, kind: str) -> None:
        """Leave a test to backends that have a message.

        Raises:
            NotApplicable: this one has not, by its profile.

        """
        if self.lacks(kind):
            raise NotApplicable(f"the profile says that this backend has no {kind} (dialect.types)")

    # Where things stand.

    def place(self, kind: str | None, path: str) -> tuple[Path, list[str]]:
        """Return a member's path on the wire, and the keys of the entries that put it there."""
        own = self.messages.get(kind or "", {})
        if path in own:
            return tuple(own[path].split(".")), [f"messages.{kind}.{path}"]
        if path in self.members and "." in path:
            return tuple(self.members[path].split(".")), [f"members.{path}"]
        parent, _, name = path.rpartition(".")
        if not parent:
            above: Path = ()
            keys: list[str] = []
        elif parent == "data" and kind in self.flat:
            above, keys = (), []
        else:
            above, keys = self.place(kind, parent)
        if parent == "features" and name in self.features:
            return (*above, self.features[name]), [*keys, f"features.{name}"]
        if name in self.members:
            return (*above, *self.members[name].split(".")), [*keys, f"members.{name}"]
        return (*above, name), keys

    def _name(self, kind: str) -> str:
        name = self.types.get(kind, kind)
        return kind if name is None else name

    def _kind(self, name: object, sender: Sender) -> str | None:
        return next((kind for kind in kinds(sender) if self._name(kind) == name), None)

    # Writing.

    def written(self, text: str) -> str:
        """Return a client's message as the backend wants it; what is no JSON object keeps its faults.

        Raises:
            NotApplicable: the backend has no such message, or means something else by its type.

        """
        if not self:
            return text
        pairs = split(text)
        if pairs is None:
            return _TYPE.sub(self._retyped, text)
        kind = _string(value_at(pairs, ("type",)))
        if kind is not None:
            self._may_send(kind)
        entries: list[tuple[Path, str]] = []
        for name, value in pairs:
            entries += self._placed(kind, name, value)
        return joined(entries)

    def _may_send(self, kind: str) -> None:
        self.needs(kind)
        meant = self._kind(kind, "client")
        if kind not in kinds("client") and meant is not None:
            raise NotApplicable(f"{kind!r} is what the backend calls {meant} (dialect.types.{meant})")

    def _placed(self, kind: str | None, name: str, value: str) -> list[tuple[Path, str]]:
        known = paths_of(kind, "client")
        if name not in known:
            return [((name,), value)]
        path, keys = self.place(kind, name)
        inside = split(value) if any(one.startswith(f"{name}.") for one in known) else None
        if not inside:
            self.seen.update(keys)
            return [(path, self._typed(value) if name == "type" else value)]
        placed: list[tuple[Path, str]] = []
        for inner, one in inside:
            whole = f"{name}.{inner}"
            above = () if name == "data" and kind in self.flat else path
            where, why = self.place(kind, whole) if whole in known else ((*above, inner), keys)
            self.seen.update(why)
            placed.append((where, one))
        return placed

    def _typed(self, value: str) -> str:
        kind = _string(value)
        if kind not in self.types:
            return value
        self.seen.add(f"types.{kind}")
        return json.dumps(self._name(str(kind)), ensure_ascii=False)

    def _retyped(self, found: re.Match[str]) -> str:
        path, _ = self.place(None, "type")
        return f"{json.dumps(path[-1])}{found[1]}{json.dumps(self._name(found[2]))}"

    def spoken(self, content: bytes) -> bytes:
        """Return the bytes of a client's message as the backend wants it."""
        if not self:
            return content
        try:
            return _escaped(_SURROGATE, self.written(content.decode())).encode()
        except UnicodeDecodeError:
            text = self.written(content.decode(errors="surrogateescape"))
            return _escaped(_NO_OCTET, text).encode(errors="surrogateescape")

    # Reading.

    def read(self, text: str) -> str:
        """Return a server's message in the specification's words; what is no JSON object stays as it is."""
        pairs = split(text) if self else None
        if pairs is None:
            return text
        path, keys = self.place(None, "type")
        given = value_at(pairs, path)
        kind = self._kind(_string(given), "server")
        if kind is None and self.messages:
            kind, path, keys, given = self._typed_elsewhere(pairs, (kind, path, keys, given))
        used: set[Path] = set()
        entries: list[tuple[Path, str]] = []
        if given is not None:
            used.add(path)
            entries.append((("type",), self._untyped(kind, given)))
            self.seen.update(keys)
        known = paths_of(kind, "server")
        for one in sorted(known, key=len, reverse=True):
            if one != "type" and not self._holds_others(kind, one, pairs):
                where, why = self.place(kind, one)
                value = value_at(pairs, where)
                if value is not None and where not in used:
                    used.add(where)
                    self.seen.update(why)
                    entries.append((tuple(one.split(".")), self._value(one, value)))
        return joined(entries + self._left(kind, pairs, used, known))

    def _typed_elsewhere(
        self, pairs: Pairs, found: tuple[str | None, Path, list[str], str | None]
    ) -> tuple[str | None, Path, list[str], str | None]:
        for kind, members in self.messages.items():
            if "type" in members:
                path, keys = self.place(kind, "type")
                given = value_at(pairs, path)
                if given is not None and _string(given) == self._name(kind):
                    return kind, path, keys, given
        return found

    def _holds_others(self, kind: str | None, path: str, pairs: Pairs) -> bool:
        """Return whether a member is the place of others, which are then taken one by one."""
        if not any(one.startswith(f"{path}.") for one in paths_of(kind, "server")):
            return False
        if path == "data" and kind in self.flat:
            return True
        value = value_at(pairs, self.place(kind, path)[0])
        inside = split(value) if value is not None else None
        return bool(inside)

    def _untyped(self, kind: str | None, given: str) -> str:
        if kind is None:
            name = _string(given)
            # The specification's own name means nothing where the dialect has another one for it.
            return json.dumps(_FOREIGN + name) if name is not None and name in kinds("server") else given
        self.seen.add(f"types.{kind}")
        return json.dumps(kind)

    def _left(
        self, kind: str | None, pairs: Pairs, used: set[Path], known: tuple[str, ...]
    ) -> list[tuple[Path, str]]:
        container = self.place(kind, "data")[0]
        left = []
        for path, value in without(pairs, used):
            inside = len(path) > len(container) and path[: len(container)] == container
            here = ("data", *path[len(container) :]) if inside else path
            if ".".join(here) in known or (len(here) == 1 and here[0] in known):
                here = (*here[:-1], _FOREIGN + here[-1])
            left.append((here, value))
        return left

    def _value(self, path: str, value: str) -> str:
        name = path.rpartition(".")[2]
        if path == "data.code" and self.errors:
            code = _string(value)
            meant = next((one for one, names in self.errors.items() if code in names), None)
            if meant is not None:
                self.seen.add(f"errors.{meant}")
                return json.dumps(meant)
            return json.dumps(_FOREIGN + code) if code is not None and code in self.errors else value
        if name == "user_id" and self.anonymous and _same(value, self.anonymous[0]):
            return "null"
        if name == "server_time" and self.server_time != "iso" and re.fullmatch(r"\d+(\.\d+)?", value):
            seconds = float(value) / (1000 if self.server_time == "ms" else 1)
            if seconds < 1e11:
                return json.dumps(datetime.fromtimestamp(seconds, UTC).isoformat())
        return value

    def heard(self, content: bytes) -> bytes:
        """Return the bytes of a server's message in the specification's words."""
        if not self:
            return content
        try:
            text = content.decode()
        except UnicodeDecodeError:  # no JSON, and so nothing that has other words
            return content
        return _escaped(_SURROGATE, self.read(text)).encode()

    # Whether it fits.

    def misfit(self, content: bytes) -> str:
        """Return why the first message of a connection cannot be what the dialect describes, or nothing.

        Only the dialect is doubted here: another message that it knows is the backend's fault, not its.
        """
        pairs = split(content.decode(errors="surrogateescape"))
        if not self or pairs is None:
            return ""
        path, keys = self.place(CONFIRMED, "type")
        given = value_at(pairs, path)
        if given is None:
            return self._absent(path, keys or ["members.type"], pairs)
        name = _string(given)
        if name != self._name(CONFIRMED):
            if self._kind(name, "server") is not None:
                return ""
            return (
                f"the first message's `{'.'.join(path)}` is {given[:60]}, "
                f"not {json.dumps(self._name(CONFIRMED))} (dialect.types.connection_confirmed)"
            )
        for one in paths_of(CONFIRMED, "server"):
            where, why = self.place(CONFIRMED, one)
            if why and one not in ENVELOPE and value_at(pairs, where) is None:
                return self._absent(where, why, pairs)
        return ""

    def _absent(self, path: Path, keys: list[str], pairs: Pairs) -> str:
        seen = list(_names(pairs))
        wanted = ".".join(path)
        near = difflib.get_close_matches(wanted, seen, n=1, cutoff=0.5) or [
            one for one in seen if one.rpartition(".")[2].lower() == path[-1].lower()
        ]
        hint = f"; did you mean `{near[0]}`?" if near else ""
        return (
            f"the first message has no member `{wanted}` (dialect.{keys[-1]}); "
            f"seen members: {', '.join(seen[:20])}{hint}"
        )


def _escaped(surrogates: re.Pattern[str], text: str) -> str:
    # What is left of surrogates were escapes in names: in JSON nothing stands outside a string.
    return surrogates.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _names(pairs: Pairs, above: str = "") -> Iterator[str]:
    for name, value in pairs:
        yield above + name
        inside = split(value) if above.count(".") < 2 else None
        yield from _names(inside, f"{above}{name}.") if inside else ()


def _string(text: str | None) -> str | None:
    if text is None or not text.startswith('"'):
        return None
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _same(text: str, value: object) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return type(found) is type(value) and bool(found == value)
