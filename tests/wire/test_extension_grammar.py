"""Sec-WebSocket-Extensions: the grammar of RFC 6455 §9.1, what it allows and what it does not."""

from __future__ import annotations

import pytest

from conformance.wire.handshake import parse_extensions


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("foo", [("foo", [])]),
        ("foo, bar", [("foo", []), ("bar", [])]),
        ("foo; a; b=1", [("foo", [("a", None), ("b", "1")])]),
        ('foo; a="1"', [("foo", [("a", "1")])]),
        ('foo; a="b\\c"', [("foo", [("a", "bc")])]),
        (" foo\t;\ta = 1 ,bar", [("foo", [("a", "1")]), ("bar", [])]),
        (",foo,,bar,", [("foo", []), ("bar", [])]),
        ("X; X=X ; X, X", [("X", [("X", "X"), ("X", None)]), ("X", [])]),
        ('a; b="1"; c, d', [("a", [("b", "1"), ("c", None)]), ("d", [])]),
        ('a; b="12"; c, d', [("a", [("b", "12"), ("c", None)]), ("d", [])]),
        (r'a; b="\1\2"; c, d', [("a", [("b", "12"), ("c", None)]), ("d", [])]),
        (r'a; b="1\2"; c, d', [("a", [("b", "12"), ("c", None)]), ("d", [])]),
        ("foo; a=1; a=2", [("foo", [("a", "1"), ("a", "2")])]),
        ("foo, foo", [("foo", []), ("foo", [])]),
        ("x!#$%&'*+-.^_`|~", [("x!#$%&'*+-.^_`|~", [])]),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            [
                (
                    "permessage-deflate",
                    [("client_max_window_bits", None), ("server_max_window_bits", "10")],
                )
            ],
        ),
    ],
)
def test_legal_extension_list(value, found):
    assert parse_extensions(value) == found


@pytest.mark.parametrize(
    "value",
    [
        "",
        " , ,",
        "foo bar",
        "foo;",
        "foo;;a",
        "; a",
        "foo; a=",
        "foo; =1",
        "foo; a=1 2",
        'foo; a=""',
        'foo; a="1',
        'foo; a="1"2',
        'foo; a="b c"',
        'foo; a="b,c"',
        'foo; a="b;c"',
        '"foo"',
        "foo=1",
        "foo/bar",
        "foo; a=(b)",
        "föö",
    ],
)
def test_illegal_extension_list(value):
    assert parse_extensions(value) is None


@pytest.mark.parametrize(
    "value", [r'foo; a="b\\c"', r'foo; a="b\",bar; c="d"'], ids=["backslash", "escaped-quote"]
)
def test_quoted_string_that_unescapes_to_no_token_is_illegal(value):
    assert parse_extensions(value) is None


@pytest.mark.parametrize("value", ["foo\xa0", "foo\x0b", "foo\x0b, bar", "foo; a\x0c=1", "foo; a=\x0b1"])
def test_only_space_and_tab_are_blanks(value):
    assert parse_extensions(value) is None
