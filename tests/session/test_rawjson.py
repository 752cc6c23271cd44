"""Objects taken apart and put together without reading their values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.session.rawjson import joined, split, value_at, without

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES), st.booleans(), st.sampled_from([None, 1]))
def test_any_object_comes_back(value, ascii_only, indent):
    pairs = split(json.dumps(value, ensure_ascii=ascii_only, indent=indent))
    assert pairs is not None
    assert json.loads(joined([((name,), one) for name, one in pairs])) == value


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (" { } ", []),
        ('{"a":1,"a":2}', [("a", "1"), ("a", "2")]),
        ('{"n":NaN , "m":01}', [("n", "NaN"), ("m", "01")]),
        ('{"a":"}{\\"","b":[{},"]"]}', [("a", '"}{\\""'), ("b", '[{},"]"]')]),
        ('{"\\ud800":' + "[" * 90_000 + "]" * 90_000 + "}", [("\ud800", "[" * 90_000 + "]" * 90_000)]),
        ('{"n":' + "9" * 5000 + "}", [("n", "9" * 5000)]),
    ],
)
def test_values_stay_the_text_that_they_are(text, pairs):
    assert split(text) == pairs


@pytest.mark.parametrize(
    "text",
    ["", " ", "null", "[]", '"{}"', "{", '{"a"', '{"a":', '{"a":1', '{"a":}', '{"a":1,}', '{"a":1}{}',
     "{a:1}", '{"a":"', '{"a":1]', "\ufeff{}", '{"a":1}x', "{,}"],
)  # fmt: skip
def test_what_is_no_object_is_none(text):
    assert split(text) is None


def test_members_move_and_what_is_left_is_found():
    pairs = split('{"t":1,"in":{"a":2,"b":3},"x":4}')
    assert pairs is not None
    assert value_at(pairs, ("in", "b")) == "3"
    assert value_at(pairs, ("x", "b")) is None
    assert without(pairs, {("t",), ("in", "a")}) == [(("in", "b"), "3"), (("x",), "4")]
    assert joined([(("in", "a"), "2"), (("t",), "1"), (("in", "b"), "3")]) == '{"in":{"a":2,"b":3},"t":1}'
