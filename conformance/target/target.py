"""The target as tests see it: where to connect, what it can do, and the verbs of the opening handshake."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from conformance.errors import Inconclusive, Nonconformance, NotApplicable, Unreachable
from conformance.recorder import Recorder
from conformance.session.client import Client
from conformance.target.bystanders import Bystanders, ended
from conformance.target.control import Control
from conformance.target.controls import control_of
from conformance.target.launch import Instance, Launcher
from conformance.target.lines import merged
from conformance.target.profile import Credential, Profile
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.snapshot import Capability, Snapshot
from conformance.target.tls import why_refused
from conformance.target.url import ServerURL
from conformance.wire.connection import Connection
from conformance.wire.endpoint import Endpoint
from conformance.wire.events import happened
from conformance.wire.handshake import Request, Response, opening
from conformance.wire.nonce import nonce
from conformance.wire.peer import Limits, describe
from conformance.wire.sizes import Sizes

__all__ = ["ANONYMOUS", "OWN", "Attempt", "Capability", "Target", "why_refused"]
# A response that means to switch protocols, however it is spelled.
_LIKE_101 = re.compile(rb"\s*(?:HTTP/?[\d.]*)?[ \t]*101(?:\D|$)", re.IGNORECASE)
SOON = 0.5  # seconds in which no server has waited for a login yet
PROTOCOL = "Sec-WebSocket-Protocol"
CLIENT_ERRORS = frozenset(range(400, 500)) | {501, 505}


@dataclass(slots=True)
class Attempt:
    """What came back for one opening handshake: a response, or the end of TCP, or nothing in time."""

    request: Request
    connection: Connection

    @property
    def response(self) -> Response | None:
        """The response head, where one came."""
        return self.connection.response

    @property
    def status(self) -> int | None:
        """The response's status code, where one came."""
        return self.response.status if self.response else None

    @property
    def upgraded(self) -> bool:
        """Whether the server switched to WebSocket."""
        return self.response is not None and self.response.upgraded

    @property
    def happened(self) -> str:
        """Of which kind it is: the status, or what came in the place of one."""
        if self.status is not None:
            return f"HTTP {self.status}"
        return (
            "bytes that are no HTTP" if self.connection.garbage is not None else happened(self.connection.end)
        )

    @property
    def claims_to_switch(self) -> bool:
        """Whether something came that means to be a 101, and is no legal one."""
        if self.response is not None:
            return self.response.status == 101 and not self.response.upgraded
        return _LIKE_101.match(self.connection.garbage or self.connection.unfinished) is not None

    def __str__(self) -> str:
        """Describe the outcome for a person."""
        connection = self.connection
        if self.response is not None:
            protocol = self.response.get("Upgrade") if self.claims_to_switch else None
            return self.response.line + (f" to {protocol!r}" if protocol else "")
        if connection.garbage is not None:
            return f"bytes that are no HTTP: {connection.garbage[:40]!r}"
        if connection.unfinished:
            end = f", then {describe(connection.end)}" if connection.end is not None else ""
            return f"a response that did not become whole: {connection.unfinished[-40:]!r}{end}"
        if connection.end is not None:
            return describe(connection.end)
        return "no answer" if not connection.interim else f"no answer but {connection.interim[-1]!r}"


