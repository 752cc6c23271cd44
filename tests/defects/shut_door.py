"""`python -m tests.defects.shut_door …`: the reference server, which lets the probe in and no test."""

from __future__ import annotations

import sys

from reference_server import server
from reference_server.__main__ import main
from reference_server.handshake import Refusal
from tests.defects.registry import around


def lets_no_test_in() -> None:
    """Refuse every request that says which test it belongs to."""

    @around(server.PermissionsServer, "admit")
    def admit(original, self, connection, request):
        if "X-Conformance-Test" in request.headers:
            raise Refusal(400, "Not today.")
        return original(self, connection, request)


if __name__ == "__main__":
    lets_no_test_in()
    sys.exit(main())
