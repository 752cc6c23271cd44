"""Answers that programs are known by, each confirmed by a twin where one can be asked."""

from __future__ import annotations

import re

from conformance.commands.doctor.answers import said, text_of, whole_body
from conformance.commands.doctor.case import NOBODY, Case, line_of
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, undecided
from conformance.commands.doctor.programs import Program, program_of
from conformance.target.attempt import Attempt

ENGINE = "EIO=4&transport=websocket"
ENGINE_PATH = "/socket.io/"
_ENGINE = re.compile(rb'\{"code":\s*[0-5],\s*"message":\s*"')
_OWN_LIMIT = re.compile(rb"<center><h1>503|<h1>503 Service Temporarily Unavailable")


async def recognised(case: Case, attempt: Attempt, plain: Attempt | None) -> Finding | None:
    """Return the finding of an answer whose author and reason are known, or ``None``.

    Args:
        case: what was asked.
        attempt: the refused handshake.
        plain: a plain GET of the same path.

    """
    for look in (_airplay, _basic, _certificate, _too_large, _sockjs, _engine, _limited, _envoy, _catch_all):
        found = await look(case, attempt, plain)
        if found is not None:
            return found
    return None


def _shown(case: Case, attempt: Attempt) -> str:
    return f"{case.clean(case.path)}: {case.clean(line_of(attempt))}{said(case, attempt)}"


async def _airplay(case: Case, attempt: Attempt, _plain: Attempt | None) -> Finding | None:
    server = (attempt.response and attempt.response.get("Server")) or ""
    if not server.startswith("AirTunes"):
        return None
    return broken(
        "upgrade",
        Cause.PORT_OTHER_PROGRAM,
        f"Another program than yours answers on port {case.url.port}: macOS's AirPlay Receiver.",
        evidence=(_shown(case, attempt),),
        steps=(
            Step("Use another port for your server: AirPlay takes 5000 and 7000."),
            Step("Or turn AirPlay Receiver off: System Settings, General, AirDrop & Handoff."),
            Step("See who holds the port", f"lsof -nP -iTCP:{case.url.port} -sTCP:LISTEN"),
        ),
    )


async def _basic(case: Case, attempt: Attempt, _plain: Attempt | None) -> Finding | None:
    response = attempt.response
    wanted = (response and response.get("WWW-Authenticate")) or ""
    if response is None or response.status != 401 or not wanted.lower().startswith(("basic", "digest")):
        return None
    program = program_of(case, attempt)
    scheme = wanted.split()[0]
    by = program.name if program.is_proxy else "The server"
    remedy = {
        "nginx": Step("nginx's directive, in the location that passes WebSocket on", "auth_basic off;"),
        "Apache": Step("Apache's directive, in the Location of the WebSocket", "Require all granted"),
    }.get(
        program.name,
        Step(f"Leave the WebSocket path out of what {program.name or 'the server'} protects by {scheme}."),
    )
    return broken(
        "upgrade",
        Cause.ACCESS_HTTP_AUTH,
        f"{by} wants HTTP {scheme} credentials before it lets a handshake pass. "
        "Some browsers (Safari) send none on a WebSocket.",
        evidence=(_shown(case, attempt), f"WWW-Authenticate: {case.clean(wanted)}"),
        steps=(
            remedy,
            Step("Let the application check a token of its own instead, in the first message or the query."),
            Step(
                "To see whether the credentials are all that is missing, send them",
                f"conformance doctor {case.bare()} --header 'Authorization: {scheme} …'",
            ),
        ),
    )


async def _certificate(case: Case, attempt: Attempt, _plain: Attempt | None) -> Finding | None:
    body = text_of(attempt.response).lower()
    if "required ssl certificate" not in body and "ssl certificate error" not in body:
        return None
    return broken(
        "tls",
        Cause.TLS_CLIENT_CERTIFICATE,
        "The server wants a certificate of the client, and none was given or it was not accepted.",
        evidence=(_shown(case, attempt),),
        steps=(
            Step('Give one in a profile: [tls] certificate = "client.pem", key = "client.key".'),
            Step("If browsers are to connect without one, nginx's directive", "ssl_verify_client off;"),
        ),
    )


async def _too_large(case: Case, attempt: Attempt, _plain: Attempt | None) -> Finding | None:
    response = attempt.response
    if response is None:
        return None
    words = text_of(response).lower()
    if response.status != 431 and not (response.status == 400 and "too large" in words):
        return None
    size = len(attempt.request.encode())
    bare = await case.ask(attempt.request.without("Cookie", "Authorization"))
    alone = bare is not None and bare.response is not None and bare.response.status != response.status
    evidence = [_shown(case, attempt), f"the handshake has {size:,} bytes"]
    if alone and bare is not None:
        evidence.append(f"the same without Cookie and Authorization: {case.clean(line_of(bare))}")
    return broken(
        "upgrade",
        Cause.UPGRADE_TOO_LARGE,
        "The server refuses the handshake for its size: header fields, mostly cookies, are larger than it "
        "takes.",
        evidence=tuple(evidence),
        steps=(
            Step("Send fewer or smaller cookies: a browser sends all that belong to the host."),
            Step("Or raise the limit (nginx: large_client_header_buffers; Node: --max-http-header-size)."),
        ),
    )


