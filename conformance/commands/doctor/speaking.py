"""The last layers: origin, subprotocol, token, and the first message."""

from __future__ import annotations

import asyncio
import json

from conformance.client.peer import describe
from conformance.commands.doctor.case import Case, line_of, token_in, without_token
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, ok, undecided, unseen
from conformance.commands.doctor.hosts import STRANGER, host_lost
from conformance.commands.doctor.upgrading import FRESH, refused_origin
from conformance.net.connection import Connection
from conformance.target.attempt import Attempt
from conformance.wire.events import Close, End, Event, Message, Pong
from conformance.wire.frames import PING, Frame
from conformance.wire.handshake import TOKEN

GRACE = 0.25  # seconds after a Pong in which a server that closes at once has done so
_CODES = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1005: "no code",
    1007: "invalid data",
    1008: "policy violation",
    1009: "too big",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    4401: "unauthenticated",
    4403: "forbidden",
    4408: "timed out",
    4429: "rate limited",
}


async def origin(case: Case) -> Finding:
    """Say which pages may connect; only an origin that the user or the profile names can be at fault.

    Returns:
        The finding of this layer.

    """
    asked = list(case.profile.allowed_origins)
    if case.origin and case.origin not in asked:
        asked.insert(0, case.origin)
    found = await case.ask_all(
        {one: case.request(origin=one) for one in [*asked[:4], case.url.origin, STRANGER]}
    )
    for one in asked:
        attempt = found.get(one)
        if attempt is not None and attempt.response is None and attempt.connection.end is None:
            continue  # no answer is not a refusal
        if attempt is not None and not attempt.upgraded:
            lost = await host_lost(case, found.get(case.url.origin), found.get(STRANGER))
            if lost is not None and one == case.url.origin:
                return lost
            case.origin = one
            return refused_origin(case, f"with it: {case.clean(line_of(attempt))}", "without it: 101")
    notes = []
    own, foreign = found.get(case.url.origin), found.get(STRANGER)
    lost = await host_lost(case, own, foreign)
    if lost is not None:
        return lost
    if own is not None and own.response is not None and not own.upgraded:
        notes.append(f"pages of {case.url.origin} are refused: name yours with --origin to have it judged")
    if foreign is not None and foreign.response is not None:
        notes.append(f"pages of strangers are {'let in' if foreign.upgraded else 'refused'}")
    if case.own_origin_needed:
        notes.append("a handshake without Origin is refused: scripts must send one")
    return ok("origin", f"{', '.join(asked)} may connect" if asked else "no origin stands in the way", *notes)


async def subprotocol(case: Case) -> Finding | None:
    """Judge the answer to the subprotocols.

    Returns:
        The finding; ``None`` where none was offered and none named.

    """
    attempt = case.opened
    assert attempt is not None
    assert attempt.response is not None
    offered = attempt.request.get("Sec-WebSocket-Protocol")
    chosen = attempt.response.get("Sec-WebSocket-Protocol")
    names = [one.strip() for one in (offered or "").split(",")] if offered else []
    if chosen is not None and chosen not in names:
        return broken(
            "subprotocol",
            Cause.SUBPROTOCOL_NOT_OFFERED,
            f"The server names the subprotocol {case.clean(chosen)}, which was not offered: browsers end "
            "the connection.",
            evidence=(f"offered: {offered or 'none'}; answered: {case.clean(chosen)}",),
            steps=(
                Step(
                    "Offer it in the client, or let the server name only what is offered (RFC 6455 §4.2.2).",
                    f"conformance doctor {case.bare()} --subprotocol {chosen}"
                    if TOKEN.fullmatch(chosen)
                    else None,
                ),
            ),
        )
    if names and chosen is None:
        return broken(
            "subprotocol",
            Cause.SUBPROTOCOL_NOT_CHOSEN,
            f"The server chooses none of the offered subprotocols ({offered}): "
            "Chromium ends such a connection with 1006.",
            evidence=("answered 101 without Sec-WebSocket-Protocol",),
            steps=(
                Step(
                    "Let the server answer with one of them (Channels: accept(subprotocol=…)), or offer none."
                ),
            ),
        )
    return ok("subprotocol", f"{case.clean(chosen)} is chosen") if chosen else None


async def token(case: Case) -> Finding:
    """Say whether the credentials that were given are taken.

    Returns:
        The finding of this layer.

    """
    if token_in(case.query):
        return ok("token", "the handshake with the URL's token is taken; the first message tells as whom")
    if not case.users:
        made = " (those of the profile are made anew for a run)" if case.profile.generated else ""
        return unseen("token", f"no token was given{made}: whether tokens are taken was not asked")
    requests = {
        carrier: case.request(token=case.users[0], carrier=carrier)
        for carrier in case.profile.carriers or case.carriers[:1]
    }
    found = await case.ask_all(requests)
    for carrier, attempt in found.items():
        ending = await _ending(case, attempt) if attempt.upgraded else None
        if not attempt.upgraded or isinstance(ending, Close):
            answer = line_of(attempt) if not attempt.upgraded else describe(ending)
            return broken(
                "token",
                Cause.TOKEN_REFUSED,
                f"The server refuses the profile's token as {carrier}.",
                evidence=(f"with it: {case.clean(answer)}", "the handshake itself is accepted"),
                steps=(Step("Get a fresh token, or correct carriers.offered in the profile."),),
            )
    return ok("token", f"the profile's token is taken as {', '.join(found)}")


