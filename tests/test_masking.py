"""Secrets are found in whatever encoding they stand, and what is no secret stays readable."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from conformance.core.masking import MASKED, Mask, Secret
from conformance.target.secret_values import of_headers, of_url, of_words

SECRET = 'c@nary/é 7f+9"&c2e<x>'
RAW = SECRET.encode()


def masking(*secrets: str | Secret) -> Mask:
    mask = Mask()
    mask.add(*secrets)
    return mask


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(SECRET, id="as it is"),
        pytest.param(quote(SECRET, safe=""), id="percent-encoded"),
        pytest.param(quote(SECRET), id="percent-encoded but for slashes"),
        pytest.param(
            quote(SECRET, safe="").replace("%C3%A9", "%c3%a9").replace("%2B", "%2b"), id="lower hex"
        ),
        pytest.param(quote(quote(SECRET, safe=""), safe=""), id="percent-encoded twice"),
        pytest.param("".join(f"%{one:02x}" for one in RAW), id="every byte percent-encoded"),
        pytest.param(quote_plus(SECRET), id="plus for a space"),
        pytest.param(json.dumps(SECRET)[1:-1], id="in JSON"),
        pytest.param(json.dumps(json.dumps(SECRET))[3:-3], id="in JSON in JSON"),
        pytest.param(html.escape(SECRET), id="in HTML"),
        pytest.param("".join(f"&#x{ord(one):x};" for one in SECRET), id="as references"),
        pytest.param(ascii(SECRET)[1:-1], id="as Python writes it"),
        pytest.param(RAW.hex(), id="hex"),
        pytest.param(RAW.hex(" ").upper(), id="hex with spaces"),
        pytest.param(f"{RAW[:9].hex(' ')}\n    {RAW[9:].hex(' ')}", id="hex over two lines"),
    ],
)
def test_secret_is_found_in_every_encoding(form: str) -> None:
    assert masking(SECRET)(f"before {form} after") == f"before {MASKED} after"


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_secret_in_base64_cannot_be_read_wherever_it_begins(before: str, encode) -> None:
    text = encode(before.encode() + RAW + b"!").decode()
    shown = masking(SECRET)(f"Authorization: Basic {text}")
    assert MASKED in shown
    assert all(text[at : at + 8] not in shown for at in range(len(before) + 2, len(text) - 10))


@pytest.mark.parametrize(
    "cut", ["canary-abcdef-1234 …", "'canary-abcdef-12'… (300 bytes)", "canary-abcd-x"[:11]]
)
def test_secret_that_is_cut_short_is_masked(cut: str) -> None:
    shown = masking("canary-abcdef-123456789")(f"received {cut}")
    assert "canary" not in shown
    assert shown.replace("'", "").startswith(f"received {MASKED}")


def test_end_of_a_secret_is_masked_where_a_text_begins() -> None:
    assert masking("canary-abcdef-123456789")("… ef-123456789 was said") == f"{MASKED} was said"


def test_what_only_begins_like_a_secret_stays() -> None:
    text = "a websocket, canary-abelian, and a websocket"
    assert masking("canary-abcdef-123456789", "websocket-7f3b")(text) == text
    # The token that is generated for a user is named for it, and so is a requirement.
    assert masking("revoked-token-0123456789abcdef")("browser.revoked-token") == "browser.revoked-token"


@pytest.mark.parametrize(
    ("name", "value", "text", "shown"),
    [
        ("EIO", "4", "GET /x?EIO=4&t=4 HTTP/1.1", f"GET /x?EIO={MASKED}&t=4 HTTP/1.1"),
        ("EIO", "4", "a frame of 4 bytes, code 4000, EIO=40", "a frame of 4 bytes, code 4000, EIO=40"),
        ("transport", "websocket", "Upgrade: websocket, transport=websocket",
         f"Upgrade: websocket, transport={MASKED}"),
        ("X-Key", "abc", "X-Key: abc\r\nabc", f"X-Key: {MASKED}\r\nabc"),
        ("key", "abc", '{"key": "abc", "x": "abc"}', f'{{"key": "{MASKED}", "x": "abc"}}'),
        ("", "abc", "?token=abc, Authorization: Bearer abc; abc",
         f"?token={MASKED}, Authorization: {MASKED}; abc"),
    ],
)  # fmt: skip
def test_weak_value_is_masked_in_its_place_alone(name: str, value: str, text: str, shown: str) -> None:
    assert masking(Secret(value, name))(text) == shown


def test_member_of_a_query_is_masked_everywhere_only_where_it_looks_drawn() -> None:
    mask = masking(*of_url("ws://host/?room=general&v=1.2.3&id=a81kf02m&token=general2"))
    assert mask("general 1.2.3 a81kf02m general2") == f"general 1.2.3 {MASKED} {MASKED}"
    assert mask("/?room=general&v=1.2.3") == f"/?room={MASKED}&v={MASKED}"


def test_url_gives_its_query_its_password_and_what_was_drawn() -> None:
    found = list(of_url("wss://me:pass%21word@host:1/hook/Zx81kk29alq02mmsw0/chat?a=one+two&b=%41bcd&bare"))
    assert {"one two", "one+two", "%41bcd", "Abcd", "pass!word", "Zx81kk29alq02mmsw0"} <= {
        one.value for one in found
    }
    assert not {"chat", "hook", "host"} & {one.value for one in found}
    assert {one.variable for one in found if one.name == "a"} == {"QUERY_A"}
    assert [one.value for one in of_url("ws://host/?abc.def")] == ["abc.def"]
    assert list(of_url("ws://[::1/")) == []


def test_headers_give_credentials_and_cookies_but_not_what_a_client_is_like() -> None:
    basic = base64.b64encode(b"me:pass word").decode()
    found = of_headers(
        {"Authorization": f"Basic {basic}", "Cookie": "a=first; b=second", "X-Key": "third", "Accept": "x/y"}
    )
    assert [one.value for one in found] == [basic, "pass word", "first", "second", "third"]


def test_words_of_a_command_give_what_stands_behind_names_of_secrets() -> None:
    words = [
        "admin",
        "--token=first",
        "--password",
        "second",
        "--port",
        "8000",
        "http://x/?k=third",
        "--key={port}",
    ]
    assert [one.value for one in of_words(words) if one.value != "k=third"][:2] == ["first", "second"]
    assert "third" in [one.value for one in of_words(words)]
    assert "8000" not in [one.value for one in of_words(words)]
