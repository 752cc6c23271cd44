"""permessage-deflate, what is agreed: RFC 7692 §5 and §7.1."""

from __future__ import annotations

import pytest

from conformance.core.evidence import Told, other
from conformance.suite.protocol.compression import HEADER, OFFERS, PLAIN
from conformance.target.target import Target
from conformance.wire import handshake

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
        happened=other(f"{HEADER}: {answer}"),
    )
    target.recorder.observe(f"{offer} → {answer or attempt}")


@pytest.mark.requirement("deflate.declines-bad-offer")
@pytest.mark.parametrize("offer", BAD.values(), ids=BAD.keys())
async def test_bad_offer_is_declined(target: Target, offer: str) -> None:
    attempt = await target.attempt(target.opening(extra=[(HEADER, offer)]))
    if not attempt.upgraded:
        attempt.connection.shut()
    answer = attempt.response.get(HEADER) if attempt.response else None
    target.expect(
        not attempt.upgraded or PLAIN not in (answer or ""),
        f"the bad offer {offer!r} was accepted",
        expected=["101 without permessage-deflate", "a refusal"],
        actual=Told(f"{attempt}, {HEADER}: {answer}", attempt.at),
        happened=attempt.happened.with_detail(f"{HEADER}: {answer}"),
    )
    if attempt.upgraded:
        peer = target.client(attempt.connection)
        await peer.ping()
        await peer.leave()
    else:
        async with target.connect(extra=[(HEADER, PLAIN)], confirm=False, label="a good offer") as control:
            await control.alive()


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
