"""Whether messages come back: on an echo path that the profile names, on the URL itself, or in heartbeats."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.client.peer import describe
from conformance.client.session import Client, difference
from conformance.target.attempt import Attempt
from conformance.target.profile import Credential
from conformance.target.snapshot import Capability
from conformance.target.target import Target
from conformance.wire.events import Close, Event, Message
from conformance.wire.frames import BINARY, TEXT, Frame

UNLOCK = '[target] echo = "/path" of an endpoint that gives back every message'
CLAIM = "framing.text-message"
# The text is a heartbeat, which no server of the permissions protocol minds.
PROBES = {
    TEXT: '{"type":"heartbeat","id":"echo","data":{"text":"é€😀"}}'.encode(),
    BINARY: b"echo? \x00\xff\xfe\xed\xa0\x80",
}


@dataclass(frozen=True, slots=True)
class Echo:
    """What a path gave back for a text and for a binary message."""

    path: str
    user: str | None
    text: str
    binary: str
    text_back: bool = False
    binary_back: bool = False
    binary_closed: bool = False
    chatty: bool = False


async def find_echo(target: Target, path: str, user: Credential | None = None) -> Echo:
    """Send a text and a binary message on a path, and see what comes back.

    On a path that sends ``connection_confirmed`` nothing is looked for: heartbeats come back there.

    Args:
        target: the server under test.
        path: the path to open.
        user: whose token is sent; by default none, or the first user's where that is refused.

    Returns:
        What comes back.

    """
    attempt, name = await _open(target, path, user)
    client = target.client(attempt.connection)
    try:
        if not attempt.upgraded:
            refused = f"{path} was answered {attempt}"
            return Echo(path, None, refused, refused)
        text, others = await _answer(client, TEXT)
        back = isinstance(text, Message) and (text.opcode, text.content) == (TEXT, PROBES[TEXT])
        binary, _ = await _answer(client, BINARY) if back else (None, ())
        return Echo(
            path,
            name,
            _told(TEXT, text),
            _told(BINARY, binary),
            text_back=back,
            binary_back=isinstance(binary, Message),
            binary_closed=isinstance(binary, Close) and binary.code is not None,
            chatty=bool(others),
        )
    finally:
        await client.leave()


async def _open(target: Target, path: str, user: Credential | None) -> tuple[Attempt, str | None]:
    """Return the first opening handshake that is accepted, or the last, and whose token it carried."""
    attempt = await target.attempt(target.opening(path, token=user.token if user else None))
    if attempt.upgraded or user is not None or not target.users:
        return attempt, user.name if user else None
    attempt.connection.shut()
    return await _open(target, path, target.users[0])


async def _answer(client: Client, opcode: int) -> tuple[Event | None, list[Message]]:
    """Return what answers the probe, and the messages before it that have nothing to do with it."""
    others: list[Message] = []

    def wanted(event: Event) -> bool:
        if not isinstance(event, Message):
            return False
        if event.content == PROBES[opcode] or b"connection_confirmed" in client.heard(event):
            return True
        others.append(event)
        return False

    client.send(Frame(opcode, PROBES[opcode]))
    event = await client.take(wanted, client.limits.reply)
    if not isinstance(event, Message) and others:
        return others[-1], others[:-1]
    return event, others


def _told(opcode: int, event: Event | None) -> str:
    if not isinstance(event, Message):
        return describe(event)
    if (event.opcode, event.content) == (opcode, PROBES[opcode]):
        return "it came back"
    if event.content[:9] == PROBES[opcode][:9]:
        return difference(opcode, PROBES[opcode], event)
    return describe(event)


def echoing(target: Target, echo: Echo) -> list[Capability]:
    """Return the capabilities, and tell the target where messages come back."""
    claimed = target.profile.echo is not None
    if target.has("heartbeat") and not claimed:
        return [
            Capability("echo", present=True, evidence="heartbeats come back"),
            Capability("echo-binary", present=False, evidence="heartbeats are text", unlock=UNLOCK),
        ]
    if echo.text_back:
        target.learn(echo_path=echo.path.partition("?")[0], echo_user=echo.user, chatty=echo.chatty)
    # An echo path that takes no binary messages may say so by a Close; what it does give back is judged.
    binary = echo.text_back and (echo.binary_back or (claimed and not echo.binary_closed))
    evidence = f"a text sent to {echo.path}: {echo.text}" if echo.text else ""
    return [
        Capability(
            "echo",
            present=echo.text_back,
            evidence=evidence,
            unlock=None if echo.text_back else UNLOCK,
            claim=CLAIM if claimed else None,
        ),
        Capability(
            "echo-binary",
            present=binary,
            evidence=f"binary data sent to {echo.path}: {echo.binary if echo.text_back else echo.text}",
            unlock=None if binary else UNLOCK,
        ),
    ]
