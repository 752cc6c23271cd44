"""The layer of the upgrade: whether a handshake opens the path; where it does not, what is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from conformance.commands.doctor.answers import answers_itself, said
from conformance.commands.doctor.case import NOBODY, Case, line_of, token_in, without_token
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, ok, undecided
from conformance.commands.doctor.fingerprint import nothing_upgrades
from conformance.commands.doctor.frameworks import on_refusal
from conformance.commands.doctor.hosts import STRANGER, host_lost
from conformance.commands.doctor.known import ENGINE, ENGINE_PATH, recognised
from conformance.commands.doctor.programs import program_of
from conformance.commands.doctor.routing import endpoints, near
from conformance.target.attempt import Attempt
from conformance.target.routes import OWN
from conformance.wire.handshake import Request, accept_for

FORBIDDEN = {401, 403}


class Differs(Enum):
    """In what a handshake differs from the one that was refused."""

    PATH = auto()
    UNKNOWN_PATH = auto()
    OWN_ORIGIN = auto()
    ALLOWED_ORIGIN = auto()
    NO_ORIGIN = auto()
    NO_SUBPROTOCOL = auto()
    NO_TOKEN = auto()
    TOKEN = auto()


class Variant(NamedTuple):
    """A handshake that differs in one thing; ``value`` is the path, the origin, or what carries the token.

    Of a path, ``bare`` says that the query goes without its token.
    """

    differs: Differs
    value: str = ""
    bare: bool = False


FRESH = Step("Get a fresh token: this one is malformed, expired, revoked, or of another user or system.")
_UNKNOWN, _OWN_ORIGIN, _NO_ORIGIN = map(
    Variant, (Differs.UNKNOWN_PATH, Differs.OWN_ORIGIN, Differs.NO_ORIGIN)
)
ALIKE = 0.6  # of two paths: a slip of the pen, and no other route
_CHANNEL = re.compile(rf"{OWN}[1-9][0-9]*/$", re.ASCII)  # a user's own: a good reason to refuse others


async def upgrade(case: Case) -> Finding:
    """Ask for the upgrade on the URL's path; where it is refused, find out whether anything is upgraded.

    Returns:
        The finding of this layer.

    """
    attempt = case.upgrades.get(case.address) or await case.ask(case.request())
    plain = case.plain.get(case.address)
    if attempt is None or attempt.response is None:
        return await _unanswered(case, attempt, plain)
    if attempt.response.status == 101:
        return _accepted(case, attempt)
    if case.base:
        for path in dict.fromkeys([*endpoints(case)[-2:], case.url.path or "/"]):
            other = await case.ask(case.request(path))
            if other is not None and other.upgraded:
                case.path = path
                return _accepted(case, other)
    return await _refused(case, attempt, plain)


async def _unanswered(case: Case, attempt: Attempt | None, plain: Attempt | None) -> Finding:
    """Look for a handshake that is answered, where this one was ended or ignored.

    Returns:
        The finding.

    """
    ended = attempt is not None and attempt.connection.end is not None
    if attempt is not None and ended:
        requests = {Variant(Differs.PATH, path): case.request(path) for path in near(case)} | _variants(case)
        requests[Variant(Differs.PATH, ENGINE_PATH)] = case.request(ENGINE_PATH, query=ENGINE)
        found = await case.ask_all(requests)
        carried = _carried(case, attempt, found)
        if carried is not None:
            return carried
        if routes := {name: one for name, one in _routes(found).items() if one.upgraded}:
            return _elsewhere(case, attempt, routes)
    program = program_of(case, attempt)
    node = Step(
        "Node ends upgrades that no handler takes: compare the path, the origin and the token with what the "
        "server's 'upgrade' handler wants."
    )
    return broken(
        "upgrade",
        Cause.UPGRADE_SILENT,
        "Plain HTTP is answered, but a handshake is "
        + ("ended without an answer." if ended else f"not: nothing came within {case.timeout:g} s."),
        evidence=(
            f"a handshake: {case.clean(str(attempt or 'no connection'))}",
            f"a plain GET: {case.clean(line_of(plain))}",
        ),
        steps=(*([node] if program.name in {"Node", "Bun"} else []), program.read_log),
    )


def _accepted(case: Case, attempt: Attempt) -> Finding:
    response = attempt.response
    assert response is not None
    wanted = accept_for(attempt.request.get("Sec-WebSocket-Key") or "")
    accept = response.get("Sec-WebSocket-Accept") or "missing"
    upgrade_to = (response.get("Upgrade") or "").lower()
    options = [one.strip().lower() for one in (response.get("Connection") or "").split(",")]
    length = response.get("Content-Length") or "0"
    bodiless = length == "0" and response.get("Transfer-Encoding") is None
    if accept != wanted or upgrade_to != "websocket" or "upgrade" not in options or not bodiless:
        return broken(
            "upgrade",
            Cause.UPGRADE_WRONG,
            "The server answers 101, but not as a WebSocket server: clients refuse it.",
            evidence=(
                f"Upgrade: {case.clean(upgrade_to) or 'missing'}",
                f"Connection: {case.clean(response.get('Connection') or 'missing')}, expected Upgrade in it",
                *([] if bodiless else ["it announces a body, which a 101 never has"]),
                f"Sec-WebSocket-Accept: {case.clean(accept)}, expected {wanted}",
            ),
            steps=(
                Step(
                    "A cache or a proxy may have answered; if not, correct the handshake (RFC 6455 §4.2.2)."
                ),
            ),
        )
    case.opened = attempt
    return ok("upgrade", f"a handshake on {case.clean(case.path)} is answered {case.clean(line_of(attempt))}")


async def _refused(case: Case, attempt: Attempt, plain: Attempt | None) -> Finding:
    """Look for what was wrong with the handshake: what it carried, its path, or everything.

    Returns:
        The finding.

    """
    response = attempt.response
    assert response is not None
    if 300 <= response.status < 400:
        return _redirected(case, attempt)
    requests = {Variant(Differs.PATH, path): case.request(path) for path in near(case)}
    if token_in(case.query):  # a bad token would close every path, and hide that the path is wrong too
        requests |= {
            Variant(Differs.PATH, path, bare=True): case.request(path, query=without_token(case.query))
            for path in near(case)
        }
    requests |= _variants(case) | {_UNKNOWN: case.request(NOBODY)}
    found = await case.ask_all(requests)
    if case.origin and (plainer := found.get(_NO_ORIGIN)) is not None and plainer.upgraded:
        stranger = await case.ask(case.request(origin=STRANGER))
        own = attempt if case.origin == case.url.origin else found.get(_OWN_ORIGIN)
        lost = await host_lost(case, own, stranger)
        if lost is not None:
            return lost
    carried = _carried(case, attempt, found)
    if carried is not None:
        return carried
    recognisable = await recognised(case, attempt, plain)
    if recognisable is not None:
        return recognisable
    unknown = found.get(_UNKNOWN)
    same_as_unknown = unknown is not None and unknown.status == response.status
    forbidden = response.status in FORBIDDEN and not answers_itself(response)
    named = case.path in endpoints(case) or _CHANNEL.search(case.path) is not None
    elsewhere = _routes(found)
    # The same answer on every path says nothing of this one, unless another path is answered otherwise.
    known_route = named and (not same_as_unknown or bool(elsewhere))
    if forbidden and (known_route or not same_as_unknown or (response.status == 401 and not elsewhere)):
        return _locked(case, attempt, unknown)
    routes = elsewhere
    nearest = max((_closeness(case.path, one) for one in routes), default=0.0)
    if forbidden and nearest < ALIKE:
        return _forbidden(case, attempt, routes)
    if routes:
        return _elsewhere(case, attempt, routes)
    return nothing_upgrades(case, attempt, plain)


def _routes(found: Mapping[Variant, Attempt]) -> dict[str, Attempt]:
    """Return the paths that are upgraded, or that ask for credentials where an unknown path does not."""
    unknown = found.get(_UNKNOWN)
    closed = FORBIDDEN - {unknown.status if unknown is not None else None}
    routes: dict[str, Attempt] = {}
    for variant, one in found.items():
        answers = (one.upgraded or one.status in closed) and not _own_page(one)
        known = variant.value in routes and not one.upgraded
        if variant.differs is Differs.PATH and answers and not known:
            routes[variant.value] = one
    return routes


def _own_page(attempt: Attempt) -> bool:
    return attempt.response is not None and answers_itself(attempt.response)


def _redirected(case: Case, attempt: Attempt) -> Finding:
    assert attempt.response is not None
    location = (attempt.response.get("Location") or "").split("?")[0]
    scheme, slash, rest = location.partition("://")
    there = {"http": "ws", "https": "wss"}.get(scheme.lower(), scheme) + slash + rest if slash else ""
    there = there or (case.bare(location).strip("'") if location.startswith("/") else "")
    command = f"conformance doctor {_quoted(case.clean(there))}" if there else None
    return broken(
        "upgrade",
        Cause.UPGRADE_REDIRECT,
        "The handshake is redirected, and WebSocket clients do not follow.",
        evidence=(f"{case.clean(line_of(attempt))}, Location: {case.clean(location) or 'missing'}",),
        steps=(Step("Use the address that it names", command),),
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _variants(case: Case) -> dict[Variant, Request]:
    """Return handshakes on the same path that leave out, or add, one thing that may have been the reason."""
    made = {_OWN_ORIGIN: case.request(origin=case.url.origin)}
    for allowed in case.profile.allowed_origins[:3]:
        made[Variant(Differs.ALLOWED_ORIGIN, allowed)] = case.request(origin=allowed)
    if case.origin:
        made[_NO_ORIGIN] = case.request(origin="")
    if case.subprotocols:
        made[Variant(Differs.NO_SUBPROTOCOL)] = case.request(subprotocols=())
    if token_in(case.query):
        made[Variant(Differs.NO_TOKEN)] = case.request(query=without_token(case.query))
    for token in case.users[:1]:
        for carrier in case.carriers:
            made[Variant(Differs.TOKEN, carrier)] = case.request(token=token, carrier=carrier)
    return made


def _carried(case: Case, attempt: Attempt, found: Mapping[Variant, Attempt]) -> Finding | None:
    """Return the finding where the same path opens for a handshake that carries something else."""
    opened = {
        variant.differs: one
        for variant, one in reversed([*found.items()])  # of several the first
        if one.upgraded and variant.differs is not Differs.PATH
    }
    refused = f"with it: {case.clean(line_of(attempt))}"
    if Differs.NO_ORIGIN in opened:
        return refused_origin(case, refused, "without Origin: 101")
    if Differs.NO_TOKEN in opened:
        return broken(
            "token",
            Cause.TOKEN_REFUSED,
            "The server refuses the token in the URL.",
            evidence=(refused, "without it: 101, the path and the server are right"),
            steps=(FRESH,),
        )
    if Differs.NO_SUBPROTOCOL in opened:
        return broken(
            "subprotocol",
            Cause.SUBPROTOCOL_REFUSED,
            f"The server refuses the handshake because of the subprotocol {', '.join(case.subprotocols)}.",
            evidence=(refused, "without it: 101"),
            steps=(Step("Offer a subprotocol that the server knows, or none."),),
        )
    origin = opened.get(Differs.OWN_ORIGIN) or opened.get(Differs.ALLOWED_ORIGIN)
    if origin is not None:
        case.own_origin_needed = Differs.OWN_ORIGIN in opened
        case.origin = case.origin or origin.request.get("Origin")
        return _accepted(case, origin)
    user = opened.get(Differs.TOKEN)
    return _accepted(case, user) if user is not None else None


def refused_origin(case: Case, *evidence: str) -> Finding:
    """Return the finding of an origin whose pages may not connect."""
    return broken(
        "origin",
        Cause.ORIGIN_REFUSED,
        f"The server refuses pages of the origin {case.origin}.",
        evidence=tuple(evidence),
        steps=(
            Step(f"Add {case.origin} to the origins that the server allows: scheme, host and port count."),
        ),
    )


def _locked(case: Case, attempt: Attempt, unknown: Attempt | None) -> Finding:
    evidence = (
        f"{case.clean(case.path)}: {case.clean(line_of(attempt))}{said(case, attempt)}",
        f"an unknown path: {case.clean(line_of(unknown))}",
    )
    if token_in(case.query):
        return broken(
            "token",
            Cause.TOKEN_REFUSED,
            "The server refuses the token in the URL for this path, and nobody gets in without one.",
            evidence=evidence,
            steps=(FRESH,),
        )
    if case.origin and not case.own_origin_needed:
        return _forbidden(case, attempt, {})
    alike = unknown is not None and unknown.status == attempt.status
    return undecided(
        "token",
        Cause.TOKEN_REQUIRED,
        f"The server lets nobody in like this ({attempt.status}), on whatever path: it may want a token, "
        "which was not given."
        if alike
        else f"The path is right and the server answers, but it lets nobody in like this ({attempt.status}): "
        "no token was given.",
        evidence=evidence,
        steps=(
            Step("Give a token, and ask again", f"conformance doctor {case.bare()} --token TOKEN"),
            *(on_refusal(case, attempt) if alike else ()),
        ),
    )


def _forbidden(case: Case, attempt: Attempt, open_paths: Mapping[str, Attempt]) -> Finding:
    evidence = [
        f"{case.clean(case.path)}: {case.clean(line_of(attempt))}{said(case, attempt)}",
        "an unknown path is answered alike",
    ]
    evidence += [
        f"{case.clean(one)}: {case.clean(line_of(answer))}" for one, answer in list(open_paths.items())[:4]
    ]
    return undecided(
        "upgrade",
        Cause.ACCESS_REFUSED,
        f"The handshake is refused ({attempt.status}) as on an unknown path: a wrong path, a missing token "
        "and a refused origin look the same from outside.",
        evidence=tuple(evidence),
        steps=(
            *on_refusal(case, attempt),
            Step(
                "Try with a token, and with the origin of your page",
                f"conformance doctor {case.bare()} --token TOKEN --origin https://YOUR-PAGE.example",
            ),
        ),
    )


def _closeness(path: str, other: str) -> float:
    return difflib.SequenceMatcher(None, path, other).ratio()


def _elsewhere(case: Case, attempt: Attempt, open_paths: Mapping[str, Attempt]) -> Finding:
    path = case.path
    by_likeness = sorted(open_paths, key=lambda one: _closeness(path, one), reverse=True)
    nearest = by_likeness[0]
    evidence = [f"{case.clean(path)}: {case.clean(line_of(attempt))}"]
    evidence += [f"{case.clean(one)}: {case.clean(line_of(open_paths[one]))}" for one in by_likeness[:6]]
    query = ENGINE if nearest == ENGINE_PATH else ""
    step = Step("Use the path that works", f"conformance doctor {case.bare(nearest, query=query)}")
    if nearest.rstrip("/") == path.rstrip("/"):
        what = "must not end" if path.endswith("/") else "must end"
        return broken(
            "routes",
            Cause.ROUTE_TRAILING_SLASH,
            f"The path {what} with a slash: {nearest} is the route.",
            evidence=tuple(evidence),
            steps=(step,),
        )
    return broken(
        "routes",
        Cause.ROUTE_WRONG_PATH,
        f"There is no WebSocket route {path}. The nearest that works: {nearest}",
        evidence=tuple(evidence),
        steps=(step,),
    )
