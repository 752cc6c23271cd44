"""The server URL: what is understood, and what is refused with an example of a right one."""

from __future__ import annotations

import pytest

from conformance.core.errors import UsageProblem
from conformance.target.url import WrongURL, parse


@pytest.mark.parametrize(
    ("text", "secure", "host", "port", "prefix", "path"),
    [
        ("ws://localhost:8000", False, "localhost", 8000, "", "/"),
        ("ws://localhost:8000/", False, "localhost", 8000, "", "/"),
        ("ws://localhost", False, "localhost", 80, "", "/"),
        ("wss://example.com", True, "example.com", 443, "", "/"),
        ("http://127.0.0.1:9", False, "127.0.0.1", 9, "", "/"),
        ("https://example.com:8443", True, "example.com", 8443, "", "/"),
        ("WS://LocalHost:1", False, "localhost", 1, "", "/"),
        ("ws://[::1]:8000", False, "::1", 8000, "", "/"),
        ("ws://h:65535/echo", False, "h", 65535, "/echo", "/echo"),
        ("ws://h/api/v1/", False, "h", 80, "/api/v1", "/api/v1/"),
        ("ws://h/ws/permissions/", False, "h", 80, "", "/ws/permissions/"),
        ("ws://h/ws/permissions", False, "h", 80, "", "/ws/permissions"),
        ("ws://h/ws/permissions/anonymous", False, "h", 80, "", "/ws/permissions/anonymous"),
        ("ws://h/api/ws/permissions/", False, "h", 80, "/api", "/api/ws/permissions/"),
        ("ws://h/api/ws/permissions", False, "h", 80, "/api", "/api/ws/permissions"),
        ("ws://h/api/ws/permissionsx", False, "h", 80, "/api/ws/permissionsx", "/api/ws/permissionsx"),
    ],
)
def test_url_is_understood(text, secure, host, port, prefix, path):
    url = parse(text)
    assert (url.secure, url.host, url.port, url.prefix, url.path) == (secure, host, port, prefix, path)


@pytest.mark.parametrize(
    ("text", "authority", "origin"),
    [
        ("ws://h", "h", "http://h"),
        ("ws://h:80", "h", "http://h"),
        ("ws://h:443", "h:443", "http://h:443"),
        ("wss://h:443", "h", "https://h"),
        ("wss://h:80", "h:80", "https://h:80"),
        ("ws://[::1]:8000", "[::1]:8000", "http://[::1]:8000"),
        ("ws://[::1]", "[::1]", "http://[::1]"),
    ],
)
def test_authority_names_the_port_only_where_it_is_another(text, authority, origin):
    assert (parse(text).authority, parse(text).origin) == (authority, origin)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://h:8000", "ws://h:8000/"),
        ("https://h/api/", "wss://h/api"),
        ("ws://[::1]:1/echo", "ws://[::1]:1/echo"),
    ],
)
def test_url_is_shown_in_its_websocket_form(text, shown):
    assert str(parse(text)) == shown


@pytest.mark.parametrize("text", ["http://h:8000", "wss://[::1]:1/echo", "ws://h/api"])
def test_shown_url_is_understood_as_the_same(text):
    assert str(parse(str(parse(text)))) == str(parse(text))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "scheme"),
        ("localhost:8000", "scheme 'localhost'"),
        ("//localhost:8000", "scheme ''"),
        ("ftp://h", "scheme 'ftp'"),
        ("ws:localhost", "no host"),
        ("ws://", "no host"),
        ("ws://:8000", "no host"),
        ("ws:///path", "no host"),
        ("ws://h:0", "port 0"),
        ("ws://h:65536", "[Pp]ort"),
        ("ws://h:-1", "[Pp]ort"),
        ("ws://h:http", "[Pp]ort"),
        ("ws://[::1", "IPv6"),
        ("ws://user@h", "credentials"),
        ("ws://user:pass@h", "credentials"),
        ("ws://h/#top", "fragment"),
        ("ws://h/#", "fragment"),
        ("ws://h/?token=x#top", "fragment"),
        ("ws://h /", "blanks"),
        ("ws://h\n", "control characters"),
        ("ws://h\x1b[31m", "control characters"),
    ],
)
def test_wrong_url_is_a_usage_problem_with_an_example(text, what):
    with pytest.raises(UsageProblem, match=what) as caught:
        parse(text)
    message = str(caught.value)
    assert "ws://localhost:8000" in message
    assert 1 <= len(message.splitlines()) <= 3
    assert message.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "text", ["ws://user:pa55word@h", "ws://h/?token=pa55word#", "ftp://h/?token=pa55word"]
)
def test_complaint_about_a_secret_does_not_print_it(text):
    with pytest.raises(UsageProblem) as caught:
        parse(text)
    assert "pa55word" not in str(caught.value)


def test_query_is_kept_and_not_shown():
    url = parse("ws://h/socket.io/?EIO=4&transport=websocket")
    assert (url.path, url.query) == ("/socket.io/", "EIO=4&transport=websocket")
    assert str(url) == "ws://h/socket.io"
    assert url.given == "ws://h/socket.io/?EIO=4&transport=websocket"


def test_query_stands_behind_that_of_a_request_target():
    url = parse("ws://h/?a=1")
    assert url.asking("/x") == "/x?a=1"
    assert url.asking("/x?b=2") == "/x?b=2&a=1"
    assert url.asking_bytes(b"/\xff?b") == b"/\xff?b&a=1"
    assert (parse("ws://h").asking("/x"), parse("ws://h").asking_bytes(b"/\xff")) == ("/x", b"/\xff")


@pytest.mark.parametrize(
    ("text", "named"), [("ws://h", False), ("ws://h/", False), ("ws://h/?a=1", False), ("ws://h/a", True)]
)
def test_url_names_a_path_or_a_server(text, named):
    assert parse(text).names_a_path is named


def test_wrong_url_is_told_by_the_command_that_was_given_it():
    with pytest.raises(WrongURL) as caught:
        parse("ftp://user:pw@host/a?token=secret")
    assert caught.value.what == "the scheme 'ftp' is none of ws, wss, http, https"
    assert caught.value.said_by("conformance init") == (
        "conformance init 'ftp://…@host/a': the scheme 'ftp' is none of ws, wss, http, https.\n"
        "An example: conformance init ws://localhost:8000"
    )
