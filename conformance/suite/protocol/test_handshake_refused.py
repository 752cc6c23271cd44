"""Opening handshakes that a server refuses: RFC 6455 §4.2.1."""

from __future__ import annotations

import pytest

from conformance.target.target import Target

VERSION = "Sec-WebSocket-Version"
KEY = "Sec-WebSocket-Key"


@pytest.mark.requirement("handshake.method")
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_are_not_upgraded(target: Target, method: str) -> None:
    request = target.opening().saying(method=method)
    if method in {"POST", "PUT", "PATCH"}:
        request = request.adding(("Content-Length", "0"))
    await target.refuses(request)


@pytest.mark.requirement("handshake.http-version")
async def test_http_1_0_is_not_upgraded(target: Target) -> None:
    await target.refuses(target.opening().saying(version="HTTP/1.0"))


@pytest.mark.requirement("handshake.host")
async def test_handshake_without_host_is_refused(target: Target) -> None:
    await target.refuses(target.opening().without("Host"), statuses={400})


@pytest.mark.requirement("handshake.host")
async def test_handshake_with_two_hosts_is_refused(target: Target) -> None:
    await target.refuses(target.opening().adding(("Host", target.url.authority)), statuses={400})


@pytest.mark.requirement("handshake.upgrade-required")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("h2c", id="h2c"),
        pytest.param("websocket2", id="longer-token"),
        pytest.param("web socket", id="with-blank"),
    ],
)
async def test_request_without_upgrade_to_websocket_is_not_upgraded(
    target: Target, value: str | None
) -> None:
    request = target.opening().without("Upgrade")
    await target.refuses(request if value is None else request.adding(("Upgrade", value)))


@pytest.mark.requirement("handshake.connection-required")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="missing"),
        pytest.param("keep-alive", id="keep-alive"),
        pytest.param("close", id="close"),
        pytest.param("Upgraded", id="longer-token"),
    ],
)
async def test_request_without_connection_upgrade_is_not_upgraded(target: Target, value: str | None) -> None:
    request = target.opening().without("Connection")
    await target.refuses(request if value is None else request.adding(("Connection", value)))


@pytest.mark.requirement("handshake.key-required")
async def test_handshake_without_key_is_refused(target: Target) -> None:
    await target.refuses(target.opening().without(KEY))


@pytest.mark.requirement("handshake.key-malformed")
@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("AAAAAAAAAAAAAAAAAAAA", id="15-bytes"),
        pytest.param("AAAAAAAAAAAAAAAAAAAAAAA=", id="17-bytes"),
        pytest.param("AAAAAAAAAAAAAAAAAAAAAA", id="no-padding"),
        pytest.param("!!!!!!!!!!!!!!!!!!!!!!==", id="no-base64"),
    ],
)
async def test_malformed_key_is_refused(target: Target, key: str) -> None:
    await target.refuses(target.opening().setting(KEY, key))


@pytest.mark.requirement("handshake.key-once")
async def test_two_keys_are_refused(target: Target) -> None:
    await target.refuses(target.opening().adding((KEY, "AAAAAAAAAAAAAAAAAAAAAA==")))


@pytest.mark.requirement("handshake.version-required")
async def test_handshake_without_version_is_refused(target: Target) -> None:
    await target.refuses(target.opening().without(VERSION))


@pytest.mark.requirement("handshake.version-unsupported")
@pytest.mark.parametrize("version", ["14", "99", "255"])
async def test_unknown_version_is_refused(target: Target, version: str) -> None:
    await target.refuses(target.opening().setting(VERSION, version), statuses={400, 426})


@pytest.mark.requirement("handshake.version-offered")
async def test_refused_version_is_answered_with_those_that_work(target: Target) -> None:
    attempt = await target.refuses(target.opening().setting(VERSION, "14"))
    named = attempt.response.get(VERSION) if attempt.response else None
    versions = [one.strip() for one in (named or "").split(",")]
    target.expect(
        attempt.status is not None and attempt.status >= 400 and "13" in versions,
        "a refused version is not answered with the versions that work",
        expected=[f"an HTTP error with {VERSION} naming 13"],
        actual=f"{attempt}, {VERSION}: {named}",
    )


@pytest.mark.requirement("handshake.version-advertised")
async def test_versions_that_are_offered_work(target: Target) -> None:
    refusal = await target.refuses(target.opening().setting(VERSION, "14"))
    named = [one.strip() for one in ((refusal.response and refusal.response.get(VERSION)) or "").split(",")]
    for version in filter(None, named):  # that none is named is judged by handshake.version-offered
        attempt = await target.attempt(target.opening().setting(VERSION, version))
        attempt.connection.shut()
        target.expect(
            attempt.upgraded,
            f"version {version} was offered and then not accepted",
            expected=[f"101 for each of the versions {', '.join(named)}"],
            actual=str(attempt),
        )
    target.recorder.observe(f"offered: {', '.join(named) or 'none'}")


@pytest.mark.requirement("handshake.version-draft")
@pytest.mark.parametrize("version", ["0", "7", "8"])
async def test_draft_version_is_observed(target: Target, version: str) -> None:
    attempt = await target.attempt(target.opening().setting(VERSION, version))
    attempt.connection.shut()
    target.recorder.observe(f"version {version}: {attempt}")


@pytest.mark.requirement("handshake.version-malformed")
@pytest.mark.parametrize(
    "version",
    [
        pytest.param("", id="empty"),
        pytest.param("013", id="leading-zero"),
        pytest.param("+13", id="sign"),
        pytest.param("13a", id="letter"),
        pytest.param("13, 8", id="list"),
        pytest.param("1313", id="four-digits"),
    ],
)
async def test_malformed_version_is_refused(target: Target, version: str) -> None:
    await target.refuses(target.opening().setting(VERSION, version))


@pytest.mark.requirement("handshake.version-once")
@pytest.mark.parametrize("version", ["13", "14"])
async def test_two_versions_are_refused(target: Target, version: str) -> None:
    await target.refuses(target.opening().adding((VERSION, version)))


@pytest.mark.requirement("handshake.extensions-malformed")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x-a;;b", id="empty-parameter"),
        pytest.param("x-a; =1", id="parameter-without-name"),
        pytest.param("x-a; b=", id="empty-value"),
        pytest.param('x-a; b="1', id="open-quote"),
        pytest.param('x-a; b="1 2"', id="quoted-blank"),
        pytest.param("x a", id="blank-in-name"),
    ],
)
async def test_malformed_extension_list_is_refused(target: Target, value: str) -> None:
    await target.refuses(target.opening(extra=[("Sec-WebSocket-Extensions", value)]))


@pytest.mark.requirement("handshake.subprotocol-malformed")
@pytest.mark.parametrize(
    "value", [pytest.param("two words", id="blank"), pytest.param("(chat)", id="parentheses")]
)
async def test_malformed_subprotocol_is_refused(target: Target, value: str) -> None:
    await target.refuses(target.opening(extra=[("Sec-WebSocket-Protocol", value)]))
