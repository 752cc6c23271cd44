"""Offers of permessage-deflate: RFC 6455 §9.1, RFC 7692 §5 and §7.1."""

from __future__ import annotations

import pytest

from conformance.core.errors import NotApplicable
from conformance.suite.protocol.compression import HEADER, PLAIN, answer_to
from conformance.suite.protocol.test_deflate import faults
from conformance.target.target import Target
from conformance.wire.frames import TEXT, Frame

UNKNOWN = "x-conformance-unknown"
SERVER_SIDE = ["server_no_context_takeover", "server_max_window_bits=12"]


@pytest.mark.requirement("deflate.browser-offer")
@pytest.mark.parametrize(
    "offer",
    [
        pytest.param(f"{PLAIN}; client_max_window_bits", id="chrome"),
        pytest.param(PLAIN, id="firefox"),
        pytest.param("x-webkit-deflate-frame", id="old-safari"),
    ],
)
async def test_offer_of_a_browser_costs_no_connection(target: Target, offer: str) -> None:
    async with target.upgraded(target.opening(extra=[(HEADER, offer)])) as peer:
        await peer.ping()


@pytest.mark.requirement("deflate.declined-reserved-bit")
@pytest.mark.parametrize(
    "offer",
    [pytest.param(UNKNOWN, id="unknown"), pytest.param(None, id="deflate")],
)
async def test_rsv1_after_a_declined_offer_fails_the_connection(target: Target, offer: str | None) -> None:
    offer = offer or await declined(target)
    await target.bystander()
    async with target.connect(extra=[(HEADER, offer)]) as peer:
        await peer.alive()
        await peer.twin(Frame(TEXT, target.harmless()))
        peer.send(Frame(TEXT, target.harmless(), rsv1=True))
        await peer.expect_failed(code=1002)
    await target.aftermath()


async def declined(target: Target) -> str:
    """Return an offer of permessage-deflate that this server declines without refusing the handshake."""
    for offer in (f"{PLAIN}; foo=1", PLAIN):
        attempt = await target.attempt(target.opening(extra=[(HEADER, offer)]))
        attempt.connection.shut()
        if attempt.upgraded and attempt.response and PLAIN not in (attempt.response.get(HEADER) or ""):
            return offer
    raise NotApplicable("this server accepts or refuses, and declines no offer of permessage-deflate")


@pytest.mark.requirement("deflate.offer-lines")
@pytest.mark.parametrize(
    "lines", [pytest.param([PLAIN, UNKNOWN], id="first"), pytest.param([UNKNOWN, PLAIN], id="second")]
)
async def test_offer_in_two_lines_is_answered_as_in_one(target: Target, lines: list[str]) -> None:
    joined, split = await answer_to(target, ", ".join(lines)), await answer_to(target, *lines)
    if joined is None:
        raise NotApplicable("the offer in one line is declined, which a server may do")
    target.expect(
        joined == split,
        "an offer in two header lines got another answer than in one",
        expected=[f"{HEADER}: {joined}"],
        actual=f"{HEADER}: {split}",
    )


@pytest.mark.requirement("deflate.quoted-value")
async def test_quoted_value_is_the_same_value(target: Target) -> None:
    token = await answer_to(target, f"{PLAIN}; server_max_window_bits=12")
    if token is None:
        raise NotApplicable("server_max_window_bits=12 is declined, which a server may do")
    quoted = await answer_to(target, f'{PLAIN}; server_max_window_bits="12"')
    target.expect(
        quoted == token,
        "a quoted value got another answer than the same value as a token",
        expected=[f"{HEADER}: {token}"],
        actual=f"{HEADER}: {quoted}",
    )


@pytest.mark.requirement("deflate.offer-order")
@pytest.mark.parametrize("parameter", ["server_max_window_bits=10", "server_no_context_takeover"])
async def test_first_offer_that_fits_is_accepted(target: Target, parameter: str) -> None:
    name = parameter.partition("=")[0]
    alone = await answer_to(target, f"{PLAIN}; {parameter}")
    if alone is None or name not in alone:
        raise NotApplicable(f"{parameter} is declined, which a server may do")
    both = await answer_to(target, f"{PLAIN}; {parameter}, {PLAIN}")
    target.expect(
        both is not None and name in both,
        "a later offer was accepted before an earlier one",
        expected=[f"{HEADER}: {alone}"],
        actual=f"{HEADER}: {both}",
    )


