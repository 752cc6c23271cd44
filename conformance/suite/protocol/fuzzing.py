"""How a drawn conversation is held with the target, and judged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from conformance.client.matching import says
from conformance.client.peer import FAILED, Ending, describe
from conformance.client.session import Client
from conformance.core.errors import Nonconformance
from conformance.core.evidence import NOTHING, Happened, Kind, Told
from conformance.fuzz.conversation import Burst, Conversation, Menu, heartbeat
from conformance.fuzz.faults import Fault, Wrong
from conformance.fuzz.search import Manner
from conformance.fuzz.strategies import BEHIND
from conformance.suite.protocol.compression import HEADER, PLAIN, agreed
from conformance.target.target import Target
from conformance.wire.ending import came
from conformance.wire.events import Close, End, Event, Message, Pong
from conformance.wire.frames import BINARY, CONTINUATION, TEXT, Frame
from conformance.wire.transcript import Transcript

T = TypeVar("T")
CONTROL_PAYLOAD = 125
OFFER = f"{PLAIN}; client_max_window_bits"
HELD, COMPRESSED, FAULTY = 40, 24, 12  # examples of a run by default; of the last, for each fault
APPLICATION_CODES = 3000  # and above: no failure of the protocol is closed by them
AT_ONCE = 12  # conversations: most of each is waiting for the server, or for it to have read a segment
HASTE = 0.2  # seconds; enough while a failure is made short, for the shortest is tried again in full


def shrinking_time(target: Target) -> float:
    """Return how many seconds may go into making a failure short."""
    return max(1.0, min(4.0, target.limits.reply))


def apart(
    target: Target, check: Callable[[T, Manner], Awaitable[None]]
) -> Callable[[T, Manner], Awaitable[None]]:
    """Keep the connections of the last example only, and those on which the monitor saw a breach."""
    kept: list[Transcript] = []

    async def examined(example: T, manner: Manner) -> None:
        record = target.recorder.record
        before = len(record.charges)
        with target.recorder.apart() as mine:
            try:
                await check(example, manner)
            finally:
                record.transcripts[:] = [*kept, *mine]
                if any(not charge.kept for charge in list(record.charges.values())[before:]):
                    kept[:] = [*kept, *mine[-1:]][:3]

    return examined


@contextlib.asynccontextmanager
async def opened(target: Target, *, compress: bool) -> AsyncIterator[Client]:
    """Open a connection that is not judged itself, with compression in force where it is wanted."""
    async with target.connect(extra=[(HEADER, OFFER)] if compress else ()) as peer:
        if compress:
            agreed(peer)
        peer.inbox.clear()
        yield peer


async def menu_of(target: Target, *, compress: bool = False) -> Menu:
    """Find out which messages leave a connection open, so that a drawn one is not blamed for its content."""
    async with opened(target, compress=compress) as peer:
        agreement = agreed(peer) if compress else None
        minds = await _minds(peer, Frame(TEXT, target.harmless()))
    binaries = False
    if not minds:
        async with opened(target, compress=False) as peer:
            binaries = not await _minds(peer, Frame(BINARY, b"\xff\xfe"))
    made = Menu(not minds, binaries, agreement, target.spoken, minds=minds)
    sizes = target.sizes
    known = [sizes.most(compressed=compress), sizes.most(frame=0, compressed=compress)]
    most = min((one for one in known if one is not None), default=None)
    if most is None:
        return made
    # There are servers that count a control frame between fragments as a part of the message.
    control = min(CONTROL_PAYLOAD, most // 3)
    return replace(made, most=most - control, control=control)


async def _minds(peer: Client, frame: Frame) -> str:
    """Return how an application ends the connection upon a message, or an empty string where it stays."""
    kind = "a text" if frame.opcode == TEXT else "binary data"
    if known := peer.manners.minds(frame.opcode) if peer.manners is not None else "":
        return f"{known} to {kind}"
    peer.send(frame)
    if peer.speaks:
        answer = await peer.take(peer.answers, peer.limits.reply)
        if not isinstance(answer, Message):
            return f"{describe(answer)} to {kind}"
    try:
        await peer.ping()
        await peer.ping()  # an application may make up its mind a moment after the Pong
    except Nonconformance as error:
        return f"{error.actual} to {kind}"
    return ""


# Legal conversations.


class UnwelcomeError(Exception):
    """The application ends a conversation for what its messages say, however they are framed."""


async def hold(target: Target, menu: Menu, conversation: Conversation, manner: Manner) -> None:
    """Hold a legal conversation and expect every answer that it must have, an open end and a clean close.

    Raises:
        Nonconformance: the server broke the protocol.
        UnwelcomeError: it ended the connection, and the same messages in their plainest form end it too.

    """
    try:
        await _hold(target, menu, conversation, manner)
    except Nonconformance as failure:
        objection = await _objection(target, menu, conversation)
        if objection:
            raise UnwelcomeError(objection) from failure
        raise


async def _objection(target: Target, menu: Menu, conversation: Conversation) -> str:
    """Return how the application ends the conversation's control twin, or an empty string where it does not.

    The twin says the same messages, each in one frame and in one segment, without a Ping between them. Where
    a message has an answer of its own, the answer is judged and no twin is needed.
    """
    async with opened(target, compress=menu.agreed is not None) as peer:
        messages = plain_messages(conversation)
        if peer.speaks or peer.echoes or not messages:
            return ""
        try:
            for message in messages:
                peer.send(message)
                await peer.ping()
        except Nonconformance as error:
            return error.actual
        ending = await peer.failing(peer.limits.prompt)  # some make up their mind long after the Pong
        return "" if ending.close is None and ending.end is None else str(ending)


def plain_messages(conversation: Conversation) -> list[Frame]:
    """Return the conversation's messages, each in one frame."""
    whole: list[Frame] = []
    for frame in (frame for burst in conversation.bursts for frame in burst.frames):
        if frame.opcode in (TEXT, BINARY):
            whole.append(replace(frame, fin=True))
        elif frame.opcode == CONTINUATION and whole:
            whole[-1] = replace(whole[-1], payload=whole[-1].payload + frame.payload)
    return whole


