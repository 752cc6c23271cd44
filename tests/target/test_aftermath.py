"""The aftermath's new connection: a server's own way with Close frames is no harm that an abuse did."""

from __future__ import annotations

import pytest
from target_harness import request_of, target_of

from conformance.client.peer import Limits
from conformance.wire.handshake import accept_for

pytestmark = pytest.mark.asyncio
PING, CLOSE = 0x9, 0x8
GOODBYE, BUSY = b"\x88\x02\x03\xe8", b"\x88\x02\x03\xf5"


def server(answer, opened):
    """Return a script that sends ``answer(opcodes, pong)`` to what one read brought, and ends at Close."""

    async def script(reader, writer):
        opened.append(writer)
        _, headers = await request_of(reader)
        accept = accept_for(headers["sec-websocket-key"])
        lines = ["HTTP/1.1 101 S", "Upgrade: websocket", "Connection: Upgrade"]
        writer.write("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
        while data := await reader.read(1000):
            opcodes, pong = [], b""
            while data:
                size = data[1] & 0x7F
                opcodes.append(data[0] & 0x0F)
                if opcodes[-1] == PING:
                    plain = bytes(byte ^ data[2 + at % 4] for at, byte in enumerate(data[6 : 6 + size]))
                    pong = bytes([0x8A, size]) + plain
                data = data[6 + size :]
            writer.write(answer(opcodes, pong))
            if CLOSE in opcodes:
                return

    return script


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        pytest.param(lambda opcodes, pong: pong + GOODBYE * (CLOSE in opcodes), 1, id="both"),
        pytest.param(lambda opcodes, pong: GOODBYE if CLOSE in opcodes else pong, 2, id="close-alone"),
        pytest.param(lambda _, pong: pong, 1, id="pong-alone"),
        pytest.param(lambda opcodes, pong: b"" if CLOSE in opcodes else pong, 2, id="end-of-tcp-at-close"),
    ],
)
async def test_new_connection_that_works_is_no_harm(answer, connections) -> None:
    opened = []
    async with target_of(server(answer, opened)) as target:
        await target.aftermath()
        assert not target.recorder.broken("robustness.others-unharmed")
        assert len(opened) == connections


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(lambda *_: BUSY, "Close 1013", id="always-busy"),
        pytest.param(lambda *_: GOODBYE, "Close 1000", id="sends-everybody-away"),
        pytest.param(lambda *_: b"", "(nothing)", id="never-answers"),
    ],
)
async def test_new_connection_that_answers_no_ping_is_harm(answer, said, monkeypatch) -> None:
    async with target_of(server(answer, [])) as target:
        monkeypatch.setattr(target, "limits", Limits(reply=0.2, prompt=0.1))
        await target.aftermath()
        assert said in target.recorder.broken("robustness.others-unharmed")
