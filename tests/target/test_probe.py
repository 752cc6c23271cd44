"""The probe: what it makes of servers that answer in unexpected ways, and of those that answer well."""

from __future__ import annotations

import socket

import pytest
from target_harness import CONFIRMED, request_of, target_at, target_of, websocket

from conformance.core.errors import Unreachable, UsageProblem
from conformance.target.probe import endpoint_of, is_local, probe, scaled, tls_context
from conformance.target.profile import Credential, Profile
from conformance.target.unreachable import TRIES
from conformance.target.url import parse

pytestmark = pytest.mark.asyncio
QUICK = 0.1  # of the usual bounds: half a second for a handshake or a reply


async def unreachable(script, *, path="", profile=None):
    """Probe a server that cannot be judged and return why."""
    async with target_of(script, path=path, profile=profile) as target:
        with pytest.raises(Unreachable) as caught:
            await probe(target, scale=QUICK)
    return str(caught.value)


def saying(data, *, stay=False):
    async def script(reader, writer):
        await request_of(reader)
        writer.write(data)
        if stay:
            await reader.read()

    return script


# Targets that cannot be judged.


async def test_nothing_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        target = target_at(f"ws://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Unreachable, match="no connection to ws://127"):
            await probe(target, scale=QUICK)


async def test_silent_server():
    message = await unreachable(saying(b"", stay=True))
    assert "accepts TCP but gave no answer to an opening handshake within 0.5 s" in message


async def test_server_that_closes_at_once():
    async def script(reader, writer):
        await request_of(reader)

    assert "accepts TCP and ends it without an answer" in await unreachable(script)


async def test_server_that_is_no_http():
    message = await unreachable(saying(b"220 mail.example ESMTP\r\n", stay=True))
    assert "answers, but not with HTTP: b'220 mail.example ESMTP" in message


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("404 Not Found", "without WebSocket routes"),
        ("401 Unauthorized", "Give credentials and carriers"),
        ("403 Forbidden", "allowed_origins"),
        ("426 Upgrade Required", "version 13"),
        ("200 OK", "Check path and server"),
    ],
)
async def test_http_only(status, hint):
    answer = f"HTTP/1.1 {status}\r\nServer: tiny\r\nContent-Length: 0\r\n\r\n".encode()
    message = await unreachable(saying(answer))
    assert f"/ was answered 'HTTP/1.1 {status}' by 'tiny'" in message
    assert hint in message


async def test_http_only_is_asked_on_every_path_that_could_be_meant():
    asked = []

    async def script(reader, writer):
        asked.append((await request_of(reader))[0].split()[1])
        writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")

    await unreachable(script, path="/echo")
    expected = ["/echo", "/echo/ws/permissions/", "/echo/ws/permissions/anonymous"]
    assert asked[0] == "/echo", "what was named is asked first"
    assert sorted(asked[:3]) == expected
    assert set(asked[3:]) == set(expected), "another connection might reach another server"
    assert len(asked[3:]) <= len(expected) * TRIES


# Targets that can.


async def test_wrong_accept_is_charged_and_the_probe_goes_on():
    async with target_of(websocket(accept="wrong")) as target:
        await probe(target, scale=QUICK)
        assert ("handshake.accept-value", False) in target.recorder.record.charges


async def test_websocket_without_the_permissions_protocol():
    async with target_of(websocket(paths=["/echo"], server="tiny/1"), path="/echo") as target:
        await probe(target, scale=QUICK)
        session = target.capabilities["session"]
        assert (target.path, target.found.server) == ("/echo", "tiny/1")
        assert (session.present, session.unlock) == (False, "serve the permissions protocol")
        assert "the first message on /echo was nothing, not connection_confirmed" in session.evidence
        assert not target.has("heartbeat")


async def test_server_with_another_greeting_is_no_session():
    async with target_of(websocket(session={"type": "hello"})) as target:
        await probe(target, scale=1.0)
        assert not target.has("session")
        assert 'the message \'{"type": "hello"}\'' in target.capabilities["session"].evidence


