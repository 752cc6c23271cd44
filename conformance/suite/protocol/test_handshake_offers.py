"""Subprotocols and extensions that an opening handshake offers: RFC 6455 §4.2.2, §9.1 and §11.3."""

from __future__ import annotations

import pytest

from conformance.core.errors import Inconclusive, NotApplicable
from conformance.target.target import Target

PROTOCOL, EXTENSIONS = "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"
TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~09azAZ"
UNKNOWN = "x-conformance-unknown"
LONG = 500  # octets of a field, from which on its size alone may be too much


@pytest.mark.requirement("handshake.subprotocol-from-offer")
@pytest.mark.parametrize(
    "offers",
    [
        pytest.param([], id="none"),
        pytest.param(["conformance-unknown"], id="unknown"),
        pytest.param(["conformance-a, conformance-b"], id="two-unknown"),
        pytest.param(["conformance-a", "conformance-b"], id="two-lines"),
        pytest.param([", conformance-a, ,conformance-b,"], id="empty-members"),
        pytest.param([TOKEN_CHARACTERS], id="token-characters"),
        pytest.param(["a"], id="one-letter"),
    ],
)
async def test_no_subprotocol_is_invented(target: Target, offers: list[str]) -> None:
    await judged_in_passing(target, offers)


@pytest.mark.requirement("handshake.subprotocol-from-offer")
@pytest.mark.parametrize("spelling", [pytest.param("BEARER", id="upper"), pytest.param("Bearer", id="title")])
async def test_subprotocol_is_chosen_as_it_was_spelled(target: Target, spelling: str) -> None:
    if "subprotocol" not in target.profile.carriers:
        raise NotApplicable("the profile names no subprotocol that this server speaks")
    await judged_in_passing(target, [f"{spelling}, conformance-a"])


async def judged_in_passing(target: Target, offers: list[str]) -> None:
    """Send an offer; the monitor, which sees every 101, judges what was chosen of it.

    Raises:
        NotApplicable: the handshake was refused, as a server may that wants a subprotocol it knows.

    """
    await target.bystander()
    attempt = await target.attempt(target.opening(extra=[(PROTOCOL, offer) for offer in offers]))
    attempt.connection.shut()
    if not attempt.upgraded:
        raise NotApplicable(f"{attempt}: no subprotocol was chosen, for the handshake was refused")
    target.recorder.observe(str(attempt))


@pytest.mark.requirement("handshake.subprotocol-repeated")
async def test_subprotocol_that_is_offered_twice_is_observed(target: Target) -> None:
    attempt = await target.attempt(target.opening(extra=[(PROTOCOL, "conformance-a, conformance-a")]))
    attempt.connection.shut()
    target.recorder.observe(str(attempt))


@pytest.mark.requirement("handshake.extension-from-offer")
async def test_no_extension_is_invented(target: Target) -> None:
    async with target.upgraded(target.opening()) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.extension-unknown")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(UNKNOWN, id="bare"),
        pytest.param(f"{UNKNOWN}; a=1; b", id="with-parameters"),
        pytest.param(f'{UNKNOWN}; a="1"', id="quoted"),
        pytest.param(f"{UNKNOWN}; a=1; a=2", id="parameter-twice"),
        pytest.param(f"{UNKNOWN};a=1;b", id="no-blanks"),
        pytest.param(f"{UNKNOWN} ;  a=1 ; b", id="blanks"),
        pytest.param(f"{UNKNOWN}, {UNKNOWN}; a", id="twice"),
        pytest.param(f", {UNKNOWN}, ,", id="empty-members"),
        pytest.param(f"{UNKNOWN}-{TOKEN_CHARACTERS}", id="token-characters"),
        pytest.param(", ".join(f"{UNKNOWN}-{number}; a={number}" for number in range(50)), id="fifty"),
    ],
)
async def test_unknown_extension_is_left_out(target: Target, value: str) -> None:
    if len(value) > LONG:
        await expect_size(target, value)
    async with target.upgraded(target.opening(extra=[(EXTENSIONS, value)])) as peer:
        await peer.ping()
        answer = peer.connection.response.get(EXTENSIONS) if peer.connection.response else None
        target.expect(
            UNKNOWN not in (answer or ""),
            "an extension that nobody knows was accepted",
            expected=["a response that leaves it out"],
            actual=f"{EXTENSIONS}: {answer}",
        )


async def expect_size(target: Target, value: str) -> None:
    """Go on where a request of the same size, made large by another field, is accepted.

    Raises:
        Inconclusive: it is not.

    """
    control = await target.attempt(target.opening(extra=[("X-Conformance", "v" * (len(value) + 11))]))
    control.connection.shut()
    if not control.upgraded:
        raise Inconclusive(f"the control failed: {control} to a request that one other field makes as large")


@pytest.mark.requirement("handshake.extension-lines")
async def test_extensions_may_be_offered_in_several_lines(target: Target) -> None:
    lines = [(EXTENSIONS, name) for name in ("x-conformance-a", "x-conformance-b; c=1")]
    async with target.upgraded(target.opening(extra=lines)) as peer:
        await peer.ping()


@pytest.mark.requirement("handshake.extension-lines")
async def test_subprotocols_may_be_offered_in_several_lines(target: Target) -> None:
    # A server may want a subprotocol that it knows: then the two lines prove nothing.
    control = await target.attempt(target.opening(extra=[(PROTOCOL, "conformance-a, conformance-b")]))
    control.connection.shut()
    if not control.upgraded:
        raise NotApplicable(f"unknown subprotocols in one line are refused: {control}")
    lines = [(PROTOCOL, name) for name in ("conformance-a", "conformance-b")]
    async with target.upgraded(target.opening(extra=lines)) as peer:
        await peer.ping()
