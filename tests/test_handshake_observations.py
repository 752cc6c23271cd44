"""What a server may do as it likes is not judged, but it is seen: each MAY of the opening handshake."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.defects import matrix

FILES = tuple(
    f"protocol/test_handshake_{one}.py" for one in ("accepted", "bytes", "early", "offers", "refused")
)
UPGRADED, REFUSED = "101 Switching Protocols", "400 Bad Request"
SEEN: dict[str, Mapping[str, str]] = {
    "is-lenient-where-it-may-be": {
        "handshake.bare-lf": UPGRADED,
        "handshake.folded-header": f"Upgrade: HTTP/1.1 {UPGRADED}",
        "handshake.http-version-other": f"HTTP/1.2: HTTP/1.1 {UPGRADED}",
        "handshake.upgrade-version": UPGRADED,
        "handshake.host-other": f"(empty): HTTP/1.1 {UPGRADED}",
        "handshake.key-trailing-bits": UPGRADED,
        "handshake.connection-close": UPGRADED,
        "handshake.early-data": "answered: the later Ping, the later heartbeat",
    },
    "is-strict-where-it-may-be": {
        "handshake.bare-lf": REFUSED,
        "handshake.folded-header": f"Upgrade: HTTP/1.1 {REFUSED}",
        "handshake.http-version-other": f"HTTP/1.2: HTTP/1.1 {REFUSED}",
        "handshake.upgrade-version": "426 Upgrade Required",
        "handshake.host-other": "other.example: HTTP/1.1 421",
        "handshake.key-trailing-bits": REFUSED,
        "handshake.connection-close": REFUSED,
        "handshake.header-bytes": REFUSED,
        "handshake.subprotocol-repeated": REFUSED,
        "handshake.early-data": "answered: the early Ping, the early heartbeat",
    },
    "understands-drafts-and-declines-everything-else": {
        "handshake.version-draft": f"version 8: HTTP/1.1 {UPGRADED}",
        "handshake.header-bytes": UPGRADED,
        "handshake.subprotocol-repeated": UPGRADED,
    },
}


@pytest.mark.parametrize("manner", SEEN)
def test_what_a_server_may_do_is_written_down(manner: str) -> None:
    outcome = matrix.run(manner, FILES, sample=False)
    observed: dict[str, list[str]] = {}
    for test in outcome.report["tests"]:
        observed.setdefault(test["requirement"], []).extend(test["observed"] or ())
    missing = {
        name: observed.get(name)
        for name, seen in SEEN[manner].items()
        if seen not in "\n".join(observed[name])
    }
    assert not missing, missing
    assert {*SEEN[manner]} <= {*outcome.by_requirement("observed")}
