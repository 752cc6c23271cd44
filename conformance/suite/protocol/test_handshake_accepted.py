"""Opening handshakes that a server accepts: RFC 6455 §4.2.1 and §4.2.2."""

from __future__ import annotations

import pytest

from conformance.target.target import Target


@pytest.mark.smoke
@pytest.mark.judges_fault("handshake")
@pytest.mark.requirement("handshake.accepted")
async def test_legal_handshake_is_accepted(target: Target) -> None:
    async with target.upgraded(target.opening()) as peer:
        await peer.ping()


@pytest.mark.smoke
@pytest.mark.requirement("handshake.accept-value")
@pytest.mark.parametrize(
    "key",
    [
        pytest.param("dGhlIHNhbXBsZSBub25jZQ==", id="rfc-sample"),
        pytest.param("AAAAAAAAAAAAAAAAAAAAAA==", id="zeros"),
        pytest.param("/////////////////////w==", id="ones"),
        pytest.param("+AAAAAAAAAAAAAAAAAAAAA==", id="plus-first"),
        pytest.param("AAAAAAAAAAAAAAAAAAAA/w==", id="slash-late"),
        pytest.param("+/+/+/+/+/+/+/+/+/+/+w==", id="plus-and-slash"),
    ],
)
async def test_accept_value_is_made_from_the_key(target: Target, key: str) -> None:
    request = target.opening().setting("Sec-WebSocket-Key", key)
    async with target.upgraded(request) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.key-trailing-bits")
async def test_key_with_trailing_bits_is_observed(target: Target) -> None:
    attempt = await target.attempt(target.opening().setting("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC=="))
    attempt.connection.shut()
    target.recorder.observe(str(attempt))


@pytest.mark.requirement("handshake.case")
@pytest.mark.parametrize("value", ["websocket", "WebSocket", "WEBSOCKET"])
async def test_upgrade_token_is_read_in_any_case(target: Target, value: str) -> None:
    async with target.upgraded(target.opening().setting("Upgrade", value)) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.case")
@pytest.mark.parametrize("value", ["upgrade", "UPGRADE", "uPgRaDe"])
async def test_connection_option_is_read_in_any_case(target: Target, value: str) -> None:
    async with target.upgraded(target.opening().setting("Connection", value)) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.case")
@pytest.mark.parametrize("change", [pytest.param(str.lower, id="lower"), pytest.param(str.upper, id="upper")])
async def test_header_names_are_read_in_any_case(target: Target, change: type[str]) -> None:
    request = target.opening()
    request = request.saying(headers=tuple((change(name), value) for name, value in request.headers))
    async with target.upgraded(request) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.connection-list")
@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["keep-alive, Upgrade"], id="second"),
        pytest.param(["Upgrade, keep-alive"], id="first"),
        pytest.param(["keep-alive,Upgrade"], id="no-blank"),
        pytest.param(["keep-alive", "Upgrade"], id="two-lines"),
        pytest.param(["Upgrade", "keep-alive"], id="two-lines-first"),
        pytest.param(["TE, keep-alive, X-Conformance, upgrade"], id="fourth"),
        pytest.param([", ,Upgrade,"], id="empty-members"),
    ],
)
async def test_connection_option_is_found_in_a_list(target: Target, values: list[str]) -> None:
    request = target.opening().without("Connection")
    async with target.upgraded(request.adding(*(("Connection", value) for value in values))) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.upgrade-list")
@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["websocket, h2c"], id="first"),
        pytest.param(["h2c, websocket"], id="second"),
        pytest.param(["h2c,WebSocket"], id="no-blank"),
        pytest.param(["websocket", "h2c"], id="two-lines-first"),
        pytest.param(["h2c", "websocket"], id="two-lines-second"),
        pytest.param([",websocket, ,"], id="empty-members"),
    ],
)
async def test_websocket_is_found_among_upgrade_protocols(target: Target, values: list[str]) -> None:
    request = target.opening().without("Upgrade")
    async with target.upgraded(request.adding(*(("Upgrade", value) for value in values))) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.upgrade-version")
async def test_upgrade_to_a_version_of_websocket_is_observed(target: Target) -> None:
    attempt = await target.attempt(target.opening().setting("Upgrade", "websocket/13"))
    attempt.connection.shut()
    if attempt.response is None:
        await target.aftermath()
    target.recorder.observe(str(attempt))


@pytest.mark.requirement("handshake.connection-close")
@pytest.mark.parametrize("value", ["Upgrade, close", "close, Upgrade"])
async def test_close_beside_upgrade_is_observed(target: Target, value: str) -> None:
    attempt = await target.attempt(target.opening().setting("Connection", value))
    attempt.connection.shut()
    target.recorder.observe(str(attempt))


@pytest.mark.requirement("handshake.header-order")
async def test_header_fields_may_come_in_reverse(target: Target) -> None:
    request = target.opening()
    async with target.upgraded(request.saying(headers=request.headers[::-1])) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.header-order")
async def test_spaces_around_values_have_no_meaning(target: Target) -> None:
    request = target.opening()
    padded = tuple((name, f"  {value}  ") for name, value in request.headers)
    async with target.upgraded(request.saying(headers=padded)) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.tabs")
async def test_tabs_around_values_have_no_meaning(target: Target) -> None:
    request = target.opening()
    padded = tuple((name, f"\t{value}\t") for name, value in request.headers)
    async with target.upgraded(request.saying(headers=padded)) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.header-order")
async def test_unknown_header_fields_are_ignored(target: Target) -> None:
    unknown = [("X-Unknown", "1"), ("Priority", "u=1"), ("Sec-WebSocket-Unheard-Of", "1")]
    async with target.upgraded(target.opening(extra=unknown)) as peer:
        await peer.ping()
