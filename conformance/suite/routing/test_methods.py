"""What is no opening handshake is not upgraded: plain requests and other methods."""

from __future__ import annotations

import pytest

from conformance.suite.routing.paths import legal
from conformance.target.routes import ANONYMOUS, OWN
from conformance.target.target import Target

ENDPOINTS = [pytest.param(OWN, id="own"), pytest.param(ANONYMOUS, id="anonymous")]
GET_STATUSES = (426, 400, 404)


@pytest.mark.requirement("routing.plain-get")
@pytest.mark.parametrize("path", ENDPOINTS)
async def test_plain_get_is_no_websocket(target: Target, path: str) -> None:
    request = legal(target, path).without(
        "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"
    )
    attempt = await target.refuses(request.adding(("Connection", "close")))
    target.recorder.charge(
        "routing.plain-get-status",
        kept=attempt.status in GET_STATUSES,
        message=f"{attempt} to a plain GET, expected {' or '.join(map(str, GET_STATUSES))}",
    )


@pytest.mark.requirement("routing.method")
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"])
async def test_another_method_is_not_upgraded(target: Target, method: str) -> None:
    request = legal(target, OWN).saying(method=method)
    if method in {"POST", "PUT", "PATCH"}:
        request = request.adding(("Content-Length", "0"))
    await target.refuses(request)
