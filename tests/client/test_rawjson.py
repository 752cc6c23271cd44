"""Objects taken apart and put together without reading their values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.client.rawjson import joined, split, value_at, without

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
        ('{"a": X1X , "b":[X],"c":\u00a01\x0b}', [("a", "X1X"), ("b", "[X]"), ("c", "\u00a01\x0b")]),
        ('{"a":X,"b":[1]}', [("a", "X"), ("b", "[1]")]),
        ('{ \t"a"\r\n:\n1 , "b" : 2 }', [("a", "1"), ("b", "2")]),
    ],
)
def test_values_stay_the_text_that_they_are(text, pairs):
    assert split(text) == pairs


@pytest.mark.parametrize(
    "text",
    ["", " ", "null", "[]", '"{}"', "{", '{"a"', '{"a":', '{"a":1', '{"a":}', '{"a":1,}', '{"a":1}{}',
     "{a:1}", '{"a":"', '{"a":1]', "\ufeff{}", '{"a":1}x', "{,}",
     "{}x", "{} x", "{}xx", '{"a":1]"b":2}',
     # What no parser takes for a blank, or for a name, is not mended on the way.
     '{"a"\u00a0:1}', '{\x0b"a":1}', '{"a":1,\x0c"b":1}', '{"a\nb":1}', '{"\\x":1}'],
)  # fmt: skip
def test_what_is_no_object_is_none(text):
    assert split(text) is None


def test_members_move_and_what_is_left_is_found():
    pairs = split('{"t":1,"in":{"a":2,"b":3},"x":4}')
    assert pairs is not None
    assert value_at(pairs, ("in", "b")) == "3"
    assert value_at(pairs, ("x", "b")) is None
    assert without(pairs, {("t",), ("in", "a")}) == [(("in", "b"), "3"), (("x",), "4")]
    assert without(pairs, {("t",)})[0] == (("in",), '{"a":2,"b":3}')
    assert joined([(("in", "a"), "2"), (("t",), "1"), (("in", "b"), "3")]) == '{"in":{"a":2,"b":3},"t":1}'


def test_value_that_holds_nothing_used_stays_the_text_that_it_is():
    pairs = [("x", '{ "y" : 1,"y":{} }'), ("in", '{"a":{}}'), ("e", "{}")]
    assert without(pairs, {("t",), ("in", "b")}) == [
        (("x",), '{ "y" : 1,"y":{} }'),
        (("in", "a"), "{}"),
        (("e",), "{}"),
    ]


def test_names_stay_what_they_are_and_double_ones_stay_two():
    assert joined([(("é",), "1"), (("ü", "ß"), "2")]) == '{"é":1,"ü":{"ß":2}}'
    assert joined([(("in",), "1"), (("in", "a"), "2")]) == '{"in":1,"in":{"a":2}}'
