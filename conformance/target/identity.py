"""Whether two answers come from one service, and whether a port refuses, is silent or answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.client.peer import Peer
from conformance.net.connection import Connection
from conformance.target.attempt import Attempt
from conformance.target.target import Target
from conformance.wire.events import Message
from conformance.wire.handshake import Request

UNKNOWN_PATH = "/conformance-asks-who-is-there"
State = Literal["refuses", "silent", "answers"]
PARTS = {"handshake": "accepts", "unknown path": "refuses", "first message": "confirms"}
BUSY = frozenset({429, 503})  # Too Many Requests, Service Unavailable: RFC 6585 §4, RFC 9110 §15.6.4


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing that was seen of a service: in words, and what it proves.

    ``late`` says that nothing came in time, ``status`` is that of an HTTP response.
    """

    seen: str = ""
    status: int | None = None
    late: bool = False

    def __str__(self) -> str:
        """Return what was seen."""
        return self.seen or "none"


LATE = Trait("no answer in time", late=True)


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one service from another: how it accepts, how it refuses, what it says first.

    What differs between workers or moments is left out of each.
    """

    accepts: Trait
    refuses: Trait
    confirms: Trait = Trait()

    @property
    def sure(self) -> bool:
        """Whether this tells services apart: an answer that is late, or that says "too busy", does not."""
        return not any(one.late or one.status in BUSY for one in (self.accepts, self.refuses, self.confirms))

    @property
    def upgraded(self) -> bool:
        """Whether it is a WebSocket server that was seen, and not one that ends or refuses everything."""
        return self.accepts.status == 101

    def __str__(self) -> str:
        """Return the service as a person says it."""
        return ", ".join(f"{name} → {getattr(self, part)}" for name, part in PARTS.items())

    def apart(self, others: Iterable[Identity]) -> str:
        """Return what of this service differs from the others."""
        return ", ".join(
            f"{name} → {getattr(self, part)}"
            for name, part in PARTS.items()
            if any(getattr(one, part) != getattr(self, part) for one in others)
        )


def differences(seen: Sequence[Identity]) -> str:
    """Return in what these answers differ, and how many gave which."""
    told = []
    for name, part in PARTS.items():
        counts = Counter(str(getattr(one, part)) for one in seen)
        if len(counts) > 1:
            told.append(
                f"{name} → " + " / ".join(f"{count} times {value}" for value, count in counts.items())
            )
    return "; ".join(told)


async def reach(target: Target, address: str) -> Connection | None:
    """Connect to one address of the target.

    Returns:
        The connection; ``None`` where the address refuses or cannot be reached.

    Raises:
        TimeoutError: the address neither accepts nor refuses.

    """
    try:
        connection = await Connection.open(
            target.endpoint,
            label=f"{address} port {target.endpoint.port}",
            report=target.recorder.breach,
            timeout=target.limits.handshake,
            address=address,
        )
    except TimeoutError:
        raise
    except OSError:
        return None
    target.recorder.transcript(connection.transcript)
    return connection


async def attempt_at(
    target: Target, address: str, request: Request, *, timeout: float | None = None
) -> Attempt | None:
    """Try an opening handshake at one address.

    Args:
        target: the server under test.
        address: the IP address.
        request: the opening handshake.
        timeout: seconds for the response; by default the bound of a handshake.

    Returns:
        What came back; ``None`` where TCP is refused.

    """
    connection = await reach(target, address)
    if connection is None:
        return None
    connection.send_request(request)
    await connection.read_response(timeout or target.limits.handshake)
    return Attempt(request, connection)


async def state_of(target: Target, address: str) -> State:
    """Tell a port that refuses from one whose holder never answers, and both from one that works.

    Returns:
        The state of the port.

    """
    try:
        attempt = await attempt_at(target, address, target.opening())
    except TimeoutError:
        return "silent"
    if attempt is None:
        return "refuses"
    connection = attempt.connection
    connection.reset()
    answered = connection.response is not None or connection.end is not None or connection.unfinished
    return "answers" if answered else "silent"


async def identify(
    target: Target, address: str, *, stranger_first: bool = False
) -> tuple[Identity, Connection] | None:
    """Return who answers at an address, with the open connection; ``None`` where TCP is refused.

    The caller shuts the connection: held open, it keeps its worker busy, so that samples spread.

    Args:
        target: the server under test.
        address: the IP address.
        stranger_first: whether the unknown path is asked for before the known one.

    """
    known, stranger = target.opening(), target.opening(target.at(UNKNOWN_PATH))
    attempts = {
        request: await attempt_at(target, address, request)
        for request in ((stranger, known) if stranger_first else (known, stranger))
    }
    accepted, refused = attempts[known], attempts[stranger]
    if accepted is None:
        if refused is not None:
            refused.connection.shut()
        return None
    if refused is not None:
        refused.connection.shut()
    confirms = await _first_message(target, accepted) if target.has("session") else Trait()
    return Identity(answer(accepted), answer(refused), confirms), accepted.connection


def answer(attempt: Attempt | None) -> Trait:
    """Return what came back as far as it is the same from each worker and at each moment."""
    if attempt is None:
        return Trait("TCP refused")
    if attempt.response is None:
        unfinished = attempt.connection.end is None and attempt.connection.garbage is None
        return LATE if unfinished else Trait(str(attempt))
    server = attempt.response.get("Server")
    kind = attempt.response.get("Content-Type")
    parts = [str(attempt.response.status), f"Server {server!r}" if server else "no Server header"]
    parts += [f"Content-Type {kind!r}"] if kind else []
    return Trait(", ".join(parts), attempt.response.status)


async def _first_message(target: Target, attempt: Attempt) -> Trait:
    if not attempt.upgraded:
        return Trait()
    peer = Peer(attempt.connection, target.limits, target.recorder)
    event = await peer.take(lambda one: isinstance(one, Message), target.limits.reply)
    if not isinstance(event, Message):
        return LATE if attempt.connection.end is None else Trait("none")
    try:
        message = json.loads(target.profile.dialect.heard(event.content))
    except (ValueError, RecursionError):
        return Trait("no JSON that is read")
    if not isinstance(message, dict):
        return Trait("no JSON object")
    features = message.get("features")
    named = f" with features {', '.join(sorted(features))}" if isinstance(features, dict) else ""
    kind = message.get("type")
    return Trait(f"{kind if isinstance(kind, str) else 'no type'} ({', '.join(sorted(message))}){named}")
