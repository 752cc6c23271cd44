"""Who answers a handshake as if it were plain HTTP, told from the answers' looks.

What servers say was measured: a Channels application never answers a handshake by 404 because of its routes,
so a 404 means that the request was handled as plain HTTP.
"""

from __future__ import annotations

from typing import NamedTuple

from conformance.commands.doctor.answers import answers_itself, said
from conformance.commands.doctor.case import Case, line_of
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken
from conformance.commands.doctor.frameworks import on_exception, on_refusal
from conformance.commands.doctor.ownership import caught_by, described
from conformance.commands.doctor.programs import program_of
from conformance.target.attempt import Attempt
from conformance.wire.handshake import Response


def nothing_upgrades(case: Case, attempt: Attempt, plain: Attempt | None) -> Finding:
    """Name why no path of a server is upgraded, from how it answers a handshake and a plain GET.

    Args:
        case: what was asked.
        attempt: the refused handshake.
        plain: a plain GET of the same path.

    Returns:
        The finding.

    """
    response = attempt.response
    assert response is not None
    ordinary = plain.response if plain is not None else None
    server = " ".join(filter(None, (response.get("Server"), ordinary.get("Server") if ordinary else None)))
    evidence = [
        (
            f"a handshake to {case.clean(case.path)} is answered "
            f"{case.clean(line_of(attempt))}{said(case, attempt)}"
        )
    ]
    if plain is not None:
        evidence.append(f"a plain GET is answered {case.clean(line_of(plain))}")
    evidence += described(case, caught_by(case.listeners, case.address)) if case.local else []
    made = (
        _proxied(case, attempt, response, ordinary)
        or _known(case, response, server.lower())
        or _raised(case, attempt, server.lower())
        or _other(case, attempt, response, ordinary)
    )
    cause, summary, steps = made
    return broken("upgrade", cause, summary, evidence=tuple(evidence), steps=steps)


class Made(NamedTuple):
    """A cause, what it means here, and what to do."""

    cause: Cause
    summary: str
    steps: tuple[Step, ...]


def _same(response: Response, ordinary: Response | None) -> bool:
    return ordinary is not None and response.status == ordinary.status


def _proxied(case: Case, attempt: Attempt, response: Response, ordinary: Response | None) -> Made | None:
    program = program_of(case, attempt)
    asks = "websocket" in (response.get("Upgrade") or "").lower()
    own = answers_itself(response)
    if program.is_proxy and not own and (_same(response, ordinary) or asks):
        return Made(
            Cause.PROXY_NO_UPGRADE,
            f"The handshake reaches the application as plain HTTP: {program.name}, the proxy in between, "
            "drops the headers Upgrade and Connection.",
            (
                program.pass_upgrade,
                Step(
                    "To be sure, ask the server behind the proxy",
                    "conformance doctor ws://ADDRESS-BEHIND-THE-PROXY",
                ),
            ),
        )
    if program.is_proxy and own:
        denies = "it denies this path, or " if response.status == 403 else ""
        return Made(
            Cause.UPGRADE_STATIC,
            f"{program.name} itself answers {response.status}: {denies}no location passes this path on "
            "to a WebSocket server.",
            (
                Step(f"Add a location with proxy_pass for {case.clean(case.path)}; in it"),
                program.pass_upgrade,
            ),
        )
    if asks and response.status == 426:
        return Made(
            Cause.PROXY_NO_UPGRADE,
            "The server asks for an upgrade that was asked for: something in between drops the headers "
            "Upgrade and Connection.",
            (Step("Look for a proxy, a middleware or a debugging tool in front of the server."),),
        )
    return None


def _known(case: Case, response: Response, server: str) -> Made | None:
    port = case.url.port
    if "wsgiserver" in server:
        return Made(
            Cause.UPGRADE_WSGI,
            "Django's runserver answers as WSGI: it serves HTTP and never WebSocket. Daphne was meant.",
            (
                Step('Put "daphne" first in INSTALLED_APPS and set ASGI_APPLICATION: it then serves both'),
                Step("Or stop it and start Daphne", f"daphne -p {port} PROJECT.asgi:application"),
            ),
        )
    if "gunicorn" in server or "waitress" in server or "mod_wsgi" in server or "werkzeug" in server:
        name = next(one for one in ("gunicorn", "waitress", "mod_wsgi", "werkzeug") if one in server)
        return Made(
            Cause.UPGRADE_WSGI,
            f"{name} answers as a WSGI server: it serves HTTP and never WebSocket.",
            (
                Step(
                    "Serve the ASGI application by an ASGI server instead",
                    f"daphne -p {port} PROJECT.asgi:application",
                ),
            ),
        )
    if "simplehttp" in server:
        return Made(
            Cause.UPGRADE_STATIC,
            "Python's http.server answers: it serves files and never WebSocket.",
            (Step("Stop it, and start the WebSocket server on this port."),),
        )
    if "uvicorn" in server and response.status < 500:
        return Made(
            Cause.UPGRADE_ASGI_HTTP_ONLY,
            "uvicorn answers the handshake as plain HTTP: it lacks a WebSocket library, "
            "or runs with --ws none.",
            (Step("Install one and start it again", "pip install 'uvicorn[standard]'"),),
        )
    if "granian" in server and response.status == 404:
        return Made(
            Cause.UPGRADE_ASGI_HTTP_ONLY,
            "granian answers the handshake as plain HTTP: it runs with --no-ws, or not as asgi.",
            (
                Step(
                    "Start it with WebSocket on",
                    f"granian --interface asgi --ws --port {port} PROJECT.asgi:application",
                ),
            ),
        )
    return None


def _raised(case: Case, attempt: Attempt, server: str) -> Made | None:
    response = attempt.response
    assert response is not None
    name = next((one for one in ("daphne", "uvicorn") if one in server), "")
    if response.status != 500 or response.get("Server") or not name:
        return None
    why, steps = on_exception(case, attempt)
    return Made(
        Cause.UPGRADE_NO_WEBSOCKET_APP,
        f"{name} passes the handshake on, but the application fails on it: {why}.",
        steps,
    )


def _other(case: Case, attempt: Attempt, response: Response, ordinary: Response | None) -> Made:
    if response.status >= 500:
        return Made(
            Cause.UPGRADE_FAILED,
            f"The server fails on a handshake ({response.status}).",
            (Step("Read the server's log: it holds the exception."),),
        )
    if _same(response, ordinary):
        return Made(
            Cause.UPGRADE_HTTP_ONLY,
            f"The server answers a handshake as it answers plain HTTP ({response.status}): it knows no "
            "WebSocket on any path that was tried, or another server than you think holds the port.",
            (
                *on_refusal(case, attempt),
                Step("Check that this is the server that you mean, and the path of its WebSocket route."),
            ),
        )
    return Made(
        Cause.UPGRADE_REFUSED,
        f"No handshake is accepted ({response.status}) on any path that was tried.",
        (*on_refusal(case, attempt), Step("Read the server's log.")),
    )