async def test_permissions_protocol_is_found():
    async with target_of(websocket(session=CONFIRMED, heartbeat=True, deflate=True)) as target:
        round_trip = await probe(target, scale=1.0)
        assert 0 < round_trip < 1
        assert target.path == "/"
        assert target.limits == scaled(round_trip, 1.0)
        present = {name for name, one in target.capabilities.items() if one.present}
        assert present == {"session", "heartbeat", "echo", "deflate", "anonymous", "local"}
        assert all(one.unlock for one in target.capabilities.values() if not one.present)


async def test_session_without_heartbeat_is_told():
    async with target_of(websocket(session=CONFIRMED)) as target:
        await probe(target, scale=QUICK)
        assert (target.has("session"), target.has("heartbeat")) == (True, False)


async def test_credentials_are_tried_where_nobody_is_let_in_without():
    async def script(reader, writer):
        line, headers = await request_of(reader)
        if "token=" not in line:
            writer.write(b"HTTP/1.1 401 Unauthorized\r\n\r\n")
            return
        await websocket(request=(line, headers))(reader, writer)

    profile = Profile(carriers=("query",), credentials={"a": Credential("a", 1, "t0ken")})
    async with target_of(script, profile=profile) as target:
        await probe(target, scale=QUICK)
        assert (target.path, target.default_token) == ("/", "t0ken")
        assert target.opening().target == "/?token=t0ken"


async def test_profile_declares_what_no_probe_can_see():
    profile = Profile(
        anonymous=False,
        carriers=("header",),
        credentials={"a": Credential("a", 1, "x"), "b": Credential("b", 2, "y")},
        bad_tokens={"expired": "z"},
        allowed_origins=("https://a.example",),
        max_message_bytes=10,
        control_http="http://127.0.0.1:1",
    )
    async with target_of(websocket(), profile=profile) as target:
        await probe(target, scale=QUICK)
        declared = {name for name, one in target.capabilities.items() if one.present}
    wanted = "credentials two-users carrier-header bad-tokens allowed-origins limits control local"
    assert declared == set(wanted.split())


# Bounds and addresses.


async def test_bounds_have_a_floor_grow_with_the_round_trip_and_have_a_ceiling():
    assert scaled(0.0, 1.0).reply == 5.0
    assert scaled(0.1, 1.0).reply == 7.0
    assert scaled(60.0, 1.0).reply == 15.0
    assert scaled(0.1, 2.0).reply == 14.0
    assert scaled(60.0, 1.0).idle == 60.0


@pytest.mark.parametrize(
    ("addresses", "local"),
    [
        (("127.0.0.1",), True),
        (("127.0.0.1", "::1"), True),
        (("192.0.2.1",), False),
        (("127.0.0.1", "192.0.2.1"), False),
        ((), False),
    ],
)
async def test_target_is_local_where_every_address_is(addresses, local):
    assert is_local(addresses) is local


async def test_name_that_does_not_resolve_is_unreachable():
    with pytest.raises(Unreachable, match=r"'no-such-host\.invalid' does not resolve"):
        endpoint_of(parse("ws://no-such-host.invalid"), Profile())


async def test_tls_only_for_secure_urls():
    assert endpoint_of(parse("ws://127.0.0.1"), Profile()).tls is None
    assert endpoint_of(parse("wss://127.0.0.1"), Profile()).tls is not None


async def test_insecure_verifies_nothing():
    context = tls_context(Profile(insecure=True))
    assert (context.check_hostname, context.verify_mode.name) == (False, "CERT_NONE")
    assert tls_context(Profile()).verify_mode.name == "CERT_REQUIRED"


async def test_unusable_authorities_are_the_users_mistake(tmp_path):
    path = tmp_path / "ca.pem"
    with pytest.raises(UsageProblem, match=r"--ca-file .*ca\.pem"):
        tls_context(Profile(ca_file=path))
    path.write_text("no certificate")
    with pytest.raises(UsageProblem, match=r"--ca-file .*ca\.pem"):
        tls_context(Profile(ca_file=path))
