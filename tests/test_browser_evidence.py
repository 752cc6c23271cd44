"""What a browser saw goes into the report of a test that failed, without any secret."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

import pytest

from conformance.browser.chromium import find_browser
from conformance.browser.faulty import faulty_server
from conformance.browser.finding import system_firefox
from conformance.browser.launching import launched
from conformance.browser.script import open_socket, serve
from conformance.browser.witness import Witness
from conformance.target.launch import free_port
from tests.defects import matrix
from tests.defects.registry import defects


@pytest.fixture(scope="module")
def outcome():
    if find_browser() is None:
        pytest.skip("no Chromium is installed")
    return matrix.judged(defects()["reads-no-query-of-browsers"])


def test_failure_shows_what_the_browser_saw(outcome):
    (test,) = [one for one in outcome.report["tests"] if one["outcome"] == "failed"]
    seen = test["browser"]
    assert base64.b64decode(seen["screenshot"]).startswith(b"\x89PNG")
    assert any("socket 1 opens ws://" in one for one in seen["frames"])
    assert any("received" in one and "connection_confirmed" in one for one in seen["frames"])
    assert seen["errors"] == []


def test_token_of_the_socket_is_not_shown(outcome):
    (test,) = [one for one in outcome.report["tests"] if one["outcome"] == "failed"]
    assert any("token=[secret]" in one for one in test["browser"]["frames"])


@pytest.mark.skipif(system_firefox() is None, reason="no Firefox is installed")
def test_firefox_tells_what_its_page_saw_and_said() -> None:
    evidence = asyncio.run(witnessed())
    frames = "\n".join(evidence["frames"])
    assert evidence["frames"][0].startswith("as script saw them")
    assert "socket 1 opens ws://127.0.0.1:" in frames
    assert "socket 1 received greeting" in frames
    assert "socket 1 sent 3 bytes 010203" in frames
    assert "socket 2 error HTTP 404 Not Found" in frames
    assert "socket 3 error NS_ERROR_CONNECTION_REFUSED" in frames
    assert "info: said by the page" in evidence["console"]
    assert any("establish a connection" in one for one in evidence["console"])
    assert any("boom" in one for one in evidence["errors"])
    assert base64.b64decode(evidence["screenshot"]).startswith(b"\x89PNG")


async def witnessed() -> dict[str, object]:
    """Have a page of Firefox open sockets that are greeted, refused and answered by nobody."""
    executable = system_firefox()
    assert executable is not None
    async with launched("firefox", executable) as started, faulty_server() as url, refusing() as refuses:
        context = await started.driven.new_context()
        witness = Witness(context)
        page = await context.new_page()
        await serve(page, "http://page.example")
        socket = await open_socket(page, f"{url}right")
        assert await socket.until("message", 20) is not None
        await socket.send_binary(b"\x01\x02\x03")
        for one in (refuses, f"ws://127.0.0.1:{free_port('127.0.0.1')}/"):
            assert await (await open_socket(page, one)).until("close", 20) is not None
        await page.evaluate("console.info('said by the page')")
        await page.evaluate("setTimeout(() => { throw new Error('boom'); })")
        await page.evaluate("new Promise(done => setTimeout(done, 50))")
        image = base64.b64encode(await page.screenshot()).decode()
        return {**witness.evidence(), "screenshot": image}


@contextlib.asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    """Refuse every handshake with 404."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
