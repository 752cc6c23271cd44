"""Failing the connection, and data behind the failure: RFC 6455 §7.1.7, §10.4 and §5.6."""

from __future__ import annotations

import pytest

from conformance.client.peer import Ending, Peer
from conformance.core.errors import NotApplicable
from conformance.core.evidence import Happened, Kind, Told
from conformance.target.target import Target
from conformance.wire.events import Close, Pong
from conformance.wire.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, Frame

FAULTS = [
    pytest.param([Frame(PING, b"fault", mask=None)], id="unmasked-ping"),
    pytest.param([Frame(PING, b"fault", rsv2=True)], id="reserved-bit"),
    pytest.param([Frame(0xB, b"fault")], id="reserved-opcode"),
    pytest.param([Frame(CONTINUATION, b"fault")], id="continuation-of-nothing"),
    pytest.param([Frame(PING, b"f" * 126)], id="long-ping"),
    pytest.param([Frame(TEXT, b"{", fin=False), Frame(TEXT, b"}")], id="message-inside-message"),
    pytest.param([Frame(CLOSE, b"\x03")], id="close-of-one-byte"),
]


@pytest.mark.requirement("closing.nothing-after-failure")
@pytest.mark.parametrize("fault", FAULTS)
async def test_frames_behind_a_failure_are_not_processed(target: Target, fault: list[Frame]) -> None:
    async with target.abused() as peer:
        ping = Frame(PING, b"behind")
        await peer.twin(ping, Frame(TEXT, target.harmless("behind")))
        # Where the text is unwelcome, the application would end the connection upon it.
        behind = [ping, *[Frame(TEXT, target.harmless("behind"))][: peer.objection is None]]
        peer.send(*fault, *behind)
        ending = await failure(peer)
        pongs = [event for event in ending.before if isinstance(event, Pong) and event.payload == b"behind"]
        target.expect(
            not pongs and not peer.answering(ending.messages),
            "frames behind the failure were processed",
            expected=["neither a Pong nor a message before the connection's end"],
            actual=ending,
        )


async def failure(peer: Peer) -> Ending:
    """Return how the connection failed, with whatever came before its end.

    Raises:
        NotApplicable: it did not fail, so that nothing can stand behind the failure.

    """
    ending = await peer.failing()
    if ending.close is None and ending.end is None:
        raise NotApplicable("the fault did not fail the connection, which is judged by its own requirement")
    return ending


@pytest.mark.requirement("framing.declared-length")
@pytest.mark.parametrize("opcode", [pytest.param(TEXT, id="text"), pytest.param(BINARY, id="binary")])
async def test_frame_that_declares_far_more_than_it_brings_is_observed(target: Target, opcode: int) -> None:
    async with target.abused() as peer:
        peer.send(Frame(opcode, b"sixteen bytes ..", length_form=64, declared_length=1 << 62))
        target.recorder.observe(str(await peer.ending(target.limits.prompt)))


@pytest.mark.requirement("framing.binary-payload")
@pytest.mark.parametrize("payload", [b"\xff\xfe\xfd", b"\xed\xa0\x80"], ids=["never-utf8", "surrogate"])
async def test_binary_data_is_not_judged_as_text(target: Target, payload: bytes) -> None:
    async with target.abused() as peer:
        peer.send(Frame(BINARY, payload), Frame(PING, b"behind"))
        event = await peer.take(lambda one: isinstance(one, Pong | Close), target.limits.reply)
        target.expect(
            not isinstance(event, Close) or event.code != 1007,
            "binary data was called malformed text",
            expected=["the connection stays open", "Close 1003 or another code", "the end of TCP"],
            actual=Told("Close 1007", Happened(Kind.CLOSE, 1007)),
        )
        target.recorder.observe(f"Close {event.code}" if isinstance(event, Close) else "taken")
