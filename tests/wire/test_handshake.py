"""The opening handshake: requests as written, responses however they are cut, the extension grammar."""

from __future__ import annotations

import base64
import hashlib

import pytest

from conformance.wire.handshake import (
    GUID,
    MAX_BODY,
    MAX_HEAD,
    Request,
    ResponseParser,
    accept_for,
    new_key,
    opening,
)

SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


# Requests.


def test_accept_of_the_rfcs_sample():
    assert accept_for(SAMPLE_KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("value", [f" {SAMPLE_KEY}\t", f"\r\n\t{SAMPLE_KEY}"], ids=["blanks", "fold"])
def test_accept_ignores_blanks_round_the_key(value):
    assert accept_for(value) == accept_for(SAMPLE_KEY)


@pytest.mark.parametrize("key", ["", "XX", "\x0bkey\xa0", "k e\ty"])
def test_accept_is_of_everything_else_in_the_field(key):
    digest = hashlib.sha1(key.encode("latin-1") + GUID).digest()
    assert accept_for(key) == base64.b64encode(digest).decode()


def test_key_is_16_fresh_bytes():
    assert len(base64.b64decode(new_key(), validate=True)) == 16
    assert new_key() != new_key()


def test_opening_is_a_legal_request():
    request = opening("/chat", "server.example.com", key=SAMPLE_KEY, extra=[("Origin", "http://a.example")])
    assert request.encode() == (
        b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Origin: http://a.example\r\n\r\n"
    )


BARE = Request("/", (("Host", "h"), ("A", "1"), ("a", "2")))


@pytest.mark.parametrize(
    ("change", "wire"),
    [
        (lambda: BARE.without("HOST"), b"GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n"),
        (lambda: BARE.without("a", "host"), b"GET / HTTP/1.1\r\n\r\n"),
        (lambda: BARE.adding(("A", "3")), b"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\na: 2\r\nA: 3\r\n\r\n"),
        (lambda: BARE.setting("host", "x"), b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\n\r\n"),
        (lambda: BARE.without("a").setting("B", "9"), b"GET / HTTP/1.1\r\nHost: h\r\nB: 9\r\n\r\n"),
        (
            lambda: BARE.without("a").saying(method="POST", version="HTTP/1.0", target=b"/\xff", body=b"x"),
            b"POST /\xff HTTP/1.0\r\nHost: h\r\n\r\nx",
        ),
        (lambda: Request("/é", (("X", "é"),)), b"GET /\xe9 HTTP/1.1\r\nX: \xe9\r\n\r\n"),
        (
            lambda: Request("/€", (("X", "€"),)),
            b"GET /\xe2\x82\xac HTTP/1.1\r\nX: \xe2\x82\xac\r\n\r\n",
        ),
    ],
    ids=["without", "without-two", "adding", "setting", "setting-new", "saying", "latin-1", "utf-8"],
)
def test_request_is_written_as_it_was_changed(change, wire):
    assert change().encode() == wire


def test_verbs_leave_the_request_as_it_was():
    before = BARE.encode()
    BARE.without("A").adding(("B", "1")).setting("Host", "x").saying(method="PUT")
    assert BARE.encode() == before


def test_get_finds_a_header_in_any_case():
    assert (BARE.get("HOST"), BARE.get("A"), BARE.get("none")) == ("h", "1", None)


# Responses.


def test_response_is_read():
    parser = ResponseParser()
    response = parser.feed(ANSWER)
    assert (response.status, response.reason, response.version) == (101, "Switching Protocols", "HTTP/1.1")
    assert (response.get("upgrade"), response.head, response.defects) == ("websocket", ANSWER, [])
    assert response.line == "HTTP/1.1 101 Switching Protocols"


@pytest.mark.parametrize("cut", range(1, len(ANSWER)))
def test_response_cut_at_any_byte_is_the_same(cut):
    parser = ResponseParser()
    assert parser.feed(ANSWER[:cut]) is None
    assert (parser.received, parser.rest) == (ANSWER[:cut], b"")
    response = parser.feed(ANSWER[cut:] + b"\x89\x00")
    assert (response, parser.rest) == (ResponseParser().feed(ANSWER), b"\x89\x00")


@pytest.mark.parametrize(
    ("status", "protocol", "upgraded"),
    [
        (101, "Upgrade: websocket", True),
        (101, "Upgrade: WebSocket", True),
        (101, "Upgrade: h2c, websocket", True),
        (101, "Connection: Upgrade", True),
        (101, "Upgrade: h2c", False),
        (200, "Upgrade: websocket", False),
        (426, "Upgrade: websocket", False),
    ],
)
def test_response_switches_to_websocket(status, protocol, upgraded):
    response = ResponseParser().feed(f"HTTP/1.1 {status} X\r\n{protocol}\r\n\r\n".encode())
    assert response.upgraded == upgraded


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"X: Sun, 22 Nov 2026 18:15:44 GMT", "Sun, 22 Nov 2026 18:15:44 GMT"),
        (b"X:\t XX \t", "XX"),
        (b"X: \x0b\xa0\xff", "\x0b\xa0\xff"),
        (b"X:", ""),
    ],
    ids=["colons", "blanks", "what-is-no-blank", "empty"],
)
def test_value_is_all_behind_the_first_colon_but_for_blanks(line, value):
    response = ResponseParser().feed(b"HTTP/1.1 101 S\r\n" + line + b"\r\n\r\n")
    assert (response.headers, response.defects) == ([("X", value)], [])


