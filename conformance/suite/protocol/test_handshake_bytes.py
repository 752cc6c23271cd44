"""Handshakes whose bytes are read differently by different programs: RFC 9112 §2.2, §3.2 and §5."""

from __future__ import annotations

import pytest

from conformance.core.errors import NotApplicable
from conformance.target.target import Target

KEY, VERSION = "Sec-WebSocket-Key", "Sec-WebSocket-Version"
NOT_LINE_ENDS = [
    pytest.param("\x0b", id="vertical-tab"),
    pytest.param("\x0c", id="form-feed"),
    pytest.param("\x1c", id="file-separator"),
    pytest.param("\x1d", id="group-separator"),
    pytest.param("\x1e", id="record-separator"),
    pytest.param("\x85", id="nel"),
    pytest.param("\u2028", id="line-separator"),
]


@pytest.mark.requirement("handshake.fragment-in-target")
async def test_target_with_a_fragment_is_refused(target: Target) -> None:
    request = target.opening()
    await target.refuses(request.saying(target=f"{request.target!s}#fragment"))


@pytest.mark.requirement("handshake.target-bytes")
async def test_target_with_raw_bytes_is_refused(target: Target) -> None:
    request = target.opening()
    begun = f"{request.target!s}{'&' if '?' in str(request.target) else '?'}conformance="
    encoded = await target.attempt(request.saying(target=f"{begun}%FF"))
    encoded.connection.shut()
    if not encoded.upgraded:  # refused for what it means, or for how it is written: either keeps the rule
        target.recorder.note(f"the same byte in percent-encoding is refused as well: {encoded}")
    await target.refuses(request.saying(target=begun.encode() + b"\xff"))


@pytest.mark.requirement("handshake.header-bytes")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("caf\u00e9", id="latin-1"),
        pytest.param("caf\u00c3\u00a9", id="utf-8"),
        pytest.param("\u00ff\u00fe", id="neither"),
    ],
)
async def test_header_field_beyond_ascii_is_observed(target: Target, value: str) -> None:
    attempt = await target.attempt(target.opening(extra=[("X-Conformance", value)]))
    attempt.connection.shut()
    target.recorder.observe(str(attempt))


@pytest.mark.requirement("handshake.header-control-bytes")
@pytest.mark.parametrize("byte", [pytest.param("\x00", id="nul"), pytest.param("\r", id="bare-cr")])
async def test_header_field_with_a_control_byte_is_refused(target: Target, byte: str) -> None:
    await target.refuses(target.opening(extra=[("X-Conformance", f"before{byte}behind")]))


@pytest.mark.requirement("handshake.line-ends")
@pytest.mark.parametrize("byte", NOT_LINE_ENDS)
async def test_no_other_byte_ends_a_header_line(target: Target, byte: str) -> None:
    request = target.opening().without("Upgrade")
    await target.refuses(
        request.adding(("X-Conformance", f"value{byte}Upgrade: websocket")),
        blind={"handshake.upgrade-required": request},
    )


@pytest.mark.requirement("handshake.blank-before-colon")
@pytest.mark.parametrize("blank", [pytest.param(" ", id="space"), pytest.param("\t", id="tab")])
@pytest.mark.parametrize("name", ["X-Conformance", "Sec-WebSocket-Version"])
async def test_blank_before_the_colon_is_refused(target: Target, name: str, blank: str) -> None:
    request = target.opening(extra=[("X-Conformance", "value")])
    headers = tuple((f"{key}{blank}" if key == name else key, value) for key, value in request.headers)
    await target.refuses(request.saying(headers=headers), statuses={400})


@pytest.mark.requirement("handshake.folded-header")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("X-Conformance", "folded\r\n value", id="unknown"),
        pytest.param("Upgrade", "\r\n websocket", id="upgrade"),
        pytest.param("Connection", "keep-alive,\r\n Upgrade", id="connection"),
        pytest.param(KEY, "\r\n\tAAAAAAAAAAAAAAAAAAAAAA==", id="key"),
        pytest.param(VERSION, "\r\n 13", id="version"),
    ],
)
async def test_folded_header_field_is_observed(target: Target, name: str, value: str) -> None:
    attempt = await target.attempt(target.opening().setting(name, value))
    attempt.connection.shut()
    if attempt.response is None:
        await target.aftermath()
    target.recorder.observe(f"{name}: {attempt}")


@pytest.mark.requirement("handshake.folded-line")
@pytest.mark.parametrize("blank", [pytest.param(" ", id="space"), pytest.param("\t", id="tab")])
@pytest.mark.parametrize("place", ["behind-a-field", "behind-the-request-line"])
async def test_line_that_begins_with_a_blank_is_no_header_field(
    target: Target, place: str, blank: str
) -> None:
    request = target.opening().without("Upgrade")
    hidden = (f"{blank}Upgrade", "websocket")
    first = [hidden] if place == "behind-the-request-line" else [("X-Conformance", "value"), hidden]
    await target.refuses(
        request.saying(headers=(*first, *request.headers)), blind={"handshake.upgrade-required": request}
    )


@pytest.mark.requirement("handshake.bare-lf")
async def test_lines_that_end_in_lf_alone_are_observed(target: Target) -> None:
    request = target.opening()
    data = request.encode().replace(b"\r\n", b"\n")
    attempt = await target.attempt(request, segments=[data], timeout=target.limits.prompt)
    attempt.connection.shut()
    await target.aftermath()  # a server that waits for the other line ends says nothing, but is alive
    target.recorder.observe(str(attempt))


@pytest.mark.requirement("handshake.underscore-names")
@pytest.mark.parametrize("names", [[KEY], [VERSION], [KEY, VERSION]], ids=["key", "version", "both"])
async def test_name_with_underscores_is_another_name(target: Target, names: list[str]) -> None:
    request = target.opening()
    changed = tuple(
        (name.replace("-", "_") if name in names else name, value) for name, value in request.headers
    )
    missing = {KEY: "handshake.key-required", VERSION: "handshake.version-required"}
    blind = {missing[name]: request.without(name) for name in names}
    await target.refuses(request.saying(headers=changed), blind=blind)


@pytest.mark.requirement("handshake.h2c")
async def test_upgrade_to_h2c_is_not_taken(target: Target) -> None:
    await target.bystander()
    request = target.opening().without(KEY, VERSION).setting("Upgrade", "h2c")
    request = request.setting("Connection", "Upgrade, HTTP2-Settings")
    attempt = await target.attempt(request.adding(("HTTP2-Settings", "AAMAAABkAAQAAP__")))
    attempt.connection.shut()
    if attempt.upgraded and attempt.response is not None and attempt.response.get("Upgrade"):
        raise NotApplicable("it switched to WebSocket: the server does not look at Upgrade")
    target.expect(
        attempt.status != 101,
        "the server switched to another protocol than WebSocket",
        expected=["an HTTP status other than 101", "the end of TCP"],
        actual=attempt,
    )
    target.recorder.observe(str(attempt))
    await target.aftermath()
