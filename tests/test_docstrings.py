"""Public functions with three or more parameters say what each of them is."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MANY = 3
Function = ast.FunctionDef | ast.AsyncFunctionDef


def folders() -> list[str]:
    """Return the folders that are held to ruff's rules for docstrings; pyproject.toml names the others."""
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    waiting = [pattern for pattern, rules in ruff["per-file-ignores"].items() if "DOC" in rules]
    exempt = re.findall(r"[\w.]+", " ".join(one for one in waiting if one.startswith("conformance/")))
    every = [path.name for path in (ROOT / "conformance").iterdir() if (path / "__init__.py").exists()]
    return sorted(set(every) - set(exempt))


def public(tree: ast.AST) -> Iterator[Function]:
    """Yield the public functions of a module, and the public methods of its public classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node)
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield node


def parameters(function: Function) -> set[str]:
    """Return the names of what a function takes."""
    given = function.args
    several = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return {one.arg for one in several if one is not None} - {"self", "cls"}


def described(function: Function) -> set[str]:
    """Return the names in the section ``Args`` of a function's docstring."""
    _, _, section = (ast.get_docstring(function) or "").partition("Args:\n")
    return set(re.findall(r"^    (\w+): ", re.split(r"\n\S", section)[0], re.MULTILINE))


def unlike(source: str) -> list[str]:
    """Return the functions of a module whose ``Args`` are not what they take."""
    return [
        f"{one.name}: {', '.join(sorted(parameters(one) ^ described(one)))}"
        for one in public(ast.parse(source))
        if (len(parameters(one)) >= MANY or described(one)) and parameters(one) != described(one)
    ]


def test_layers_that_other_plugins_use_are_held_to_it():
    assert {"client", "net", "target", "wire"} <= set(folders())


@pytest.mark.parametrize("folder", folders())
def test_each_parameter_is_described(folder):
    files = sorted((ROOT / "conformance" / folder).rglob("*.py"))
    assert files
    found = [f"{file.relative_to(ROOT)}: {one}" for file in files for one in unlike(file.read_text("utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(a, *b, **c):\n    'Do.'", ["f: a, b, c"]),
        ("def f(a, b, c):\n    'Do.\\n\\n    Args:\\n        a: one.\\n        b: two.\\n    '", ["f: c"]),
        ("def f(a):\n    'Do.\\n\\n    Args:\\n        b: two.\\n    '", ["f: a, b"]),
        ("class C:\n  async def f(self, a, b, *, c):\n    'Do.'", ["f: a, b, c"]),
        ("class C:\n  def f(self, a, b):\n    'Do.'", []),
        ("def _f(a, b, c):\n    'Do.'", []),
    ],
)
def test_what_is_missing_is_found(source, found):
    assert unlike(source) == found
