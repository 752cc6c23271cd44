"""The target as tests see it: what it can do, and the verbs of the opening handshake."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.client.nonce import nonce
from conformance.client.session import Client
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.core.evidence import Happened, Kind
from conformance.target.attempt import Attempt
from conformance.target.bystanders import Bystanders, ended
from conformance.target.connector import AFTERMATH, Connector
from conformance.target.control import Control
from conformance.target.control_kinds import control_of
from conformance.target.launch import Instance, Launcher
from conformance.target.profile import Credential
from conformance.wire.handshake import Request

SOON = 0.5  # seconds in which no server has waited for a login yet
CLIENT_ERRORS = frozenset(range(400, 500)) | {501, 505}


@dataclass(slots=True)
class Target(Connector):
    """The server under test, with the verbs of its tests."""

    launcher: Launcher | None = None
    instance: Instance | None = None
    strict: bool = False
    owes_reset: bool = False
    longest_pause: float = 0.0
    _bystanders: Bystanders | None = None
    _control: Control | None = None

    @property
    def control(self) -> Control:
        """The control interface."""
        if self._control is None:
            self._control = control_of(self.profile, self.launcher, self.limits.event, self.recorder.clean)
        return self._control

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

    @contextlib.asynccontextmanager
    async def upgraded(
        self, request: Request, *, segments: Sequence[bytes] | None = None
    ) -> AsyncIterator[Client]:
        """Expect that an opening handshake succeeds; the open connection is left at the end.

        Args:
            request: the opening handshake.
            segments: its bytes, where they are sent in several TCP segments.

        Yields:
            The open connection.

        Raises:
            Nonconformance: it was answered otherwise.

        """
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

        Args:
            path: the request target; by default the endpoint that the probe found.
            user: whose token is sent.
            token: the token, where it is not a user's.
            carrier: where the token goes; by default the first carrier that the profile offers.
            origin: the value of Origin, as :meth:`opening` takes it.
            extra: header lines.
            confirm: whether the confirmation is waited for.
            label: what the connection is for, in the transcript, where it is not the one that is judged.

        Yields:
            The open connection.

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
            Nonconformance: what is judged failed for another reason.

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

        Args:
            abused: whether a fault may be tried on it: then it is followed by an aftermath.

        Yields:
            The open connection.

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
        """Open a connection on which a fault is tried: proven alive before, and followed by an aftermath.

        Yields:
            The open connection.

        """
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
        happened: Happened | None = None,
    ) -> None:
        """Expect what no verb says.

        Args:
            kept: whether it is so.
            message: what was seen, in a sentence.
            expected: the accepted set.
            actual: what occurred.
            happened: the kind of what occurred, where ``actual`` is a text that says more.

        Raises:
            Nonconformance: it is not so.

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

        That it is refused in time, by a client error, is judged under requirements of its own.

        Args:
            request: the opening handshake.
            statuses: the accepted statuses, judged under ``handshake.refusal-status``.
            segments: its bytes, where they are sent in several TCP segments.
            blind: by the requirement that each breaks, the same request without the field that is judged, or
                with it plainly wrong. A server that accepts that does not look at the field, and is charged
                with that alone.

        Returns:
            How it was refused.

        Raises:
            NotApplicable: the server does not look at the field.
            Nonconformance: it was accepted, or harmed the server.

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
        """Charge the requirement that a server breaks by not looking at a field at all.

        Raises:
            NotApplicable: the server does not look at the field.

        """
        for requirement, plain in blind.items():
            control = await self.attempt(plain, label="the same without that field")
            control.connection.shut()
            if control.upgraded:
                self.recorder.charge(
                    requirement,
                    kept=False,
                    message="an opening handshake that must be refused was accepted",
                    happened=Happened(Kind.UNREAD_FIELD),
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
            async with self.connect(confirm=False, label=AFTERMATH) as fresh:
                if await fresh.greet_and_leave():
                    return ""
            async with self.connect(confirm=False, label=AFTERMATH) as fresh:
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
