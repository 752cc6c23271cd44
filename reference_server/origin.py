"""Whether the web page that opens a connection may do so (RFC 6455 section 10.2, RFC 6454).

A browser sends the user's cookies with a WebSocket that *any* page opens, and no same-origin policy
stops that page from reading the answers. The Origin header is all that tells the pages apart.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from .handshake import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from websockets.datastructures import Headers

_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def canonical_origin(text: str) -> str | None:
    """Return an origin in one spelling: lower case, without the scheme's own port; None when it is none.

    >>> canonical_origin("https://App.example:443")
    'https://app.example'
    """
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme, host, port = match.group(1).lower(), match.group(2).lower(), match.group(3)
    if port is None or int(port) == _DEFAULT_PORTS[scheme]:
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}"


def is_own_name(authority: str) -> bool:
    """Whether nobody else can make this name lead here: an address, or localhost.

    Any other name may be an attacker's that resolves to this machine for a moment (DNS rebinding); the
    browser then sends it as Host and as Origin, so that the two agree. Such names have to be allowed.

    >>> is_own_name("127.0.0.1:8000"), is_own_name("[::1]"), is_own_name("127.attacker.example")
    (True, True, False)
    """
    host = authority.rpartition(":")[0] if re.search(r":[0-9]*$", authority) else authority
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_origin(headers: Headers, authority: str, allowed: Collection[str]) -> bool:
    """Raise `Refusal` unless the Origin header is absent or allowed; return whether it is present.

    `authority` is the host and port that the request names: pages served from there are this server's
    own, where the name can only be this machine's. `allowed` holds canonical origins. No Origin means that
    the client is not a browser.
    """
    origins = headers.get_all("Origin")
    if not origins:
        return False
    schemes = _DEFAULT_PORTS if is_own_name(authority) else ()
    own = {canonical_origin(f"{scheme}://{authority}") for scheme in schemes}
    origin = canonical_origin(origins[0])
    # Two Origin headers: whoever decides by the other one would decide differently.
    if len(origins) > 1 or origin is None or (origin not in own and origin not in allowed):
        raise Refusal(403, "This origin is not allowed to connect.")
    return True
