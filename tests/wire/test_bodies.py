"""Where the body of a refusal ends: RFC 9112 §6.3 and §7.1."""

from __future__ import annotations

import time

import pytest
from wire_harness import connected

from conformance.wire.handshake import ResponseParser, opening

CHUNKED = "Transfer-Encoding: chunked"
BOUND = 5.0


def response(body: bytes, *lines: str, status: str = "403 Forbidden"):
    found = ResponseParser().feed("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode())
    assert found is not None
    found.take(body)
    return found


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Content-Length: 3"], b"abc"),
        (["Content-Length: 0"], b""),
        ([CHUNKED], b"0\r\n\r\n"),
        ([CHUNKED], b"3\r\nabc\r\n0\r\n\r\n"),
        ([CHUNKED], b"a;name=value\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ([CHUNKED], b"00001\r\n\n\r\n000\r\nAge: 1\r\nExpires: 0\r\n\r\n"),
        (
            ["Transfer-Encoding: gzip, Chunked", "Content-Length: 400"],
            b"1F\r\n" + bytes(31) + b"\r\n0\r\n\r\n",
        ),
    ],
)
def test_body_is_whole_at_its_last_octet_and_not_before(lines: list[str], body: bytes) -> None:
    assert response(body, *lines).whole
    for cut in range(len(body)):
        assert not response(body[:cut], *lines).whole, body[:cut]


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ([], b"until TCP ends"),
        (["Content-Length: -1"], b"abc"),
        ([CHUNKED], b"no size\r\n0\r\n\r\n"),
        ([CHUNKED], b"-1\r\n\r\n0\r\n\r\n"),
        ([CHUNKED], b"f" * 5000 + b"\r\n0\r\n\r\n"),
        (["Transfer-Encoding: identity"], b"0\r\n\r\n"),
    ],
)
def test_body_of_which_nothing_tells_the_end_is_never_whole(lines: list[str], body: bytes) -> None:
    assert not response(body, *lines).whole


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_response_that_has_no_body_is_whole_at_once(status: str) -> None:
    assert response(b"", "Content-Length: 12", status=status).whole


@pytest.mark.asyncio
async def test_body_in_chunks_is_not_waited_for_when_it_is_there() -> None:
    async def script(served):
        await served.reader.readuntil(b"\r\n\r\n")
        served.writer.write(f"HTTP/1.1 403 Forbidden\r\n{CHUNKED}\r\n\r\n4\r\ngone".encode())
        await served.writer.drain()
        served.writer.write(b"\r\n0\r\n\r\n")
        await served.gone()

    async with connected(script) as connection:
        connection.send_request(opening("/", "h"))
        assert await connection.read_response(BOUND)
        began = time.monotonic()
        assert await connection.read_body(BOUND) == b"4\r\ngone\r\n0\r\n\r\n"
        assert time.monotonic() - began < BOUND / 2
