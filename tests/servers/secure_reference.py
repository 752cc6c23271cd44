"""``python -m tests.servers.secure_reference PORT CONTROL_PORT FILE``: the reference server over TLS."""

import functools
import ssl
import sys

from reference_server import server
from reference_server.__main__ import main

if __name__ == "__main__":
    port, control_port, certificate = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server.serve = functools.partial(server.serve, ssl=context)
    sys.argv[1:] = ["--host", "localhost", "--port", port, "--control-port", control_port]
    sys.argv += ["--origin", "https://app.example"]
    sys.exit(main())
