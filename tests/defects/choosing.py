"""Which defects are meant: by name, module, chapter or requirement, or by what a change touches."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from conformance.plugin.traceability import SUITE, suite_tests
from conformance.spec import requirements
from tests.defects.matrix import ROOT
from tests.defects.registry import MODULES, Defect, defects

DEFECTS = Path("tests", "defects")
TESTS = SUITE.relative_to(ROOT)
RULES = Path("conformance", "spec", "requirements")
# What judges or serves in every run: a change of it may spoil any verdict.
EVERYWHERE = ("conformance", "reference_server", "tests/servers", "tests/redis_server.py", "requirements")
NOWHERE = tuple(f"conformance/commands/{part}" for part in ("doctor", "compare", "page.py", "init.py"))


class UnknownWordError(Exception):
    """A word on the command line names nothing; the text says what it could have meant."""


def named(words: Iterable[str]) -> list[Defect]:
    """Return the defects that words name: a defect, module, chapter, requirement or its first part, ``*``.

    Raises:
        UnknownWordError: a word names none.

    """
    found: dict[str, Defect] = {}
    for word in words:
        chosen = [one for one in defects().values() if _is_named(one, word)]
        if not chosen:
            close = get_close_matches(word, [*requirements(), *defects(), *MODULES], 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UnknownWordError(
                f"{word!r} is no chapter, requirement, module or name of a defect, or has none.{hint}"
            )
        found |= {one.name: one for one in chosen}
    return [*found.values()]


def _is_named(one: Defect, word: str) -> bool:
    rule = requirements()[one.requirement]
    names = (one.name, one.module, rule.chapter, rule.id, rule.id.partition(".")[0])
    return word in names or fnmatchcase(rule.id, word) or fnmatchcase(one.name, word)


def changed(reference: str) -> tuple[list[Defect], list[str]]:
    """Return the defects that the difference to a commit touches, and a line for each file that does.

    Committed or not, all since the commit at which the two parted counts. A defect that was changed counts
    by itself; a changed test and a changed rule by the requirement; what tests share by the tests that
    import it; what every run needs counts for all.

    Raises:
        UnknownWordError: git knows no such commit.

    """
    base = _git("merge-base", reference, "HEAD").strip()
    files = [
        *_git("diff", "--name-only", base).split(),
        *_git("ls-files", "-o", "--exclude-standard").split(),
    ]
    found: dict[str, Defect] = {}
    said = []
    for name in dict.fromkeys(files):
        touched = list(_touched(Path(name), base))
        if touched:
            found |= {one.name: one for one in touched}
            said.append(f"{name}: {len(touched)} defects")
    return [one for one in defects().values() if one.name in found], said


def _touched(file: Path, base: str) -> Iterator[Defect]:
    if file.parent == DEFECTS:
        yield from _defects_of(file, _changed_functions(file, base))
    elif file.is_relative_to(TESTS) and file.suffix == ".py":
        yield from _defects_shown_to(file, _changed_functions(file, base))
    elif file.parent == RULES:
        rules = _changed_rules(file, base)
        yield from (one for one in defects().values() if one.requirement in rules)
    elif _is_below(file, EVERYWHERE) and not _is_below(file, NOWHERE) and file.suffix in {".py", ".toml"}:
        yield from defects().values()


def _is_below(file: Path, folders: Iterable[str]) -> bool:
    return any(file.is_relative_to(one) for one in folders)


def _defects_of(file: Path, functions: set[str] | None) -> Iterator[Defect]:
    """Find the defects of a changed module, and those of others that use its helpers."""
    if file.stem not in MODULES:
        if file.stem in {"matrix", "serve", "registry", "preload"}:
            yield from defects().values()
        return
    vices = {one.apply.__name__ for one in defects().values() if one.module == file.stem}
    if functions is not None and functions <= vices:
        yield from (one for one in defects().values() if one.apply.__name__ in functions)
        return
    wanted = {
        file.stem,
        *(one for one in MODULES if f"tests.defects.{file.stem} " in _text(DEFECTS / f"{one}.py")),
    }
    yield from (one for one in defects().values() if one.module in wanted)


def _defects_shown_to(file: Path, functions: set[str] | None) -> Iterator[Defect]:
    """Find the defects that a changed file of the suite judges, or those of a helper's importers do."""
    path = file.relative_to(TESTS).as_posix()
    if not file.stem.startswith("test_"):
        users = _importers(file)
        yield from (one for one in defects().values() if any(f.split("::")[0] in users for f in one.files))
        return
    tests = {
        one: rule for rule, names in suite_tests().items() for one in names if one.startswith(f"{path}::")
    }
    if functions is not None and functions <= {one.partition("::")[2] for one in tests}:
        tests = {one: rule for one, rule in tests.items() if one.partition("::")[2] in functions}
        yield from (one for one in defects().values() if one.requirement in tests.values())
        return
    rules = set(tests.values())
    for one in defects().values():
        shown = any(f.split("::")[0] == path for f in one.files)
        if one.requirement in rules or (shown and requirements()[one.requirement].charged):
            yield one


def _importers(file: Path) -> set[str]:
    """Return the test files that use a helper of the suite, be it through another helper."""
    suite = ROOT / TESTS
    if file.name in {"__init__.py", "conftest.py"}:
        return {one.relative_to(suite).as_posix() for one in (ROOT / file.parent).rglob("test_*.py")}
    modules = {_dotted(one.relative_to(ROOT)): one for one in suite.rglob("*.py")}
    texts = {name: one.read_text("utf-8") for name, one in modules.items()}
    reached: set[str] = set()
    more = {_dotted(file)}
    while more - reached:
        reached |= more
        more = {name for name, text in texts.items() if any(f"{one} import" in text for one in reached)}
    return {modules[one].relative_to(suite).as_posix() for one in reached if one in modules}


def _dotted(file: Path) -> str:
    return ".".join(file.with_suffix("").parts)


def _changed_functions(file: Path, base: str) -> set[str] | None:
    """Return the top-level functions that hold all changes of a file, ``None`` where some lie elsewhere."""
    if not (ROOT / file).exists():
        return None
    now, before = _functions(_text(file)), _functions(_show(base, file))
    if now[1] != before[1]:
        return None
    return {one for one in now[0].keys() | before[0].keys() if now[0].get(one) != before[0].get(one)}


def _functions(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the top-level functions by name, and everything else, each without its formatting."""
    functions: dict[str, str] = {}
    rest = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            node.decorator_list or node.name.startswith("test_")
        ):
            functions[node.name] = ast.dump(node)
        else:
            rest.append(ast.dump(node))
    return functions, rest


def _changed_rules(file: Path, base: str) -> set[str]:
    def rules(text: str) -> Mapping[str, Any]:
        return {one["id"]: one for one in tomllib.loads(text).get("requirement", [])}

    now, before = rules(_text(file)), rules(_show(base, file))
    return {one for one in now.keys() | before.keys() if now.get(one) != before.get(one)}


def _text(file: Path) -> str:
    return (ROOT / file).read_text("utf-8") if (ROOT / file).exists() else ""


def _show(commit: str, file: Path) -> str:
    found = subprocess.run(
        ["git", "show", f"{commit}:{file.as_posix()}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout if found.returncode == 0 else ""


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError as error:
        raise UnknownWordError(f"--changed needs git: {error.strerror}") from None
    if done.returncode:
        raise UnknownWordError(f"git {words[0]}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout
