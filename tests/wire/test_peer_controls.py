"""Controls against an application with rules of its own, and what a faulty Close is compared with."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from wire_harness import QUICK, upgraded

from conformance.core.errors import Inconclusive, Nonconformance
from conformance.wire.frames import BINARY, CLOSE, PING, PONG, TEXT, Frame, close_payload

pytestmark = pytest.mark.asyncio
CLOSE_4400, CLOSE_1002 = "88 02 11 30", "88 02 03 ea"
NUMBER = b"912345678901"


def judging(answers):
    """Return a server that answers Pings, and data and Close frames as `answers` says by payload."""

    async def script(served):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                opcode, payload = await served.frame()
                if opcode == PING:
                    served.say(f"8a {len(payload):02x} {payload.hex()}")
                elif opcode != PONG:
                    said = answers(opcode, payload)
                    served.say(said)
                    if said.startswith("88"):
                        return

    return script


@contextlib.asynccontextmanager
async def renewable(script):
    """Yield a peer whose connection can be opened again."""
    async with contextlib.AsyncExitStack() as stack:

        async def again():
            return (await stack.enter_async_context(upgraded(script, QUICK))).connection

        peer = await stack.enter_async_context(upgraded(script, QUICK))
        peer.again = again
        yield peer


async def test_objection_of_the_application_is_kept_and_the_fault_tried_on_another_connection() -> None:
    script = judging(lambda _, payload: CLOSE_1002 if payload == b"bad" else CLOSE_4400)
    async with renewable(script) as peer:
        before = peer.connection
        await peer.twin(Frame(TEXT, b"good"))
        assert peer.connection is not before
        assert (peer.objection.sign, peer.tried) == ("Close 4400", "a valid text ('good')")
        peer.send(Frame(TEXT, b"bad"))
        await peer.expect_failed(code=1002)


@pytest.mark.parametrize("objection", [CLOSE_4400, CLOSE_1002])
async def test_end_that_any_message_gets_proves_nothing(objection) -> None:
    async with renewable(judging(lambda *_: objection)) as peer:
        await peer.twin(Frame(TEXT, b"good"))
        peer.send(Frame(TEXT, b"bad"))
        with pytest.raises(Inconclusive, match=r"anyway: Close \d+.* to a valid text \('good'\)"):
            await peer.expect_failed(code=1002)


async def test_fault_that_is_overlooked_is_a_breach_whatever_the_application_minds() -> None:
    script = judging(lambda _, payload: "" if payload == b"bad" else CLOSE_4400)
    async with renewable(script) as peer:
        await peer.twin(Frame(TEXT, b"good"))
        peer.send(Frame(TEXT, b"bad"))
        with pytest.raises(Nonconformance, match="did not fail"):
            await peer.expect_failed(code=1002)


async def test_what_is_needed_and_unwelcome_is_told_with_its_answer() -> None:
    async with renewable(judging(lambda *_: CLOSE_4400)) as peer:
        with pytest.raises(Inconclusive, match=r"Close 4400.* to a valid binary message"):
            await peer.taken(Frame(BINARY, b"good"))


class Minds:
    """What the probe knows of an application that ends a connection a moment later."""

    def minds(self, opcode):
        return "TCP ended (FIN)" if opcode == TEXT else ""


async def test_end_a_moment_behind_the_pong_is_waited_for_where_the_probe_saw_it() -> None:
    async def script(served):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while (await served.frame())[0] != TEXT:
                served.say("8a 00")
            await asyncio.sleep(0.02)

    async with renewable(script) as peer:
        peer.manners = Minds()
        peer.send(Frame(TEXT, b"good"))
        ending = await peer.objection_to([Frame(TEXT, b"good")])
        assert ending.sign == "an end without a Close frame"


ECHO, NORMAL, EMPTY = (lambda payload: payload), (lambda _: b"\x03\xe8"), (lambda _: b"")


@pytest.mark.parametrize(
    ("to_valid", "to_fault", "to_others", "judged"),
    [
        pytest.param(ECHO, "03 e8", "03 e8", "kept", id="fails-everything-by-1000"),
        pytest.param(ECHO, "", "", "kept", id="fails-everything-by-an-empty-close"),
        pytest.param(ECHO, "", "03 ea", "kept", id="fails-this-by-an-empty-close"),
        pytest.param(ECHO, "03 ed", "03 ea", "in order", id="given-back"),
        pytest.param(ECHO, "03 e8", "03 ea", "in order", id="read-as-1000"),
        pytest.param(ECHO, "03 e8 42 79 65", "03 ea", "kept", id="fails-this-by-1000-and-a-reason"),
        pytest.param(NORMAL, "03 e8", "03 ea", "in order", id="1000-to-each-close"),
        pytest.param(EMPTY, "", "03 ea", "in order", id="nothing-to-each-close"),
        pytest.param(NORMAL, "03 e8", "03 e8", "unknown", id="1000-to-everything"),
    ],
)
async def test_faulty_close_is_compared_with_one_in_order_and_with_another_fault(
    to_valid, to_fault, to_others, judged
) -> None:
    def answers(opcode, payload):
        said = bytes.fromhex(to_fault) if payload == close_payload(1005) else to_valid(payload)
        said = said if opcode == CLOSE else bytes.fromhex(to_others)
        return f"88 {len(said):02x} {said.hex()}"

    async with renewable(judging(answers)) as peer:
        peer.send(Frame(CLOSE, close_payload(1005)))
        if judged == "kept":
            await peer.expect_close_refused(sent=1005, code=1002)
            assert peer.recorder.broken("closing.failure-code")
        elif judged == "unknown":
            with pytest.raises(Inconclusive, match="by Close 1000"):
                await peer.expect_close_refused(sent=1005, code=1002)
        else:
            with pytest.raises(Nonconformance, match="as if it were in order"):
                await peer.expect_close_refused(sent=1005, code=1002)
