"""The reference server over TLS, with certificates of an authority that signs for ``localhost`` alone.

Their keys are known to everybody; the authority's own was thrown away.
"""

from __future__ import annotations

import functools
import json
import ssl
from pathlib import Path

from reference_server import server

CERTIFICATES = Path(__file__).parent / "certificates"
SECURE = {
    'url = "ws://': 'url = "wss://',
    "[carriers]": f"[tls]\nca_file = {json.dumps(str(CERTIFICATES / 'authority.pem'))}\n\n[carriers]",
}


def speaks_tls(name="right") -> None:
    """Show the certificate of this name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / f"{name}.pem")
    server.serve = functools.partial(server.serve, ssl=context)
