"""Who answers: a port that refuses is told from a silent one, and one service from another."""

from __future__ import annotations

import asyncio
import socket

import pytest

from conformance.client.peer import Limits
from conformance.client.recorder import Recorder
from conformance.net.endpoint import Endpoint
from conformance.suite.instances import accepting
from conformance.target.identity import LATE, Identity, Trait, differences, reach, state_of
from conformance.target.profile import Profile
from conformance.target.target import Target
from conformance.target.url import parse

HERE = "127.0.0.1"
ACCEPTED = Trait("101, Server 'one'", 101)
REFUSED = Trait("404, Server 'one'", 404)


def target_at(port: int) -> Target:
    url = parse(f"ws://{HERE}:{port}/")
    limits = Limits(handshake=0.3, reply=0.3, close=0.3, prompt=0.3)
    return Target(url, Profile(), Endpoint(HERE, port, addresses=(HERE,)), Recorder(()), limits)


def state_at(port: int) -> str:
    return asyncio.run(state_of(target_at(port), HERE))


def test_port_of_nobody_refuses() -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind((HERE, 0))
        port = bound.getsockname()[1]
        assert state_at(port) == "refuses"
        assert asyncio.run(reach(target_at(port), HERE)) is None


def test_holder_that_never_accepts_is_silent() -> None:
    with socket.create_server((HERE, 0)) as holder:
        assert state_at(holder.getsockname()[1]) == "silent"


def test_holder_with_a_full_queue_is_silent() -> None:
    with socket.create_server((HERE, 0), backlog=0) as holder, socket.socket() as waiting:
        port = holder.getsockname()[1]
        waiting.connect((HERE, port))
        with socket.socket() as more:
            more.settimeout(0)
            more.connect_ex((HERE, port))
            assert state_at(port) == "silent"


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 404 Not Found\r\n\r\n", b"HTTP/1.1 4", b"SSH-2.0-x\r\n", b""], ids=repr
)
def test_holder_that_says_or_ends_anything_answers(said: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async def state() -> str:
        async with await asyncio.start_server(serve, HERE, 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await state_of(target_at(port), HERE)

    assert asyncio.run(state()) == "answers"


def test_port_that_was_not_given_back_is_told_by_how_it_is_held() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def told(port: int) -> list[str]:
        return await accepting(target_at(port))

    async def told_of_one_that_answers() -> list[str]:
        async with await asyncio.start_server(serve, HERE, 0) as server:
            return await told(server.sockets[0].getsockname()[1])

    with socket.create_server((HERE, 0)) as holder:
        port = holder.getsockname()[1]
        assert asyncio.run(told(port)) == [f"{HERE} is held by somebody who never answers"]
    assert asyncio.run(told(port)) == []
    assert asyncio.run(told_of_one_that_answers()) == [f"{HERE} still answers"]


@pytest.mark.parametrize(
    ("identity", "sure"),
    [
        (Identity(ACCEPTED, REFUSED), True),
        (Identity(ACCEPTED, REFUSED, Trait("none")), True),
        (Identity(ACCEPTED, Trait("TCP refused")), True),
        (Identity(LATE, REFUSED), False),
        (Identity(ACCEPTED, LATE), False),
        (Identity(ACCEPTED, REFUSED, LATE), False),
        (Identity(Trait("503, no Server header", 503), REFUSED), False),
        (Identity(ACCEPTED, Trait("429, Server 'one'", 429)), False),
    ],
)
def test_late_or_busy_answer_proves_no_other_service(identity: Identity, sure: bool) -> None:  # noqa: FBT001
    assert identity.sure is sure


def test_differences_are_counted_by_what_was_asked() -> None:
    one, other = Identity(ACCEPTED, REFUSED), Identity(Trait("404, Server 'other'", 404), REFUSED)
    told = differences([one, other, one])
    assert told == f"handshake → 2 times {ACCEPTED} / 1 times 404, Server 'other'"
    assert one.apart([other]) == f"handshake → {ACCEPTED}"
