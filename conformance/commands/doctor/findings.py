"""What a layer reports: its state, the cause where it is broken, the evidence, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "broken", "unseen"]
Verdict = Literal["healthy", "broken", "cannot tell"]
EXIT_CODES: dict[Verdict, int] = {"healthy": 0, "broken": 1, "cannot tell": 10}

# Every cause that a finding may name. The codes are permanent: scripts compare them.
CAUSES = {
    "name.unresolved": "the host name does not resolve",
    "browser.mixed-content": "browsers refuse ws:// from a page that was loaded over https",
    "browser.blocked-port": "browsers connect to no server on this port",
    "browser.subprotocol": "browsers refuse the list of subprotocols",
    "tcp.refused": "nothing listens there",
    "tcp.other-address": "a server listens on the port, but at another address",
    "tcp.time-wait": "nothing listens; connections of a server that ended still linger on the port",
    "tcp.filtered": "TCP is neither accepted nor refused",
    "tcp.unreachable": "there is no route to the address",
    "port.shared": "several programs share the port, and each connection reaches one of them by chance",
    "port.families": "the name's IPv4 and IPv6 addresses belong to different programs",
    "port.shadowed": "one program listens on all addresses, another takes the more specific one from it",
    "port.answers-differ": "connections to the same address are answered by different servers",
    "port.addresses-differ": "the name's addresses are answered by different servers",
    "port.orphan": "a worker whose parent has ended still holds the port",
    "port.stopped": "the process that holds the port is stopped",
    "port.backlog-full": "the process that holds the port accepts nobody, and its queue is full",
    "tls.expired": "the certificate has expired",
    "tls.not-yet-valid": "the certificate is not valid yet",
    "tls.wrong-name": "the certificate belongs to another name",
    "tls.unknown-ca": "the certificate's authority is not trusted here",
    "tls.incomplete-chain": "the server does not send the certificate of its certificate's issuer",
    "tls.client-certificate": "the server wants a certificate of the client",
    "tls.untrusted": "the certificate is not accepted",
    "tls.plain-port": "TLS was asked for, but the port speaks plain HTTP",
    "tls.needed": "plain HTTP was asked for, but the port speaks TLS",
    "tls.failed": "the TLS handshake fails",
    "http.not-accepting": "the kernel accepts connections, the server does not fetch them",
    "server.one-connection": "the server serves one connection at a time",
    "server.descriptors": "the server's process has no file descriptors left",
    "server.busy": "the server is too busy to accept connections",
    "forward.nobody": "a forwarder takes connections, and nobody listens behind it",
    "http.silent": "the server accepts connections and never answers",
    "http.ended": "the server accepts connections and ends them without an answer",
    "http.not-http": "what answers does not speak HTTP",
    "proxy.upstream": "a proxy answers, but not the server behind it",
    "proxy.no-upgrade": "a proxy in between drops the headers that ask for the upgrade",
    "proxy.exact-connection": "Connection is compared with exactly 'Upgrade', which Firefox does not send",
    "proxy.limited": "connections or requests beyond a limit are refused",
    "port.other-program": "a program that is known by its answers holds the port",
    "access.http-auth": "HTTP credentials are wanted before a handshake may pass",
    "upgrade.first-lost": "the first handshake gets no answer, the same one asked again opens",
    "upgrade.compression-offer": "the offer of compression that browsers send makes the handshake fail",
    "upgrade.browser-fields": "a field that browsers send makes the handshake fail",
    "upgrade.too-large": "the handshake has more header fields, or larger ones, than the server takes",
    "upgrade.catch-all": "a page that answers every path takes the handshake",
    "upgrade.wsgi": "a WSGI server answers: it speaks HTTP, never WebSocket",
    "upgrade.static": "a server of files answers, not an application",
    "upgrade.asgi-http-only": "the ASGI server answers handshakes as plain HTTP",
    "upgrade.no-websocket-app": "the ASGI server passes handshakes on, and its application fails on them",
    "upgrade.http-only": "the server answers handshakes as it answers plain HTTP",
    "upgrade.redirect": "the handshake is redirected, which WebSocket clients do not follow",
    "upgrade.silent": "plain HTTP is answered, a handshake never",
    "upgrade.wrong": "the server answers 101, but not as a WebSocket server",
    "upgrade.failed": "the server fails on handshakes",
    "upgrade.refused": "no handshake is accepted",
    "route.trailing-slash": "the path is right but for its slash at the end",
    "route.wrong-path": "the path is wrong; the server has WebSocket routes elsewhere",
    "route.sockjs": "the path is a SockJS endpoint; its raw path is another",
    "route.engine-io": "the path is an Engine.IO endpoint; it wants a query",
    "origin.host-lost": "the page's own origin is refused: a proxy does not pass the Host on",
    "origin.refused": "pages of this origin are refused",
    "subprotocol.refused": "the handshake is refused because of the subprotocol",
    "subprotocol.not-chosen": "the server chooses none of the subprotocols: browsers hang up",
    "subprotocol.not-offered": "the server names a subprotocol that was not offered: browsers hang up",
    "token.refused": "the token is refused",
    "token.required": "the server lets nobody in without credentials, and the doctor has none",
    "access.refused": "the handshake is forbidden, and what for cannot be told from outside",
    "message.closed": "the server accepts the upgrade and closes at once",
    "message.ended": "the server accepts the upgrade and drops the connection",
    "message.silent": "the server accepts the upgrade and is silent",
    "message.early-lost": "a message that is sent right after the handshake is lost",
    "upgrade.http2-refused": "WebSocket over HTTP/2 is announced and then refused",
    "idle.cut": "an idle connection is ended, and nothing keeps it open",
    "memory.slow-reader": "the server's memory grows for clients that do not read",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next; ``command`` is exact where there is one, and never run from here."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one layer showed.

    ``unseen`` without a cause means that the layer could not be looked at and the walk went on; with a cause
    the walk had to end there, and nobody can tell from here whether the target is broken.
    """

    layer: str
    state: State
    summary: str
    cause: str | None = None
    evidence: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def ends(self) -> bool:
        """Whether the walk stops here."""
        return self.cause is not None