async def _hold(target: Target, menu: Menu, conversation: Conversation, manner: Manner) -> None:
    bound = min(target.limits.reply, HASTE) if manner.hasty else target.limits.reply
    async with opened(target, compress=menu.agreed is not None) as peer:
        for burst in conversation.bursts:
            await _say(peer, burst, manner)
        if peer.speaks:
            await _expect_replies(peer, menu, conversation, bound)
        _expect_order(peer, conversation)
        await _expect_clean_close(peer, conversation, bound)


async def _send(peer: Client, burst: Burst, manner: Manner) -> None:
    first, *others = burst.segments
    peer.send_bytes(first)
    for segment in others:
        await asyncio.sleep(manner.pause)  # nothing tells that the one before was read
        peer.send_bytes(segment)


async def _say(peer: Client, burst: Burst, manner: Manner) -> None:
    await _send(peer, burst, manner)
    if not burst.pings:
        return
    bound = min(peer.limits.reply, HASTE) if manner.hasty else peer.limits.reply
    wanted = burst.pings[-1]
    event = await peer.take(lambda one: isinstance(one, Pong) and one.payload == wanted, bound)
    if not isinstance(event, Pong):
        shown = f"with {wanted!r}" if len(wanted) <= 16 else f"of {len(wanted)} bytes"
        heard = [*(one for one in peer.inbox if isinstance(one, Pong)), *([event] if event else [])]
        raise Nonconformance(
            f"the Ping {shown} of a legal conversation was not answered",
            expected=[f"a Pong {shown}, and the connection open"],
            actual=Told(", then ".join(map(describe, heard[-4:])), heard[-4:][0].happened)
            if heard
            else came(None),
        )
    peer.inbox.append(event)  # for the order of all


async def _expect_replies(peer: Client, menu: Menu, conversation: Conversation, bound: float) -> None:
    """Expect each text message's answer, once: its acknowledgement, on an echo path the same message."""
    texts = {
        menu.spoken(heartbeat(identity, text)): (identity, text) for identity, text in conversation.heartbeats
    }
    replies: dict[str, list[object]] = {identity: [] for identity, _ in conversation.heartbeats}
    strange: list[Event] = []

    def answered(event: Message) -> tuple[str, object] | None:
        """Return which text a message answers and with what; ``None`` where it answers none."""
        if peer.echoes:
            identity, text = texts.get(event.content, ("", "")) if event.opcode == TEXT else ("", "")
            return (identity, {"t": text}) if identity else None
        reply = peer.decode(event)
        known = reply.get("type") == "heartbeat_ack" and reply.get("id") in replies
        return (reply["id"], reply.get("data")) if known else None

    def sort(event: Event) -> bool:
        """Put a message to the text that it answers; say whether all are answered."""
        found = answered(event) if isinstance(event, Message) else None
        if found is not None:
            replies[found[0]].append(found[1])
        elif isinstance(event, Message) and event.opcode == TEXT and not peer.unasked(event):
            strange.append(event)
        return all(replies.values())

    heard, peer.inbox = peer.inbox, []
    for event in heard:
        sort(event)
    if not all(replies.values()):
        last = await peer.take(sort, bound)
        if not all(replies.values()):
            missing = [name for name, found in replies.items() if not found]
            raise Nonconformance(
                f"{len(missing)} of the {len(replies)} messages of a legal conversation were not answered",
                expected=[f"{'the echo' if peer.echoes else 'heartbeat_ack'} of {', '.join(missing)}"],
                actual=came(strange[-1] if strange else last),
            )
    peer.inbox = [*heard, *peer.inbox]
    for identity, text in conversation.heartbeats:
        wanted = peer.returned(data={"t": text})
        if len(replies[identity]) != 1 or not says(replies[identity][0], wanted["data"]):
            raise Nonconformance(
                f"the message {identity!r} of a legal conversation came back changed or more than once",
                expected=[f"one answer with {text[:80]!r} ({len(text)} characters)"],
                actual=str(replies[identity])[:300],
            )


