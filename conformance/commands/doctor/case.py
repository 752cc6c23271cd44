"""The case at hand: the URL, what the user knows about the target, and what the layers learned so far."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from conformance.client.peer import Limits
from conformance.client.recorder import Recorder
from conformance.core.errors import NotApplicable, UsageProblem
from conformance.core.printable import printable
from conformance.net.connection import Connection
from conformance.net.endpoint import Endpoint
from conformance.ports.listeners import Listener
from conformance.target.attempt import Attempt
from conformance.target.identity import attempt_at
from conformance.target.profile import Profile
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.target.tls import tls_context
from conformance.target.url import ENDPOINTS, ServerURL, WrongURL, parse
from conformance.wire.frames import CLOSE, Frame, close_payload
from conformance.wire.handshake import Request

LONGEST = 2000  # characters of one line: a status line may be 64 KiB of anything
AGAIN = 0.75  # seconds for a server that is asked again, and would by now answer at once
TIMEOUT = 1.5  # seconds for one answer: two of them and the start of Python stay under five
NOBODY = "/conformance-doctor-asks-who-is-there"
NAMES_OF_TOKENS = ("token", "access_token", "auth", "jwt", "api_key", "apikey", "key", "ticket", "session")
K = TypeVar("K")


@dataclass(slots=True)
class Case:
    """What is known about the patient. Layers fill it in as they go."""

    url: ServerURL
    query: str
    profile: Profile
    recorder: Recorder
    timeout: float = TIMEOUT
    origin: str | None = None
    subprotocols: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    refusing: tuple[str, ...] = ()
    local: bool = False
    listeners: list[Listener] = field(default_factory=list)
    target: Target = field(init=False)
    plain: dict[str, Attempt] = field(default_factory=dict)
    upgrades: dict[str, Attempt] = field(default_factory=dict)
    opened: Attempt | None = None
    browser: Attempt | None = None
    headers: tuple[tuple[str, str], ...] = ()
    token: str | None = None
    watch: float = 0.0
    path: str = ""
    own_origin_needed: bool = False
    _kept: list[Connection] = field(default_factory=list)

    def __post_init__(self) -> None:
        endpoint = Endpoint(self.url.host, self.url.port)
        endpoint.tls = tls_context(self.profile) if self.url.secure else None
        limits = Limits(handshake=self.timeout, reply=self.timeout, close=self.timeout)
        self.target = Target(self.url, self.profile, endpoint, self.recorder, limits, run_id="doctor")
        self.path = self.url.path
        if self.base:
            with contextlib.suppress(NotApplicable):  # by its profile the backend has no such endpoint
                self.path = self.target.at(OWN)

    @property
    def base(self) -> bool:
        """Whether the URL names a server and no route, so that the specification's own is meant first."""
        return self.url.path in {"", "/"}

    @property
    def permissions(self) -> bool:
        """Whether the user named one of the permissions protocol's paths, by its looks."""
        return ENDPOINTS in self.url.path + "/"

    @property
    def address(self) -> str:
        """The address that is looked at where one is enough: the first that takes connections."""
        return self.reached[0]

    def clean(self, text: str) -> str:
        """Return a text without secrets and without what would drive a terminal, on one line."""
        shown = printable(self.recorder.clean(text)).replace("\n", " ").replace("\r", " ")
        return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]} … [{len(shown):,} characters in all]"

    @property
    def shown(self) -> str:
        """The URL as it may be shown: a query is named, never quoted."""
        scheme = "wss" if self.url.secure else "ws"
        return f"{scheme}://{self.url.authority}{self.url.path}{'?…' if self.query else ''}"

    def bare(self, path: str | None = None, *, secure: bool | None = None, query: str = "") -> str:
        """Return the URL for a command, quoted for the shell, without its own query.

        Args:
            path: another path than the URL's.
            secure: another scheme than the URL's.
            query: another query, without its question mark.

        """
        wss = self.url.secure if secure is None else secure
        shown = f"{'wss' if wss else 'ws'}://{self.url.authority}{self.url.path if path is None else path}"
        return shlex.quote(f"{shown}?{query}" if query else shown)

    def request(
        self,
        path: str | None = None,
        *,
        query: str | None = None,
        origin: str | None = None,
        subprotocols: tuple[str, ...] | None = None,
        token: str | None = None,
        carrier: str | None = None,
    ) -> Request:
        """Return an opening handshake with all that the user gave, but for what is said otherwise.

        Args:
            path: by default the URL's.
            query: by default the URL's.
            origin: by default the one that the user gave.
            subprotocols: by default those that the user gave.
            token: by default the one that the user gave.
            carrier: where the token goes.

        """
        asked = self.path if path is None else path
        query = self.query if query is None else query
        offered = self.subprotocols if subprotocols is None else subprotocols
        if origin is None:
            origin = self.origin or (self.url.origin if self.own_origin_needed else None)
        extra = [("Sec-WebSocket-Protocol", ", ".join(offered))] if offered else []
        extra += self.headers
        if token is None and not self.profile.anonymous and self.profile.credentials:
            token = self.users[0] if self.users else None
        return self.target.opening(
            f"{asked}?{query}" if query else asked, token=token, carrier=carrier, origin=origin, extra=extra
        )

    @property
    def users(self) -> list[str]:
        """The tokens that a running server can know: one that is made for a run belongs to that run."""
        made = set(self.profile.generated.values())
        known = [one.token for one in self.target.users if one.token not in made]
        return [self.token, *known] if self.token else known

    @property
    def carriers(self) -> tuple[str, ...]:
        """Where a token may go: where the profile says, else where servers mostly look for one."""
        return self.profile.carriers or (("query", "header", "subprotocol") if self.token else ())

    def plainly(self, path: str | None = None) -> Request:
        """Return a plain GET of the same path."""
        asked = self.path if path is None else path
        return Request(
            f"{asked}?{self.query}" if self.query else asked,
            (
                ("Host", self.url.authority),
                ("User-Agent", "websocket-conformance (doctor)"),
                *self.profile.headers.items(),
                *self.headers,
            ),
        )

    async def ask(
        self, request: Request, address: str | None = None, *, patience: float | None = None
    ) -> Attempt | None:
        """Send a request, and read the answer with its body.

        Args:
            request: the request.
            address: the IP address; by default the one that is asked first.
            patience: seconds for the answer, where they are to be others.

        Returns:
            What came back; ``None`` where TCP failed.

        """
        try:
            attempt = await attempt_at(self.target, address or self.address, request, timeout=patience)
        except TimeoutError:
            return None
        if attempt is not None:
            self._kept.append(attempt.connection)
            if attempt.response is not None and not attempt.upgraded:
                await attempt.connection.read_body(min(0.3, self.timeout))
                attempt.connection.shut()
        return attempt

    async def ask_all(self, requests: Mapping[K, Request]) -> dict[K, Attempt]:
        """Send several requests at once.

        Returns:
            What came back to each; those that TCP failed are left out.

        """
        found = await asyncio.gather(*(self.ask(one) for one in requests.values()))
        return {name: one for name, one in zip(requests, found, strict=True) if one is not None}

    @contextlib.contextmanager
    def sampling(self) -> Iterator[None]:
        """Leave the connections that are made meanwhile at the end, and keep the others."""
        before = len(self._kept)
        try:
            yield
        finally:
            self._leave(self._kept[before:])
            del self._kept[before:]

    def leave(self, attempt: Attempt) -> None:
        """Leave one connection now: a server may serve nobody else while it is open."""
        self._leave([attempt.connection])
        self._kept = [one for one in self._kept if one is not attempt.connection]

    def leave_all(self) -> None:
        """Leave every connection but the one that was opened to be listened to."""
        kept = self.opened.connection if self.opened is not None else None
        self._leave(one for one in self._kept if one is not kept)
        self._kept = [one for one in self._kept if one is kept]

    def close(self) -> None:
        """Leave every connection."""
        self._leave(self._kept)

    def _leave(self, connections: Iterable[Connection]) -> None:
        for one in connections:
            if one.end is None and one.response is not None and one.response.upgraded:
                one.write(Frame(CLOSE, close_payload(1000)).encode())  # as a client that is well behaved
            with contextlib.suppress(OSError):
                one.shut()


