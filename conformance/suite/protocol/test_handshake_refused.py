"""Opening handshakes that a server refuses: RFC 6455 §4.2.1."""

from __future__ import annotations

import pytest

from conformance.core.errors import NotApplicable
from conformance.core.evidence import Told
from conformance.suite.protocol.versions import VERSION, not_listed, versions_unread
from conformance.target.target import Target

KEY = "Sec-WebSocket-Key"


@pytest.mark.requirement("handshake.method")
@pytest.mark.parametrize(
    "method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "get", "GETT"]
)
async def test_other_methods_are_not_upgraded(target: Target, method: str) -> None:
    request = target.opening().saying(method=method)
    if method in {"POST", "PUT", "PATCH"}:
        request = request.adding(("Content-Length", "0"))
    await target.refuses(request)


@pytest.mark.requirement("handshake.http-version")
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/0.9"])
async def test_earlier_http_is_not_upgraded(target: Target, version: str) -> None:
    await target.refuses(target.opening().saying(version=version))


@pytest.mark.requirement("handshake.http-version-malformed")
@pytest.mark.parametrize(
    "version",
    [
        pytest.param("http/1.1", id="lower-case"),
        pytest.param("HTTP/1", id="no-minor"),
        pytest.param("HTTP/1.1.1", id="three-numbers"),
        pytest.param("HTTP/1.1 x", id="word-behind"),
        pytest.param("HTTP1.1", id="no-slash"),
    ],
)
async def test_malformed_http_version_is_refused(target: Target, version: str) -> None:
    await target.refuses(
        target.opening().saying(version=version),
        statuses={400, 505},
        blind={"handshake.http-version": target.opening().saying(version="HTTP/0.9")},
    )


@pytest.mark.requirement("handshake.http-version-other")
@pytest.mark.parametrize("version", ["HTTP/1.2", "HTTP/2.0"])
async def test_later_http_version_is_observed(target: Target, version: str) -> None:
    attempt = await target.attempt(target.opening().saying(version=version))
    attempt.connection.shut()
    target.recorder.observe(f"{version}: {attempt}")


@pytest.mark.requirement("handshake.host")
async def test_handshake_without_host_is_refused(target: Target) -> None:
    await target.refuses(target.opening().without("Host"), statuses={400})


@pytest.mark.requirement("handshake.host")
async def test_absolute_form_without_host_is_refused(target: Target) -> None:
    request = target.opening().without("Host")
    await target.refuses(request.saying(target=f"{target.url.origin}{request.target!s}"), statuses={400})


@pytest.mark.requirement("handshake.host")
@pytest.mark.parametrize(
    "place", [pytest.param(0, id="behind-the-request-line"), pytest.param(99, id="last")]
)
@pytest.mark.parametrize("other", [pytest.param(None, id="same"), pytest.param("other.example", id="other")])
async def test_handshake_with_two_hosts_is_refused(target: Target, other: str | None, place: int) -> None:
    headers = [*target.opening().headers]
    headers.insert(place, ("Host", other or target.url.authority))
    await target.refuses(target.opening().saying(headers=tuple(headers)), statuses={400})


@pytest.mark.requirement("handshake.host-malformed")
@pytest.mark.parametrize(
    "host",
    [
        pytest.param("user@{}", id="userinfo"),
        pytest.param("{}/path", id="path"),
        pytest.param("http://{}", id="url"),
        pytest.param("{}, {}", id="two-in-one-line"),
        pytest.param("a b.example", id="blank"),
        pytest.param("a.example:80x", id="port-with-letter"),
        pytest.param("a.example:80:80", id="two-ports"),
    ],
)
async def test_malformed_host_is_refused(target: Target, host: str) -> None:
    authority = target.url.authority
    await target.refuses(
        target.opening().setting("Host", host.format(authority, authority)),
        statuses={400},
        blind={"handshake.host": target.opening().without("Host")},
    )


@pytest.mark.requirement("handshake.host-other")
@pytest.mark.parametrize("host", [pytest.param("other.example", id="name"), pytest.param("", id="empty")])
async def test_other_host_is_observed(target: Target, host: str) -> None:
    attempt = await target.attempt(target.opening().setting("Host", host))
    attempt.connection.shut()
    target.recorder.observe(f"Host: {host or '(empty)'}: {attempt}")


