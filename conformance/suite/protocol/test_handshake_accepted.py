"""Opening handshakes that a server accepts: RFC 6455 §4.2.1 and §4.2.2."""

from __future__ import annotations

import pytest

from conformance.target.target import Target
from conformance.wire.frames import PING, Frame


@pytest.mark.smoke
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
        pytest.param("AQIDBAUGBwgJCgsMDQ4PEC==", id="rfc-4.1-sample"),
        pytest.param("+/+/+/+/+/+/+/+/+/+/+w==", id="plus-and-slash"),
    ],
)
async def test_accept_value_is_made_from_the_key(target: Target, key: str) -> None:
    request = target.opening().setting("Sec-WebSocket-Key", key)
    async with target.upgraded(request) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.accepted")
@pytest.mark.parametrize("size", [pytest.param(1, id="1-byte"), pytest.param(7, id="7-bytes")])
async def test_handshake_in_small_segments_is_accepted(target: Target, size: int) -> None:
    request = target.opening()
    data = request.encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    async with target.upgraded(request, segments=pieces) as peer:
        await peer.ping()


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
    ],
)
async def test_connection_option_is_found_in_a_list(target: Target, values: list[str]) -> None:
    request = target.opening().without("Connection")
    async with target.upgraded(request.adding(*(("Connection", value) for value in values))) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.upgrade-list")
@pytest.mark.parametrize("value", ["websocket, h2c", "h2c, websocket"])
async def test_websocket_is_found_among_upgrade_protocols(target: Target, value: str) -> None:
    async with target.upgraded(target.opening().setting("Upgrade", value)) as peer:
        await peer.ping()


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


@pytest.mark.requirement("handshake.subprotocol-from-offer")
@pytest.mark.parametrize(
    "offers",
    [
        pytest.param([], id="none"),
        pytest.param(["conformance-unknown"], id="unknown"),
        pytest.param(["conformance-a, conformance-b"], id="two-unknown"),
    ],
)
async def test_no_subprotocol_is_invented(target: Target, offers: list[str]) -> None:
    request = target.opening(extra=[("Sec-WebSocket-Protocol", offer) for offer in offers])
    attempt = await target.attempt(request)
    attempt.connection.shut()
    target.recorder.observe(str(attempt))


@pytest.mark.requirement("handshake.subprotocol-repeated")
async def test_subprotocol_that_is_offered_twice_is_observed(target: Target) -> None:
    attempt = await target.attempt(
        target.opening(extra=[("Sec-WebSocket-Protocol", "conformance-a, conformance-a")])
    )
    attempt.connection.shut()
    target.recorder.observe(str(attempt))


@pytest.mark.requirement("handshake.extension-from-offer")
async def test_no_extension_is_invented(target: Target) -> None:
    async with target.upgraded(target.opening()) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.extension-unknown")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x-conformance-unknown", id="bare"),
        pytest.param("x-conformance-unknown; a=1; b", id="with-parameters"),
        pytest.param('x-conformance-unknown; a="1"', id="quoted"),
    ],
)
async def test_unknown_extension_is_left_out(target: Target, value: str) -> None:
    async with target.upgraded(target.opening(extra=[("Sec-WebSocket-Extensions", value)])) as peer:
        await peer.ping()
        answer = (
            peer.connection.response.get("Sec-WebSocket-Extensions") if peer.connection.response else None
        )
        target.expect(
            "x-conformance-unknown" not in (answer or ""),
            "an extension that nobody knows was accepted",
            expected=["a response that leaves it out"],
            actual=f"Sec-WebSocket-Extensions: {answer}",
        )


@pytest.mark.requirement("handshake.extension-lines")
async def test_extensions_may_be_offered_in_several_lines(target: Target) -> None:
    lines = [("Sec-WebSocket-Extensions", name) for name in ("x-conformance-a", "x-conformance-b; c=1")]
    async with target.upgraded(target.opening(extra=lines)) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.extension-lines")
async def test_subprotocols_may_be_offered_in_several_lines(target: Target) -> None:
    lines = [("Sec-WebSocket-Protocol", name) for name in ("conformance-a", "conformance-b")]
    async with target.upgraded(target.opening(extra=lines)) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.early-data")
async def test_frame_in_the_segment_of_the_request_is_observed(target: Target) -> None:
    request = target.opening()
    segment = request.encode() + Frame(PING, b"early").encode()
    attempt = await target.attempt(request, segments=[segment])
    pongs: list[bytes | None] = []
    if attempt.upgraded:
        attempt.connection.write(Frame(PING, b"late").encode())
        while not pongs or pongs[-1] not in {b"late", None}:
            event = await attempt.connection.event(target.limits.reply)
            if event is None or event is attempt.connection.end:
                pongs.append(None)
            elif (payload := getattr(event, "payload", None)) is not None:
                pongs.append(payload)
    attempt.connection.shut()
    target.recorder.observe(
        "the early frame was answered" if b"early" in pongs else f"{attempt}, frame not answered"
    )