def case_of(
    text: str,
    profile: Profile,
    *,
    timeout: float = TIMEOUT,
    origin: str | None = None,
    subprotocols: tuple[str, ...] = (),
) -> Case:
    """Make the case of a URL. A query is kept apart from it, and everything in it is a secret.

    Args:
        text: the URL.
        profile: of the team, or an empty one.
        timeout: seconds for each answer.
        origin: to send.
        subprotocols: to offer.

    Returns:
        The case.

    Raises:
        UsageProblem: the URL is none.

    """
    bare, _, query = text.partition("?")
    if "#" in query:
        raise UsageProblem("a WebSocket URL has no fragment (RFC 6455 §3): leave out what follows '#'.")
    try:
        url = parse(bare)
    except WrongURL as problem:
        raise UsageProblem(problem.said_by("conformance doctor")) from None
    if not query.isprintable() or " " in query:
        raise UsageProblem("the URL's query holds blanks or control characters: percent-encode them.")
    recorder = Recorder(profile.secrets)
    pairs = parse_qsl(query, keep_blank_values=True)
    secret = [value for name, value in pairs if name.lower() in NAMES_OF_TOKENS or len(value) >= 8]
    raw = [one.partition("=")[2] for one in query.split("&")]
    recorder.hide(*secret, *(one for one in raw if len(one) >= 8))
    return Case(url, query, profile, recorder, timeout, origin, subprotocols)


def token_in(query: str) -> str | None:
    """Return the name of the query's member that looks like a token."""
    names = [name for name, value in parse_qsl(query) if value]
    return next((name for name in names if name.lower() in NAMES_OF_TOKENS), None)


def without_token(query: str) -> str:
    """Return a query without the member that looks like a token."""
    name = token_in(query)
    return "&".join(one for one in query.split("&") if urlsplit(f"?{one}").query.partition("=")[0] != name)


def line_of(attempt: Attempt | None) -> str:
    """Return an answer as evidence: the status line, and who says that it answered."""
    if attempt is None:
        return "no connection"
    if attempt.response is None:
        return str(attempt)
    server = attempt.response.get("Server")
    return f"{attempt.response.line}, {f'Server: {server}' if server else 'no Server header'}"
