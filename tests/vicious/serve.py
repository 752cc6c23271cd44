"""`python -m tests.vicious.serve VICE WHEN …`: the reference server, and from some moment on none of it."""

from __future__ import annotations

import sys
from typing import Any

from reference_server.__main__ import main
from reference_server.server import PermissionsServer
from tests.vicious.gate import Gate, Switch
from tests.vicious.vices import VICES


def beset(switch: Switch) -> None:
    """Put the switch in front of every connection of the reference server."""
    create = PermissionsServer._create_connection

    def created(self: PermissionsServer, *args: Any, **kwargs: Any) -> Gate:
        return Gate(create(self, *args, **kwargs), switch)

    PermissionsServer._create_connection = created  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    name, when = sys.argv.pop(1), sys.argv.pop(1)
    beset(Switch(VICES[name], when))
    sys.exit(main())
