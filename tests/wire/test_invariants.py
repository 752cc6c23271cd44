"""The monitor: each breach is reported under its own requirement and no other, and clean talk under none."""

from __future__ import annotations

import zlib

import pytest
from watched import ACCEPT, Watched

from conformance.wire.handshake import ResponseParser, accept_for, opening
from conformance.wire.invariants import valid_close_code

# The 101 response.


@pytest.mark.parametrize(
    ("without", "lines", "requirement"),
    [
        ("Upgrade", [], "handshake.response-headers"),
        ("Upgrade", ["Upgrade: h2c"], "handshake.response-headers"),
        ("", ["Upgrade: websocket"], "handshake.response-headers"),
        ("Connection", [], "handshake.response-headers"),
        ("Connection", ["Connection: keep-alive"], "handshake.response-headers"),
        ("", ["no header field"], "handshake.response-headers"),
        ("", ["Transfer-Encoding: chunked"], "handshake.response-headers"),
        ("", ["Content-Length: 3"], "handshake.response-headers"),
        ("", ["Content-Length: 0"], "handshake.response-headers"),
        ("Sec-WebSocket-Accept", [], "handshake.accept-value"),
        ("Sec-WebSocket-Accept", [f"Sec-WebSocket-Accept: {ACCEPT.lower()}"], "handshake.accept-value"),
        ("", [f"Sec-WebSocket-Accept: {ACCEPT}"], "handshake.accept-value"),
        ("", ["Sec-WebSocket-Protocol: other"], "handshake.subprotocol-from-offer"),
        ("", ["Sec-WebSocket-Protocol: CHAT"], "handshake.subprotocol-from-offer"),
        ("", ["Sec-WebSocket-Protocol: chat, superchat"], "handshake.subprotocol-from-offer"),
        ("", ["Sec-WebSocket-Protocol:"], "handshake.subprotocol-from-offer"),
        (
            "",
            ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"],
            "handshake.subprotocol-from-offer",
        ),
        ("", ["Sec-WebSocket-Extensions: foo"], "handshake.extension-from-offer"),
        ("", ["Sec-WebSocket-Extensions: foo bar"], "handshake.extension-from-offer"),
        ("", ["Sec-WebSocket-Extensions:"], "handshake.extension-from-offer"),
        (
            "",
            ["Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"],
            "handshake.extension-from-offer",
        ),
    ],
)
def test_wrong_response_is_one_breach(without, lines, requirement):
    assert Watched().answer(*lines, without=without).requirements == [requirement]


def test_response_of_http_1_0_is_a_breach():
    watched = Watched().answer(status="HTTP/1.0 101 Switching Protocols")
    assert watched.requirements == ["handshake.response-headers"]


def test_subprotocol_without_any_offer_is_a_breach():
    watched = Watched().answer("Sec-WebSocket-Protocol: chat", extra=[])
    assert watched.requirements == ["handshake.subprotocol-from-offer"]


def test_extension_without_any_offer_is_a_breach():
    watched = Watched().answer("Sec-WebSocket-Extensions: permessage-deflate", extra=[])
    assert watched.requirements == ["handshake.extension-from-offer"]


def test_message_does_not_give_away_a_token_that_came_back_as_subprotocol():
    watched = Watched().answer("Sec-WebSocket-Protocol: alice-secret-7f3a", extra=[])
    assert "secret" not in watched.breaches[0].message


@pytest.mark.parametrize(
    ("without", "lines"),
    [
        ("", []),
        ("Upgrade", ["upgrade: WebSocket"]),
        ("Connection", ["Connection: keep-alive, upgrade"]),
        ("Connection", ["Connection: keep-alive", "Connection: UPGRADE"]),
        ("", ["Sec-WebSocket-Protocol: superchat"]),
        ("", ["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10"]),
    ],
)
def test_legal_response_is_no_breach(without, lines):
    assert Watched().answer(*lines, without=without).breaches == []


def test_offers_on_several_lines_are_one_list():
    offers = [("Sec-WebSocket-Protocol", "a"), ("sec-websocket-protocol", "b")]
    assert Watched().answer("Sec-WebSocket-Protocol: b", extra=offers).breaches == []


def test_response_other_than_101_is_not_judged():
    watched = Watched().answer(status="HTTP/1.0 403 Forbidden", without="Sec-WebSocket-Accept")
    assert watched.breaches == []


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(opening("/", "h").without("Upgrade"), id="no-upgrade"),
        pytest.param(opening("/", "h").without("Connection"), id="no-connection"),
        pytest.param(opening("/", "h").setting("Connection", "keep-alive"), id="connection-for-http"),
        pytest.param(opening("/", "h").without("Sec-WebSocket-Key"), id="no-key"),
        pytest.param(opening("/", "h").adding(("sec-websocket-key", "x")), id="two-keys"),
        pytest.param(opening("/", "h").saying(method="POST"), id="post"),
        pytest.param(opening("/", "h").saying(version="HTTP/1.0"), id="http-1.0"),
    ],
)
def test_response_to_what_has_no_right_answer_is_not_judged(request_):
    watched = Watched()
    watched.monitor.response(request_, ResponseParser().feed(b"HTTP/1.1 101 S\r\n\r\n"))
    assert watched.breaches == []