def _expect_order(peer: Client, conversation: Conversation) -> None:
    """Pongs may be passed over and may come unasked, but those to our Pings come in their order."""
    sent = conversation.pings
    places = [sent.index(one.payload) for one in peer.inbox if isinstance(one, Pong) and one.payload in sent]
    firsts = list(dict.fromkeys(places))
    if firsts != sorted(firsts):
        raise Nonconformance(
            "the Pongs of a legal conversation came in another order than their Pings",
            expected=["Pongs in the order of the Pings"],
            actual=", ".join(repr(sent[place]) for place in firsts),
        )


async def _expect_clean_close(peer: Client, conversation: Conversation, bound: float) -> None:
    if any(isinstance(one, Close) for one in peer.inbox):
        raise Nonconformance(
            "a legal conversation was ended by the server",
            expected=["the connection open until the client closes it"],
            actual=(await peer.ending(bound)).told,
        )
    peer.inbox.clear()
    peer.send_close(*conversation.close)
    ending = await peer.ending(bound)
    if ending.close is None or ending.end is None:
        raise Nonconformance(
            "the Close behind a legal conversation was not answered as it must be",
            expected=["a Close frame, then the end of TCP"],
            actual=ending,
        )


# Conversations with one fault.


async def refuse(target: Target, fault: Fault, example: Wrong, manner: Manner) -> bool:
    """Expect that a conversation fails at its fault; return whether it came that far.

    What stands before the fault is legal. Where it is not answered nothing is proven about the fault: that
    is judged by the legal conversations.
    """
    async with opened(target, compress=fault.deflate) as peer:
        *before, last = example.conversation.bursts
        try:
            for burst in before:
                await _say(peer, burst, replace(manner, hasty=False))
        except Nonconformance:
            return False
        peer.inbox.clear()
        await _send(peer, last, manner)
        ending = await _ending(peer, fault, manner)
        _judge(peer, fault, example, ending)
        return True


async def _ending(peer: Client, fault: Fault, manner: Manner) -> Ending:
    """Wait for the end that a fault has to have.

    A Pong to the Ping behind the fault tells that it was read over, but where only the whole message shows
    the fault: then the Ping may be answered first.
    """
    limits = peer.limits

    def telling(event: Event) -> bool:
        behind = isinstance(event, Pong) and event.payload == BEHIND
        return isinstance(event, Close) or (behind and not fault.late)

    event = await peer.take(telling, min(limits.close, HASTE) if manner.hasty else limits.close)
    if isinstance(event, Pong | Close):
        peer.inbox.append(event)
    failed = isinstance(event, Close | End)
    return await peer.failing(limits.close if failed else 0.001 if manner.hasty else limits.prompt)


def _answered(peer: Client, messages: list[Message]) -> Iterator[str]:
    """Yield the ids of our messages that came back, or were answered, whole or in part."""
    for one in messages:
        if peer.speaks:
            yield str(peer.decode(one).get("id"))
        yield from (name for name in ("fault", "behind") if b'"id": "%b"' % name.encode() in one.content)


def _judge(peer: Client, fault: Fault, example: Wrong, ending: Ending) -> None:
    close = ending.close
    if close is None and ending.end is None:
        raise Nonconformance("the server did not fail the connection", expected=FAILED, actual=ending)
    if fault.closing and close is not None and close.code is not None and close.code in {1000, example.code}:
        raise Nonconformance(
            "a faulty Close frame was answered as if it were in order",
            expected=["a Close frame with an error code", *FAILED[1:]],
            actual=ending,
        )
    answered = set(_answered(peer, ending.messages))
    if "fault" in answered:
        raise Nonconformance(
            "the server answered a message that it had to refuse",
            expected=[f"{one} and no message before it" for one in FAILED],
            actual=ending,
            happened=Happened(Kind.MESSAGE, then=ending.happened),
        )
    if close is not None or (ending.end is not None and ending.end.kind != "reset"):
        # What we sent behind a fault may draw the reset, and that may take the Close frame away.
        peer.charge_failure(ending, set(fault.codes))
    if not fault.late and not fault.closing:
        pongs = [one for one in ending.before if isinstance(one, Pong) and one.payload == BEHIND]
        if pongs and close is not None and (close.code or 0) >= APPLICATION_CODES:
            raise Nonconformance(
                "the server read past the fault, and its application closed the connection",
                expected=FAILED,
                actual=ending,
                happened=NOTHING,
            )
        peer.recorder.charge(
            "closing.nothing-after-failure",
            kept=not pongs and "behind" not in answered,
            message=f"frames behind a fault ({fault.id}) were processed: {ending}",
        )
