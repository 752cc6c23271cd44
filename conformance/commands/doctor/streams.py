"""The layer of HTTP/2: whether a port that offers WebSocket over it (RFC 8441) keeps to its word.

Firefox opens WebSocket over the HTTP/2 connection of its page where the server has announced that it may;
Chrome opens a connection of its own. A server that announces it and then refuses fails in Firefox alone.
"""

from __future__ import annotations

from conformance.commands.doctor.case import Case
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, ok
from conformance.commands.doctor.programs import program_of
from conformance.core.errors import Inconclusive
from conformance.net.http2 import Http2Connection
from conformance.net.stream import extended_connect
from conformance.target.http2 import Link, answer_of, dial

ROUNDS = 4
ANNOUNCED = "SETTINGS_ENABLE_CONNECT_PROTOCOL is 1"


async def http2(case: Case) -> Finding | None:
    """Open several WebSockets over one HTTP/2 connection, as a browser's tabs do.

    Returns:
        The finding; ``None`` without HTTP/2.

    """
    if not case.url.secure:
        return None
    try:
        connection = await dial(case.target)
    except Inconclusive:
        return None
    try:
        if connection.alpn != "h2" or not await connection.until(lambda: connection.ready, case.timeout):
            return None
        await connection.ping(case.timeout)
        if not any(connection.connect_protocol):
            return ok(
                "http2",
                "the port speaks HTTP/2 too, but no WebSocket over it: browsers use HTTP/1.1 for that",
            )
        link, answers = Link(case.target, connection), []
        for _ in range(ROUNDS):
            await _page(case, connection)
            stream = await link.attempt(case.request(origin=case.origin or case.url.origin))
            opened = stream.response is not None and stream.response.upgraded
            answers.append((opened, case.clean(str(answer_of(stream)))))
            stream.shut()
    finally:
        connection.close()
    return _judged(case, answers)


async def _page(case: Case, connection: Http2Connection) -> None:
    """Ask for a page on the same connection, as browsers do: a proxy then holds one to its backend."""
    plain = case.plainly()
    fields = extended_connect(plain, method="GET", protocol=None, scheme="https")
    stream = connection.request(fields, plain, "GET")
    await stream.read_response(case.timeout)
    stream.shut()


def _judged(case: Case, answers: list[tuple[bool, str]]) -> Finding:
    if all(opened for opened, _ in answers):
        return ok("http2", f"WebSocket over HTTP/2 (RFC 8441) opens, {len(answers)} times of {len(answers)}")
    program = program_of(case, case.opened)
    steps = [
        Step(
            "Let HAProxy ask the server behind it for WebSocket by HTTP/1.1, on the server's line",
            "server NAME ADDRESS ssl alpn h2,http/1.1 ws h1",
        )
        if program.name == "HAProxy"
        else Step("Let the proxy ask the server behind it for WebSocket by HTTP/1.1."),
        Step("Or announce no extended CONNECT (RFC 8441 §3): browsers then open WebSocket by HTTP/1.1."),
    ]
    return broken(
        "http2",
        Cause.UPGRADE_HTTP2_REFUSED,
        "The port announces WebSocket over HTTP/2 and refuses it"
        + (" now and then" if any(opened for opened, _ in answers) else "")
        + ": browsers that reuse their page's connection (Firefox) fail, others do not.",
        evidence=(
            ANNOUNCED,
            *(f"extended CONNECT {number}: {said}" for number, (_, said) in enumerate(answers, 1)),
            *program.evidence,
        ),
        steps=tuple(steps),
    )