@pytest.mark.parametrize(
    ("protocols", "chosen", "judged"),
    [
        (["h2c, websocket"], "websocket", True),
        (["h2c, websocket"], "h2c", False),
        (["websocket", "h2c"], "websocket", True),
        (["websocket", "h2c"], "h2c", False),
        # The only protocol that was asked for has to be the one that is switched to.
        (["WebSocket,"], "h2c", True),
    ],
)
def test_of_several_protocols_websocket_alone_is_judged(protocols, chosen, judged):
    watched = Watched()
    asked = opening("/", "h").without("Upgrade").adding(*(("Upgrade", one) for one in protocols))
    head = f"HTTP/1.1 101 S\r\nUpgrade: {chosen}\r\nConnection: Upgrade\r\n\r\n".encode()
    watched.monitor.response(asked, ResponseParser().feed(head))
    assert ("handshake.accept-value" in watched.requirements) == judged


def test_folded_key_has_no_right_answer():
    assert Watched().answer(key="\r\n\tAAAAAAAAAAAAAAAAAAAAAA==").breaches == []


def test_key_beyond_ascii_is_judged_as_it_was_sent():
    watched = Watched().answer(key="ü" * 8, without="Sec-WebSocket-Accept")
    assert watched.requirements == ["handshake.accept-value"]
    assert accept_for("ü" * 8) in watched.breaches[0].message


def test_key_beyond_latin_1_is_judged_as_it_was_sent():
    assert Watched().answer(key="ключ").requirements == ["handshake.accept-value"]


# Frames.


@pytest.mark.parametrize(
    ("wire", "requirement"),
    [
        pytest.param("81 81 00 00 00 00 61", "framing.server-unmasked", id="masked"),
        pytest.param("c1 01 61", "framing.server-reserved-bits", id="rsv1"),
        pytest.param("a1 01 61", "framing.server-reserved-bits", id="rsv2"),
        pytest.param("91 01 61", "framing.server-reserved-bits", id="rsv3"),
        pytest.param("c9 00", "framing.server-reserved-bits", id="rsv1-on-ping"),
        pytest.param("83 00", "framing.server-opcodes", id="opcode-3"),
        pytest.param("8b 00", "framing.server-opcodes", id="opcode-b"),
        pytest.param("09 00", "framing.server-control-frames", id="fragmented-ping"),
        pytest.param("89 7e 00 7e" + "00" * 126, "framing.server-control-frames", id="long-ping"),
        pytest.param("81 7e 00 01 61", "framing.server-minimal-length", id="16-for-7"),
        pytest.param("81 7f 00 00 00 00 00 00 00 01 61", "framing.server-minimal-length", id="64-for-7"),
        pytest.param("82 7f" + "00" * 7 + "7e" + "00" * 126, "framing.server-minimal-length", id="64-for-16"),
        pytest.param("80 01 61", "framing.server-fragments", id="continues-nothing"),
        pytest.param("01 01 61 81 01 62", "framing.server-fragments", id="message-inside-message"),
        pytest.param("01 01 61 80 01 62 80 01 63", "framing.server-fragments", id="continues-whole-message"),
        pytest.param("81 02 c3 28", "utf8.server-text", id="text-not-utf8"),
        pytest.param("01 01 c3 80 01 28", "utf8.server-text", id="fragmented-text-not-utf8"),
        pytest.param("81 03 ed a0 80", "utf8.server-text", id="surrogate"),
        pytest.param("88 01 03", "closing.server-close-payload", id="close-of-one-byte"),
        pytest.param("88 02 03 ed", "closing.server-close-payload", id="code-1005"),
        pytest.param("88 02 00 00", "closing.server-close-payload", id="code-0"),
        pytest.param("88 03 03 e8 ff", "closing.server-close-payload", id="reason-not-utf8"),
        pytest.param("88 00 81 01 61", "closing.nothing-after-close", id="text-after-close"),
        pytest.param("88 00 88 00", "closing.nothing-after-close", id="second-close"),
    ],
)  # fmt: skip
def test_wrong_frame_is_one_breach(wire, requirement):
    assert Watched().answer().frames(wire).requirements == [requirement]


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param("81 01 61", id="text"),
        pytest.param("82 01 ff", id="binary-not-utf8"),
        pytest.param("81 00", id="empty-text"),
        pytest.param("82 7e 00 7e" + "00" * 126, id="126-bytes"),
        pytest.param("89 7d" + "00" * 125, id="ping-of-125-bytes"),
        pytest.param("01 01 c3 00 00 80 01 bc", id="character-across-fragments"),
        pytest.param("01 01 61 89 00 8a 00 80 01 62", id="control-frames-between-fragments"),
        pytest.param("01 01 61 88 02 03 e9", id="close-between-fragments"),
        pytest.param("81 01 61 01 01 62 80 01 63 88 02 03 e8", id="conversation"),
        pytest.param("88 00", id="empty-close"),
        pytest.param("88 00 8a 01 61", id="pong-after-close"),
        pytest.param("88 7d 03 e8" + "61" * 123, id="longest-close"),
    ],
)
def test_clean_frames_are_no_breach(wire):
    watched = Watched().answer().frames(wire)
    assert watched.breaches == []
    assert watched.monitor.checked > 0


