"""Which web pages may open a WebSocket here.

Browsers apply no same-origin policy to WebSocket; the Origin header is the only thing that tells the
service's own page from a stranger's page in the same browser. Channels' validators compare the host and
let other schemes and ports pass, so the whole origin is compared here (RFC 6454, section 5).
"""

import re

from django.conf import settings
from django.http.request import split_domain_port, validate_host

DEFAULT_PORTS = {"http": 80, "https": 443}
# A serialised origin and nothing more: no user information, path, trailing slash, list or "null".
SERIALISED = re.compile(
    r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII
)


def parse(origin):
    """(scheme, host, port) of a serialised origin, or None if it is not one."""
    match = SERIALISED.fullmatch(origin)
    if match is None:
        return None
    scheme, host = match[1].lower(), match[2].lower()
    return scheme, host, int(match[3] or DEFAULT_PORTS[scheme])


def own(scope, host_header):
    """The origin of pages served under the same host, or None if the Host header is not ours.

    Host is compared with ALLOWED_HOSTS first: a rebound DNS name sends a Host equal to its own Origin.
    """
    domain, _ = split_domain_port(host_header)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return None
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    return parse(f"{scheme}://{host_header}")


def is_allowed(scope, origin, host_header):
    """Whether a handshake with the Origin header `origin` may go on."""
    asked = parse(origin)
    if asked is None:
        return False
    allowed = {parse(known) for known in settings.ALLOWED_ORIGINS}
    return asked in allowed or asked == own(scope, host_header)
