"""What the tests of this chapter say and hear beyond the client's own verbs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from conformance.client.matching import says
from conformance.client.session import EVENTS, Client, Json
from conformance.core.errors import Nonconformance, NotApplicable
from conformance.wire.ending import came
from conformance.wire.events import Message

INVALID = ("invalid_json", "invalid_message")


def shown(message: Json) -> str:
    """Return a message as it stands in a report."""
    return json.dumps(message)[:300]


def needs_heartbeat(client: Client) -> None:
    """Leave the test to servers that offer heartbeats.

    Raises:
        NotApplicable: the confirmation says that this one does not.

    """
    if (client.confirmation.get("features") or {}).get("heartbeat") is False:
        raise NotApplicable("features.heartbeat is false in connection_confirmed")


async def next_reply(client: Client) -> Json:
    """Expect the next message that is no event."""

    def wanted(event: object) -> bool:
        return isinstance(event, Message) and client.decode(event).get("type") not in EVENTS

    event = await client.take(wanted, client.limits.reply)
    if isinstance(event, Message):
        return client.decode(event)
    raise Nonconformance("a message was not answered", expected=["a reply"], actual=came(event))


async def expect_error(client: Client, codes: Sequence[str] = INVALID) -> Json:
    """Expect an error with one of these codes, and that the connection stays open."""
    client.dialect.needs("error")
    reply = await next_reply(client)
    code = next((one for one in codes if says(reply, {"type": "error", "data": {"code": one}})), None)
    if code is None:
        raise Nonconformance(
            "a wrong message was not answered by its error",
            expected=[f"error with the code {one}" for one in codes],
            actual=shown(reply),
        )
    client.recorder.observe(f"error {code}")
    await still_open(client)
    return reply


async def still_open(client: Client) -> None:
    """Expect that the connection answers a heartbeat after what was sent before."""
    try:
        await client.heartbeat()
    except Nonconformance as error:
        raise Nonconformance(
            "the connection did not survive a message that it has to survive",
            expected=["the connection stays open and answers a heartbeat"],
            actual=error.came,
        ) from error
