"""WebSocket over HTTP/2, the opening: RFC 8441 §3 to §5."""

from __future__ import annotations

import contextlib

import pytest

from conformance.core.errors import Inconclusive, NotApplicable
from conformance.core.evidence import Told
from conformance.target.http2 import answer_of, linked
from conformance.target.target import Target
from conformance.wire import deflate
from conformance.wire.frames import PING, TEXT, Frame

UNKNOWN_PATHS = ("/conformance-no-such-path", "/ws/permissions/12a/", "/ws/permissions/Anonymous")
OFFERS = ("chat", "superchat, chat", "bearer")
WATCHED = ("http2.settings", "http2.frames", "http2.response-headers", "http2.no-accept")
DEFLATE = ("Sec-WebSocket-Extensions", "permessage-deflate")


@pytest.mark.parametrize(
    "requirement", [pytest.param(one, marks=pytest.mark.requirement(one), id=one) for one in WATCHED]
)
async def test_a_whole_connection_keeps_the_invariant(target: Target, requirement: str) -> None:
    async with linked(target) as link:
        with contextlib.suppress(Inconclusive):
            async with link.connect() as peer:
                await peer.ping()
                peer.send_close(1000)
                await peer.ending(target.limits.prompt)
        refused = await link.attempt(target.opening().setting("Sec-WebSocket-Version", "14"), label="refused")
        refused.shut()
        await link.connection.ping(target.limits.reply)
    broken = target.recorder.broken(requirement)
    target.expect(not broken, broken, expected=["the invariant kept in every frame"], actual=broken)


@pytest.mark.requirement("http2.extended-connect")
@pytest.mark.parametrize("how", ["plain", "own-origin"])
async def test_extended_connect_opens_a_websocket(target: Target, how: str) -> None:
    request = target.opening(origin=target.url.origin if how == "own-origin" else None)
    if how == "own-origin":
        control = await target.attempt(request)
        control.connection.shut()
        if not control.upgraded:
            raise NotApplicable(f"over HTTP/1.1 the server's own origin is answered by {control}")
    async with linked(target) as link, link.upgraded(request) as peer:
        await peer.ping()


@pytest.mark.requirement("http2.routes")
async def test_path_refused_by_http1_is_refused_by_http2(target: Target) -> None:
    requests = []
    for path in UNKNOWN_PATHS:
        request = target.opening(target.at(path), token=target.default_token)
        attempt = await target.attempt(request)
        attempt.connection.shut()
        if not attempt.upgraded:
            requests.append(request)
    if not requests:
        raise NotApplicable("over HTTP/1.1 a WebSocket is opened on any path")
    async with linked(target) as link:
        async with link.connect():
            pass
        for request in requests:
            await link.refuses(request, f":path {str(request.target).split('?')[0]}")


@pytest.mark.requirement("http2.unknown-protocol")
@pytest.mark.parametrize(
    "protocol", [pytest.param("x-conformance", id="unknown"), pytest.param(None, id="none")]
)
async def test_other_protocol_opens_nothing(target: Target, protocol: str | None) -> None:
    async with linked(target) as link:
        async with link.connect():
            pass
        why = f":protocol {protocol}" if protocol else "CONNECT without :protocol"
        await link.refuses(target.opening(), why, protocol=protocol)


@pytest.mark.requirement("http2.malformed")
@pytest.mark.parametrize(
    ("why", "pseudo", "added"),
    [
        pytest.param("no :scheme", {"scheme": None}, [], id="no-scheme"),
        pytest.param("no :path", {"path": None}, [], id="no-path"),
        pytest.param("an empty :path", {"path": ""}, [], id="empty-path"),
        pytest.param("a Connection field", {}, [("connection", "Upgrade")], id="connection-field"),
        pytest.param("an Upgrade field", {}, [("upgrade", "websocket")], id="upgrade-field"),
    ],
)
async def test_malformed_request_opens_nothing(
    target: Target, why: str, pseudo: dict[str, str | None], added: list[tuple[str, str]]
) -> None:
    async with linked(target) as link:
        async with link.connect():
            pass
        await link.refuses(target.opening(), why, *added, **pseudo)


@pytest.mark.requirement("http2.version")
@pytest.mark.parametrize("version", ["14", "0", pytest.param(None, id="none")])
async def test_other_version_is_refused(target: Target, version: str | None) -> None:
    request = target.opening()
    name = "Sec-WebSocket-Version"
    request = request.without(name) if version is None else request.setting(name, version)
    async with linked(target) as link:
        async with link.connect():
            pass
        await link.refuses(request, f"Sec-WebSocket-Version {version}")


@pytest.mark.requirement("http2.subprotocol")
async def test_subprotocol_is_chosen_as_by_http1(target: Target) -> None:
    offers = [(("Sec-WebSocket-Protocol", offer),) for offer in OFFERS]
    if target.has("carrier-subprotocol"):
        offers.append((target.carried("subprotocol", target.users[0].token),))
    async with linked(target) as link:
        for offer in offers:
            request = target.opening(extra=offer)
            attempt = await target.attempt(request)
            attempt.connection.shut()
            stream = await link.attempt(request, label="subprotocols")
            stream.shut()
            before, after = _chosen(attempt.response), _chosen(stream.response)
            target.expect(
                attempt.upgraded == bool(stream.response and stream.response.upgraded) and before == after,
                "the same offer of subprotocols is answered otherwise over HTTP/2",
                expected=[f"{attempt} with {before or 'no subprotocol'}, as over HTTP/1.1"],
                actual=Told(f"{answer_of(stream)} with {after or 'no subprotocol'}", answer_of(stream).at),
            )


def _chosen(response: object) -> str | None:
    value = response.get("Sec-WebSocket-Protocol") if response is not None else None  # type: ignore[attr-defined]
    return str(value) if value is not None else None


@pytest.mark.requirement("http2.compression")
async def test_compression_is_negotiated_as_by_http1(target: Target) -> None:
    attempt = await target.attempt(target.opening(extra=[DEFLATE]))
    attempt.connection.shut()
    if attempt.response is None or deflate.agreement(attempt.response.get(DEFLATE[0])) is None:
        raise Inconclusive(f"over HTTP/1.1 the same offer is not accepted: {attempt}")
    async with linked(target) as link, link.upgraded(target.opening(extra=[DEFLATE])) as peer:
        response = peer.connection.response
        agreed = deflate.agreement(response.get(DEFLATE[0]) if response else None)
        target.expect(
            agreed is not None,
            "permessage-deflate is not accepted over HTTP/2",
            expected=["permessage-deflate, as over HTTP/1.1"],
            actual=str(response.headers if response else None),
        )
        assert agreed is not None
        if target.has("session"):
            await peer.confirmed()
        text = target.harmless("compressed " * 40)
        payload = deflate.Deflater(agreed).deflate(text)
        peer.send(Frame(TEXT, payload, rsv1=True), Frame(PING, b"behind it"))
        if target.has("heartbeat"):
            await peer.expect_answer(said=text)
        await peer.expect_pong(b"behind it")
