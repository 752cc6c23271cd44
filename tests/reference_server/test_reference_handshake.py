"""RFC 6455 section 4.2.1 on the wire, and the routes."""

from __future__ import annotations

import socket

import pytest
from reference_harness import BOUND, KEY, Running

REFUSED = {
    # name: (lines added, headers left out, status)
    "host missing": ([], "Host", 400),
    "host twice": (["Host: localhost"], "", 400),
    "host empty": (["Host:"], "Host", 400),
    "host with a path": (["Host: localhost/x"], "Host", 400),
    "host with userinfo": (["Host: a@localhost"], "Host", 400),
    "upgrade missing": ([], "Upgrade", 426),
    "upgrade to something else": (["Upgrade: h2c"], "Upgrade", 426),
    "upgrade is a prefix": (["Upgrade: websocket2"], "Upgrade", 426),
    "upgrade malformed": (["Upgrade: websocket, @"], "Upgrade", 400),
    "connection missing": ([], "Connection", 426),
    "connection without upgrade": (["Connection: keep-alive"], "Connection", 426),
    "connection malformed": (["Connection: Upgrade; x"], "Connection", 400),
    "key missing": ([], "Sec-WebSocket-Key", 400),
    "key empty": (["Sec-WebSocket-Key:"], "Sec-WebSocket-Key", 400),
    "key twice": ([f"Sec-WebSocket-Key: {KEY}"], "", 400),
    "key of 15 bytes": (["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"], "Sec-WebSocket-Key", 400),
    "key of 17 bytes": (["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="], "Sec-WebSocket-Key", 400),
    "key not base64": (["Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="], "Sec-WebSocket-Key", 400),
    "key in base64url": (["Sec-WebSocket-Key: ______________________=="], "Sec-WebSocket-Key", 400),
    "key padded too much": (["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA===="], "Sec-WebSocket-Key", 400),
    "version missing": ([], "Sec-WebSocket-Version", 400),
    "version twice": (["Sec-WebSocket-Version: 13"], "", 400),
    "version 8": (["Sec-WebSocket-Version: 8"], "Sec-WebSocket-Version", 426),
    "version 14": (["Sec-WebSocket-Version: 14"], "Sec-WebSocket-Version", 426),
    "version list": (["Sec-WebSocket-Version: 13, 8"], "Sec-WebSocket-Version", 426),
    "version with a zero": (["Sec-WebSocket-Version: 013"], "Sec-WebSocket-Version", 426),
    "version not a number": (["Sec-WebSocket-Version: x"], "Sec-WebSocket-Version", 426),
    "version empty": (["Sec-WebSocket-Version:"], "Sec-WebSocket-Version", 426),
    "subprotocol malformed": (["Sec-WebSocket-Protocol: chat room"], "", 400),
    "subprotocol with a slash": (["Sec-WebSocket-Protocol: a/b"], "", 400),
    "subprotocol empty": (["Sec-WebSocket-Protocol:"], "", 400),
    "extensions malformed": (["Sec-WebSocket-Extensions: permessage-deflate; =15"], "", 400),
    "extensions empty": (["Sec-WebSocket-Extensions:"], "", 400),
    "body announced": (["Content-Length: 5"], "", 400),
    "body chunked": (["Transfer-Encoding: chunked"], "", 400),
    "content length not a number": (["Content-Length: x"], "", 400),
    "header folded": (["X-Folded: a", " b"], "", 400),
    "header name with a space": (["X Name: a"], "", 400),
    "space before the colon": (["X-Name : a"], "", 400),
    "header without a colon": (["nonsense"], "", 400),
    "control character in a value": (["X-Name: a\x00b"], "", 400),
    "header of 9 KB": (["X-Long: " + "a" * 9000], "", 431),
}


@pytest.mark.parametrize("name", REFUSED)
def test_incorrect_handshake_is_refused_by_a_complete_response(target: Running, name: str) -> None:
    lines, without, status = REFUSED[name]
    answer = target.get("/ws/permissions/", *lines, without=without)
    assert answer.status == status
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert "close" in answer.headers["connection"]
    if status == 426:
        assert answer.headers["upgrade"] == "websocket"
        assert "Upgrade" in answer.headers["connection"]
        assert answer.headers["sec-websocket-version"] == "13"


