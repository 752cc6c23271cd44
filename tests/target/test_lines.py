"""What an opening handshake needs and what a test adds: neither spoils the other."""

from __future__ import annotations

import pytest
from target_harness import target_at

from conformance.core.errors import NotApplicable
from conformance.suite.browser.pages import carried
from conformance.target.header_lines import merged
from conformance.target.profile import Credential, Profile

PROTOCOL = "Sec-WebSocket-Protocol"


@pytest.mark.parametrize(
    ("needed", "own", "lines"),
    [
        ([(PROTOCOL, "mqtt")], [], [(PROTOCOL, "mqtt")]),
        ([(PROTOCOL, "mqtt")], [(PROTOCOL, "a"), (PROTOCOL, "b")], [(PROTOCOL, "mqtt, a"), (PROTOCOL, "b")]),
        ([("sec-websocket-protocol", "a"), (PROTOCOL, "b")], [], [(PROTOCOL, "a, b")]),
        ([("Cookie", "a=1")], [("cookie", "b=2")], [("cookie", "a=1; b=2")]),
        ([("X-Key", "1"), ("X-Other", "2")], [("x-key", "3")], [("X-Other", "2"), ("x-key", "3")]),
        ([("User-Agent", "us"), ("user-agent", "them")], [], [("user-agent", "them")]),
        (
            [],
            [("Authorization", "a"), ("Authorization", "b")],
            [("Authorization", "a"), ("Authorization", "b")],
        ),
    ],
)
def test_lines_are_put_together(needed, own, lines):
    assert merged(needed, own) == lines


def values(request, name):
    return [value for key, value in request.headers if key.lower() == name.lower()]


def test_every_handshake_offers_what_the_profile_wants():
    profile = Profile(
        subprotocols=("mqtt", "mqttv3.1"),
        headers={"Cookie": "lb=1", "Origin": "https://app.example", PROTOCOL: "extra"},
        carriers=("subprotocol", "cookie"),
        credentials={"a": Credential("a", 1, "t0ken")},
    )
    target = target_at("ws://localhost:1/x?k=v", profile)
    plain = target.opening("/x", extra=[(PROTOCOL, "conformance-a")])
    assert values(plain, PROTOCOL) == ["extra, mqtt, mqttv3.1, conformance-a"]
    carried = target.opening("/x", token="t0ken", carrier="subprotocol")
    assert values(carried, PROTOCOL) == ["extra, mqtt, mqttv3.1, bearer, t0ken"]
    cookie = target.opening("/x", token="t0ken", carrier="cookie")
    assert values(cookie, "Cookie") == ["lb=1; session=t0ken"]
    assert values(target.opening("/x", origin="https://other.example"), "Origin") == ["https://other.example"]
    assert values(target.opening("/x", origin=""), "Origin") == []
    assert cookie.target == "/x?k=v"


def test_offer_that_spoils_the_needed_one_is_not_judged():
    target = target_at("ws://localhost:1", Profile(subprotocols=("vite-hmr",)))
    target.learn(sole_subprotocol="with another one beside it the handshake was answered HTTP/1.1 400")
    assert values(target.opening(), PROTOCOL) == ["vite-hmr"]
    with pytest.raises(NotApplicable, match="takes vite-hmr alone"):
        target.opening(extra=[(PROTOCOL, "conformance-a")])


@pytest.mark.parametrize(
    ("carriers", "protocols"), [(("query",), ()), (("subprotocol",), ("bearer", "t0ken"))]
)
def test_script_offers_what_the_profile_wants(carriers, protocols):
    alice = Credential("a", 1, "t0ken")
    profile = Profile(subprotocols=("mqtt",), carriers=carriers, credentials={"a": alice})
    target = target_at("ws://localhost:1/", profile)
    assert carried(target, alice)[1] == (*protocols, "mqtt")
