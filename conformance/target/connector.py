"""Opening handshakes with the server under test, by what the profile declares and the probe learnt."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from conformance.client.peer import Limits
from conformance.client.recorder import Recorder
from conformance.client.session import Client
from conformance.client.sizes import Sizes
from conformance.core.errors import Inconclusive, NotApplicable, Unreachable
from conformance.net.connection import Connection
from conformance.net.endpoint import Endpoint
from conformance.target.attempt import Attempt
from conformance.target.header_lines import merged
from conformance.target.profile import Credential, Profile
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.snapshot import Capability, Snapshot
from conformance.target.tls import why_refused
from conformance.target.url import ServerURL
from conformance.wire.handshake import Request, opening

PROTOCOL = "Sec-WebSocket-Protocol"
AFTERMATH = "aftermath"  # the label of a connection that is opened after a fault, on which no test ends


@dataclass(slots=True)
class Connector:
    """The server under test, as far as it takes to open connections to it.

    ``found`` is what the probe learnt, ``limits`` the bounds of the test that runs.
    """

    url: ServerURL
    profile: Profile
    endpoint: Endpoint
    recorder: Recorder
    limits: Limits = field(default_factory=Limits)
    found: Snapshot = field(default_factory=Snapshot)
    run_id: str = ""
    test_id: str = ""
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
        """Return whether a probe found the capability."""
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
        """Return a legal opening handshake.

        The query of the URL, and the headers and subprotocols of the profile, go with every one.

        Args:
            path: the request target; by default the endpoint that the probe found.
            token: the token to send; by default none.
            carrier: where the token goes; by default the first carrier that the profile offers.
            origin: the value of Origin; an empty one sends none. By default it is sent with a cookie, as a
                browser does, and where the profile says that a missing Origin is refused: then it is that of
                an allowed page.
            extra: header lines, put together with those that the profile needs.

        Raises:
            NotApplicable: the server takes one subprotocol alone, and ``extra`` offers others.

        """
        extra = list(extra)
        if self.found.sole_subprotocol and any(name.lower() == PROTOCOL.lower() for name, _ in extra):
            wanted = ", ".join(self.profile.subprotocols)
            raise NotApplicable(f"the server takes {wanted} alone: {self.found.sole_subprotocol}")
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

        Returns:
            The connection.

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

    async def attempt(
        self,
        request: Request,
        *,
        segments: Sequence[bytes] | None = None,
        timeout: float | None = None,
        label: str = "",
    ) -> Attempt:
        """Try an opening handshake; the caller shuts the connection.

        Args:
            request: the opening handshake.
            segments: its bytes, where they are sent in several TCP segments.
            timeout: seconds for the response; by default the bound of a handshake.
            label: what the connection is for, in the transcript, where it is not the one that is judged.

        Returns:
            What came back.

        """
        shown = request.target if isinstance(request.target, str) else request.target.decode("latin-1")
        connection = await self.tcp(" · ".join(filter(None, [label, f"{request.method} {shown}"])))
        connection.transcript.aftermath = label == AFTERMATH
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