async def _ending(case: Case, attempt: Attempt) -> Event | None:
    first, _ = await _listen(case, attempt.connection, case.permissions)
    return first


async def _listen(case: Case, connection: Connection, talks: bool) -> tuple[Event | None, bool]:  # noqa: FBT001
    """Return the first message or the end, ``None`` where neither comes; and whether a Ping was answered."""
    loop = asyncio.get_running_loop()
    connection.write(Frame(PING, b"doctor").encode())
    ponged = False
    deadline = loop.time() + case.timeout
    while True:
        event = await connection.event(max(0.0, deadline - loop.time()))
        if isinstance(event, Pong):
            ponged = True
            if not talks:
                deadline = min(deadline, loop.time() + GRACE)
            continue
        return event, ponged


async def message(case: Case) -> Finding:
    """Wait for what the server says first; where nothing has to come, a Ping must be answered.

    Returns:
        The finding of this layer.

    """
    assert case.opened is not None
    event, ponged = await _listen(case, case.opened.connection, case.permissions)
    if isinstance(event, Close):
        return await _closed(case, event)
    if isinstance(event, End):
        return broken(
            "message",
            Cause.MESSAGE_ENDED,
            "The server accepts the upgrade and drops the connection at once.",
            evidence=(f"{describe(event)} without a Close frame (browsers report 1006)",),
            steps=(Step("Read the server's log: the handler failed, or a proxy cut the connection."),),
        )
    if isinstance(event, Message):
        return _said(case, event)
    if ponged and not case.permissions:
        return ok("message", "nothing is said unasked, and a Ping is answered")
    heard = (
        "Pings are answered, so the server lives but the application does not speak"
        if ponged
        else ("a Ping is not answered either")
    )
    return broken(
        "message",
        Cause.MESSAGE_SILENT,
        "The server accepts the upgrade and is silent.",
        evidence=(f"no message within {case.timeout:g} s", heard),
        steps=(
            Step("Read the application's log: its connect handler waits for something, or never sends."),
            Step("If it is only slow, wait longer", f"conformance doctor {case.bare()} --timeout 10"),
        ),
    )


def _said(case: Case, event: Message) -> Finding:
    try:
        said = json.loads(event.content)
    except (ValueError, RecursionError):
        said = None
    kind = said.get("type") if isinstance(said, dict) else None
    if kind != "connection_confirmed":
        return ok("message", f"the first message came: {case.clean(describe(event))}")
    user = said.get("user_id")
    if token_in(case.query) and user is None and "anonymous" not in case.path:
        return broken(
            "token",
            Cause.TOKEN_REFUSED,
            "The server lets the client in, but as anonymous: it ignores the token.",
            evidence=("connection_confirmed with user_id null",),
            steps=(Step("Get a fresh token; check the name of the query's member that the server reads."),),
        )
    who = "anonymous" if user is None else f"user {user}"
    return ok("message", f"connection_confirmed as {case.clean(who)}")


async def _closed(case: Case, event: Close) -> Finding:
    meaning = _CODES.get(event.code or 1005, "a code of the application")
    evidence = [f"{case.clean(describe(event))} ({meaning})"]
    if event.code in {4401, 4403} or (event.code in {1008, 4001, 4003} and token_in(case.query)):
        return await _turned_away(case, evidence)
    hint = {
        1011: "Read the server's log: the handler raised an exception.",
        1012: "The server is restarting: ask again in a moment.",
        1013: "The server is overloaded: ask again in a moment.",
        1001: "The server is stopping: ask again in a moment.",
        1008: "The server's policy refuses this client: origin, token or rate.",
    }.get(
        event.code or 1005,
        "Read the server's log for what closes the connection, and look up the code there.",
    )
    return broken(
        "message",
        Cause.MESSAGE_CLOSED,
        f"The server accepts the upgrade and closes at once with {event.code or 'no code'}.",
        evidence=tuple(evidence),
        steps=(Step(hint),),
    )


async def _turned_away(case: Case, evidence: list[str]) -> Finding:
    if not token_in(case.query):
        return undecided(
            "token",
            Cause.TOKEN_REQUIRED,
            "The server accepts the upgrade and turns the client away: no token was given.",
            evidence=tuple(evidence),
            steps=(
                Step(
                    "Give a token in the URL or by a profile, and ask again",
                    f"conformance doctor {case.bare()} --profile conformance.toml",
                ),
            ),
        )
    other = await case.ask(case.request(query=without_token(case.query)))
    if other is not None and other.upgraded:
        first = await _ending(case, other)
        if isinstance(first, Message):
            evidence.append("without the token the client is let in: path and server are right")
    return broken(
        "token",
        Cause.TOKEN_REFUSED,
        "The server accepts the upgrade, then refuses the token.",
        evidence=tuple(evidence),
        steps=(FRESH,),
    )