def ok(layer: str, summary: str, *evidence: str) -> Finding:
    """Return the finding of a layer that works."""
    return Finding(layer, "ok", summary, evidence=evidence)


def unseen(layer: str, summary: str, *evidence: str, steps: tuple[Step, ...] = ()) -> Finding:
    """Return the finding of a layer that could not be looked at, or not wholly."""
    return Finding(layer, "unseen", summary, evidence=evidence, steps=steps)


def broken(
    layer: str, cause: str, summary: str, *, evidence: tuple[str, ...] = (), steps: tuple[Step, ...] = ()
) -> Finding:
    """Return the finding of the layer that is to blame; ``cause`` is one of ``CAUSES``."""
    assert cause in CAUSES, cause
    return Finding(layer, "broken", summary, cause, evidence, steps)


def undecided(
    layer: str, cause: str, summary: str, *, evidence: tuple[str, ...] = (), steps: tuple[Step, ...] = ()
) -> Finding:
    """Return the finding of a layer that stops the walk although nothing is known to be broken."""
    assert cause in CAUSES, cause
    return Finding(layer, "unseen", summary, cause, evidence, steps)


@dataclass(slots=True)
class Diagnosis:
    """The whole walk."""

    url: str
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def last(self) -> Finding | None:
        """The finding that stopped the walk, where one did."""
        return next((one for one in self.findings if one.ends), None)

    @property
    def verdict(self) -> Verdict:
        """The verdict of the walk."""
        if self.last is None:
            return "healthy"
        return "broken" if self.last.state == "broken" else "cannot tell"

    @property
    def exit_code(self) -> int:
        """The exit code that says the verdict to scripts."""
        return EXIT_CODES[self.verdict]
