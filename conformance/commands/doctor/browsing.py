"""The handshake as browsers send it, asked alone and before anything else, and what differs from a plain one.

The fields are those that Firefox sends: it alone says ``Connection: keep-alive, Upgrade``. A cause is named
only where the same handshake without one of them is answered differently.
"""

from __future__ import annotations

from collections.abc import Mapping

from conformance.commands.doctor.answers import said
from conformance.commands.doctor.case import AGAIN, Case, line_of
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, ok
from conformance.commands.doctor.programs import program_of
from conformance.target.attempt import Attempt
from conformance.wire.handshake import Request, new_key

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"
OFFER = "permessage-deflate"
EXTENSIONS = "Sec-WebSocket-Extensions"
# What every browser adds that no server has to look at.
_COMMON = (
    ("Accept", "*/*"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Sec-Fetch-Dest", "empty"),
    ("Sec-Fetch-Mode", "websocket"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Pragma", "no-cache"),
    ("Cache-Control", "no-cache"),
)


def as_browser(case: Case) -> Request:
    """Return the opening handshake as a page's script causes it in Firefox."""
    request = case.request(origin=case.origin or case.url.origin)
    request = request.setting("User-Agent", AGENT).setting("Connection", "keep-alive, Upgrade")
    return request.adding((EXTENSIONS, OFFER), *_COMMON)


def _afresh(request: Request) -> Request:
    return request.setting("Sec-WebSocket-Key", new_key())


async def browser(case: Case) -> Finding | None:
    """Ask as a browser does; where only that fails, name the field that makes it fail.

    Returns:
        The finding; ``None`` where there is nothing to say.

    """
    asked = as_browser(case)
    first = await case.ask(asked)
    if first is None:
        return None
    if _unanswered(first):
        return await _asked_again(case, asked)
    if first.upgraded:
        return await _beside_it(case, first)
    plain = await case.ask(case.request())
    if plain is not None:
        case.upgrades[case.address] = plain
    if plain is None or not plain.upgraded:
        return None  # refused alike: the layers that follow find out why
    return await _difference(case, asked, first)


def _unanswered(attempt: Attempt) -> bool:
    return attempt.response is None and attempt.connection.end is None and attempt.connection.garbage is None


async def _asked_again(case: Case, asked: Request) -> Finding | None:
    """Tell a server that missed its first handshake from one that answers none.

    Returns:
        The finding; ``None`` where there is nothing to say.

    """
    later = await case.ask(_afresh(asked), patience=AGAIN)
    if later is None or not later.upgraded:
        return None
    return broken(
        "browser",
        Cause.UPGRADE_FIRST_LOST,
        "The first handshake got no answer; the same handshake, asked a second time, opened.",
        evidence=(
            f"the first: nothing within {case.timeout:g} s",
            f"the second: {case.clean(line_of(later))}",
        ),
        steps=(
            Step(
                "If a Node proxy stands in front (http-proxy-middleware), it takes upgrades only after the "
                "first "
                "HTTP request: register its handler when the server starts, "
                "server.on('upgrade', proxy.upgrade)."
            ),
            Step(
                "If the server only starts slowly, a longer wait shows it. Restart the server, then ask "
                "first",
                f"conformance doctor {case.bare()} --timeout 10",
            ),
        ),
    )


async def _beside_it(case: Case, first: Attempt) -> Finding | None:
    """Open a second connection while the first is held: some servers serve one at a time.

    Returns:
        The finding; ``None`` where there is nothing to say.

    """
    case.browser = first
    second = await case.ask(case.request())
    if second is None or not _unanswered(second):
        return ok("browser", f"a handshake as Firefox sends it is answered {case.clean(line_of(first))}")
    case.leave(first)
    case.leave(second)
    third = await case.ask(case.request())
    if third is None or third.response is None:
        return None
    return _one_at_a_time(case, first, third)


def _one_at_a_time(case: Case, first: Attempt, third: Attempt) -> Finding:
    program = program_of(case, first)
    return broken(
        "browser",
        Cause.SERVER_ONE_CONNECTION,
        "The server serves one connection at a time: while one WebSocket is open, nobody else is answered.",
        evidence=(
            f"the first handshake: {case.clean(line_of(first))}",
            f"a second one, while the first was open: nothing within {case.timeout:g} s",
            f"a third one, after the first was closed: {case.clean(line_of(third))}",
            *program.evidence,
        ),
        steps=(program.more_workers,),
    )


async def _difference(case: Case, asked: Request, first: Attempt) -> Finding | None:
    """Take one thing after the other from the browser's handshake, and see which made it fail.

    Returns:
        The finding; ``None`` where there is nothing to say.

    """
    lesser = {
        "connection": asked.setting("Connection", "Upgrade"),
        "offer": asked.without(EXTENSIONS),
        "origin": asked.without("Origin"),
        "cookie": asked.without("Cookie"),
        "agent": asked.setting("User-Agent", "websocket-conformance (doctor)"),
        "common": asked.without(*(name for name, _ in _COMMON)),
    }
    found = await case.ask_all({name: _afresh(request) for name, request in lesser.items()})
    opened = [name for name, attempt in found.items() if attempt.upgraded]
    if "origin" in opened or not opened:
        return None  # the layer of origins judges that
    return _named(case, opened, first, found)


def _named(case: Case, opened: list[str], first: Attempt, found: Mapping[str, Attempt]) -> Finding:
    evidence = (f"as a browser sends it: {case.clean(line_of(first))}{said(case, first)}",)
    program = program_of(case, first)
    if opened == ["connection"]:
        return broken(
            "browser",
            Cause.PROXY_EXACT_CONNECTION,
            "Firefox is refused: something compares the field Connection with exactly 'Upgrade', and Firefox "
            "sends 'keep-alive, Upgrade'.",
            evidence=(
                *evidence,
                f"the same with Connection: Upgrade: {case.clean(line_of(found['connection']))}",
                *program.evidence,
            ),
            steps=(
                program.match_connection,
                Step("The field is a list (RFC 9110 §7.6.1): a server looks for Upgrade among its members."),
            ),
        )
    if opened == ["offer"]:
        return broken(
            "browser",
            Cause.UPGRADE_COMPRESSION_OFFER,
            "Browsers are refused: the server, or a proxy in front of it, cannot cope with the offer of "
            "compression that every browser sends.",
            evidence=(
                *evidence,
                f"the same without {EXTENSIONS}: {case.clean(line_of(found['offer']))}",
                *program.evidence,
            ),
            steps=(
                Step(
                    f"A proxy that opens its own connection to the server behind it must not hand on "
                    f"{EXTENSIONS}."
                ),
                Step("A server that does not compress ignores the offer and answers 101 (RFC 6455 §9.1)."),
                program.read_log,
            ),
        )
    names = {
        "connection": "Connection: keep-alive, Upgrade",
        "offer": f"{EXTENSIONS}: {OFFER}",
        "cookie": "Cookie",
        "agent": "User-Agent",
        "common": "one of " + ", ".join(name for name, _ in _COMMON),
    }
    return broken(
        "browser",
        Cause.UPGRADE_BROWSER_FIELDS,
        "Browsers are refused, plain clients are not: the server objects to a field that browsers send.",
        evidence=(*evidence, *(f"without {names[one]}: {case.clean(line_of(found[one]))}" for one in opened)),
        steps=(program.read_log,),
    )
