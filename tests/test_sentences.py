"""Nothing parses a sentence of our own: what a caller has to know is a value, made where it is known.

The source is read, not run. A *sentence* is a member that holds one (``message``, ``reason``, ``actual``),
the text of an exception that was caught, what a function returns that describes something for a person, and
a local name that was given one of these, or a text of several words. To parse is to match, split or search
it, and to look for a text of several words in anything. What a server sent is not our sentence: where one of
these names holds that, :data:`ALLOWED` says so.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import conformance

PACKAGE = Path(conformance.__file__).parent
MEMBERS = frozenset(
    {"message", "reason", "actual", "trouble", "summary", "evidence", "verdict", "told", "seen"}
)
MAKERS = frozenset({"describe", "difference", "answer_of", "failure_text"})
NAMES = frozenset({"message", "reason", "actual"})
PARSING = frozenset(
    {"startswith", "endswith", "partition", "rpartition", "split", "rsplit", "splitlines"}
    | {"removeprefix", "removesuffix", "find", "rfind", "index", "replace", "count"}
)
SEARCHING = frozenset({"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"})
# Where a name of these holds something else, or nothing is decided by the words: file, function, reason.
ALLOWED = {
    ("browser/launching.py", "launched"): "Playwright's own error, of which the first line is shown",
    ("browser/script.py", "open_socket"): "the browser's own error, which has no code",
    ("commands/doctor/encryption.py", "wants_certificate"): "OpenSSL's own error, which has no code",
    ("commands/doctor/known.py", "_certificate"): "what the server sent",
    ("commands/doctor/known.py", "_too_large"): "what the server sent",
    ("commands/doctor/known.py", "_sockjs"): "what the server sent",
    ("spec/costs.py", "cost_of"): "data: the reason of a requirement's cost has to be a sentence",
    ("verdict/symptom.py", "_steady"): "masks ports, times and ids, as secrets are masked; decides nothing",
}


class Finder(ast.NodeVisitor):
    """Collects where a module parses a sentence, as (function, line)."""

    def __init__(self, constants: frozenset[str]) -> None:
        self.found: list[tuple[str, int]] = []
        self._constants = constants
        self._names: list[set[str]] = [set()]
        self._caught: list[str] = []
        self._where = ["module"]

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._where.append(node.name)
        self._names.append(set(_bound(node, self.holds)))
        self.generic_visit(node)
        self._names.pop()
        self._where.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._caught.append(node.name or "")
        self.generic_visit(node)
        self._caught.pop()

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Attribute(value=ast.Constant(value=" "), attr="join") if _folds(node):
                return  # a text on one line is the same text
            case ast.Attribute(value=ast.Constant(), attr="split"):
                pass  # a list, written as its words
            case ast.Attribute(value=ast.Name(id="re"), attr=name) if name in SEARCHING:
                self._judge(node, any(map(self.holds, node.args[1:])))
            case ast.Attribute(value=text, attr=name) if name in PARSING:
                self._judge(node, self.holds(text) or any(map(self._worded, node.args[:1])))
            case ast.Attribute(attr=name) if name in SEARCHING:
                self._judge(node, any(map(self.holds, node.args)))
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for operator, text in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.In | ast.NotIn):
                several = isinstance(text, ast.Set | ast.List | ast.Tuple | ast.Dict)
                self._judge(node, self.holds(text) or (self._worded(node.left) and not several))
        self.generic_visit(node)

    def _judge(self, node: ast.expr, parses: bool) -> None:  # noqa: FBT001
        if parses:
            self.found.append((self._where[-1], node.lineno))

    def holds(self, node: ast.expr) -> bool:
        """Whether an expression is a sentence of our own."""
        match node:
            case ast.Attribute(attr=name):
                return name in MEMBERS
            case ast.Name(id=name):
                return name in NAMES or any(name in one for one in self._names)
            case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=name)]) if name in self._caught:
                return True
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in MAKERS:
                return True
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=key), *_]):
                return key in MEMBERS
            case ast.Call(func=ast.Name(id="str" | "printable" | "visible"), args=[text]):
                return self.holds(text)
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                return key in MEMBERS
            case ast.BoolOp(values=values):
                return any(map(self.holds, values))
            case ast.IfExp(body=one, orelse=other):
                return self.holds(one) or self.holds(other)
        return self._worded(node)

    def _worded(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant(value=str(text)):
                return _several_words(text)
            case ast.JoinedStr(values=parts):
                texts = [one.value for one in parts if isinstance(one, ast.Constant)]
                return any(_several_words(text) for text in texts)
            case ast.Name(id=name):
                return name in self._constants
        return False


def _folds(node: ast.Call) -> bool:
    match node.args:
        case [ast.Call(func=ast.Attribute(attr="split"), args=[])]:
            return True
    return False


def _several_words(text: str) -> bool:
    return sum(word.isalpha() and len(word) > 1 for word in text.split()) > 1


def _bound(function: ast.AST, holds: Callable[[ast.expr], bool]) -> Iterator[str]:
    """Yield the local names that are given a sentence."""
    for node in ast.walk(function):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.NamedExpr(target=ast.Name(id=name), value=value)
            ):
                if holds(value):
                    yield name


def parsed(source: str) -> list[tuple[str, int]]:
    """Return where a module parses a sentence: in which function, and on which line."""
    tree = ast.parse(source)
    constants = frozenset(
        name
        for node in tree.body
        for name, value in _constants(node)
        if isinstance(value, str) and _several_words(value)
    )
    finder = Finder(constants)
    finder.visit(tree)
    return finder.found


def _constants(node: ast.stmt) -> Iterator[tuple[str, object]]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
            yield name, value


@pytest.mark.parametrize(
    "source",
    [
        "error.message.startswith('Close')",
        "if 'Close' in one.actual: pass",
        "test['message'].split(': ')",
        "test.get('reason').partition(';')",
        "re.match('Close [0-9]+', fault.actual)",
        "PATTERN.search(error.message)",
        "try: pass\nexcept UsageProblem as problem:\n    str(problem).replace('--server-url', 'URL')",
        "NOBODY = 'connecting fails'\nif why.startswith(NOBODY): pass",
        "def asked(why):\n    return why.startswith('it refuses')",
        "def asked(end):\n    why = describe(end)\n    return why.endswith('open')",
        "def asked(end):\n    why = f'the server ended {end}'\n    return 'ended' in why",
        "if 'stays open' in text: pass",
    ],
)
def test_parsed_sentence_is_found(source: str) -> None:
    assert parsed(source)


@pytest.mark.parametrize(
    "source",
    [
        "response.line.startswith('HTTP/')",
        "if outcome in {'two words', 'three more words'}: pass",
        "path.partition('?')",
        "if error.message: pass",
        "f'{error.message} in {where}'",
        "re.match('a', head)",
        "' '.join(error.message.split())",
        "'some words in a row'.split()",
    ],
)
def test_other_text_may_be_parsed(source: str) -> None:
    assert parsed(source) == []


def test_no_sentence_of_our_own_is_parsed() -> None:
    found = {
        (str(file.relative_to(PACKAGE)), function): line
        for file in sorted(PACKAGE.rglob("*.py"))
        for function, line in parsed(file.read_text("utf-8"))
    }
    assert {where: line for where, line in found.items() if where not in ALLOWED} == {}
    assert [where for where in ALLOWED if where not in found] == [], "no longer needed"
