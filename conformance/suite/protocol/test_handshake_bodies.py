"""Opening handshakes with a body, or that announce one: RFC 9112 §6."""

from __future__ import annotations

import pytest

from conformance.client.peer import Peer
from conformance.core.errors import Nonconformance
from conformance.suite.protocol.answering import attempted, expect_answered
from conformance.target.target import Target
from conformance.wire.ending import came
from conformance.wire.events import Pong
from conformance.wire.frames import PING, Frame

LENGTH, CODING = "Content-Length", "Transfer-Encoding"
INSIDE = Frame(PING, b"in the body").encode()
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(INSIDE), INSIDE)


@pytest.mark.requirement("handshake.body-announced")
async def test_body_that_never_comes_is_not_waited_for(target: Target) -> None:
    announced = [(LENGTH, "5"), (LENGTH, "18446744073709551616"), (CODING, "chunked")]
    await expect_answered(target, {f"{name}: {value}": [(name, value)] for name, value in announced})


@pytest.mark.requirement("handshake.body-not-frames")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param([(LENGTH, str(len(INSIDE)))], INSIDE, id="content-length"),
        pytest.param([(CODING, "chunked")], CHUNKED, id="chunked"),
        pytest.param([(CODING, "chunked"), (LENGTH, "0")], CHUNKED, id="both"),
    ],
)
async def test_body_of_the_request_is_not_read_as_frames(
    target: Target, headers: list[tuple[str, str]], body: bytes
) -> None:
    await target.bystander()
    attempt = await attempted(target, target.opening(extra=headers).saying(body=body))
    if attempt.upgraded:
        peer = Peer(attempt.connection, target.limits, target.recorder)
        peer.send(Frame(PING, b"behind the body"))
        event = await peer.take(lambda one: isinstance(one, Pong), target.limits.reply)
        if not isinstance(event, Pong) or event.payload != b"behind the body":
            attempt.connection.shut()
            raise Nonconformance(
                "the body of the request was read as frames, or the answer to it has a body",
                expected=["a refusal", "a Pong to the Ping behind the body and to no other"],
                actual=came(event),
            )
        await peer.leave()
    attempt.connection.shut()
    target.recorder.observe(str(attempt))
    await target.aftermath()


@pytest.mark.requirement("handshake.body-length-malformed")
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([(LENGTH, "-1")], id="negative"),
        pytest.param([(LENGTH, "+0")], id="sign"),
        pytest.param([(LENGTH, "none")], id="letters"),
        pytest.param([(LENGTH, "0x0")], id="hexadecimal"),
        pytest.param([(LENGTH, "0, 1")], id="list-of-two"),
        pytest.param([(LENGTH, "0"), (LENGTH, "1")], id="two-lines"),
        pytest.param([(CODING, "chunked, x-conformance")], id="chunked-not-last"),
        pytest.param([(CODING, "x-conformance")], id="unknown-coding"),
    ],
)
async def test_body_whose_length_cannot_be_known_is_refused(
    target: Target, headers: list[tuple[str, str]]
) -> None:
    # All zero and empty, so that a server which does wait for a body has it already.
    request = target.opening(extra=headers).saying(body=b"0\r\n\r\n" if headers[0][0] == CODING else b"0")
    await target.refuses(request, statuses={400, 501})
