"""Routes, origin, subprotocol, token and the first message."""

from __future__ import annotations

import pytest

from tests.conflicts import Situation
from tests.doctor.asking import ask, run
from tests.doctor.conftest import Peculiar

# What `manage.py prepare` gives this user where the environment names no token.
GOOD = "alice-demo-token"


def at(it: Situation, path: str) -> str:
    return f"ws://127.0.0.1:{it.port}{path}"


@pytest.mark.parametrize("path", ["", "/ws/permissions/", "/ws/permissions/anonymous/"])
def test_daphne_with_channels_is_healthy(path: str, channels: Situation) -> None:
    found = ask(at(channels, path))
    assert found.code == 0, found.text
    assert "connection_confirmed as anonymous" in found.text


def test_server_without_the_permissions_protocol_is_healthy(peculiar: Peculiar) -> None:
    port = peculiar("serves-only", "/chat/")
    found = ask(f"ws://127.0.0.1:{port}/chat/")
    assert found.code == 0, found.text
    assert "a Ping is answered" in found.text


@pytest.mark.parametrize(
    ("path", "cause", "nearest"),
    [
        ("/ws/permissions", "route.trailing-slash", "/ws/permissions/"),
        ("/ws/permission/", "route.wrong-path", "/ws/permissions/"),
        ("/permissions/anonymous", "route.wrong-path", "/ws/permissions/anonymous"),
        ("/ws/permissions/Anonymous", "route.wrong-path", "/ws/permissions/anonymous"),
        ("/ws//permissions/", "route.wrong-path", "/ws/permissions/"),
    ],
)
def test_nearest_route_is_named(path: str, cause: str, nearest: str, channels: Situation) -> None:
    found = ask(at(channels, path))
    assert (found.code, found.data["cause"], found.data["layer"]) == (1, cause, "routes"), found.text
    assert found.last["steps"][0]["command"] == f"conformance doctor {at(channels, nearest)}"


def test_channel_of_a_user_is_no_wrong_path(channels: Situation) -> None:
    found = ask(at(channels, "/ws/permissions/1/"))
    assert (found.code, found.data["cause"]) == (10, "token.required"), found.text
    assert ask(at(channels, f"/ws/permissions/1/?token={GOOD}")).code == 0


def test_path_that_is_answered_like_any_unknown_one_is_not_judged(channels: Situation) -> None:
    found = ask(at(channels, "/live/orders"))
    assert (found.code, found.data["cause"]) == (10, "access.refused"), found.text
    assert any(one.startswith("/ws/permissions/: HTTP/1.1 101 ") for one in found.last["evidence"])


def test_wrong_path_with_a_bad_token_is_a_wrong_path(channels: Situation) -> None:
    found = ask(at(channels, "/ws/permissions?token=canary-0815"))
    assert (found.code, found.data["cause"]) == (1, "route.trailing-slash"), found.text
    assert "canary" not in found.text


def test_route_that_asks_for_credentials_is_found(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar('wants-token')}/ws")
    assert (found.code, found.data["cause"]) == (1, "route.trailing-slash"), found.text
    assert any(one.startswith("/ws/: HTTP/1.1 401 ") for one in found.last["evidence"])


def test_slash_too_many(peculiar: Peculiar) -> None:
    port = peculiar("serves-only", "/chat")
    found = ask(f"ws://127.0.0.1:{port}/chat/")
    assert (found.code, found.data["cause"]) == (1, "route.trailing-slash")
    assert "must not end with a slash" in found.last["summary"]


def test_origin_that_is_refused(channels: Situation) -> None:
    found = ask(at(channels, "/ws/permissions/"), "--origin", "https://evil.example")
    assert (found.code, found.data["cause"], found.data["layer"]) == (1, "origin.refused", "origin")
    assert ask(at(channels, "/ws/permissions/"), "--origin", "https://app.example").code == 0


def test_token_that_is_taken(channels: Situation) -> None:
    found = ask(at(channels, f"/ws/permissions/?token={GOOD}"))
    assert found.code == 0, found.text
    assert "connection_confirmed as user 1" in found.text
    assert GOOD not in found.text


def test_token_that_is_refused_is_not_shown(channels: Situation) -> None:
    url = at(channels, "/ws/permissions/?token=canary-0815")
    found = ask(url)
    assert (found.code, found.data["cause"], found.data["layer"]) == (1, "token.refused", "token"), found.text
    shown = run(url)
    assert shown.returncode == 1
    assert "canary" not in found.text + shown.stdout + shown.stderr


def test_token_that_is_missing_cannot_be_judged(peculiar: Peculiar) -> None:
    port = peculiar("wants-token")
    found = ask(f"ws://127.0.0.1:{port}/ws/")
    assert (found.code, found.data["cause"], found.data["verdict"]) == (10, "token.required", "cannot tell")
    assert ask(f"ws://127.0.0.1:{port}/ws/?token=good").code == 0
    assert ask(f"ws://127.0.0.1:{port}/ws/?token=canary-bad").data["cause"] == "token.refused"


def test_refusal_of_everything_cannot_be_judged(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar('forbids')}/ws/")
    assert (found.code, found.data["cause"]) == (10, "access.refused")


def test_subprotocol_that_is_not_chosen(peculiar: Peculiar) -> None:
    port = peculiar("chooses-no-subprotocol")
    found = ask(f"ws://127.0.0.1:{port}/", "--subprotocol", "chat.v1")
    assert (found.code, found.data["cause"]) == (1, "subprotocol.not-chosen")
    assert ask(f"ws://127.0.0.1:{port}/").code == 0


def test_subprotocol_that_was_not_offered(peculiar: Peculiar) -> None:
    port = peculiar("names-subprotocol", "chat.v1")
    found = ask(f"ws://127.0.0.1:{port}/")
    assert (found.code, found.data["cause"]) == (1, "subprotocol.not-offered")
    assert ask(f"ws://127.0.0.1:{port}/", "--subprotocol", "chat.v1").code == 0


def test_upgrade_that_is_followed_by_silence(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar()}/ws/permissions/")
    assert (found.code, found.data["cause"]) == (1, "message.silent")
    assert "the application does not speak" in found.text


@pytest.mark.parametrize("code", ["1011", "4000"])
def test_immediate_close_is_told_with_its_code(code: str, peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar('closes', code)}/")
    assert (found.code, found.data["cause"]) == (1, "message.closed")
    assert f"Close {code} 'because'" in found.last["evidence"][0]


def test_connection_that_is_dropped(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar('drops')}/")
    assert (found.code, found.data["cause"]) == (1, "message.ended")


def test_paths_as_a_table(channels: Situation) -> None:
    done = run(at(channels, "/ws/permissions/"), "--paths")
    assert done.returncode == 0, done.stdout
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip().startswith("/")}
    assert "101" in rows["/ws/permissions/anonymous"]
    assert "403" in rows["/ws/permissions"]
    assert "near miss" in rows["/ws/permissions"]
    data = ask(at(channels, "/ws/permissions"), "--paths")
    assert (data.code, data.data["cause"]) == (1, "route.trailing-slash")
    assert data.data["paths"][0]["path"] == "/ws/permissions"
    assert data.data["paths"][0]["upgraded"] is False
