"""Which path is tested: the named one, another only where it proves to be what the user means."""

from __future__ import annotations

import asyncio

import pytest
from target_harness import CONFIRMED, request_of, target_of, websocket

from conformance.core.errors import Unreachable
from conformance.target.probe import probe
from conformance.target.profile import Credential, Profile

pytestmark = pytest.mark.asyncio
QUICK = 0.1  # of the usual bounds: half a second for a handshake or a reply
OWN, ANONYMOUS = "/ws/permissions/", "/ws/permissions/anonymous"
ALICE = {"alice": Credential("alice", 1, "t0ken")}
SESSION = {"session": CONFIRMED, "heartbeat": True}


def site(paths, *, asked=None, otherwise=b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"):
    """Return a server that has a script, or bytes, for each path; ``None`` is silence."""

    async def script(reader, writer):
        line, headers = await request_of(reader)
        path = line.split()[1]
        if asked is not None:
            asked.append((path, headers))
        answer = paths.get(path.partition("?")[0], otherwise)
        if answer is None:
            await reader.read()
        elif isinstance(answer, bytes):
            writer.write(answer)
        else:
            await websocket(**answer, request=(line, headers))(reader, writer)

    return script


async def probed(script, *, scale=QUICK, **how):
    async with target_of(script, **how) as target:
        await probe(target, scale=scale)
        return target


async def refused(script, **how):
    async with target_of(script, **how) as target:
        with pytest.raises(Unreachable) as caught:
            await probe(target, scale=QUICK)
    return str(caught.value)


@pytest.mark.parametrize("path", ["", "/chat"])
@pytest.mark.parametrize(
    "otherwise", [b"HTTP/1.1 404 Not Found\r\n\r\n", b"", None], ids=["404", "ends", "hangs"]
)
async def test_server_with_one_path_is_judged_there(path, otherwise):
    asked = []
    target = await probed(site({path or "/": {}}, asked=asked, otherwise=otherwise), path=path)
    assert asked[0][0] == (path or "/")
    assert (target.path, target.found.fault, target.found.instead) == (path or "/", None, None)


async def test_bare_url_finds_the_permissions_protocol():
    target = await probed(site({OWN: SESSION}))
    assert (target.path, target.has("session")) == (OWN, True)
    assert target.found.instead == f"{OWN} sent connection_confirmed; / was answered HTTP/1.1 404 Not Found"


async def test_bare_url_finds_it_beside_another_websocket():
    target = await probed(site({"/": {}, OWN: SESSION}))
    assert (target.path, target.has("session")) == (OWN, True)
    assert target.found.instead == f"{OWN} sent connection_confirmed; / was accepted"


async def test_bare_url_is_kept_where_every_path_is_accepted():
    target = await probed(site({}, otherwise={}))
    assert (target.path, target.has("session"), target.found.instead) == ("/", False, None)


async def test_path_that_was_named_is_kept_whatever_is_beside_it():
    asked = []
    target = await probed(site({"/chat": {}, "/chat" + OWN: SESSION}, asked=asked), path="/chat")
    assert (target.path, target.has("session")) == ("/chat", False)
    assert {path.partition("?")[0] for path, _ in asked} == {"/chat", "*"}  # HTTP/2's preface


async def test_path_that_refuses_gives_way_to_the_permissions_protocol():
    target = await probed(site({"/api" + OWN: SESSION}), path="/api")
    assert (target.path, target.has("session")) == ("/api" + OWN, True)


async def test_other_path_that_says_nothing_is_not_taken():
    message = await refused(site({OWN: {}, ANONYMOUS: {}}))
    assert "no opening handshake was accepted: / was answered 'HTTP/1.1 404 Not Found'" in message


async def test_dialect_or_control_claims_the_protocol_and_credentials_do_not():
    named = Profile(carriers=("query",), credentials=ALICE, allowed_origins=("https://a.example",))
    target = await probed(site({}, otherwise={}), profile=named, path="/chat")
    assert target.capabilities["session"].claim is None
    claimed = Profile(control_http="http://127.0.0.1:1")
    target = await probed(site({OWN: {}}), profile=claimed)
    assert (target.path, target.capabilities["session"].claim) == (OWN, "session.confirmation-first")


async def test_server_that_accepts_and_closes_is_tried_with_a_token():
    async def script(reader, writer):
        line, headers = await request_of(reader)
        if "token=t0ken" in line:
            await websocket(request=(line, headers))(reader, writer)
            return
        serving = asyncio.create_task(websocket(pong=False, request=(line, headers))(reader, writer))
        await asyncio.sleep(0)
        writer.write(b"\x88\x02\x03\xf0")
        await serving

    target = await probed(script, profile=Profile(carriers=("query",), credentials=ALICE))
    assert (target.path, target.default_token) == ("/", "t0ken")
    message = await refused(script)
    assert "/ accepts an opening handshake and then ends the connection: Close 1008" in message
    assert "Give credentials and carriers" in message


async def test_query_goes_with_every_handshake():
    asked = []
    profile = Profile(carriers=("query",), credentials=ALICE)
    script = site({OWN: SESSION}, asked=asked)
    target = await probed(script, path="/?EIO=4&key=s3cret", profile=profile)
    assert all("?EIO=4&key=s3cret" in path for path, _ in asked if path.startswith("/"))
    assert {path for path, _ in asked} >= {"/?EIO=4&key=s3cret", f"{OWN}?EIO=4&key=s3cret&token=t0ken"}
    assert "s3cret" not in repr(target.found)
    assert target.opening(b"/\xff").target == b"/\xff?EIO=4&key=s3cret"


# What answers, and answers wrongly, is judged for it.


def raw(answer):
    """Return a server that answers a request by bytes and stays."""

    async def script(reader, writer):
        await request_of(reader)
        writer.write(answer)
        await reader.read()

    return script


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1  101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n",
    ],
    ids=["two-blanks", "no-blank", "no-version", "without-an-end", "another-protocol"],
)
async def test_malformed_101_is_a_fault_of_the_handshake(answer):
    target = await probed(raw(answer))
    assert target.found.fault_in == "handshake"
    assert target.found.fault.startswith("/ answered a legal opening handshake wrongly: ")


