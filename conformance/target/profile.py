"""The profile: what a team tells the suite about its server, in TOML, checked key by key.

Secrets come from the environment (``{ env = "NAME" }``), from a file (``{ file = "path" }``) or are made
for the run and handed to the started server (``{ generate = "NAME" }``). They are never printed.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.client.dialect import Dialect
from conformance.core.complaints import suggestion
from conformance.core.errors import UsageProblem
from conformance.spec import requirements
from conformance.target import profile_extends
from conformance.target.control_keys import read_control
from conformance.target.dialect_keys import read_dialect
from conformance.target.routes import Routes
from conformance.target.secret_values import unreadable
from conformance.target.url import WrongURL, parse
from conformance.verdict.known_failures import KEYS as KNOWN_FAILURE_KEYS
from conformance.verdict.known_failures import KnownFailure, read_entries
from conformance.wire.handshake import TOKEN

CARRIERS = ("query", "header", "subprotocol", "cookie")
BAD_TOKENS = ("expired", "not_yet_valid", "revoked", "inactive_user", "wrong_signature", "wrong_audience")
_KEYS: Mapping[str, frozenset[str]] = {
    "": frozenset(
        {
            "target", "tls", "carriers", "credentials", "bad_tokens", "control", "limits", "jwt", "dialect",
            "known_failure", profile_extends.KEY,
        }
    ),
    "target": frozenset(
        {
            "url", "nodes", "start", "prepare", "cwd", "env", "ready_timeout", "headers", "anonymous",
            "allowed_origins", "no_origin", "public_permissions", "echo", "family", "subprotocols",
        }
    ),
    "tls": frozenset({"ca_file", "insecure", "certificate", "key"}),
    "carriers": frozenset({"offered", "cookie"}),
    "credentials.*": frozenset({"user_id", "groups", "token", "disposable", "permissions"}),
    "bad_tokens": frozenset(BAD_TOKENS),
    "limits": frozenset({"max_message_bytes", "idle_seconds"}),
    "jwt": frozenset({"public_key"}),
    "control": frozenset({"http", "command", "shell", "python", "timeout"}),
    "known_failure": KNOWN_FAILURE_KEYS,
    "secret": frozenset(profile_extends.SECRETS),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Credential:
    """A user of the target with a token that is good."""

    name: str
    user_id: int
    token: str = field(repr=False)
    groups: tuple[str, ...] | None = None
    permissions: tuple[str, ...] | None = None
    disposable: bool = False


@dataclass(slots=True)
class Profile:
    """Everything that the user declares. All of it is optional: a bare URL has an empty profile."""

    path: Path | None = None
    url: str | None = None
    nodes: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    prepare: tuple[tuple[str, ...], ...] = ()
    cwd: Path = field(default_factory=Path.cwd)
    env: dict[str, str] = field(default_factory=dict)
    ready_timeout: float = 20.0
    headers: dict[str, str] = field(default_factory=dict)
    subprotocols: tuple[str, ...] = ()
    anonymous: bool = True
    allowed_origins: tuple[str, ...] = ()
    no_origin: str | None = None
    public_permissions: tuple[str, ...] = ()
    echo: str | None = None
    families: tuple[str, ...] = ()
    ca_file: Path | None = None
    insecure: bool = False
    certificate: Path | None = None
    key: Path | None = None
    carriers: tuple[str, ...] = ()
    cookie: str = "session"
    credentials: dict[str, Credential] = field(default_factory=dict)
    bad_tokens: dict[str, str] = field(default_factory=dict, repr=False)
    control_http: str | None = None
    control_command: tuple[str, ...] = ()
    control_shell: bool = False
    control_python: str | None = None
    control_timeout: float | None = None
    max_message_bytes: int | None = None
    idle_seconds: float | None = None
    jwt_public_key: bytes | None = None
    dialect: Dialect = field(default_factory=Dialect)
    routes: Routes = field(default_factory=Routes)
    known_failures: tuple[KnownFailure, ...] = ()
    generated: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def controlled(self) -> str:
        """In which form the control interface is declared, or an empty string."""
        forms = {"HTTP": self.control_http, "a command": self.control_command, "Python": self.control_python}
        return next((name for name, declared in forms.items() if declared), "")

    @property
    def secrets(self) -> list[str]:
        """Every secret, longest first, so that none is cut by a shorter one when it is masked."""
        values = {one.token for one in self.credentials.values()} | set(self.bad_tokens.values())
        return sorted((value for value in values if value), key=len, reverse=True)


def load(path: Path, generated: Mapping[str, str] | None = None) -> Profile:
    """Read and check a profile.

    Args:
        path: the TOML file.
        generated: the secrets that were made for this run before.

    Returns:
        What it declares.

    Raises:
        UsageProblem: the file, a key or a value is wrong; the message names file, key path and a suggestion.

    """
    return _Reader(path, profile_extends.read(path), generated or {}).profile()


class _Reader:
    """Turn one TOML table into a profile, naming file and key path in every complaint."""

    def __init__(self, path: Path, table: dict[str, Any], generated: Mapping[str, str]) -> None:
        self.path = path
        self.table = table
        self.generated = dict(generated)

    def profile(self) -> Profile:
        self._known("", "", self.table)
        target = self._table("target")
        tls = self._table("tls")
        carriers = self._table("carriers")
        folder = self.path.resolve().parent
        offered = self._strings(carriers, "carriers", "offered")
        for carrier in offered:
            if carrier not in CARRIERS:
                raise self._wrong(
                    "carriers.offered", f"{carrier!r} is none of {', '.join(CARRIERS)}", carrier, CARRIERS
                )
        ca_file = self._typed(tls, "tls", "ca_file", str, None)
        certificate = self._typed(tls, "tls", "certificate", str, None)
        key = self._typed(tls, "tls", "key", str, None)
        if key is not None and certificate is None:
            raise self._wrong("tls.key", "a key needs its tls.certificate")
        no_origin = self._typed(target, "target", "no_origin", str, None)
        if no_origin not in {None, "accept", "refuse"}:
            raise self._wrong("target.no_origin", f"{no_origin!r} is neither 'accept' nor 'refuse'")
        prepare = target.get("prepare", [])
        if not isinstance(prepare, list) or not all(isinstance(one, list) and one for one in prepare):
            raise self._wrong("target.prepare", "expected a list of commands, each a list of words")
        dialect, routes = read_dialect(self.table.get("dialect", {}), self._wrong)
        profile = Profile(
            path=self.path,
            url=self._typed(target, "target", "url", str, None),
            nodes=self._strings(target, "target", "nodes"),
            start=self._strings(target, "target", "start"),
            prepare=tuple(tuple(str(word) for word in one) for one in prepare),
            cwd=folder / self._typed(target, "target", "cwd", str, "."),
            env=self._texts(target, "target", "env"),
            ready_timeout=float(self._typed(target, "target", "ready_timeout", (int, float), 20.0)),
            headers=self._texts(target, "target", "headers"),
            subprotocols=self._subprotocols(target),
            anonymous=self._typed(target, "target", "anonymous", bool, True),  # noqa: FBT003
            allowed_origins=self._strings(target, "target", "allowed_origins"),
            no_origin=no_origin,
            echo=self._typed(target, "target", "echo", str, None),
            ca_file=folder / ca_file if ca_file else None,
            insecure=self._typed(tls, "tls", "insecure", bool, False),  # noqa: FBT003
            certificate=folder / certificate if certificate else None,
            key=folder / key if key else None,
            carriers=offered,
            cookie=self._typed(carriers, "carriers", "cookie", str, "session"),
            credentials=self._credentials(),
            bad_tokens={
                name: self._secret(f"bad_tokens.{name}", value) for name, value in self._bad_tokens().items()
            },
            **self._control(),
            max_message_bytes=self._typed(self._table("limits"), "limits", "max_message_bytes", int, None),
            idle_seconds=self._typed(self._table("limits"), "limits", "idle_seconds", (int, float), None),
            jwt_public_key=self._public_key(folder),
            dialect=dialect,
            routes=routes,
            public_permissions=self._strings(target, "target", "public_permissions"),
            families=self._strings(target, "target", "family"),
            known_failures=tuple(self._known_failures()),
        )
        profile.generated = self.generated
        self._consistent(profile)
        return profile

    def _consistent(self, profile: Profile) -> None:
        if profile.ready_timeout <= 0:
            raise self._wrong("target.ready_timeout", "it must be above 0")
        if profile.max_message_bytes is not None and profile.max_message_bytes <= 0:
            raise self._wrong("limits.max_message_bytes", "it must be above 0")
        if profile.idle_seconds is not None and not 0 < profile.idle_seconds <= 3600:
            raise self._wrong("limits.idle_seconds", "it must be above 0, and an hour at most")
        if profile.echo is not None and not re.fullmatch(r"/[!-\"$-~]*", profile.echo):
            raise self._wrong(
                "target.echo", f"expected the path of an echo endpoint, like /echo, got {profile.echo!r}"
            )
        if profile.url is not None:
            self._parsed("target.url", profile.url.replace("{port}", "1").replace("{control_port}", "1"))
        for number, node in enumerate(profile.nodes, 2):
            place = f"{{port{number}}}"
            if profile.start and place not in node:
                raise self._wrong("target.nodes", f"node {number} is started on a port of its own: {place}")
            self._parsed("target.nodes", node.replace(place, "1") if profile.start else node)
        if profile.start and not profile.url:
            raise self._wrong("target.url", "a start command needs the URL that it will answer on")
        if self.generated and not profile.start:
            name = next(iter(self.generated))
            raise self._wrong(
                name, "'generate' hands a secret to the started server, but there is no target.start"
            )
        if profile.credentials and not profile.carriers:
            raise self._wrong("carriers.offered", "credentials are given, but no carrier to send them in")

    def _subprotocols(self, target: Mapping[str, Any]) -> tuple[str, ...]:
        names = self._strings(target, "target", "subprotocols")
        for name in names:
            if TOKEN.fullmatch(name) is None:
                raise self._wrong(
                    "target.subprotocols",
                    f"{name!r} is not a token, as a subprotocol has to be (RFC 6455 §4.1)",
                )
        if len(set(names)) < len(names):
            raise self._wrong("target.subprotocols", "each is offered once (RFC 6455 §4.1)")
        return names

    def _parsed(self, key: str, url: str) -> None:
        try:
            parse(url)
        except WrongURL as problem:
            raise self._wrong(key, problem.what) from None

    def _known(self, kind: str, where: str, table: Mapping[str, Any]) -> None:
        for key in table:
            if key not in _KEYS[kind]:
                path = f"{where}.{key}" if where else key
                raise self._wrong(path, "there is no such key", key, _KEYS[kind])

    def _wrong(self, key: str, what: str, given: str = "", known: Collection[str] = ()) -> UsageProblem:
        message = f"profile {self.path}: {key}: {what}.{suggestion(given, known)}"
        return UsageProblem(unreadable(self.table)(message))

    def _table(self, name: str) -> dict[str, Any]:
        table = self.table.get(name, {})
        if not isinstance(table, dict):
            raise self._wrong(name, "expected a table")
        self._known(name, name, table) if name in _KEYS else None
        return table

    def _typed(self, table: Mapping[str, Any], where: str, key: str, kind: Any, default: Any) -> Any:
        value = table.get(key, default)
        if value is default:
            return value
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            names = kind.__name__ if isinstance(kind, type) else "number"
            raise self._wrong(f"{where}.{key}", f"expected {names}, got {type(value).__name__}")
        return value

    def _strings(self, table: Mapping[str, Any], where: str, key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._wrong(f"{where}.{key}", "expected a list of strings")
        return tuple(value)

    def _texts(self, table: Mapping[str, Any], where: str, key: str) -> dict[str, str]:
        value = table.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise self._wrong(f"{where}.{key}", "expected a table of strings")
        return dict(value)

    def _secret(self, where: str, value: Any) -> str:
        if not isinstance(value, dict) or len(value) != 1:
            raise self._wrong(
                where, 'a secret is given as { env = "NAME" }, { file = "path" } or { generate = "NAME" }'
            )
        self._known("secret", where, value)
        ((kind, name),) = value.items()
        if not isinstance(name, str) or not name:
            raise self._wrong(f"{where}.{kind}", "expected a name")
        if kind == "env":
            secret = os.environ.get(name, "")
            if not secret:
                raise self._wrong(f"{where}.env", f"the environment variable {name} is not set")
        elif kind == "file":
            try:
                secret = (self.path.resolve().parent / name).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise self._wrong(f"{where}.file", f"{name} cannot be read ({error})") from None
        else:
            secret = self.generated.setdefault(
                name, f"{name.lower().replace('_', '-')}-{secrets.token_hex(16)}"
            )
        if not secret:
            raise self._wrong(f"{where}.{kind}", "the secret is empty")
        if not secret.isascii() or not secret.isprintable() or any(c in secret for c in ' ,;"\\'):
            raise self._wrong(where, "the token holds characters that cannot stand in a header")
        return secret

    def _control(self) -> dict[str, Any]:
        return read_control(self._table("control"), self._wrong)

    def _credentials(self) -> dict[str, Credential]:
        found = {}
        for name, table in self._table("credentials").items():
            where = f"credentials.{name}"
            if not isinstance(table, dict):
                raise self._wrong(where, "expected a table")
            self._known("credentials.*", where, table)
            for key in ("user_id", "token"):
                if key not in table:
                    raise self._wrong(f"{where}.{key}", "it is missing")
            groups = self._strings(table, where, "groups") if "groups" in table else None
            found[name] = Credential(
                name=name,
                user_id=self._typed(table, where, "user_id", int, None),
                token=self._secret(f"{where}.token", table["token"]),
                groups=groups,
                permissions=self._strings(table, where, "permissions") if "permissions" in table else None,
                disposable=self._typed(table, where, "disposable", bool, False),  # noqa: FBT003
            )
        return found

    def _public_key(self, folder: Path) -> bytes | None:
        name = self._typed(self._table("jwt"), "jwt", "public_key", str, None)
        if name is None:
            return None
        try:
            key: bytes = (folder / name).read_bytes()
        except OSError as error:
            raise self._wrong("jwt.public_key", f"{name} cannot be read ({error.strerror})") from None
        if not re.match(rb"\s*-----BEGIN [A-Z ]*PUBLIC KEY-----", key):
            raise self._wrong("jwt.public_key", f"{name} holds no public key in PEM form")
        return key

    def _bad_tokens(self) -> dict[str, Any]:
        return self._table("bad_tokens")

    def _known_failures(self) -> list[KnownFailure]:
        found = read_entries(self.table.get("known_failure", []), self._wrong, "the profile")
        for number, one in enumerate(found, 1):
            if one.requirement not in requirements():
                where, what = (
                    f"known_failure {number}.requirement",
                    f"there is no requirement {one.requirement!r}",
                )
                raise self._wrong(where, what, one.requirement, requirements())
        return found
