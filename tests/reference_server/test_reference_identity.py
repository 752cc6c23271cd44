"""Carriers, channels and origins."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from reference_harness import ALICE, BOB, CAROL, CAROL_ID, KEY, ORIGIN, TOKENS, Running
from websockets.typing import Subprotocol

QUERY = f"/ws/permissions/?token={ALICE}"
HEADER = f"Authorization: Bearer {ALICE}"
PAIR = f"Sec-WebSocket-Protocol: bearer, {ALICE}"
COOKIE = f"Cookie: session={ALICE}"
ALLOWED = f"Origin: {ORIGIN}"


def identity(
    target: Running, path: str = "/ws/permissions/", token: str | None = None, **options: object
) -> object:
    with target.connect(token, path, **options) as client:
        return client.confirmed["user_id"]


def test_each_carrier_identifies(target: Running) -> None:
    assert identity(target, QUERY) == 1
    assert identity(target, token=ALICE) == 1
    assert identity(target, subprotocols=[Subprotocol("bearer"), Subprotocol(ALICE)]) == 1
    with target.connect(ALICE) as client:
        assert client.confirmed["groups"] == ["editors", "staff"]


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("/ws/permissions/", ()),
        ("/ws/permissions/?token=", ()),
        ("/ws/permissions/?token", ()),
        ("/ws/permissions/?tokens=x", ()),
        ("/ws/permissions/", ("Authorization: Basic YTpi",)),
        ("/ws/permissions/", ("Authorization: Token x",)),
        ("/ws/permissions/", ("Cookie: other=x; sessions=y",)),
        ("/ws/permissions/", ("Cookie: session=",)),
        ("/ws/permissions/", ("Sec-WebSocket-Protocol: chat, superchat",)),
    ],
)
def test_without_a_token_anonymous_is_let_in(target: Running, path: str, lines: tuple[str, ...]) -> None:
    answer = target.get(path, *lines)
    assert answer.status == 101
    assert "sec-websocket-protocol" not in answer.headers


def test_anonymous_is_confirmed_as_nobody(target: Running) -> None:
    with target.connect() as client:
        assert client.confirmed["user_id"] is None
        assert client.confirmed["groups"] == []
        assert set(client.confirmed["features"].values()) == {True}
        assert len(client.confirmed["features"]) == 5
        assert client.confirmed["server_time"].endswith("+00:00")


GOOD = {
    "query": (QUERY, ()),
    "query, percent-encoded": (f"/ws/permissions/?token=%61{ALICE[1:]}", ()),
    "query twice, the same": (f"{QUERY}&token={ALICE}", ()),
    "header": ("/ws/permissions/", (HEADER,)),
    "header, other case": ("/ws/permissions/", (f"authorization: bEARER  {ALICE}",)),
    "subprotocol": ("/ws/permissions/", (PAIR,)),
    "subprotocol on two lines": (
        "/ws/permissions/",
        ("Sec-WebSocket-Protocol: chat, bearer", f"Sec-WebSocket-Protocol: {ALICE}"),
    ),
    "cookie with an allowed origin": ("/ws/permissions/", (COOKIE, ALLOWED)),
    "cookie among others": ("/ws/permissions/", (f"Cookie: a=b; session={ALICE};c=d", ALLOWED)),
    "all four": (QUERY, (HEADER, PAIR, COOKIE, ALLOWED)),
    "own channel by id": ("/ws/permissions/1/", (HEADER,)),
    "anonymous channel": ("/ws/permissions/anonymous", (HEADER,)),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_token_is_accepted(target: Running, name: str) -> None:
    path, lines = GOOD[name]
    answer = target.get(path, *lines)
    assert answer.status == 101
    offered = any("bearer," in line or line.endswith("bearer") for line in lines)
    assert answer.headers.get("sec-websocket-protocol") == ("bearer" if offered else None)


UNAUTHORIZED = {
    "unknown": ("/ws/permissions/?token=x", ()),
    "with a surrounding space": (f"/ws/permissions/?token=%20{ALICE}", ()),
    "a prefix": (QUERY[:-1], ()),
    "not ASCII": ("/ws/permissions/?token=%ff%00%e2", ()),
    "query twice": (f"{QUERY}&token={BOB}", ()),
    "query twice, once empty": (f"{QUERY}&token=", ()),
    "header twice": ("/ws/permissions/", (HEADER, f"Authorization: Bearer {BOB}")),
    "header empty": ("/ws/permissions/", ("Authorization: Bearer",)),
    "header malformed": ("/ws/permissions/", (f"Authorization: Bearer {ALICE}, x",)),
    "cookie twice": ("/ws/permissions/", (f"Cookie: session={ALICE}; session={BOB}", ALLOWED)),
    "cookie unknown": ("/ws/permissions/", ("Cookie: session=x", ALLOWED)),
    "bearer alone": ("/ws/permissions/", ("Sec-WebSocket-Protocol: bearer",)),
    "bearer last": ("/ws/permissions/", ("Sec-WebSocket-Protocol: chat, bearer",)),
    "bearer before something else": ("/ws/permissions/", ("Sec-WebSocket-Protocol: bearer, chat",)),
    "bearer twice": ("/ws/permissions/", (f"Sec-WebSocket-Protocol: bearer, {ALICE}, bearer, {BOB}",)),
    "two users": (QUERY, (f"Authorization: Bearer {BOB}",)),
    "good and bad": (QUERY, ("Authorization: Bearer x",)),
    "anonymous channel": ("/ws/permissions/anonymous?token=x", ()),
    "channel without a token": ("/ws/permissions/1/", ()),
    **{
        f"{kind.lower()} in the query": (f"/ws/permissions/?token={TOKENS[f'{kind}_TOKEN']}", ())
        for kind in ("EXPIRED", "NOT_YET", "REVOKED", "INACTIVE")
    },
}


@pytest.mark.parametrize("name", UNAUTHORIZED)
def test_bad_token_is_refused_before_the_upgrade(target: Running, name: str) -> None:
    path, lines = UNAUTHORIZED[name]
    answer = target.get(path, *lines)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize(
    "lines",
    [(HEADER, "Content-Length: 3"), (f"{PAIR} !",), (PAIR, "Sec-WebSocket-Version: 13"), (HEADER, "Host: x")],
)
def test_no_refusal_repeats_the_token(target: Running, lines: tuple[str, ...]) -> None:
    for path in (QUERY, f"/nowhere?token={ALICE}", f"/ws/permissions/2/?token={ALICE}"):
        answer = target.get(path, *lines)
        assert answer.status != 101
        assert ALICE.encode() not in answer.raw + answer.body


def test_foreign_and_missing_users_are_refused_alike(target: Running) -> None:
    foreign = target.get("/ws/permissions/2/", HEADER)
    missing = target.get("/ws/permissions/4242/", HEADER)
    assert (foreign.status, missing.status) == (403, 403)
    assert foreign.body == missing.body
    assert set(foreign.headers) == set(missing.headers)


def test_user_id_beyond_doubles_is_exact(target: Running) -> None:
    with target.connect(CAROL, f"/ws/permissions/{CAROL_ID}/") as client:
        assert client.confirmed["user_id"] == CAROL_ID


def test_good_token_on_the_anonymous_channel_is_anonymous(target: Running) -> None:
    assert identity(target, "/ws/permissions/anonymous/", ALICE) is None


def test_cookie_needs_an_origin(target: Running) -> None:
    assert target.get("/ws/permissions/", COOKIE).status == 403


@pytest.mark.parametrize(
    "origin",
    ["https://app.example", "https://app.example:443", "HTTPS://App.Example", "http://localhost:{port}"],
)
def test_allowed_origin_is_accepted(target: Running, origin: str) -> None:
    assert target.get("/ws/permissions/", "Origin: " + origin.format(port=target.port)).status == 101


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://evil-app.example",
        "https://app.example@evil.example",
        "https://evil.example@app.example",
        "https://app.example/",
        "https://app.example https://evil.example",
        "https://app.example:0443x",
        "http://localhost",
        "http://127.0.0.1:1",
        "https://app.example\t",
    ],
)
def test_foreign_origin_is_refused(target: Running, origin: str) -> None:
    expected = 101 if origin.endswith("\t") else 403  # white space around a value is not part of it
    assert target.get("/ws/permissions/", f"Origin: {origin}").status == expected


def test_two_origins_are_refused(target: Running) -> None:
    assert target.get("/ws/permissions/", ALLOWED, ALLOWED).status == 403


def test_deflate_is_negotiated(target: Running) -> None:
    answer = target.get("/ws/permissions/", "Sec-WebSocket-Extensions: permessage-deflate")
    assert answer.headers["sec-websocket-extensions"].startswith("permessage-deflate")
    with target.connect(compression="deflate") as client:
        assert client.ask({"type": "heartbeat", "data": {"x": "y" * 10000}})["data"] == {"x": "y" * 10000}


def test_page_is_self_contained_and_its_policy_matches(target: Running) -> None:
    answer = target.get("/", without="Upgrade Connection")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert int(answer.headers["content-length"]) == len(answer.body)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = answer.body.decode()
    for element in ("script", "style"):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert not re.search(r'(?:src|href)="(?!data:,)', page)
    assert not re.search(r'\son\w+="|\sstyle="', page)
    assert KEY not in page
