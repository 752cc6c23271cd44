"""The control interface: what it is asked, and that its failures are never the target's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest
from target_harness import request_of, serving

from conformance.core.errors import Inconclusive
from conformance.target.control import HttpControl
from conformance.target.launch import free_port

pytestmark = pytest.mark.asyncio
BOUND = 5.0


def control_at(port, *, timeout=BOUND, clean=str):
    return contextlib.closing(HttpControl(f"http://127.0.0.1:{port}/control/", timeout, clean))


def answering(*answers, asked=None):
    """A server that gives each request of a connection the next answer."""

    async def script(reader, writer):
        for answer in answers:
            line, _ = await request_of(reader)
            if asked is not None:
                asked.append(line)
            writer.write(answer)

    return script


DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_action_is_posted_with_its_parameters():
    asked = []
    async with serving(answering(DONE, DONE, asked=asked)) as port:
        with control_at(port) as control:
            await control("grant", user_id=1, permission="a b&c")
            await control("reset")
    assert asked == [
        "POST /control/grant?user_id=1&permission=a%20b%26c HTTP/1.1",
        "POST /control/reset HTTP/1.1",
    ]


async def test_kept_connection_that_was_closed_meanwhile_is_made_anew():
    async with serving(answering(DONE)) as port:
        with control_at(port) as control:
            await control("reset")
            await control("reset")


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error"])
async def test_answer_other_than_204_is_inconclusive(status):
    answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(answering(answer)) as port:
        with (
            control_at(port) as control,
            pytest.raises(Inconclusive, match=rf"answered {status[:3]} to grant\?user_id=1, expected 204"),
        ):
            await control("grant", user_id=1)


async def test_status_alone_is_not_judged():
    async with serving(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) as port:
        with control_at(port) as control:
            assert await control.status("grant") == 404


async def test_secret_in_a_parameter_is_masked():
    def clean(text):
        return text.replace("t0ken", "[secret]")

    async with serving(answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as port:
        with control_at(port, clean=clean) as control, pytest.raises(Inconclusive) as caught:
            await control("revoke_token", token="t0ken")
    assert "t0ken" not in str(caught.value)


async def test_nothing_that_listens_is_inconclusive():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        failed = r"the control interface at 127\.0\.0\.1:\d+ failed"
        with (
            control_at(taken.getsockname()[1], timeout=0.2) as control,
            pytest.raises(Inconclusive, match=failed),
        ):
            await control("reset")


async def test_interface_that_listens_after_its_server_is_waited_for_once(monkeypatch):
    monkeypatch.setattr("conformance.target.control.START_BOUND", BOUND)
    asked = []
    port = free_port("127.0.0.1")
    with control_at(port) as control:
        first = asyncio.create_task(control("reset"))
        await asyncio.sleep(0.2)
        assert not first.done()
        async with serving(answering(DONE, asked=asked), port=port):
            await first
        began = time.monotonic()
        with pytest.raises(Inconclusive, match="refused"):
            await control("reset")
        assert time.monotonic() - began < BOUND / 2
    assert len(asked) == 1


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"]
)
async def test_answer_that_is_no_http_is_inconclusive(answer):
    async with serving(answering(answer)) as port:
        with control_at(port) as control, pytest.raises(Inconclusive, match="failed"):
            await control("reset")


async def test_answer_that_does_not_come_is_inconclusive():
    async def script(reader, _):
        await reader.read()

    async with serving(script) as port:
        with control_at(port, timeout=0.1) as control, pytest.raises(Inconclusive, match="timed out"):
            await control("reset")


@pytest.mark.parametrize("port", ["{control_port}", "http"])
async def test_port_that_is_no_number_is_inconclusive(port):
    with control_at(port) as control, pytest.raises(Inconclusive):
        await control("reset")


async def test_closing_what_was_never_opened_is_harmless():
    with control_at(1):
        pass
