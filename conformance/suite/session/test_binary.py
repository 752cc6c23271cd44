"""Binary messages: not part of the protocol."""

from __future__ import annotations

import pytest

from conformance.client.matching import says
from conformance.core.errors import Nonconformance
from conformance.suite.session.replies import INVALID, shown, still_open
from conformance.target.target import Target
from conformance.wire.events import Message
from conformance.wire.frames import BINARY, Frame

CONTENTS = [
    pytest.param(b'{"type":"heartbeat","id":"binary"}', id="json"),
    pytest.param(bytes(range(256)), id="all-bytes"),
    pytest.param(b"", id="empty"),
]


@pytest.mark.requirement("session.binary")
@pytest.mark.parametrize("content", CONTENTS)
async def test_binary_message_is_refused(target: Target, content: bytes) -> None:
    async with target.abused() as client:
        client.send(Frame(BINARY, target.spoken(content)))
        event = await client.take(
            lambda e: isinstance(e, Message) and not client.unasked(e), client.limits.reply
        )
        if isinstance(event, Message):
            reply = client.decode(event)
            if not any(says(reply, {"type": "error", "data": {"code": code}}) for code in INVALID):
                raise Nonconformance(
                    "a binary message was taken for text",
                    expected=["error invalid_message"],
                    actual=shown(reply),
                )
            target.recorder.observe("error, the connection stays open")
            await still_open(client)
            return
        ending = await client.ending()
        if ending.close is None or ending.close.code != 1003:
            raise Nonconformance(
                "a binary message was not refused as the protocol says",
                expected=["error invalid_message", "Close 1003"],
                actual=ending,
            )
        target.recorder.observe("Close 1003")