async def _sockjs(case: Case, attempt: Attempt, plain: Attempt | None) -> Finding | None:
    if not any("welcome to sockjs" in text_of(one.response).lower() for one in (attempt, plain) if one):
        return None
    path = f"{case.path.rstrip('/')}/websocket"
    raw = await case.ask(case.request(path))
    if raw is None or not raw.upgraded:
        return None
    return broken(
        "routes",
        Cause.ROUTE_SOCKJS,
        f"{case.clean(case.path)} is a SockJS endpoint, which plain WebSocket clients reach at "
        f"{case.clean(path)}.",
        evidence=(
            _shown(case, attempt),
            *([f"a plain GET says: {case.clean(text_of(plain.response))}"] if plain else []),
            f"{case.clean(path)}: {case.clean(line_of(raw))}",
        ),
        steps=(
            Step("Use the raw path", f"conformance doctor {case.bare(path)}"),
            Step("Or connect by a SockJS client; or serve the endpoint without SockJS as well."),
        ),
    )


async def _engine(case: Case, attempt: Attempt, plain: Attempt | None) -> Finding | None:
    answers = [one.response for one in (attempt, plain) if one is not None and one.response is not None]
    if not any(_ENGINE.match(whole_body(one)) or one.body == b"Transport unknown" for one in answers):
        return None
    raw = await case.ask(case.request(query=f"{case.query}&{ENGINE}".lstrip("&")))
    if raw is None or not raw.upgraded:
        return None
    return broken(
        "routes",
        Cause.ROUTE_ENGINE_IO,
        f"{case.clean(case.path)} is an Engine.IO (Socket.IO) endpoint: it wants {ENGINE} in the query, "
        "and its own messages after that.",
        evidence=(_shown(case, attempt), f"with {ENGINE}: {case.clean(line_of(raw))}"),
        steps=(
            Step("Connect by a Socket.IO client of the same major version."),
            Step("Or give the query", f"conformance doctor {case.bare(query=ENGINE)}"),
        ),
    )


async def _limited(case: Case, attempt: Attempt, _plain: Attempt | None) -> Finding | None:
    response = attempt.response
    program = program_of(case, attempt)
    if response is None or response.status not in {429, 503}:
        return None
    own = program.name == "nginx" and _OWN_LIMIT.search(response.body) is not None
    if response.status == 503 and not own:
        return None
    case.leave_all()
    again = await case.ask(case.request())
    opens = again is not None and again.upgraded
    directive = Step("nginx's directives that say so", "limit_conn …; limit_req …;") if own else None
    return (broken if opens else undecided)(
        "upgrade",
        Cause.PROXY_LIMITED,
        f"{program.name or 'The server'} limits connections or requests, and refuses what is beyond the "
        "limit.",
        evidence=(
            _shown(case, attempt),
            f"asked again alone: {case.clean(line_of(again))}",
        ),
        steps=(
            *([directive] if directive else []),
            Step("Raise the limit for the WebSocket path, or close connections that are not used."),
        ),
    )


async def _envoy(case: Case, attempt: Attempt, plain: Attempt | None) -> Finding | None:
    response = attempt.response
    program = program_of(case, attempt)
    if response is None or program.name != "Envoy" or response.status != 403 or response.body:
        return None
    if plain is None or plain.status == 403:
        return None
    return broken(
        "upgrade",
        Cause.PROXY_NO_UPGRADE,
        "Envoy refuses the upgrade: it takes only the upgrades that its configuration names.",
        evidence=(_shown(case, attempt), f"a plain GET: {case.clean(line_of(plain))}"),
        steps=(program.pass_upgrade,),
    )


async def _catch_all(case: Case, attempt: Attempt, plain: Attempt | None) -> Finding | None:
    response = attempt.response
    if response is None or not 200 <= response.status < 300 or not response.body:
        return None
    kind = (response.get("Content-Type") or "").lower()
    if "html" not in kind and b"<html" not in response.body[:2048].lower():
        return None
    other = await case.ask(case.plainly(NOBODY))
    if other is None or other.response is None or whole_body(other.response) != whole_body(response):
        return None
    del plain
    program = program_of(case, attempt)
    behind = response.get("X-Powered-By")
    by = program.name or "the server"
    steps = [_location(case, program), Step("Or give the path that your server has a WebSocket route on.")]
    return broken(
        "upgrade",
        Cause.UPGRADE_CATCH_ALL,
        f"A catch-all page answers instead of a WebSocket route: {by} gives {response.status} and the same "
        "HTML page for this path and for an unknown one.",
        evidence=(
            _shown(case, attempt),
            f"an unknown path: {case.clean(line_of(other))}, the same {len(whole_body(response))} bytes",
            *([f"X-Powered-By: {case.clean(behind)}"] if behind else []),
        ),
        steps=tuple(steps),
    )


def _location(case: Case, program: Program) -> Step:
    path = case.clean(case.path)
    table = {
        "nginx": (
            "Add a location in front of try_files … /index.html",
            f"location {path} {{ proxy_pass http://BACKEND; {program.pass_upgrade.command} }}",
        ),
        "Apache": (
            "Exclude the path from FallbackResource or the rewrite to index.html, and pass it on",
            f'ProxyPass "{path}" "http://BACKEND{path}" upgrade=websocket',
        ),
        "Caddy": (
            "Handle the path in front of try_files",
            f"handle {path} {{ reverse_proxy BACKEND }}",
        ),
        "lighttpd": (
            "Pass the path on",
            (
                f'$HTTP["url"] =~ "^{path}" {{ proxy.server = ( "" => (( "host" => "BACKEND" )) ) '
                'proxy.header = ( "upgrade" => "enable" ) }'
            ),
        ),
    }
    if program.name in table:
        text, command = table[program.name]
        return Step(text, command)
    return Step(
        "Register the WebSocket route in front of the catch-all of pages (SPA fallback, static files)."
    )
