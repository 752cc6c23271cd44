"""Hostile servers on real sockets against what the suite does with a server: a value, or an error of ours."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import example, given

from conformance.client.recorder import Recorder
from conformance.commands.doctor.case import case_of
from conformance.commands.doctor.document import document
from conformance.commands.doctor.walk import diagnose, paths
from conformance.core.errors import Inconclusive, Nonconformance, NotApplicable
from conformance.core.printable import printable
from conformance.target.echo import find_echo
from conformance.target.http2 import linked, offered
from conformance.target.identity import identify, state_of
from conformance.target.probe import endpoint_of, probe, scaled
from conformance.target.profile import Profile
from conformance.target.snapshot import Capability
from conformance.target.target import Target
from conformance.target.url import parse
from conformance.wire.frames import PING, TEXT, Frame
from tests.hostile.drawing import examples
from tests.hostile.serving import Manner, programs, unharmed

# What is drawn may be too long to be shown: the blob repeats it.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
SCALE = 0.01  # of the bounds: five hundredths of a second for most answers
OURS = (Nonconformance, Inconclusive, NotApplicable)
DOCUMENTED = (*OURS, TimeoutError)  # an address that neither accepts nor refuses: conformance.target.identity
UPGRADE = (
    b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
)


class WatchedTarget(Target):
    """A target that remembers its connections, so that a test leaves none open."""

    __slots__ = ("opened",)

    async def tcp(self, label: str = "raw TCP"):
        connection = await super().tcp(label)
        self.opened.append(connection)
        return connection


async def visited(port: int, visit: Callable[[Target], Awaitable[object]]) -> None:
    """Let a verb of the target meet the server; whatever comes out of it can be printed and written."""
    url = parse(f"ws://127.0.0.1:{port}/")
    target = WatchedTarget(url, Profile(), endpoint_of(url, Profile()), Recorder(), scaled(0.0, SCALE))
    target.opened = []
    try:
        said = repr(await visit(target))
    except DOCUMENTED as error:
        said = f"{error} {getattr(error, 'actual', '')} {getattr(error, 'expected', '')}"
    finally:
        await target.leave()
        for connection in target.opened:
            connection.shut()
    told = [target.recorder.transcripts_as_data(), target.recorder.record.observed, said]
    json.dumps(told)
    printable(said).encode()


async def by_probe(target: Target) -> object:
    return await probe(target, scale=SCALE)


async def by_verbs(target: Target) -> object:
    async with target.connect() as client:
        client.send(Frame(TEXT, b'{"type":"heartbeat","id":"x"}'), Frame(PING, b"x"))
        with contextlib.suppress(*OURS):
            await client.confirmed()
        with contextlib.suppress(*OURS):
            await client.heartbeat({"a": [1]})
        with contextlib.suppress(*OURS):
            await client.exchange("text")
        with contextlib.suppress(*OURS):
            await client.expect_silence()
        client.send_close()
        return str(await client.ending())


async def by_abuse(target: Target) -> object:
    await target.refuses(target.opening())
    async with target.abused() as client:
        return await client.expect_failed(code=1002)


async def by_identity(target: Target) -> object:
    target.learn(Capability("session", present=True, evidence=""))
    found = await identify(target, "127.0.0.1")
    if found is not None:
        found[1].shut()
    return found and str(found[0]), await state_of(target, "127.0.0.1")


async def by_echo(target: Target) -> object:
    return await find_echo(target, "/")


async def by_http2(target: Target) -> object:
    async with linked(target) as link, link.connect() as client:
        await client.exchange("over HTTP/2")
    return await offered(target)


@pytest.mark.parametrize(
    "visit", [by_probe, by_verbs, by_abuse, by_identity, by_echo, by_http2], ids=lambda one: one.__name__[3:]
)
def test_server_on_a_socket(visit: Callable[[Target], Awaitable[object]]) -> None:
    @examples(12)
    @given(programs)
    @example([Manner(UPGRADE, end="reset")])
    @example([Manner(b"", end="reset", early=True)])
    @example([Manner(UPGRADE + b"\x81\x7e\x04\xb0" + b"[" * 600 + b"]" * 600)])
    @example([Manner(UPGRADE, end="flood")])
    def look(program: list[Manner]) -> None:
        unharmed(program, lambda port: visited(port, visit))

    look()


@examples(12)
@given(programs)
@example([Manner(UPGRADE + b"\x89\x7d" + b"p" * 125, end="deaf")])
@example([Manner(b"HTTP/1.1 302 F\r\nLocation: //[\r\n\r\n", end="fin")])
@example([Manner(b"HTTP/1.1 302 " + b"F" * 60_000 + b"\r\n\r\n", end="fin")])
def test_doctor_meets_a_server(program: list[Manner]) -> None:
    async def act(port: int) -> None:
        for walk in (diagnose, paths):
            case = case_of(f"ws://127.0.0.1:{port}/", Profile(), timeout=0.05)
            found = await walk(case)
            diagnosis, rows = found if isinstance(found, tuple) else (found, None)
            made = json.dumps(document(case, diagnosis, rows))
            assert diagnosis.exit_code in {0, 1, 10}
            assert len(made) < 500_000

    unharmed(program, act)
