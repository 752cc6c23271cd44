"""What may come of an opening handshake that breaks its grammar: RFC 6455 §4.2.1, §4.2.2 and §9.1."""

from __future__ import annotations

import pytest

from conformance.core.errors import NotApplicable
from conformance.suite.protocol.compression import HEADER, PLAIN
from conformance.target.target import Target

PROTOCOL, VERSION = "Sec-WebSocket-Protocol", "Sec-WebSocket-Version"


@pytest.mark.requirement("handshake.version-spelling")
@pytest.mark.parametrize(
    "version",
    [
        pytest.param("013", id="leading-zero"),
        pytest.param("+13", id="sign"),
        pytest.param("13.0", id="fraction"),
        pytest.param('"13"', id="quoted"),
    ],
)
async def test_version_that_is_13_otherwise_written_is_refused(target: Target, version: str) -> None:
    control = await target.attempt(target.opening().setting(VERSION, "14"), label="control: version 14")
    control.connection.shut()
    if control.upgraded:
        raise NotApplicable(
            "version 14 is accepted too: the server does not look at it, which is judged elsewhere"
        )
    await target.refuses(target.opening().setting(VERSION, version))


@pytest.mark.requirement("handshake.extension-from-malformed")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(f"{PLAIN};;server_no_context_takeover", id="empty-parameter"),
        pytest.param(f"{PLAIN};", id="semicolon-last"),
        pytest.param(f"{PLAIN}; =1", id="parameter-without-name"),
        pytest.param(f"{PLAIN}; server_max_window_bits=", id="empty-value"),
        pytest.param(f'{PLAIN}; server_max_window_bits="12', id="open-quote"),
        pytest.param(f'{PLAIN}; server_max_window_bits="1 2"', id="quoted-blank"),
        pytest.param(f'{PLAIN}; server_max_window_bits="1"2', id="text-behind-quote"),
        pytest.param(f"{PLAIN}; server_max_window_bits=12=13", id="two-values"),
        pytest.param(f"{PLAIN} server_no_context_takeover", id="blank-for-semicolon"),
        pytest.param(f"x-a {PLAIN}", id="blank-for-comma"),
        pytest.param(f"x a, {PLAIN}", id="malformed-in-front"),
        pytest.param(f"{PLAIN}, x/b", id="malformed-behind"),
    ],
)
async def test_no_extension_is_agreed_to_out_of_a_malformed_list(target: Target, value: str) -> None:
    await judged_in_passing(target, HEADER, value)


@pytest.mark.requirement("handshake.subprotocol-from-malformed")
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param('"{}"', id="quoted"),
        pytest.param("({})", id="parentheses"),
        pytest.param("{};v=1", id="parameter"),
        pytest.param("{}/1", id="slash"),
        pytest.param("{}=1", id="value"),
        pytest.param("{} x", id="word-behind"),
        pytest.param("x {}", id="word-in-front"),
        pytest.param("{}\u00e9", id="beyond-ascii"),
    ],
)
async def test_no_subprotocol_is_cut_out_of_a_malformed_member(target: Target, shape: str) -> None:
    for name in known_subprotocols(target):
        await judged_in_passing(target, PROTOCOL, shape.format(name))


def known_subprotocols(target: Target) -> list[str]:
    """Return the names that this server may know: those that its handshakes need, and a common one."""
    needed = (target.opening().get(PROTOCOL) or "").split(",")
    carrier = ["bearer"] if "subprotocol" in target.profile.carriers else []
    return list(dict.fromkeys([*filter(None, map(str.strip, needed)), *carrier, "chat"]))


async def judged_in_passing(target: Target, header: str, value: str) -> None:
    """Send an offer in place of any other; the monitor, which sees every 101, judges what came of it."""
    await target.bystander()
    attempt = await target.attempt(target.opening().without(header).adding((header, value)))
    attempt.connection.shut()
    target.recorder.observe(str(attempt))
    await target.aftermath()
