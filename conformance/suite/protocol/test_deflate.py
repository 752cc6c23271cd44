"""permessage-deflate: RFC 7692."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from conformance.suite.protocol.compression import (
    HEADER,
    PLAIN,
    agreed,
    compressed,
    expect_data,
    heartbeat,
    settle,
)
from conformance.target.target import Target
from conformance.wire import deflate, handshake
from conformance.wire.frames import CONTINUATION, PING, TEXT, Frame
from conformance.wire.peer import fragments

OFFERS = [
    PLAIN,
    f"{PLAIN}; client_max_window_bits",
    f"{PLAIN}; client_max_window_bits=10",
    f"{PLAIN}; server_max_window_bits=10",
    f"{PLAIN}; server_no_context_takeover",
    f"{PLAIN}; client_no_context_takeover",
    f"{PLAIN}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
]
BAD = {
    "undefined-parameter": f"{PLAIN}; foo=1",
    "server-window-7": f"{PLAIN}; server_max_window_bits=7",
    "server-window-16": f"{PLAIN}; server_max_window_bits=16",
    "server-window-leading-zero": f"{PLAIN}; server_max_window_bits=010",
    "server-window-empty": f"{PLAIN}; server_max_window_bits",
    "client-window-16": f"{PLAIN}; client_max_window_bits=16",
    "takeover-with-value": f"{PLAIN}; server_no_context_takeover=1",
    "server-window-0": f"{PLAIN}; server_max_window_bits=0",
    "server-window-negative": f"{PLAIN}; server_max_window_bits=-9",
    "server-window-decimal": f"{PLAIN}; server_max_window_bits=10.5",
    "server-window-letters": f"{PLAIN}; server_max_window_bits=ten",
    "server-window-hexadecimal": f"{PLAIN}; server_max_window_bits=0xa",
    "client-window-7": f"{PLAIN}; client_max_window_bits=7",
    "client-window-leading-zero": f"{PLAIN}; client_max_window_bits=09",
    "client-takeover-with-value": f"{PLAIN}; client_no_context_takeover=0",
    "repeated-window": f"{PLAIN}; server_max_window_bits=10; server_max_window_bits=10",
    "repeated-parameter": f"{PLAIN}; server_no_context_takeover; server_no_context_takeover",
}


def reaching_back(content: bytes) -> bytes:
    """Return content compressed with references to what the server was never sent."""
    stream = zlib.compressobj(wbits=-15, zdict=content)
    return (stream.compress(content) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(deflate.TAIL)


@pytest.mark.requirement("deflate.response-parameters")
@pytest.mark.parametrize(
    "offer", OFFERS, ids=lambda offer: offer.removeprefix(PLAIN).replace("; ", "+") or "plain"
)
async def test_response_answers_the_offer(target: Target, offer: str) -> None:
    async with target.upgraded(target.opening(extra=[(HEADER, offer)])) as peer:
        response = peer.connection.response
        answer = response.get(HEADER) if response else None
        wrong = faults(offer, answer)
        target.expect(
            not wrong,
            f"the answer to {offer!r} is wrong: {wrong}",
            expected=["parameters that answer the offer", "no permessage-deflate"],
            actual=f"{HEADER}: {answer}",
        )
        target.recorder.observe(f"{offer} → {answer}")
        await peer.ping()


@pytest.mark.requirement("deflate.response-parameters")
@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize("bits", range(8, 16))
async def test_response_answers_each_window(target: Target, side: str, bits: int) -> None:
    offer = f"{PLAIN}; {side}_max_window_bits={bits}"
    attempt = await target.attempt(target.opening(extra=[(HEADER, offer)]))
    attempt.connection.shut()
    answer = attempt.response.get(HEADER) if attempt.upgraded and attempt.response else None
    wrong = faults(offer, answer)
    target.expect(
        not wrong,
        f"the answer to {offer!r} is wrong: {wrong}",
        expected=["parameters that answer the offer", "no permessage-deflate"],
        actual=f"{HEADER}: {answer}",
    )
    target.recorder.observe(f"{offer} → {answer or attempt}")


@pytest.mark.requirement("deflate.declines-bad-offer")
@pytest.mark.parametrize("offer", BAD.values(), ids=BAD.keys())
async def test_bad_offer_is_declined(target: Target, offer: str) -> None:
    attempt = await target.attempt(target.opening(extra=[(HEADER, offer)]))
    attempt.connection.shut()
    answer = attempt.response.get(HEADER) if attempt.response else None
    target.expect(
        not attempt.upgraded or PLAIN not in (answer or ""),
        f"the bad offer {offer!r} was accepted",
        expected=["101 without permessage-deflate", "a refusal"],
        actual=f"{attempt}, {HEADER}: {answer}",
    )


@pytest.mark.requirement("deflate.fallback-offer")
@pytest.mark.parametrize(
    "offer",
    [
        pytest.param(f"{PLAIN}; foo=1, {PLAIN}", id="good-behind-bad"),
        pytest.param(f"{PLAIN}; foo=1", id="bad-alone"),
        pytest.param(f"x-conformance-unknown, {PLAIN}", id="good-behind-unknown"),
    ],
)
async def test_handshake_survives_a_bad_offer(target: Target, offer: str) -> None:
    async with target.upgraded(target.opening(extra=[(HEADER, offer)])) as peer:
        await peer.ping()


@pytest.mark.requirement("deflate.compressed-message")
@pytest.mark.parametrize(
    "offer", OFFERS[:1] + OFFERS[3:], ids=lambda offer: offer.removeprefix(PLAIN) or "plain"
)
async def test_compressed_messages_are_delivered(target: Target, offer: str) -> None:
    async with target.upgraded(target.opening(extra=[(HEADER, offer)])) as peer:
        await peer.confirmed()
        deflater = deflate.Deflater(agreed(peer))
        for number in range(4):
            data = {"n": number, "text": "the same words again and again " * 20}
            content = heartbeat(target, f"d{number}", data)
            peer.send(Frame(TEXT, deflater.deflate(content), rsv1=True))
            await expect_data(target, peer, f"d{number}", data)


@pytest.mark.requirement("deflate.compressed-message")
async def test_compressed_fragments_and_plain_messages_are_delivered(target: Target) -> None:
    async with target.upgraded(target.opening(extra=[(HEADER, PLAIN)])) as peer:
        await peer.confirmed()
        deflater = deflate.Deflater(agreed(peer))
        data = {"text": "fragments of a compressed message " * 10}
        payload = deflater.deflate(heartbeat(target, "c", data))
        peer.send(Frame(TEXT, payload[:7], fin=False, rsv1=True), Frame(PING, b"between"))
        peer.send(Frame(CONTINUATION, payload[7:11], fin=False), Frame(CONTINUATION, payload[11:]))
        await expect_data(target, peer, "c", data)
        peer.send_text(heartbeat(target, "p", {"plain": 1}))
        await expect_data(target, peer, "p", {"plain": 1})


@pytest.mark.requirement("deflate.compressed-message")
async def test_compressed_fragments_of_one_byte_are_delivered(target: Target) -> None:
    async with compressed(target) as (peer, agreement):
        data = {"text": "one byte in each frame"}
        content = heartbeat(target, "f", data)
        first, *rest = fragments([bytes([one]) for one in deflate.Deflater(agreement).deflate(content)])
        peer.send(replace(first, rsv1=True), *rest)
        await expect_data(target, peer, "f", data)


@pytest.mark.requirement("deflate.reserved-bit-control")
@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([Frame(PING, b"ping", rsv1=True)], id="ping"),
        pytest.param([Frame(TEXT, b"{", fin=False), Frame(CONTINUATION, b"}", rsv1=True)], id="continuation"),
    ],
)
async def test_rsv1_elsewhere_fails_the_connection(target: Target, frames: list[Frame]) -> None:
    await target.bystander()
    async with target.upgraded(target.opening(extra=[(HEADER, PLAIN)])) as peer:
        await settle(target, peer)
        peer.send(*frames)
        await peer.expect_failed(code=1002)
    await target.aftermath()


@pytest.mark.requirement("deflate.corrupt-stream")
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x07\xff\xff\xff", id="reserved-block-type"),
        pytest.param(b"\x00\x05\x00\x00\x00hello", id="stored-length-mismatch"),
        pytest.param(reaching_back(b'{"type":"heartbeat"}'), id="reference-before-the-beginning"),
    ],
)
async def test_corrupt_stream_fails_the_connection(target: Target, payload: bytes) -> None:
    await target.bystander()
    async with target.upgraded(target.opening(extra=[(HEADER, PLAIN)])) as peer:
        await settle(target, peer)
        peer.send(Frame(TEXT, payload, rsv1=True))
        await peer.expect_failed(code={1002, 1007})
    await target.aftermath()


@pytest.mark.requirement("deflate.corrupt-stream")
async def test_compressed_text_that_is_no_utf8_fails_the_connection(target: Target) -> None:
    await target.bystander()
    async with target.upgraded(target.opening(extra=[(HEADER, PLAIN)])) as peer:
        await settle(target, peer)
        peer.send(Frame(TEXT, deflate.Deflater(agreed(peer)).deflate(b'"\xed\xa0\x80"'), rsv1=True))
        await peer.expect_failed(code=1007)
    await target.aftermath()


@pytest.mark.requirement("deflate.server-stream")
@pytest.mark.parametrize(
    "offer", OFFERS, ids=lambda offer: offer.removeprefix(PLAIN).replace("; ", "+") or "plain"
)
async def test_server_compresses_within_what_was_agreed(target: Target, offer: str) -> None:
    async with target.upgraded(target.opening(extra=[(HEADER, offer)])) as peer:
        agreed(peer)
        await peer.confirmed()
        # Longer than the smallest window, and much of it twice, so that references reach back far.
        words = " ".join(f"word{number * 7919 % 3000}" for number in range(1500))
        for _ in range(2):
            await peer.heartbeat({"words": words, "again": words})
        frames = [frame for frame in peer.connection.received_frames if frame.opcode == TEXT]
        target.recorder.observe(
            f"{sum(frame.rsv[0] for frame in frames)} of {len(frames)} messages compressed"
        )
    broken = target.recorder.broken("deflate.server-stream")
    target.expect(not broken, broken, expected=["every message inflates as agreed"], actual=broken)


def faults(offer: str, answer: str | None) -> str:
    """Return what is wrong with an answer to an offer (RFC 7692 §7.1), or an empty string."""
    if answer is None:
        return ""
    parsed = handshake.parse_extensions(answer)
    offered = dict((handshake.parse_extensions(offer) or [("", [])])[0][1])
    if parsed is None or len(parsed) != 1 or parsed[0][0] != PLAIN:
        return "not one permessage-deflate element"
    names = [name for name, _ in parsed[0][1]]
    if len(set(names)) != len(names):
        return "a parameter is repeated"
    given = dict(parsed[0][1])
    for name, value in given.items():
        if name.endswith("no_context_takeover"):
            if value is not None:
                return f"{name} has a value"
        elif name not in {"server_max_window_bits", "client_max_window_bits"}:
            return f"{name} is not defined"
        elif value is None or not value.isdecimal() or value.startswith("0") or not 8 <= int(value) <= 15:
            return f"{name}={value} is no legal value"
    if "client_max_window_bits" in given and "client_max_window_bits" not in offered:
        return "client_max_window_bits was not offered"
    if "server_no_context_takeover" in offered and "server_no_context_takeover" not in given:
        return "server_no_context_takeover is not confirmed"
    for name in ("server_max_window_bits", "client_max_window_bits"):
        limit, value = offered.get(name), given.get(name)
        if limit is not None and value is not None and int(value) > int(limit):
            return f"{name}={value} is larger than offered"
    if offered.get("server_max_window_bits") and "server_max_window_bits" not in given:
        return "server_max_window_bits is not confirmed"
    return ""
