"""Why no connection works, or not as it should: every cause that a finding may name."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Cause(StrEnum):
    """A cause: its code, which is permanent since scripts compare it, and what it means."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        """Make a member whose value is its code."""
        made = str.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made

    NAME_UNRESOLVED = "name.unresolved", "the host name does not resolve"
    BROWSER_MIXED_CONTENT = (
        "browser.mixed-content",
        "browsers refuse ws:// from a page that was loaded over https",
    )
    BROWSER_BLOCKED_PORT = "browser.blocked-port", "browsers connect to no server on this port"
    BROWSER_SUBPROTOCOL = "browser.subprotocol", "browsers refuse the list of subprotocols"
    TCP_REFUSED = "tcp.refused", "nothing listens there"
    TCP_OTHER_ADDRESS = "tcp.other-address", "a server listens on the port, but at another address"
    TCP_TIME_WAIT = (
        "tcp.time-wait",
        "nothing listens; connections of a server that ended still linger on the port",
    )
    TCP_FILTERED = "tcp.filtered", "TCP is neither accepted nor refused"
    TCP_UNREACHABLE = "tcp.unreachable", "there is no route to the address"
    PORT_SHARED = (
        "port.shared",
        "several programs share the port, and each connection reaches one of them by chance",
    )
    PORT_FAMILIES = "port.families", "the name's IPv4 and IPv6 addresses belong to different programs"
    PORT_SHADOWED = (
        "port.shadowed",
        "one program listens on all addresses, another takes the more specific one from it",
    )
    PORT_ANSWERS_DIFFER = (
        "port.answers-differ",
        "connections to the same address are answered by different servers",
    )
    PORT_ADDRESSES_DIFFER = "port.addresses-differ", "the name's addresses are answered by different servers"
    PORT_ORPHAN = "port.orphan", "a worker whose parent has ended still holds the port"
    PORT_STOPPED = "port.stopped", "the process that holds the port is stopped"
    PORT_BACKLOG_FULL = (
        "port.backlog-full",
        "the process that holds the port accepts nobody, and its queue is full",
    )
    TLS_EXPIRED = "tls.expired", "the certificate has expired"
    TLS_NOT_YET_VALID = "tls.not-yet-valid", "the certificate is not valid yet"
    TLS_WRONG_NAME = "tls.wrong-name", "the certificate belongs to another name"
    TLS_UNKNOWN_CA = "tls.unknown-ca", "the certificate's authority is not trusted here"
    TLS_INCOMPLETE_CHAIN = (
        "tls.incomplete-chain",
        "the server does not send the certificate of its certificate's issuer",
    )
    TLS_CLIENT_CERTIFICATE = "tls.client-certificate", "the server wants a certificate of the client"
    TLS_UNTRUSTED = "tls.untrusted", "the certificate is not accepted"
    TLS_PLAIN_PORT = "tls.plain-port", "TLS was asked for, but the port speaks plain HTTP"
    TLS_NEEDED = "tls.needed", "plain HTTP was asked for, but the port speaks TLS"
    TLS_FAILED = "tls.failed", "the TLS handshake fails"
    HTTP_NOT_ACCEPTING = (
        "http.not-accepting",
        "the kernel accepts connections, the server does not fetch them",
    )
    SERVER_ONE_CONNECTION = "server.one-connection", "the server serves one connection at a time"
    SERVER_DESCRIPTORS = "server.descriptors", "the server's process has no file descriptors left"
    SERVER_BUSY = "server.busy", "the server is too busy to accept connections"
    FORWARD_NOBODY = "forward.nobody", "a forwarder takes connections, and nobody listens behind it"
    HTTP_SILENT = "http.silent", "the server accepts connections and never answers"
    HTTP_ENDED = "http.ended", "the server accepts connections and ends them without an answer"
    HTTP_NOT_HTTP = "http.not-http", "what answers does not speak HTTP"
    PROXY_UPSTREAM = "proxy.upstream", "a proxy answers, but not the server behind it"
    PROXY_NO_UPGRADE = "proxy.no-upgrade", "a proxy in between drops the headers that ask for the upgrade"
    PROXY_EXACT_CONNECTION = (
        "proxy.exact-connection",
        "Connection is compared with exactly 'Upgrade', which Firefox does not send",
    )
    PROXY_LIMITED = "proxy.limited", "connections or requests beyond a limit are refused"
    PORT_OTHER_PROGRAM = "port.other-program", "a program that is known by its answers holds the port"
    ACCESS_HTTP_AUTH = "access.http-auth", "HTTP credentials are wanted before a handshake may pass"
    UPGRADE_FIRST_LOST = (
        "upgrade.first-lost",
        "the first handshake gets no answer, the same one asked again opens",
    )
    UPGRADE_COMPRESSION_OFFER = (
        "upgrade.compression-offer",
        "the offer of compression that browsers send makes the handshake fail",
    )
    UPGRADE_BROWSER_FIELDS = "upgrade.browser-fields", "a field that browsers send makes the handshake fail"
    UPGRADE_TOO_LARGE = (
        "upgrade.too-large",
        "the handshake has more header fields, or larger ones, than the server takes",
    )
    UPGRADE_CATCH_ALL = "upgrade.catch-all", "a page that answers every path takes the handshake"
    UPGRADE_WSGI = "upgrade.wsgi", "a WSGI server answers: it speaks HTTP, never WebSocket"
    UPGRADE_STATIC = "upgrade.static", "a server of files answers, not an application"
    UPGRADE_ASGI_HTTP_ONLY = "upgrade.asgi-http-only", "the ASGI server answers handshakes as plain HTTP"
    UPGRADE_NO_WEBSOCKET_APP = (
        "upgrade.no-websocket-app",
        "the ASGI server passes handshakes on, and its application fails on them",
    )
    UPGRADE_HTTP_ONLY = "upgrade.http-only", "the server answers handshakes as it answers plain HTTP"
    UPGRADE_REDIRECT = (
        "upgrade.redirect",
        "the handshake is redirected, which WebSocket clients do not follow",
    )
    UPGRADE_SILENT = "upgrade.silent", "plain HTTP is answered, a handshake never"
    UPGRADE_WRONG = "upgrade.wrong", "the server answers 101, but not as a WebSocket server"
    UPGRADE_FAILED = "upgrade.failed", "the server fails on handshakes"
    UPGRADE_REFUSED = "upgrade.refused", "no handshake is accepted"
    ROUTE_TRAILING_SLASH = "route.trailing-slash", "the path is right but for its slash at the end"
    ROUTE_WRONG_PATH = "route.wrong-path", "the path is wrong; the server has WebSocket routes elsewhere"
    ROUTE_SOCKJS = "route.sockjs", "the path is a SockJS endpoint; its raw path is another"
    ROUTE_ENGINE_IO = "route.engine-io", "the path is an Engine.IO endpoint; it wants a query"
    ORIGIN_HOST_LOST = (
        "origin.host-lost",
        "the page's own origin is refused: a proxy does not pass the Host on",
    )
    ORIGIN_REFUSED = "origin.refused", "pages of this origin are refused"
    SUBPROTOCOL_REFUSED = "subprotocol.refused", "the handshake is refused because of the subprotocol"
    SUBPROTOCOL_NOT_CHOSEN = (
        "subprotocol.not-chosen",
        "the server chooses none of the subprotocols: browsers hang up",
    )
    SUBPROTOCOL_NOT_OFFERED = (
        "subprotocol.not-offered",
        "the server names a subprotocol that was not offered: browsers hang up",
    )
    TOKEN_REFUSED = "token.refused", "the token is refused"
    TOKEN_REQUIRED = (
        "token.required",
        "the server lets nobody in without credentials, and the doctor has none",
    )
    ACCESS_REFUSED = "access.refused", "the handshake is forbidden, and what for cannot be told from outside"
    MESSAGE_CLOSED = "message.closed", "the server accepts the upgrade and closes at once"
    MESSAGE_ENDED = "message.ended", "the server accepts the upgrade and drops the connection"
    MESSAGE_SILENT = "message.silent", "the server accepts the upgrade and is silent"
    MESSAGE_EARLY_LOST = "message.early-lost", "a message that is sent right after the handshake is lost"
    UPGRADE_HTTP2_REFUSED = "upgrade.http2-refused", "WebSocket over HTTP/2 is announced and then refused"
    IDLE_CUT = "idle.cut", "an idle connection is ended, and nothing keeps it open"
    MEMORY_SLOW_READER = "memory.slow-reader", "the server's memory grows for clients that do not read"
