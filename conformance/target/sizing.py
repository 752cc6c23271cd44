"""How large a message the target takes, found by doubling and halving: RFC 6455 §10.4 and §7.4.1.

A server may limit its frames and its messages, and need not say so. A message above the limit fails the
connection, by Close 1009 or in another way that does not call the message malformed. A message that is
answered otherwise, that is changed, or that is lost shows no limit: the tests of that size judge it.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from conformance.client.peer import describe, fragments
from conformance.client.session import Client
from conformance.client.sizes import Sizes
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.events import Close, End, Event, Message, Pong
from conformance.wire.frames import BINARY, TEXT, Frame

LARGEST = 256 * 1024  # bytes; tests on this machine use no larger messages, but for those about limits
LARGEST_ELSEWHERE = 131_200  # bytes; the same for other people's servers and for slow lines
FAST = 4_000_000  # octets a second
SMALLEST = 100  # bytes; who refuses even these does not refuse them for their size
PIECES, LONGEST_PIECE = 16, 4096
# The largest payloads of the two shorter length forms: what fails just above them may fail for the form.
EDGES = frozenset({125, 65535})
TOO_BIG = "Close 1009"
# These say of a message that it is malformed, or of a type that is not wanted.
OTHER_FAULTS = frozenset({1002, 1003, 1007})
OFFER = ("Sec-WebSocket-Extensions", "permessage-deflate")


class Fate(enum.Enum):
    """What became of one message."""

    TAKEN = enum.auto()
    REFUSED = enum.auto()
    UNCLEAR = enum.auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message of some size, and what was seen of it."""

    fate: Fate
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest size that is taken, and what the next larger one is answered by."""

    size: int
    above: str


Send = Callable[[Client, bytes, int], None]
Try = Callable[[int], Awaitable[Answer]]


async def measured(target: Target) -> Sizes:
    """Return the sizes that the target takes, as far as the suite uses them.

    Where there is no limit in that range, this costs one message of each kind.
    """
    largest = _largest(target)
    kinds = {"text": way_of(target, one_frame), "fragmented": way_of(target, in_pieces)}
    if target.has("echo-binary") or not target.has("echo"):
        kinds["binary"] = way_of(target, one_frame, BINARY)
    if target.has("deflate") and target.has("echo"):
        kinds["compressed"] = way_of(target, compressed)
    found = await asyncio.gather(*(search(attempt, largest) for attempt in kinds.values()))
    limits = {kind: limit for kind, limit in zip(kinds, found, strict=True) if limit is not None}
    for kind in set(limits) - {"fragmented"}:
        if await _fails_for_its_length_form(kinds["fragmented"], limits[kind]):
            del limits[kind]
    above = " or ".join(dict.fromkeys(limit.above for limit in limits.values()))
    sizes = Sizes(**{kind: limit.size for kind, limit in limits.items()}, above=above, tried=largest)
    return sizes.capped(target.profile.max_message_bytes)


def _largest(target: Target) -> int:
    rate = target.limits.rate
    near = target.endpoint.pace is None and (rate is None or rate > FAST)
    largest = LARGEST if near else LARGEST_ELSEWHERE
    return min(largest, target.profile.max_message_bytes or largest)


async def _fails_for_its_length_form(fragmented: Try, limit: Limit) -> bool:
    """Return whether frames of the next length form fail, and not messages of their size."""
    if limit.size not in EDGES or limit.above == TOO_BIG:
        return False
    return (await fragmented(limit.size + 1)).fate is Fate.TAKEN


# Searching.


async def search(attempt: Try, largest: int) -> Limit | None:
    """Return the largest size that is taken, exactly.

    ``None`` where ``largest`` is taken, or where sizes are not what it depends on.
    """
    answer = await attempt(largest)
    if answer.fate is not Fate.REFUSED or (await attempt(SMALLEST)).fate is not Fate.TAKEN:
        return None
    limit = await narrow(attempt, SMALLEST, largest, answer.seen)
    if limit is None or limit.above == TOO_BIG:
        return limit
    # Without a word about the size it may have ended for another reason, which need not occur twice.
    again = [await attempt(limit.size), await attempt(limit.size + 1)]
    return limit if [one.fate for one in again] == [Fate.TAKEN, Fate.REFUSED] else None


async def narrow(attempt: Try, taken: int, refused: int, above: str) -> Limit | None:
    """Return the limit between a size that is taken and one that is refused.

    Most limits are powers of two, so that these are tried first, and then a byte more.

    Args:
        attempt: sends a message of a size, and tells what became of it.
        taken: bytes of a message that is taken.
        refused: bytes of one that is refused.
        above: what was seen of that.

    """
    size = _power_below(refused)
    while refused - taken > 1:
        answer = await attempt(size)
        if answer.fate is Fate.UNCLEAR:
            return None
        if answer.fate is Fate.TAKEN:
            taken = size
            size = size + 1 if size == _power_below(refused) else (taken + refused) // 2
        else:
            refused, above = size, answer.seen
            size = max(_power_below(refused), taken + 1) if taken == SMALLEST else (taken + refused) // 2
    return Limit(taken, above)


def _power_below(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


# Messages of one size.


def one_frame(client: Client, content: bytes, opcode: int) -> None:
    """Send a message in one frame.

    Args:
        client: the connection.
        content: the message.
        opcode: TEXT or BINARY.

    """
    client.send(Frame(opcode, content))


def in_pieces(client: Client, content: bytes, opcode: int) -> None:
    """Send a message in sixteen frames or more, so that none comes near to a limit of the single frame.

    Args:
        client: the connection.
        content: the message.
        opcode: TEXT or BINARY.

    """
    step = min(-(-len(content) // PIECES), LONGEST_PIECE)
    client.send(*fragments([content[at : at + step] for at in range(0, len(content), step)], opcode))


def compressed(client: Client, content: bytes, opcode: int) -> None:
    """Send a message compressed.

    Args:
        client: the connection.
        content: the message.
        opcode: TEXT or BINARY.

    Raises:
        Inconclusive: compression was declined.

    """
    response = client.connection.response
    agreement = deflate.agreement(response.get(OFFER[0]) if response else None)
    if agreement is None:
        raise Inconclusive("permessage-deflate was declined")
    client.send(Frame(opcode, deflate.Deflater(agreement, 1).deflate(content), rsv1=True))


def way_of(target: Target, send: Send, opcode: int = TEXT) -> Try:
    """Return what sends a message of a size on a connection of its own, and tells what became of it.

    Args:
        target: the server under test.
        send: sends a message in one way.
        opcode: TEXT or BINARY.

    """

    async def attempt(size: int) -> Answer:
        try:
            async with _opened(target, offered=send is compressed) as client:
                client.sizes = Sizes()
                content = _content(target, client, opcode, size)
                send(client, content, opcode)
                if client.echoes or (target.has("echo") and opcode == TEXT):
                    return await _come_back(client, content, opcode)
                return await _taken(client, size)
        except (Nonconformance, Inconclusive, NotApplicable, ValueError) as error:
            return Answer(Fate.UNCLEAR, str(error))

    return attempt


@contextlib.asynccontextmanager
async def _opened(target: Target, *, offered: bool) -> AsyncIterator[Client]:
    if offered:
        async with target.upgraded(target.echo_opening(extra=[OFFER])) as client:
            if target.has("session") and not client.echoes:
                await client.confirmed()
            yield client
    else:
        async with target.echoing() if target.has("echo") else target.connect() as client:
            yield client


def _content(target: Target, client: Client, opcode: int, size: int) -> bytes:
    if opcode == BINARY:
        return (bytes(range(256)) * (size // 256 + 1))[:size]
    if target.has("echo"):
        return client.sized(size, "sized")
    return target.harmless("x" * (size - len(target.harmless())))


async def _come_back(client: Client, content: bytes, opcode: int) -> Answer:
    """Return what became of a message that comes back where it is taken."""
    reply: dict[str, object] = {}

    def telling(event: Event) -> bool:
        nonlocal reply
        if not isinstance(event, Message):
            return isinstance(event, Close | Pong)
        if client.echoes:
            return (event.opcode, event.content) == (opcode, content)
        reply = client.decode(event)
        return reply.get("id") == "sized" or reply.get("type") == "error"

    client.send_ping()
    event = await client.take(telling, client.limits.back(len(content)))
    if isinstance(event, Pong):  # a reply may be made while a Ping overtakes it
        event = await client.take(telling, client.limits.prompt)
    if isinstance(event, Message) and reply.get("type") == "error":
        return Answer(Fate.REFUSED, "an error")
    return _told(event, taken=isinstance(event, Message))


async def _taken(client: Client, size: int) -> Answer:
    """Return what became of a message that nothing answers: a Pong after it says that it was taken."""
    event: Event | None = None
    for bound in (client.limits.back(size), client.limits.reply):
        # Twice: an application may make up its mind a moment after the first Pong.
        payload = client.send_ping()

        def telling(event: Event, payload: bytes = payload) -> bool:
            return isinstance(event, Close) or (isinstance(event, Pong) and event.payload == payload)

        event = await client.take(telling, bound)
        if not isinstance(event, Pong):
            break
    return _told(event, taken=isinstance(event, Pong))


def _told(event: Event | None, *, taken: bool) -> Answer:
    if taken:
        return Answer(Fate.TAKEN)
    if isinstance(event, Close):
        named = f"Close {event.code}" if event.code else "an empty Close frame"
        return Answer(Fate.UNCLEAR if event.code in OTHER_FAULTS else Fate.REFUSED, named)
    if isinstance(event, End) and not event.ours:
        return Answer(Fate.REFUSED, "the end of the connection")
    return Answer(Fate.UNCLEAR, describe(event))
