"""Where connections go."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from conformance.net.pace import Pace


@dataclass(slots=True)
class Endpoint:
    """Where to connect: a host name with its addresses, a port, and TLS where it is wanted."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    addresses: tuple[str, ...] = field(default_factory=tuple)
    pace: Pace | None = None