def test_each_fault_of_a_frame_is_reported():
    watched = Watched().answer().frames("29 fe 00 01 00 00 00 00 61")
    assert sorted(watched.requirements) == [
        "framing.server-control-frames",
        "framing.server-minimal-length",
        "framing.server-reserved-bits",
        "framing.server-unmasked",
    ]


def test_fragments_are_handed_on_as_one_message():
    assert Watched().answer().frames("01 01 61 89 00 80 01 62 82 01 ff").messages == [
        (1, b"ab"),
        (2, b"\xff"),
    ]


def test_text_that_is_not_utf8_is_handed_on_all_the_same():
    assert Watched().answer().frames("81 01 ff").messages == [(1, b"\xff")]


@pytest.mark.parametrize(
    ("codes", "valid"),
    [
        ([1000, 1001, 1002, 1003], True),
        (range(1007, 1015), True),
        ([3000, 3999, 4000, 4999], True),
        ([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65535], False),
    ],
)
def test_close_code_may_stand_in_a_frame(codes, valid):
    assert {valid_close_code(code) for code in codes} == {valid}


# Compression.


def test_rsv1_marks_a_compressed_message_where_it_was_agreed():
    watched = Watched().compressed().frames("c1 07 f2 48 cd c9 c9 07 00  c1 05 f2 00 11 00 00")
    assert watched.breaches == []
    assert watched.messages == [(1, b"Hello"), (1, b"Hello")]


def test_fragmented_compressed_message_is_whole():
    watched = Watched().compressed().frames("41 03 f2 48 cd 80 04 c9 c9 07 00")
    assert (watched.breaches, watched.messages) == ([], [(1, b"Hello")])


def test_message_without_rsv1_is_not_compressed():
    watched = Watched().compressed().frames("81 05 48 65 6c 6c 6f")
    assert (watched.breaches, watched.messages) == ([], [(1, b"Hello")])


@pytest.mark.parametrize(
    ("wire", "requirement"),
    [
        pytest.param("41 03 f2 48 cd c0 04 c9 c9 07 00", "framing.server-reserved-bits", id="rsv1-again"),
        pytest.param("c9 00", "framing.server-reserved-bits", id="rsv1-on-ping"),
        pytest.param("e1 07 f2 48 cd c9 c9 07 00", "framing.server-reserved-bits", id="rsv2"),
        pytest.param("c1 04 ff ff ff ff", "deflate.server-stream", id="no-stream"),
        pytest.param("c1 05 f2 00 11 00 00", "deflate.server-stream", id="window-that-never-was"),
    ],
)
def test_wrong_compressed_frame_is_one_breach(wire, requirement):
    assert Watched().compressed().frames(wire).requirements == [requirement]


def test_compressed_text_is_checked_after_inflating():
    stream = zlib.compressobj(wbits=-15)
    payload = (stream.compress(b"\xc3\x28") + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    watched = Watched().compressed().frames(f"c1 {len(payload):02x} {payload.hex()}")
    assert watched.requirements == ["utf8.server-text"]


def test_context_kept_against_the_agreement_is_a_breach():
    watched = Watched().answer("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover")
    watched.frames("c1 07 f2 48 cd c9 c9 07 00  c1 05 f2 00 11 00 00")
    assert watched.requirements == ["deflate.server-stream"]


def test_breach_says_where_it_was_seen():
    watched = Watched().answer().frames("81 02 68 69 83 00")
    assert watched.breaches[0].message.endswith("(frame 2, at byte 4 behind the response: 83 00)")


def test_length_with_its_top_bit_set_is_a_breach():
    watched = Watched().answer().frames("81 02 68 69")
    watched.monitor.overrun(1 << 63)
    watched.monitor.overrun(1 << 40)
    assert watched.requirements == ["framing.server-minimal-length"]
    assert "in the frame at byte 4 behind the response" in watched.breaches[0].message
