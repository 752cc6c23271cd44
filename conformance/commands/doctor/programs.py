"""Which program answered, and what its own configuration calls the thing that has to change.

A middlebox is known by the process that holds the port, where that can be seen, and by ``Server`` and
``Via``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from conformance.commands.doctor.case import Case
from conformance.commands.doctor.findings import Step
from conformance.commands.doctor.ownership import caught_by
from conformance.ports.processes import owner
from conformance.target.attempt import Attempt

# The name in the command or the header field, and the program that it stands for.
_NAMES: Mapping[str, str] = {
    "nginx": "nginx",
    "openresty": "nginx",
    "apache": "Apache",
    "httpd": "Apache",
    "haproxy": "HAProxy",
    "lighttpd": "lighttpd",
    "varnish": "Varnish",
    "varnishd": "Varnish",
    "envoy": "Envoy",
    "caddy": "Caddy",
    "traefik": "Traefik",
    "cloudflare": "Cloudflare",
    "awselb": "the AWS load balancer",
    "gunicorn": "gunicorn",
    "daphne": "Daphne",
    "hypercorn": "Hypercorn",
    "granian": "granian",
    "uvicorn": "uvicorn",
    "docker-proxy": "docker-proxy",
    "kubectl": "kubectl port-forward",
    "rootlessport": "rootlessport",
    "socat": "socat",
    "ssh": "ssh",
    "beam": "the Erlang virtual machine",
    "cowboy": "Cowboy",
    "puma": "Puma",
    "java": "Java",
    "node": "Node",
    "bun": "Bun",
    "deno": "Deno",
    "python": "Python",
}
PROXIES = frozenset(
    {"nginx", "Apache", "HAProxy", "lighttpd", "Varnish", "Envoy", "Caddy", "Traefik", "Cloudflare",
     "the AWS load balancer"}
)  # fmt: skip
FORWARDERS = frozenset({"docker-proxy", "kubectl port-forward", "rootlessport", "socat", "ssh"})
_PASS_UPGRADE: Mapping[str, str] = {
    "nginx": "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
    'proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host;',
    "Apache": 'ProxyPass "/ws" "http://BACKEND/ws" upgrade=websocket  (2.4.47 and later; before it '
    'mod_proxy_wstunnel: ProxyPass "/ws" "ws://BACKEND/ws")',
    "lighttpd": 'proxy.header = ( "upgrade" => "enable" )',
    "Varnish": 'sub vcl_recv { if (req.http.Upgrade ~ "(?i)websocket") { return (pipe); } } sub vcl_pipe '
    "{ if (req.http.Upgrade) { set bereq.http.Upgrade = req.http.Upgrade; "
    "set bereq.http.Connection = req.http.Connection; } }",
    "Envoy": "upgrade_configs: [{ upgrade_type: websocket }]  (in the HttpConnectionManager or the route)",
    "Caddy": "reverse_proxy BACKEND  (it passes WebSocket on by itself: look for a matcher in front of it)",
    "HAProxy": "remove 'option httpclose' and rules that delete Upgrade or Connection",
}
_MATCH_CONNECTION: Mapping[str, str] = {
    "Apache": r"RewriteCond %{HTTP:Connection} \bUpgrade\b [NC]   (not ^Upgrade$)",
    "nginx": "map $http_upgrade $connection_upgrade { default upgrade; '' close; }",
    "HAProxy": "acl is_upgrade hdr(Connection) -i upgrade   (hdr takes the list apart, req.hdr_str does not)",
    "lighttpd": '$REQUEST_HEADER["Connection"] =~ "(?i)upgrade"',
    "Varnish": 'req.http.Connection ~ "(?i)upgrade"',
}
_PASS_HOST: Mapping[str, str] = {
    "nginx": "proxy_set_header Host $http_host;",
    "Apache": "ProxyPreserveHost On",
    "lighttpd": 'proxy.header = ( "upgrade" => "enable" ) and no "map-host-request"',
    "Caddy": "header_up Host {host}",
    "HAProxy": "no http-request set-header Host",
    "Envoy": "no host_rewrite_literal and no auto_host_rewrite",
    "Traefik": "passHostHeader: true",
    "Varnish": "no set req.http.Host",
}


@dataclass(frozen=True, slots=True)
class Program:
    """What answered: its name, empty where it is unknown, and the fields that name it."""

    name: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def is_proxy(self) -> bool:
        """Whether it is a program that passes requests on to another."""
        return self.name in PROXIES

    @property
    def pass_upgrade(self) -> Step:
        """How this program passes the upgrade on."""
        return self._directive(
            _PASS_UPGRADE, "that passes WebSocket on", "Let it pass on Upgrade and Connection: websocket."
        )

    @property
    def pass_host(self) -> Step:
        """How this program passes the client's Host on."""
        return self._directive(
            _PASS_HOST, "that keeps the client's Host", "Let the proxy pass the client's Host on unchanged."
        )

    @property
    def match_connection(self) -> Step:
        """How this program looks for Upgrade in a list."""
        return self._directive(
            _MATCH_CONNECTION,
            "that looks for Upgrade in the list",
            "Look for Upgrade among the members of Connection, in any case.",
        )

    def _directive(self, table: Mapping[str, str], what: str, otherwise: str) -> Step:
        directive = table.get(self.name)
        return Step(f"{self.name}'s directive {what}", directive) if directive else Step(otherwise)

    @property
    def read_log(self) -> Step:
        """Where the exception can be read."""
        return Step(f"Read the log of {self.name or 'the server'}, and of what stands behind it.")

    @property
    def more_workers(self) -> Step:
        """How this program serves more than one connection at a time."""
        if self.name == "gunicorn":
            return Step(
                "gunicorn's sync worker serves one connection at a time. Give it threads, or a worker of "
                "its own kind",
                "gunicorn --worker-class gthread --threads 100 MODULE:APP",
            )
        return Step(
            "Let it serve connections side by side: threads, an event loop, or one worker for each "
            "connection."
        )


def program_of(case: Case, attempt: Attempt | None) -> Program:
    """Return the program that answered, by the process that holds the port and by what the answer says."""
    response = attempt.response if attempt is not None else None
    fields = [
        f"{name}: {value}"
        for name in ("Via", "X-Varnish", "Server", "X-Powered-By")
        if response is not None and (value := response.get(name))
    ]
    held = _holder(case)
    if held and _name_in(held) in PROXIES | FORWARDERS | {"gunicorn"}:
        return Program(_name_in(held), tuple(fields))
    for field in fields:
        name = "Varnish" if field.lower().startswith("x-varnish") else _name_in(field)
        if name:
            return Program(name, tuple(fields))
    return Program(_name_in(held), tuple(fields))


def _holder(case: Case) -> str:
    if not (case.local and case.reached):
        return ""
    pids = [pid for one in caught_by(case.listeners, case.address) for pid in one.pids]
    return " ".join(owner(pid).command for pid in pids[:4])


def _name_in(text: str) -> str:
    lowered = text.lower()
    return next(
        (
            name
            for mark, name in _NAMES.items()
            if re.search(rf"(?<![a-z]){re.escape(mark)}(?![a-z])", lowered)
        ),
        "",
    )