@pytest.mark.requirement("deflate.second-offer")
async def test_good_offer_behind_a_bad_one_is_accepted(target: Target) -> None:
    answer = await answer_to(target, f"{PLAIN}; foo=1, {PLAIN}")
    target.expect(
        answer is not None and PLAIN in answer,
        "a good offer behind a bad one was not accepted",
        expected=[f"{HEADER}: {PLAIN}"],
        actual=f"{HEADER}: {answer}",
    )


@pytest.mark.requirement("deflate.server-no-context-takeover")
async def test_server_no_context_takeover_is_accepted(target: Target) -> None:
    answer = await answer_to(target, f"{PLAIN}; server_no_context_takeover")
    target.expect(
        answer is not None and "server_no_context_takeover" in answer,
        "server_no_context_takeover was not accepted",
        expected=[f"{HEADER}: {PLAIN}; server_no_context_takeover"],
        actual=f"{HEADER}: {answer}",
    )


@pytest.mark.requirement("handshake.extension-from-offer")
async def test_extension_offered_twice_is_accepted_once(target: Target) -> None:
    async with target.upgraded(target.opening(extra=[(HEADER, f"{PLAIN}, {PLAIN}")])) as peer:
        await peer.ping()


@pytest.mark.requirement("deflate.response-parameters")
@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(["client_max_window_bits", *SERVER_SIDE, "client_no_context_takeover"], id="all"),
        pytest.param(
            ["client_no_context_takeover", *SERVER_SIDE[::-1], "client_max_window_bits=9"], id="reversed"
        ),
        pytest.param(["server_max_window_bits=9", "client_max_window_bits=10"], id="two-windows"),
        pytest.param(["client_max_window_bits", "client_no_context_takeover"], id="client-side"),
    ],
)
async def test_combined_parameters_are_answered(target: Target, parameters: list[str]) -> None:
    offer = "; ".join([PLAIN, *parameters])
    async with target.upgraded(target.opening(extra=[(HEADER, offer)])) as peer:
        answer = peer.connection.response.get(HEADER) if peer.connection.response else None
        wrong = faults(offer, answer)
        target.expect(
            not wrong,
            f"the answer to {offer!r} is wrong: {wrong}",
            expected=["parameters that answer the offer", "no permessage-deflate"],
            actual=f"{HEADER}: {answer}",
        )
        target.recorder.observe(f"{offer} → {answer}")


@pytest.mark.requirement("deflate.declines-bad-offer")
@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param("server_max_window_bits=1_0", id="window-with-underscore"),
        pytest.param("server_max_window_bits=+10", id="window-with-sign"),
        pytest.param("server_max_window_bits=99999", id="window-far-too-large"),
        pytest.param('server_max_window_bits="16"', id="quoted-window-too-large"),
        pytest.param('client_max_window_bits="010"', id="quoted-leading-zero"),
        pytest.param("client_max_window_bits; client_max_window_bits=10", id="repeated-client-window"),
        pytest.param("client_no_context_takeover; client_no_context_takeover", id="repeated-client-takeover"),
        pytest.param("server_max_window_bits=10; foo", id="undefined-behind-defined"),
        pytest.param("max_window_bits=10", id="half-a-name"),
    ],
)
async def test_bad_parameters_are_declined(target: Target, parameters: str) -> None:
    await target.bystander()
    answer = await answer_to(target, f"{PLAIN}; {parameters}")
    if answer is None:  # perhaps no response at all, which tells only beside one to a good offer
        await answer_to(target, PLAIN)
    target.expect(
        PLAIN not in (answer or ""),
        f"the bad offer {parameters!r} was accepted",
        expected=["101 without permessage-deflate", "a refusal"],
        actual=f"{HEADER}: {answer}",
    )


@pytest.mark.requirement("deflate.fallback-offer")
@pytest.mark.parametrize(
    "offer",
    [
        pytest.param(f"{PLAIN}, {PLAIN}; foo=1", id="bad-behind-good"),
        pytest.param(
            f"{PLAIN}; server_max_window_bits=7, {UNKNOWN}, {PLAIN}; client_max_window_bits", id="third"
        ),
        pytest.param(f"{PLAIN}; server_max_window_bits=16, {PLAIN}; foo", id="two-bad"),
    ],
)
async def test_handshake_survives_offers_that_fall_back(target: Target, offer: str) -> None:
    async with target.upgraded(target.opening(extra=[(HEADER, offer)])) as peer:
        await peer.ping()