@dataclass(slots=True)
class Target:
    """The server under test.

    ``found`` is what the probe learnt, ``limits`` the bounds of the test that runs.
    """

    url: ServerURL
    profile: Profile
    endpoint: Endpoint
    recorder: Recorder
    limits: Limits = field(default_factory=Limits)
    found: Snapshot = field(default_factory=Snapshot)
    launcher: Launcher | None = None
    instance: Instance | None = None
    run_id: str = ""
    test_id: str = ""
    strict: bool = False
    owes_reset: bool = False
    longest_pause: float = 0.0
    _bystanders: Bystanders | None = None
    _control: Control | None = None
    _opened: WeakSet[Connection] = field(default_factory=WeakSet)

    # What the probe learnt.

    def learn(self, *capabilities: Capability, **fields: Any) -> None:
        """Add capabilities and fields to what is known of the target; for the probe alone."""
        known = {**self.found.capabilities, **{one.name: one for one in capabilities}}
        self.found = replace(self.found, capabilities=known, **fields)
        self._follow()

    def adopt(self, found: Snapshot) -> None:
        """Take over what the probe learnt in another process."""
        self.found = found
        self._follow()

    def _follow(self) -> None:
        found, endpoint = self.found, self.endpoint
        self.limits = found.limits or self.limits
        endpoint.addresses = found.addresses or endpoint.addresses
        if found.address is not None:
            endpoint.server_name = endpoint.server_name or endpoint.host
            endpoint.host = found.address

    def has(self, capability: str) -> bool:
        """Whether a probe found the capability."""
        found = self.found.capabilities.get(capability)
        return found is not None and found.present

    @property
    def capabilities(self) -> Mapping[str, Capability]:
        """Everything that the probe looked for, by name."""
        return self.found.capabilities

    @property
    def path(self) -> str:
        """The request target of the endpoint that is tested."""
        return self.found.path

    @property
    def default_token(self) -> str | None:
        """The token without which the endpoint lets nobody in, where that is so."""
        return self._token_of(self.found.user)

    @property
    def sizes(self) -> Sizes:
        """How large a message the target takes."""
        return self.found.sizes

    @property
    def echo_path(self) -> str | None:
        """The request target where every message comes back, where there is one."""
        path, declared = self.found.echo_path, self.profile.echo
        return declared if declared and path == declared.partition("?")[0] else path

    @property
    def echo_token(self) -> str | None:
        """The token without which the echo path lets nobody in, where that is so."""
        return self._token_of(self.found.echo_user)

    def _token_of(self, user: str | None) -> str | None:
        return self.profile.credentials[user].token if user is not None else None

    def at(self, path: str) -> str:
        """Return the request target of one of the specification's endpoints, behind the URL's prefix.

        Raises:
            NotApplicable: by the profile's routes the backend has no such endpoint.

        """
        routes = self.profile.routes
        return routes.prefix(self.url.prefix, self.url.path) + routes.at(path)

    @property
    def anonymous_path(self) -> str:
        """The request target where a client without a token is let in, if anywhere."""
        return self.at(ANONYMOUS if self.profile.routes.anonymous else OWN)

    def spoken(self, content: bytes) -> bytes:
        """Return a client's message, written in the specification's words, as the backend wants it."""
        return self.profile.dialect.spoken(content)

    def client(self, connection: Connection) -> Client:
        """Return a client of the permissions protocol on an open connection."""
        client = Client(connection, self.limits, self.recorder, self.profile.dialect)
        client.sizes = self.sizes
        return client

    @property
    def users(self) -> list[Credential]:
        """The users whose tokens tests may use freely."""
        return [one for one in self.profile.credentials.values() if not one.disposable]

    @property
    def disposable(self) -> list[Credential]:
        """The users whose tokens tests may burn."""
        return [one for one in self.profile.credentials.values() if one.disposable]

    @property
    def control(self) -> Control:
        """The control interface."""
        if self._control is None:
            self._control = control_of(self.profile, self.launcher, self.limits.event, self.recorder.clean)
        return self._control

    # Requests.

    def opening(
        self,
        path: str | bytes | None = None,
        *,
        token: str | None = None,
        carrier: str | None = None,
        origin: str | None = None,
        extra: Iterable[tuple[str, str]] = (),
    ) -> Request:
        """Return a legal opening handshake for a request target (the probed endpoint by default).

        A ``token`` goes into its ``carrier``, by default the first that the profile offers. With a cookie
        the origin of an allowed page goes along, as a browser would send it, and wherever the profile says
        that a missing Origin is refused; ``origin=""`` leaves it out. The query of the URL, and the headers
        and subprotocols of the profile, go with every one; ``extra`` lines are put together with these.
        """
        extra = list(extra)
        if self.found.sole_subprotocol and any(name.lower() == PROTOCOL.lower() for name, _ in extra):
            wanted = ", ".join(self.profile.subprotocols)
            raise Inconclusive(f"the server takes {wanted} alone: {self.found.sole_subprotocol}")
        target = self.path if path is None else path
        if path is None and token is None:
            token, carrier = self.default_token, self.found.carrier
        if origin is None and self.profile.no_origin == "refuse":
            origin = (self.profile.allowed_origins or (self.url.origin,))[0]
        target = self.url.asking(target) if isinstance(target, str) else self.url.asking_bytes(target)
        needed, own = self._needed(), list[tuple[str, str]]()
        if token is not None:
            carrier = carrier or (self.profile.carriers or ("query",))[0]
            if carrier == "query":
                assert isinstance(target, str)
                target += ("&" if "?" in target else "?") + "token=" + quote(token, safe="")
            else:
                # A subprotocol and a cookie share their line with what else the opening needs.
                (own if carrier == "header" else needed).append(self.carried(carrier, token))
            if carrier == "cookie" and origin is None:
                origin = (self.profile.allowed_origins or (self.url.origin,))[0]
        if origin is not None:
            needed = [line for line in needed if line[0].lower() != "origin"]
        if origin:
            own.append(("Origin", origin))
        return opening(target, self.url.authority, extra=merged(needed, [*own, *extra]))

    def _needed(self) -> list[tuple[str, str]]:
        """Return the header lines of every opening handshake: who we are, and what the profile declares."""
        lines = [("User-Agent", f"websocket-conformance (run {self.run_id})")]
        if self.test_id:
            lines.append(("X-Conformance-Test", self.test_id))
        lines += self.profile.headers.items()
        if self.profile.subprotocols:
            lines.append((PROTOCOL, ", ".join(self.profile.subprotocols)))
        return lines

    def carried(self, carrier: str, token: str) -> tuple[str, str]:
        """Return the header line that carries a token."""
        if carrier == "header":
            return ("Authorization", f"Bearer {token}")
        if carrier == "subprotocol":
            return (PROTOCOL, f"bearer, {token}")
        return ("Cookie", f"{self.profile.cookie}={token}")

    # Connecting.

    async def tcp(self, label: str = "raw TCP") -> Connection:
        """Make a bare TCP (and TLS) connection.

        Raises:
            Unreachable: it could not be made.

        """
        try:
            connection = await Connection.open(
                self.endpoint, label=label, report=self.recorder.breach, timeout=self.limits.handshake
            )
        except OSError as error:
            raise Unreachable(f"no connection to {self.url}: {why_refused(error)}") from error
        self.recorder.transcript(connection.transcript)
        self._opened.add(connection)
        return connection

    @contextlib.contextmanager
    def tidied(self) -> Iterator[None]:
        """Shut at the end what was opened inside, is open still, and is not the bystander."""
        self._opened.clear()
        try:
            yield
        finally:
            for connection in self._opened:
                if self._bystanders is None or not self._bystanders.keeps(connection):
                    connection.shut()

    async def attempt(
        self,
        request: Request,
        *,
        segments: Sequence[bytes] | None = None,
        timeout: float | None = None,
        label: str = "",
    ) -> Attempt:
        """Try an opening handshake and return what came back; the caller shuts the connection.

        ``label`` says in the transcript what the connection is for, where it is not the one that is judged.
        """
        shown = request.target if isinstance(request.target, str) else request.target.decode("latin-1")
        connection = await self.tcp(" · ".join(filter(None, [label, f"{request.method} {shown}"])))
        if segments is None:
            connection.send_request(request)
        else:
            connection.expect_response_to(request)
            await connection.write_slowly(segments)
        await connection.read_response(timeout or self.limits.handshake)
        attempt = Attempt(request, connection)
        if attempt.upgraded:
            routes = self.profile.routes
            prefix = routes.prefix(self.url.prefix, self.url.path)
            self.profile.dialect.seen.add(routes.key_of(shown.removeprefix(prefix)))
        return attempt

    def of(self, attempt: Attempt) -> Client:
        """Return a client on the connection of an opening handshake that was accepted."""
        client = self.client(attempt.connection)
        asked = attempt.request.target
        if isinstance(asked, str) and self.echo_path is not None:
            client.echoes = asked.split("?")[0] == self.echo_path.split("?")[0]
        client.chatty = client.echoes and self.found.chatty
        client.speaks = client.echoes or self.has("heartbeat")
        client.confirms = self.has("session") and not client.echoes
        client.manners, client.again = self.found.manners, functools.partial(self._again, attempt.request)
        return client

    async def _again(self, request: Request) -> Connection:
        attempt = await self.attempt(request)
        if not attempt.upgraded:
            attempt.connection.shut()
            raise Inconclusive(f"a second connection that this test needs was refused: {attempt}")
        return attempt.connection

    @contextlib.asynccontextmanager
    async def upgraded(
        self, request: Request, *, segments: Sequence[bytes] | None = None
    ) -> AsyncIterator[Client]:
        """Expect that an opening handshake succeeds; the open connection is left at the end."""
        attempt = await self.attempt(request, segments=segments)
        client = self.of(attempt)
        try:
            if not attempt.upgraded:
                raise Nonconformance(
                    "a legal opening handshake was not accepted",
                    expected=["101 Switching Protocols"],
                    actual=attempt,
                )
            async with self._in_time(client):
                yield client
        finally:
            await client.leave()

    @contextlib.asynccontextmanager
    async def connect(
        self,
        path: str | None = None,
        *,
        user: Credential | None = None,
        token: str | None = None,
        carrier: str | None = None,
        origin: str | None = None,
        extra: Iterable[tuple[str, str]] = (),
        confirm: bool = True,
        label: str = "",
    ) -> AsyncIterator[Client]:
        """Open a connection that a test needs but does not judge.

        On the permissions protocol the confirmation is waited for, so that later silences are silent.

        Raises:
            Inconclusive: it cannot be had, so nothing is proven about what would have followed.

        """
        token = user.token if user else token
        request = self.opening(path, token=token, carrier=carrier, origin=origin, extra=extra)
        attempt = await self.attempt(request, label=label)
        client = self.of(attempt)
        try:
            if not attempt.upgraded:
                raise Inconclusive(f"a connection that this test needs was refused: {attempt}")
            if confirm and self.has("session") and not client.echoes:
                try:
                    await client.confirmed()
                except Nonconformance as error:
                    raise Inconclusive(
                        f"a connection that this test needs was not confirmed: {error.actual}"
                    ) from error
            async with self._in_time(client):
                yield client
        finally:
            await client.leave()

    @contextlib.asynccontextmanager
    async def _in_time(self, client: Client) -> AsyncIterator[None]:
        """Judge nothing that fails because the server ends connections of that age, whatever they say.

        Raises:
            Inconclusive: it does; it may wait for a login.

        """
        try:
            yield
        except Nonconformance as error:
            found = ended(client.connection)
            if found is None or found[0] < SOON or not await self.bystanders.excused(client):
                raise
            raise Inconclusive(
                f"the server ends whoever says nothing in this way, {found[0]:.1f} s old: {error}"
            ) from error

    def echo_opening(self, *, extra: Iterable[tuple[str, str]] = ()) -> Request:
        """Return a legal opening handshake for where messages come back: the echo path, or the endpoint."""
        if self.echo_path in {None, self.path}:
            return self.opening(extra=extra)
        return self.opening(self.echo_path, token=self.echo_token, extra=extra)

    @contextlib.asynccontextmanager
    async def echoing(self, *, abused: bool = False) -> AsyncIterator[Client]:
        """Open a connection on which messages come back, by the echo path or by heartbeats.

        With ``abused`` a fault may be tried on it: an aftermath stands behind it.
        """
        if abused:
            await self.bystander()
        other = self.echo_path not in {None, self.path}
        async with self.connect(
            self.echo_path if other else None, token=self.echo_token if other else None
        ) as client:
            yield client
        if abused:
            await self.aftermath()

    @contextlib.asynccontextmanager
    async def abused(self) -> AsyncIterator[Client]:
        """Open a connection on which a fault is tried: proven alive before, and an aftermath behind it."""
        await self.bystander()
        async with self.connect() as client:
            await client.alive()
            client.inbox.clear()
            yield client
        await self.aftermath()

    # Judging.

    def expect(
        self,
        kept: bool,  # noqa: FBT001
        message: str,
        *,
        expected: Sequence[str],
        actual: object,
        happened: str = "",
    ) -> None:
        """Expect what no verb says: ``expected`` is the accepted set, ``actual`` what occurred.

        ``happened`` is the kind of what occurred, where ``actual`` is a text that says more.
        """
        if not kept:
            raise Nonconformance(message, expected=expected, actual=actual, happened=happened)

    def harmless(self, text: str = "") -> bytes:
        """Return the content of a text message that no server should mind: a heartbeat with some text.

        A number stands in front of the text that no other message has, so that an answer is known by it.
        """
        message = {"type": "heartbeat", "data": {"text": f"{nonce()} {text}"}}
        content = json.dumps(message, ensure_ascii=False).encode()
        return content if self.profile.dialect.lacks("heartbeat") else self.spoken(content)

    async def refuses(
        self,
        request: Request,
        *,
        statuses: Iterable[int] = (),
        segments: Sequence[bytes] | None = None,
        blind: Mapping[str, Request] | None = None,
    ) -> Attempt:
        """Expect that an opening handshake is refused, and that the server is none the worse for it.

        That it is refused in time, by a client error, is judged under requirements of its own, so is
        ``statuses`` where the caller gives them to ``handshake.refusal-status``. ``blind`` holds, by the
        requirement that each breaks, the same request without the field that is judged, or with it plainly
        wrong: a server that accepts that does not look at the field, and is charged with that alone.

        Raises:
            NotApplicable: the server does not look at the field.

        """
        await self.bystander()
        attempt = await self.attempt(request, segments=segments)
        attempt.connection.shut()
        if attempt.upgraded:
            await self._blame_blindness(blind or {})
            raise Nonconformance(
                "an opening handshake that must be refused was accepted",
                expected=["an HTTP error status", "the end of the connection"],
                actual=attempt,
            )
        self.judge_refusal(attempt)
        wanted = set(statuses)
        if wanted and attempt.status is not None:
            self.recorder.charge(
                "handshake.refusal-status",
                kept=attempt.status in wanted,
                message=f"{attempt}, expected {' or '.join(map(str, sorted(wanted)))}",
                happened=attempt.happened,
            )
        await self.aftermath()
        return attempt

    async def _blame_blindness(self, blind: Mapping[str, Request]) -> None:
        """Charge the requirement that a server breaks by not looking at a field at all."""
        for requirement, plain in blind.items():
            control = await self.attempt(plain, label="the same without that field")
            control.connection.shut()
            if control.upgraded:
                self.recorder.charge(
                    requirement,
                    kept=False,
                    message="an opening handshake that must be refused was accepted",
                    happened="the server does not look at the field",
                    passing=True,
                )
                raise NotApplicable(
                    f"the server does not look at what is judged here: {requirement} is charged instead"
                )

    def judge_refusal(self, attempt: Attempt) -> None:
        """Charge how a refusal was said: in time, as HTTP, as the client's error."""
        self.recorder.observe(str(attempt))
        self.recorder.charge(
            "handshake.refusal-answered",
            kept=attempt.response is not None,
            message=f"{attempt} to a wrong handshake",
            happened=attempt.happened,
        )
        if attempt.status is not None:
            self.recorder.charge(
                "handshake.refusal-client-error",
                kept=attempt.status in CLIENT_ERRORS or attempt.status < 400,
                message=f"{attempt} to a wrong handshake",
                happened=attempt.happened,
            )

    @property
    def bystanders(self) -> Bystanders:
        """The connections that stand by while others misbehave."""
        if self._bystanders is None:
            self._bystanders = Bystanders(self)
        return self._bystanders

    async def bystander(self) -> Client:
        """Return the connection that stands by while others misbehave, opened on first use."""
        return await self.bystanders.get()

    async def aftermath(self) -> None:
        """Judge that an abuse harmed nobody else: the bystander answers, and a new connection works."""
        # Asked first and heard last: it answers while the new connection is made.
        asked = self.bystanders.ask()
        alone = await self._why_nobody_new()
        what = await self.bystanders.harm(asked) or alone
        self.recorder.charge("robustness.others-unharmed", kept=not what, message=what)
        if what:
            self.bystanders.shut()
        else:
            self.recorder.charge("robustness.survives", kept=True)

    async def _why_nobody_new(self) -> str:
        """Return why a new connection does not work, or an empty string where it does."""
        try:
            async with self.connect(confirm=False, label="aftermath") as fresh:
                if await fresh.greet_and_leave():
                    return ""
            async with self.connect(confirm=False, label="aftermath") as fresh:
                await fresh.ping()
        except Inconclusive as error:
            return f"a new connection does not work: {error}"
        except Nonconformance as error:
            return f"a new connection does not work: {error.message} ({error.actual})"
        return ""

    def forget(self) -> None:
        """Give up every connection to a server that is gone."""
        if self._bystanders is not None:
            self._bystanders.shut()
        if self._control is not None:
            self._control.close()
            self._control = None

    async def leave(self) -> None:
        """Leave nothing open behind."""
        if self._bystanders is not None:
            await self._bystanders.leave()
        if self._control is not None:
            self._control.close()