@pytest.mark.requirement("handshake.upgrade-required")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("h2c", id="h2c"),
        pytest.param("websocket2", id="longer-token"),
        pytest.param("web socket", id="with-blank"),
        pytest.param("xwebsocket", id="longer-in-front"),
        pytest.param("websocke", id="shorter-token"),
        pytest.param("h2c, websockets", id="longer-in-list"),
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
        pytest.param("", id="empty"),
        pytest.param("Upgraded", id="longer-token"),
        pytest.param("keep-alive, no-upgrade", id="longer-in-list"),
        pytest.param("keep-alive Upgrade", id="no-comma"),
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
        pytest.param("AAAAAAAAAAAAAAAAAAAAAA=", id="half-padding"),
        pytest.param("AAAAAAAAAAAAAAAAAAAAAA===", id="more-padding"),
        pytest.param("AAAAAAAAAA==AAAAAAAAAA==", id="padding-inside"),
        pytest.param("-_-_-_-_-_-_-_-_-_-_-w==", id="alphabet-for-urls"),
        pytest.param("AAAAAAAAAAA AAAAAAAAAAA==", id="blank-inside"),
        pytest.param("AAAAAAAAAAAAAAAAAAAAAA==, AAAAAAAAAAAAAAAAAAAAAA==", id="list"),
        pytest.param('"AAAAAAAAAAAAAAAAAAAAAA=="', id="quoted"),
        pytest.param("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", id="24-bytes"),
        pytest.param("========================", id="padding-alone"),
    ],
)
async def test_malformed_key_is_refused(target: Target, key: str) -> None:
    await target.refuses(
        target.opening().setting(KEY, key), blind={"handshake.key-required": target.opening().without(KEY)}
    )


@pytest.mark.requirement("handshake.key-once")
@pytest.mark.parametrize("same", [pytest.param(True, id="same"), pytest.param(False, id="different")])
async def test_two_keys_are_refused(target: Target, *, same: bool) -> None:
    request = target.opening()
    second = (request.get(KEY) or "") if same else "AAAAAAAAAAAAAAAAAAAAAA=="
    await target.refuses(
        request.adding((KEY, second)), blind={"handshake.key-required": request.without(KEY)}
    )


@pytest.mark.requirement("handshake.version-required")
async def test_handshake_without_version_is_refused(target: Target) -> None:
    # Before version 4 of the drafts there was no such field: who speaks version 0 accepts none.
    await not_listed(target, "0")
    await target.refuses(target.opening().without(VERSION))


@pytest.mark.requirement("handshake.version-unsupported")
@pytest.mark.parametrize("version", ["9", "12", "14", "99", "255"])
async def test_unknown_version_is_refused(target: Target, version: str) -> None:
    await not_listed(target, version)
    await target.refuses(target.opening().setting(VERSION, version), statuses={400, 426})


@pytest.mark.requirement("handshake.version-offered")
@pytest.mark.parametrize("version", ["0", "8", "12", "14", "255"])
async def test_refused_version_is_answered_with_those_that_work(target: Target, version: str) -> None:
    await target.bystander()
    attempt = await target.attempt(target.opening().setting(VERSION, version))
    attempt.connection.shut()
    if attempt.upgraded:
        raise NotApplicable(f"version {version} is accepted, which is judged elsewhere")
    named = attempt.response.get(VERSION) if attempt.response else None
    versions = [one.strip() for one in (named or "").split(",")]
    target.expect(
        attempt.status is not None and attempt.status >= 400 and "13" in versions,
        "a refused version is not answered with the versions that work",
        expected=[f"an HTTP error with {VERSION} naming 13"],
        actual=Told(f"{attempt}, {VERSION}: {named}", attempt.at),
        happened=attempt.happened.with_detail(f"{VERSION}: {named}"),
    )
    await target.aftermath()


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
            actual=attempt,
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
        pytest.param("13a", id="letter"),
        pytest.param("13, 8", id="list"),
        pytest.param("1313", id="four-digits"),
        pytest.param("256", id="more-than-a-byte"),
        pytest.param("-13", id="minus"),
        pytest.param("1 3", id="blank-inside"),
    ],
)
async def test_malformed_version_is_refused(target: Target, version: str) -> None:
    if not version:
        await not_listed(target, "0")
    await target.refuses(target.opening().setting(VERSION, version), blind=versions_unread(target))


@pytest.mark.requirement("handshake.version-once")
@pytest.mark.parametrize("version", ["13", "14"])
async def test_two_versions_are_refused(target: Target, version: str) -> None:
    await target.refuses(target.opening().adding((VERSION, version)), blind=versions_unread(target))


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
        pytest.param("", id="empty"),
        pytest.param(" , ,", id="empty-members-alone"),
        pytest.param(";b", id="no-name"),
        pytest.param("x-a;", id="semicolon-last"),
        pytest.param('x-a; b=""', id="quoted-nothing"),
        pytest.param('x-a; b="1"2', id="text-behind-quote"),
        pytest.param("x-a; b=1=2", id="two-values"),
        pytest.param("x-a, x/b", id="second-malformed"),
    ],
)
async def test_malformed_extension_list_is_refused(target: Target, value: str) -> None:
    await target.refuses(target.opening(extra=[("Sec-WebSocket-Extensions", value)]))


@pytest.mark.requirement("handshake.subprotocol-malformed")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("two words", id="blank"),
        pytest.param("(chat)", id="parentheses"),
        pytest.param("chat/1", id="slash"),
        pytest.param('"chat"', id="quoted"),
        pytest.param("chat;v=1", id="parameter"),
        pytest.param("ch\u00e4t", id="beyond-ascii"),
        pytest.param("chat, two words", id="second-malformed"),
        pytest.param(" , ,", id="empty-members-alone"),
        pytest.param("", id="empty"),
    ],
)
async def test_malformed_subprotocol_is_refused(target: Target, value: str) -> None:
    await target.refuses(target.opening(extra=[("Sec-WebSocket-Protocol", value)]))