async def test_101_with_line_feeds_alone_is_read_and_charged():
    async def script(reader, writer):
        line, headers = await request_of(reader)

        class Bare:
            def write(self, data):
                writer.write(data.replace(b"\r\n", b"\n") if data.startswith(b"HTTP") else data)

        await websocket(request=(line, headers))(reader, Bare())

    async with target_of(script) as target:
        await probe(target, scale=QUICK)
        charge = target.recorder.record.charges["handshake.response-headers", False]
    assert charge.message == "5 of its lines end with LF alone, expected CR LF"
    assert target.found.fault is None


async def test_ping_without_an_answer_is_a_fault_of_the_frames():
    target = await probed(websocket(pong=False))
    assert target.found.fault_in == "frames"
    assert target.found.fault == (
        "/ accepted an opening handshake, but a Ping was not answered by its Pong: nothing"
    )


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"\x89\x01x", "no Pong, but a Ping of 1 bytes"),
        (b"\x8a\x01x", "a Pong of 1 bytes"),
        (b"\x88\x02\x03\xea", "Close 1002"),
        (b"", "TCP ended (FIN)"),
    ],
    ids=["ping", "another-payload", "close", "end"],
)
async def test_wrong_answer_to_a_ping_is_a_fault_of_the_frames(answer, told):
    class Answering:
        def __init__(self, writer):
            self.writer = writer

        def write(self, data):
            self.writer.write(data if data.startswith(b"HTTP") else answer)
            if not data.startswith(b"HTTP") and not answer:
                self.writer.close()

    async def script(reader, writer):
        request = await request_of(reader)
        await websocket(request=request)(reader, Answering(writer))

    target = await probed(script, scale=0.2)
    assert target.found.fault_in == "frames"
    assert target.found.fault.endswith(f"a Ping was not answered by its Pong: {told}")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 200 O", "answers by a response without an end"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "answers an opening handshake with interim responses alone"),
    ],
)
async def test_message_does_not_say_without_an_answer_where_one_came(answer, told):
    message = await refused(raw(answer))
    assert told in message
    assert "no answer" not in message
