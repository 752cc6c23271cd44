"""What a browser refuses before anything is sent: a page's script gets an error, and no server hears of it.

Sources: Fetch, "port blocking"; Mixed Content §5; WebSockets Standard, "new WebSocket(url, protocols)";
Local Network Access, which Chrome applies to WebSocket since version 147.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from conformance.commands.doctor.case import Case
from conformance.commands.doctor.causes import Cause
from conformance.commands.doctor.findings import Finding, Step, broken, ok

# Fetch §2.9, "bad port".
BLOCKED_PORTS = frozenset(
    {0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
     102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
     465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
     993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
     6668, 6669, 6679, 6697, 10080}
)  # fmt: skip


async def page(case: Case) -> Finding | None:
    """Judge what browsers check by themselves, for the page of ``--origin``.

    Returns:
        The finding; ``None`` where there is nothing to say.

    """
    port = case.url.port
    if len(set(case.subprotocols)) < len(case.subprotocols):
        return broken(
            "page",
            Cause.BROWSER_SUBPROTOCOL,
            "Browsers refuse this before they connect: a subprotocol is named twice.",
            evidence=(f"offered: {', '.join(case.subprotocols)}",),
            steps=(Step("Name each once: new WebSocket() throws a SyntaxError otherwise."),),
        )
    if port in BLOCKED_PORTS:
        line = f"port {port} is on the list of ports that browsers never connect to (Fetch §2.9)"
        if not case.origin:
            return ok("page", f"no browser connects to port {port}; other clients do", line)
        return broken(
            "page",
            Cause.BROWSER_BLOCKED_PORT,
            f"Browsers refuse port {port} before they connect.",
            evidence=(line, "Chrome says net::ERR_UNSAFE_PORT, Firefox NS_ERROR_PORT_ACCESS_NOT_ALLOWED"),
            steps=(Step("Serve on another port, such as 8080 or 8443."),),
        )
    if not case.origin:
        return None
    if urlsplit(case.origin).scheme == "https" and not case.url.secure:
        return _mixed(case)
    return None


def _mixed(case: Case) -> Finding:
    evidence = [
        f"the page's origin is {case.origin}, the URL is ws://",
        "new WebSocket() throws a SecurityError, or the connection is blocked as mixed content",
    ]
    if _is_loopback_name(case.url.host):
        return ok(
            "page",
            f"a page of {case.origin} may use ws:// only with localhost and loopback addresses, as here",
            "Safari allows not even that; with any other host browsers refuse it, and want wss://",
        )
    return broken(
        "page",
        Cause.BROWSER_MIXED_CONTENT,
        "Browsers refuse ws:// from a page that was loaded over https, before they connect.",
        evidence=tuple(evidence),
        steps=(
            Step(
                "Use wss://: serve TLS, or let the proxy that serves the page pass WebSocket on",
                f"conformance doctor {case.bare(secure=True)} --origin {case.origin}",
            ),
        ),
    )


def local_access(case: Case) -> list[str]:
    """Return a note where Chrome asks the user's permission before a page may reach the addresses."""
    host = urlsplit(case.origin or "").hostname or ""
    if not case.origin or not case.addresses or _is_near(host):
        return []
    if not all(ipaddress.ip_address(one.split("%")[0]).is_private for one in case.addresses):
        return []
    note = f"Chrome 147 and later asks the user before a page of {case.origin} may reach them (Local Network "
    return [note + "Access); a user who declines gets error 1006"]


def _is_loopback_name(host: str) -> bool:
    """Return whether a URL names this machine.

    What a name resolves to does not count (Secure Contexts §3.1).
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_near(host: str) -> bool:
    """Return whether a page's host is of this machine or a local network: then no permission is asked."""
    if host in {"", "localhost"} or host.endswith((".localhost", ".local")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
