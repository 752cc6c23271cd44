"""Advice on refusals that fits the framework that answers; what cannot be told from outside is said so."""

from __future__ import annotations

import re
from collections.abc import Mapping

from conformance.commands.doctor.case import Case
from conformance.commands.doctor.findings import Step
from conformance.commands.doctor.programs import program_of
from conformance.target.attempt import Attempt
from conformance.wire.handshake import Response

RAISED = (
    "or the connection handler itself raised: a database, a cache or a channel layer (Redis) that is down. "
    "From outside the two look alike; the server's log tells"
)
_REFUSALS: Mapping[str, str] = {
    "channels": "Django Channels answers 403 when connect() closes, when AllowedHostsOriginValidator does "
    "not know the origin (ALLOWED_HOSTS), and on some servers when no route matches: URLRouter's patterns "
    "have no leading slash.",
    "starlette": "Starlette and FastAPI answer 403 when no WebSocket route matches, when something "
    "mounted in front of the route takes the path (app.mount('/', StaticFiles(…)) before @app.websocket), "
    "and when the handler closes before accept(). Register the route before every mount and catch-all.",
    "spring": "Spring answers 403 when the origin is not among setAllowedOrigins, and when Spring Security "
    "protects the path (CSRF).",
    "rails": "Action Cable answers 404 when the origin is not among "
    "config.action_cable.allowed_request_origins, and when the path is not where the cable is mounted.",
    "phoenix": "Phoenix answers 403 when check_origin does not know the origin, and when connect/3 returns "
    ":error. The socket's path ends in /websocket.",
    "go": "Go's libraries answer 403 when Origin is not the Host (gorilla: CheckOrigin; coder: "
    "OriginPatterns).",
    "node": "Node's ws answers 401 when verifyClient refuses, and 400 when the path is not its path option.",
}


def framework(case: Case, attempt: Attempt | None) -> str:
    """Return the framework that answers, by a handshake and a plain GET; empty where it is unknown."""
    plain = case.plain.get(case.address) if case.reached else None
    responses = [one.response for one in (attempt, plain) if one is not None and one.response is not None]
    return next((name for one in responses if (name := _named(one))), _by_program(case, attempt))


def _named(response: Response) -> str:
    body = response.body[:4096]
    server = (response.get("Server") or "").lower()
    if body.startswith(b'{"detail":'):
        return "starlette"
    if "daphne" in server or b"DJANGO_SETTINGS_MODULE" in body or b"csrfmiddlewaretoken" in body:
        return "channels"
    if "Cookie" in (response.get("Vary") or "") and response.get("X-Frame-Options") and not server:
        return "channels"
    if b"Whitelabel Error Page" in body or re.match(rb'\{"timestamp":.*"status":\d+,"error":', body):
        return "spring"
    if response.get("X-Request-Id") and (response.get("X-Runtime") or b"Action Controller" in body):
        return "rails"
    if "cowboy" in server or b"Phoenix" in body:
        return "phoenix"
    if response.get("Sec-Websocket-Version") and body.strip() in {b"Forbidden", b"Bad Request"}:
        return "go"
    if body.startswith((b"request Origin ", b"websocket: ")) or body == b"404 page not found\n":
        return "go"
    if "Express" in (response.get("X-Powered-By") or ""):
        return "node"
    return ""


def _by_program(case: Case, attempt: Attempt | None) -> str:
    name = program_of(case, attempt).name
    return {"Daphne": "channels", "Node": "node", "Java": "spring", "Cowboy": "phoenix"}.get(name, "")


def on_refusal(case: Case, attempt: Attempt) -> tuple[Step, ...]:
    """Return what to look at where a handshake is refused, for the framework that answers."""
    routes = Step("Compare the path with the server's routes.")
    words = _REFUSALS.get(framework(case, attempt))
    return (Step(words), routes) if words else (routes,)


def on_exception(case: Case, attempt: Attempt) -> tuple[str, tuple[Step, ...]]:
    """Return what a 500 to a handshake can mean, as the end of a sentence, and what to do."""
    match framework(case, attempt):
        case "channels":
            return (
                "no route for any path that was tried, no 'websocket' entry in ProtocolTypeRouter, " + RAISED,
                (
                    Step("Read the server's log: it names the path that no route matches, or the exception."),
                    Step("If it names Redis or a database, start it (channel layer: CHANNEL_LAYERS)"),
                    Step("If it names the path, give URLRouter a route that matches it."),
                ),
            )
        case "starlette" | "":
            return (
                "no route for this path, something mounted in front of the route that serves HTTP alone "
                "(StaticFiles at '/'), " + RAISED,
                (
                    Step(
                        "Read the server's log: it holds the exception (an AssertionError names the mount)."
                    ),
                    Step("Register the WebSocket route before every mount and catch-all."),
                ),
            )
    return "no route for this path, " + RAISED, (Step("Read the server's log: it holds the exception."),)
