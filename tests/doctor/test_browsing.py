"""What browsers send, what they refuse by themselves, and who is known by its answers: each with its twin."""

from __future__ import annotations

import pytest

from tests.conflicts.situation import port_for, process, script, wait
from tests.doctor.asking import ask
from tests.doctor.conftest import Peculiar


@pytest.mark.parametrize(
    ("what", "cause", "words"),
    [
        ("wants-exact-connection", "proxy.exact-connection", "keep-alive, Upgrade"),
        ("fears-compression", "upgrade.compression-offer", "Sec-WebSocket-Extensions"),
        ("fears-browsers", "upgrade.browser-fields", "Sec-Fetch-Mode"),
    ],
)
def test_field_that_only_browsers_send(what: str, cause: str, words: str, peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar(what)}/chat")
    assert (found.code, found.data["cause"], found.data["layer"]) == (1, cause, "browser"), found.text
    assert words in found.text


def test_ordinary_server_takes_what_browsers_send(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar()}/chat")
    assert found.code == 0, found.text
    assert "a handshake as Firefox sends it is answered HTTP/1.1 101" in found.text


def test_first_handshake_that_gets_no_answer() -> None:
    port = port_for()
    with process(*script("first_lost", port)):
        wait(port)
        first, second = (ask(f"ws://127.0.0.1:{port}/chat") for _ in range(2))
    assert (first.code, first.data["cause"]) == (1, "upgrade.first-lost"), first.text
    assert second.code == 0, second.text


def test_server_of_one_connection_at_a_time() -> None:
    port = port_for()
    with process(*script("one_at_a_time", port)):
        wait(port)
        found = ask(f"ws://127.0.0.1:{port}/chat")
    assert (found.code, found.data["cause"]) == (1, "server.one-connection"), found.text
    assert not any((step["command"] or "").startswith("kill") for step in found.last["steps"])


def test_process_without_descriptors() -> None:
    port = port_for()
    with process(*script("few_descriptors", port)) as holder:
        wait(port)
        found = ask(f"ws://127.0.0.1:{port}/chat")
    assert (found.code, found.data["cause"]) == (1, "server.descriptors"), found.text
    assert f"PID {holder.pid}: 48 of 48 descriptors are open" in found.text


def test_event_loop_that_computes() -> None:
    port = port_for()
    with process(*script("computes", port)):
        wait(port)
        found = ask(f"ws://127.0.0.1:{port}/chat")
    assert (found.code, found.data["cause"]) == (1, "server.busy"), found.text


@pytest.mark.parametrize(
    ("what", "cause", "words"),
    [
        (("wants-basic",), "access.http-auth", "Basic"),
        (("airplay",), "port.other-program", "AirPlay"),
        (("sockjs", "/live"), "route.sockjs", "/live/websocket"),
        (("engine-io",), "route.engine-io", "EIO=4&transport=websocket"),
        (("catches-all",), "upgrade.catch-all", "the same 33 bytes"),
    ],
)
def test_known_answers(what: tuple[str, ...], cause: str, words: str, peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar(*what)}/live")
    assert (found.code, found.data["cause"]) == (1, cause), found.text
    assert words in found.text


def test_server_that_speaks_of_sockjs_and_has_no_raw_path_is_not_called_so(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar('sockjs', '/elsewhere')}/live")
    assert found.data["cause"] != "route.sockjs", found.text


def test_cookies_that_are_too_large(peculiar: Peculiar) -> None:
    url = f"ws://127.0.0.1:{peculiar('takes-small')}/chat"
    found = ask(url, "--header", f"Cookie: session={'c' * 200}")
    assert (found.code, found.data["cause"]) == (1, "upgrade.too-large"), found.text
    assert "c" * 20 not in found.text
    assert ask(url, "--header", "Cookie: session=short").code == 0


def test_page_over_https_and_a_url_without_tls(peculiar: Peculiar) -> None:
    found = ask("ws://shop.example/chat", "--origin", "https://app.example")
    assert (found.code, found.data["cause"]) == (1, "browser.mixed-content"), found.text
    assert "wss://" in str(found.last["steps"][0]["command"])
    url = f"ws://127.0.0.1:{peculiar()}/chat"  # browsers make an exception for this machine
    local = ask(url, "--origin", "https://app.example")
    assert local.code == 0, local.text
    assert "Safari" in local.text
    assert "Chrome 147" in local.text


def test_port_that_browsers_never_connect_to() -> None:
    blocked = ask("ws://127.0.0.1:6667/", "--origin", "http://app.example")
    assert (blocked.code, blocked.data["cause"]) == (1, "browser.blocked-port"), blocked.text
    unasked = ask("ws://127.0.0.1:6667/")
    assert unasked.data["cause"] != "browser.blocked-port", unasked.text


def test_subprotocol_named_twice(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar()}/", "--subprotocol", "chat", "--subprotocol", "chat")
    assert (found.code, found.data["cause"]) == (1, "browser.subprotocol"), found.text


def test_token_and_header_reach_the_server_and_are_never_shown(
    peculiar: Peculiar, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"ws://127.0.0.1:{peculiar('wants-token')}/chat"
    monkeypatch.setenv("DOCTOR_TOKEN", "good")
    assert ask(url, "--token", "env:DOCTOR_TOKEN").code == 0
    refused = ask(url, "--token", "canary-0815", "--header", "Authorization: Basic canary-4711")
    assert refused.code != 0
    assert "canary" not in refused.text
    wanted = f"ws://127.0.0.1:{peculiar('wants-basic')}/chat"
    assert ask(wanted, "--header", "Authorization: Basic canary-4711").code == 0


def test_what_was_not_looked_at_is_listed(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar()}/chat")
    assert any("idle cut-off" in line for line in found.data["not_seen"]), found.text
    assert "--watch 70" in found.text


def test_watching_a_server_that_pings(peculiar: Peculiar) -> None:
    found = ask(f"ws://127.0.0.1:{peculiar()}/chat", "--watch", "1.5")
    assert found.code == 0, found.text
    assert "a message sent right after the handshake came back" in found.text
    assert "watched for 1.5 s" in found.text