@pytest.mark.parametrize("sizes", [(MAX_BODY - 1, 1), (MAX_BODY - 1, 2), (0, MAX_BODY + 1, 1), (1, 1, 0)])
def test_body_is_kept_as_far_as_its_bound(sizes):
    response = ResponseParser().feed(b"HTTP/1.1 404 No\r\n\r\n")
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    for piece in pieces:
        response.take(piece)
    assert response.body == b"".join(pieces)[:MAX_BODY]


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ([], None),
        (["Content-Length: 0"], 0),
        (["content-length: 12"], 12),
        (["Content-Length: " + "9" * 18], 10**18 - 1),
        (["Content-Length: " + "9" * 19], None),
        (["Content-Length: -1"], None),
        (["Content-Length: 1e3"], None),
        (["Content-Length:"], None),
    ],
    ids=lambda one: "+".join(one)[:32] if isinstance(one, list) else "",
)
def test_length_of_a_body_is_a_number_that_can_be_one(lines, length):
    response = ResponseParser().feed("\r\n".join(["HTTP/1.1 404 No", *lines, "", ""]).encode())
    assert response.content_length == length


def test_repeated_headers_are_kept_in_order():
    response = ResponseParser().feed(b"HTTP/1.1 403 No\r\nX: 1\r\nY: 2\r\nx:  3 \t\r\n\r\n")
    assert (response.all("X"), response.get("x"), response.get("z")) == (["1", "3"], "1, 3", None)


@pytest.mark.parametrize(
    ("line", "reason", "shown"),
    [
        (b"HTTP/1.1 404 Not Found", "Not Found", "HTTP/1.1 404 Not Found"),
        (b"HTTP/1.0 404 ", "", "HTTP/1.0 404"),
        (b"HTTP/1.1 404", "", "HTTP/1.1 404"),
        (b"HTTP/1.1 404 \xe9", "é", "HTTP/1.1 404 é"),
    ],
)
def test_status_line_with_and_without_a_reason(line, reason, shown):
    response = ResponseParser().feed(line + b"\r\n\r\n")
    assert (response.status, response.reason, response.line) == (404, reason, shown)


@pytest.mark.parametrize(
    "interim",
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="100"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", id="103"),
        pytest.param(b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 102 P\r\n\r\n", id="two"),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_interim_response_is_skipped(interim, step):
    parser, data = ResponseParser(), interim + ANSWER
    found = [parser.feed(data[start : start + step]) for start in range(0, len(data), step)]
    assert [response.status for response in found if response] == [101]
    assert found[-1].head == ANSWER


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="ssh"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", id="tls-alert"),
        pytest.param(b"http/1.1 101 x\r\n\r\n", id="lower-case"),
        pytest.param(b"\r\nHTTP/1.1 101 x\r\n\r\n", id="blank-line-first"),
        pytest.param(b"HTTX", id="almost"),
        pytest.param(b"\x81\x05Hello", id="frame"),
    ],
)
def test_bytes_that_are_no_http_are_garbage_at_once(data):
    parser = ResponseParser()
    assert parser.feed(data) is None
    assert parser.garbage == data


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"HTTP/1.1 1O1 Switching", id="letter-in-the-code"),
        pytest.param(b"HTTP/1.1 1010 Switching", id="four-digits"),
        pytest.param(b"HTTP/1.1  101 Switching", id="two-blanks"),
        pytest.param(b"HTTP/11 101 Switching", id="version"),
        pytest.param(b"HTTP/1.1 101\tSwitching", id="tab"),
        pytest.param(b"HTTP/1.1", id="version-only"),
    ],
)
def test_illegal_status_line_is_garbage(line):
    parser = ResponseParser()
    assert parser.feed(line + b"\r\nUpgrade: websocket\r\n\r\n") is None
    assert parser.garbage.startswith(line)


def test_garbage_cut_into_single_bytes_is_garbage_at_its_first_wrong_byte():
    parser = ResponseParser()
    for byte in b"HTT":
        assert parser.feed(bytes([byte])) is None
        assert parser.garbage is None
    parser.feed(b"X")
    assert parser.garbage == b"HTTX"


def test_nothing_is_read_behind_garbage():
    parser = ResponseParser()
    parser.feed(b"no\r\n")
    assert parser.feed(ANSWER) is None
    assert parser.garbage == b"no\r\n"


@pytest.mark.parametrize(
    ("line", "defect"),
    [
        (b"no colon", "no colon"),
        (b"Name : value", "Name : value"),
        (b" folded: value", " folded: value"),
        (b": empty name", ": empty name"),
        (b"X: bare\nline feed", "X: bare\nline feed"),
        (b"N\xe4me: value", "Näme: value"),
    ],
)
def test_line_that_is_no_header_field_is_a_defect(line, defect):
    response = ResponseParser().feed(b"HTTP/1.1 101 S\r\n" + line + b"\r\nUpgrade: websocket\r\n\r\n")
    assert (response.defects, response.headers) == ([defect], [("Upgrade", "websocket")])


def test_head_without_end_is_given_up():
    parser = ResponseParser()
    assert parser.feed(b"HTTP/1.1 101 S\r\nX: " + b"x" * (MAX_HEAD - 19)) is None
    assert parser.garbage is None
    assert parser.feed(b"x") is None
    assert parser.garbage == (b"HTTP/1.1 101 S\r\nX: " + b"x" * 300)[:256]


def test_long_head_within_the_bound_is_read():
    head = b"HTTP/1.1 101 S\r\nX: " + b"x" * (MAX_HEAD - 23) + b"\r\n\r\n"
    assert len(head) == MAX_HEAD
    assert ResponseParser().feed(head).status == 101
