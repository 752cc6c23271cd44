"""The one comparison of messages, and that there is no other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from conformance.client.matching import AnyOrder, Returned, says

PACKAGE = Path(__file__).parents[2] / "conformance"
COMPARING = ("suite", "session", "browser", "doctor", "fuzz", "target")
HOME = PACKAGE / "client" / "matching.py"


@pytest.mark.parametrize(
    ("found", "wanted", "told"),
    [
        ({"type": "a", "more": 1}, {"type": "a"}, True),
        ({"type": "a", "data": {"b": 1, "more": 2}}, {"type": "a", "data": {"b": 1}}, True),
        ({"type": "a"}, {"type": "a", "data": {"b": 1}}, False),
        ({"type": "a", "data": None}, {"type": "a", "data": {}}, False),
        ({"allowed": 1}, {"allowed": True}, False),
        ({"data": {"b": 1, "more": 2}}, {"data": Returned({"b": 1})}, False),
        ({"data": {"b": 1.0}}, {"data": Returned({"b": 1})}, True),
        ({"data": {"b": True}}, {"data": Returned({"b": 1})}, False),
        ({"list": [{"a": 1, "more": 2}]}, {"list": [{"a": 1}]}, True),
        ({"list": [{"a": 1}, {"a": 1}]}, {"list": [{"a": 1}]}, False),
        ({"roles": ["b", "a"]}, {"roles": AnyOrder(("a", "b"))}, True),
        ({"roles": ["b"]}, {"roles": AnyOrder(("a", "b"))}, False),
        ({"roles": "ab"}, {"roles": AnyOrder(("a", "b"))}, False),
    ],
)
def test_members_that_are_not_wanted_do_not_count(found: object, wanted: object, *, told: bool) -> None:
    assert says(found, wanted) is told


def _is_part_of_a_message(node: ast.expr) -> bool:
    """Whether an expression is an object, or the `data` of one."""
    match node:
        case ast.Dict():
            return True
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return any(map(_is_part_of_a_message, parts))
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value="data"), *_]):
            return True
        case ast.Subscript(slice=ast.Constant(value="data")):
            return True
    return False


def compared_elsewhere(source: str) -> list[int]:
    """Return the lines on which a message, or its `data`, is compared by an operator."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(map(_is_part_of_a_message, [node.left, *node.comparators]))
    ]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("reply.get('data') != {'of': name}", [1]),
        ("(reply.get('type'), reply.get('data')) == ('ack', data)", [1]),
        ("x = 1\nif message['data'] == wanted: pass", [2]),
        ("found == [{'t': text}]", [1]),
        ("reply.get('type') == 'error'", []),
        ("says(reply, {'data': {'of': name}})", []),
    ],
)
def test_comparison_by_an_operator_is_found(source: str, lines: list[int]) -> None:
    assert compared_elsewhere(source) == lines


@pytest.mark.parametrize("folder", COMPARING)
def test_messages_are_compared_in_one_place(folder: str) -> None:
    found = {
        str(file.relative_to(PACKAGE)): lines
        for file in (PACKAGE / folder).rglob("*.py")
        if file != HOME and (lines := compared_elsewhere(file.read_text("utf-8")))
    }
    assert found == {}, "compare messages by conformance.client.matching.says"