ACCEPTED = {
    "as in the RFC": ([], ""),
    "upgrade in capitals": (["Upgrade: WebSocket"], "Upgrade"),
    "upgrade as a list": (["Upgrade: h2c, websocket"], "Upgrade"),
    "upgrade on two lines": (["Upgrade: h2c"], ""),
    "connection as a list": (["Connection: keep-alive, upgrade"], "Connection"),
    "connection on two lines": (["Connection: keep-alive"], ""),
    "header names in capitals": (["SEC-WEBSOCKET-VERSION: 13"], "Sec-WebSocket-Version"),
    "empty body": (["Content-Length: 0"], ""),
    "unknown extension": (["Sec-WebSocket-Extensions: x-unknown; a=1, permessage-foo"], ""),
    "host without a port": (["Host: localhost"], "Host"),
    "host an IPv6 address": (["Host: [::1]:80"], "Host"),
    "unknown header": (["X-Anything: é"], ""),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_correct_handshake_is_accepted(target: Running, name: str) -> None:
    lines, without = ACCEPTED[name]
    answer = target.get("/ws/permissions/", *lines, without=without)
    assert answer.status == 101
    assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer.headers["upgrade"] == "websocket"
    assert answer.headers["connection"] == "Upgrade"
    assert not {"sec-websocket-protocol", "sec-websocket-extensions"} & set(answer.headers)


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT", "get"])
def test_other_methods_are_never_upgraded(target: Running, method: str) -> None:
    head = (
        f"{method} /ws/permissions/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    answer = target.raw(head.encode())
    assert answer.status == 405
    assert answer.headers["allow"] == "GET"
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /ws/permissions/ HTTP/1.0", 505),
        ("GET /ws/permissions/ HTTP/2.0", 400),
        ("GET /ws/permissions/", 400),
        ("GET /ws/permissions/ x HTTP/1.1", 400),
        ("GET  /ws/permissions/ HTTP/1.1", 400),
        ("GET /ws/permissions/\xe9 HTTP/1.1", 400),
        ("GET /" + "a" * 9000 + " HTTP/1.1", 414),
        ("\x16\x03\x01 TLS to a plain port", 400),
    ],
)
def test_bad_request_line_is_refused(target: Running, line: str, status: int) -> None:
    head = (
        f"{line}\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    answer = target.raw(head.encode("latin-1"))
    assert answer.status == status
    assert int(answer.headers["content-length"]) == len(answer.body)


def test_bare_line_feeds_are_refused(target: Running) -> None:
    assert target.raw(b"GET /ws/permissions/ HTTP/1.1\nHost: x\n\n").status == 400


ENDPOINTS = [
    "/ws/permissions/",
    "/ws/permissions/?x=1",
    "/ws/permissions/?/../../",
    "/ws/permissions/anonymous",
    "/ws/permissions/anonymous/",
    "http://localhost/ws/permissions/",
    "HTTP://[::1]:80/ws/permissions/anonymous?x",
    "ws://anything.example/ws/permissions/",
]


@pytest.mark.parametrize("path", ENDPOINTS)
def test_endpoint_is_upgraded_and_a_plain_get_is_not(target: Running, path: str) -> None:
    assert target.get(path).status == 101
    plain = target.get(path, without="Upgrade Connection")
    assert (plain.status, plain.headers["upgrade"]) == (426, "websocket")


NOT_ROUTES = [
    "/ws/permissions",
    "/ws/permissions/1",
    "/ws/permissions//",
    "//ws/permissions/",
    "/ws//permissions/",
    "/ws/permissions/1//",
    "/ws/permissions/1/2/",
    "/ws/permissions/Anonymous",
    "/WS/permissions/",
    "/ws/permissions/anonymous//",
    "/ws/permissions/anonymous/x",
    "/ws/permissions/12a/",
    "/ws/permissions/-1/",
    "/ws/permissions/+1/",
    "/ws/permissions/1.0/",
    "/ws/permissions/01/",
    "/ws/permissions/0/",
    "/ws/permissions/%31/",
    "/ws/permissions/%D9%A1/",
    "/ws/permissions%2F",
    "/ws/permissions/1/%0A",
    "/ws/permissions/./",
    "/ws/./permissions/",
    "/ws/permissions/1/../",
    "/ws/permissions/;x",
    "/ws/permissions/\x00",
    "/ws/permissions/9223372036854775808/",
    "/ws/permissions/10000000000000000000/",
    "/ws/permissions/" + "1" * 4000 + "/",
    "/",
    "*",
    "http://localhost",
    "ftp://localhost/ws/permissions/",
]


@pytest.mark.parametrize("path", NOT_ROUTES)
def test_what_is_not_a_route_is_not_found(target: Running, path: str) -> None:
    answer = target.get(path)
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/plain")


def test_fragment_in_the_target_is_refused(target: Running) -> None:
    assert target.get("/ws/permissions/#x").status == 400


def test_head_in_single_bytes_is_read(target: Running) -> None:
    head = (
        f"GET /ws/permissions/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", target.port), timeout=BOUND) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head:
            client.sendall(bytes([byte]))
        assert client.recv(4096).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 4, 60])
def test_frame_sent_too_early_is_answered_behind_the_101(target: Running, cut: int) -> None:
    head = (
        f"GET /ws/permissions/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    ping = bytes.fromhex("8980 00000000")
    with socket.create_connection(("127.0.0.1", target.port), timeout=BOUND) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if cut:
            client.sendall(head[:-cut])
        client.sendall((head[-cut:] if cut else head) + ping)
        received = b""
        while b"\x8a\x00" not in received:
            data = client.recv(4096)
            assert data, received
            received += data
    assert received.startswith(b"HTTP/1.1 101 ")


def test_large_body_does_not_hang(target: Running) -> None:
    head = b"GET /ws/permissions/ HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"
    assert target.raw(head + b"x" * 300000).status == 400
