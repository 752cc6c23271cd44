"""What becomes of an opening handshake that says who is asking, and the two judgements about it.

That nobody is confirmed as a user who must not be is a MUST; that the client is told so by a refusal is a
SHOULD. One attempt decides both: the first is raised, the second is charged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from conformance.client.peer import describe
from conformance.client.session import Json
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.core.evidence import Happened, Told
from conformance.target.attempt import Attempt
from conformance.target.profile import Credential
from conformance.target.routes import OWN
from conformance.target.target import Target
from conformance.wire.events import Close, End, Message
from conformance.wire.handshake import Request

UNAUTHENTICATED = frozenset({401, 403})
AMBIGUOUS = UNAUTHENTICATED | {400}
TOO_LONG = UNAUTHENTICATED | {400, 414, 431}
NOT_YOURS = UNAUTHENTICATED | {404}


@dataclass(slots=True)
class Outcome:
    """What happened: the response, then the server's messages and its close where there were any."""

    attempt: Attempt
    messages: list[Json] = field(default_factory=list)
    close: Close | None = None
    end: End | None = None

    @property
    def confirmations(self) -> list[Json]:
        """Every connection_confirmed that came."""
        return [one for one in self.messages if one.get("type") == "connection_confirmed"]

    @property
    def user_ids(self) -> list[Any]:
        """The users that were confirmed; anonymous is none."""
        return [one["user_id"] for one in self.confirmations if one.get("user_id") is not None]

    @property
    def anonymous(self) -> bool:
        """Whether the client was let in as anonymous and as nobody else."""
        return bool(self.confirmations) and not self.user_ids

    def confirmed_as(self, user: Credential) -> bool:
        """Whether the client was confirmed as this user and as nobody else."""
        return self.user_ids == [user.user_id] and self.close is None

    def refused(self, statuses: Collection[int] = UNAUTHENTICATED, codes: Collection[int] = (4401,)) -> bool:
        """Whether the client was refused: before the upgrade, or by a close code before any message."""
        if not self.attempt.upgraded:
            return self.attempt.status in statuses
        return not self.messages and self.close is not None and self.close.code in codes

    def received(self) -> bytes:
        """Return everything that the server said on this connection, unmasked and joined."""
        response = self.attempt.response
        head = response.head + response.body if response else b""
        return head + b"\n".join(frame.payload for frame in self.attempt.connection.received_frames)

    @property
    def happened(self) -> Happened:
        """Of which kind it was, without what the messages say."""
        end = self.close or self.end
        kinds = sorted({str(one.get("type")) for one in self.messages})
        return self.attempt.happened.with_detail(*kinds, str(end.happened) if end else "")

    @property
    def at(self) -> Happened:
        """What is marked in the conversation."""
        return self.attempt.at

    @property
    def told(self) -> Told:
        """The outcome in words, for a failure that is known again by its message alone."""
        return Told(str(self), self.at)

    def __str__(self) -> str:
        """Describe the outcome for a person."""
        parts = [str(self.attempt)]
        for message in self.messages:
            kind = message.get("type")
            known = kind == "connection_confirmed"
            parts.append(
                f"confirmed with user_id {message.get('user_id')}" if known else f"the message {kind}"
            )
        if self.close is not None:
            parts.append(describe(self.close))
        elif self.end is not None:
            parts.append(describe(self.end))
        elif self.attempt.upgraded and not self.messages:
            parts.append("no message")
        return ", then ".join(parts)


async def knock(target: Target, request: Request, *, saying: Iterable[str] = ()) -> Outcome:
    """Try a handshake and collect what happens until the server answers a heartbeat, closes or is silent.

    ``saying`` are texts to send once the connection is confirmed.
    """
    return await outcome_of(target, await target.attempt(request), saying=saying)


async def outcome_of(target: Target, attempt: Attempt, *, saying: Iterable[str] = ()) -> Outcome:
    """Collect what happens after a handshake that was tried; the connection is left at the end."""
    outcome = Outcome(attempt)
    if not attempt.upgraded:
        await attempt.connection.read_body(target.limits.prompt)
        attempt.connection.shut()
        return outcome
    client = target.client(attempt.connection)
    try:
        first = await client.take(lambda event: isinstance(event, Message), target.limits.reply)
        if isinstance(first, Message):
            client.inbox.insert(0, first)
            for text in saying:
                client.tell(text)
            # What comes before its reply belongs to the outcome; whether it comes does not matter here.
            try:
                await client.heartbeat()
            except Nonconformance as error:
                target.recorder.note(f"after the first message: {error.actual}")
        outcome.messages = [one for one in map(client.decode, client.inbox) if one]
        outcome.close = next((one for one in client.inbox if isinstance(one, Close)), None)
        outcome.end = attempt.connection.end
    finally:
        await client.leave()
    return outcome


def offered(target: Target, *carriers: str) -> None:
    """Leave the test to servers that offer these carriers.

    Raises:
        NotApplicable: this one does not.

    """
    missing = [one for one in carriers if not target.has(f"carrier-{one}")]
    if missing:
        raise NotApplicable(f"the profile does not offer the carrier {' and '.join(missing)}")


async def control(target: Target, *, carrier: str | None = None, user: Credential | None = None) -> None:
    """Prove that a good token works in this carrier, so that a refusal is about the token.

    Raises:
        Inconclusive: it does not.

    """
    user = user or target.users[0]
    outcome = await knock(target, target.opening(target.at(OWN), token=user.token, carrier=carrier))
    if not outcome.confirmed_as(user):
        raise Inconclusive(
            f"the control failed: a good token in the carrier {carrier or 'by default'} got {outcome}"
        )


def judge_identity(outcome: Outcome, *, entitled: Iterable[int] = (), what: str = "a bad token") -> None:
    """Expect that nobody was confirmed but the users who are entitled."""
    allowed = set(entitled)
    wrong = [one for one in outcome.user_ids if one not in allowed]
    if wrong:
        others = [f"user_id {one}" for one in sorted(allowed)]
        raise Nonconformance(
            f"{what} was confirmed as user {wrong[0]}",
            expected=["a refusal", "user_id null", *others],
            actual=outcome,
        )


def judge_refusal(target: Target, outcome: Outcome, *, statuses: Collection[int] = UNAUTHENTICATED) -> None:
    """Charge whether a bad token was refused."""
    accepted = ", ".join(map(str, sorted(statuses)))
    target.recorder.observe(str(outcome))
    target.recorder.charge(
        "auth.bad-token-refused",
        kept=outcome.refused(statuses),
        message=f"{outcome}; expected {accepted} or Close 4401 before any message",
    )
    response = outcome.attempt.response
    if response is not None and response.status == 401:
        challenge = response.get("WWW-Authenticate")
        target.recorder.charge(
            "auth.challenge",
            kept=bool(challenge),
            message="401 without WWW-Authenticate; expected a challenge",
        )
