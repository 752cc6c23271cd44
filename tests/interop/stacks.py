"""The servers to run against: the profiles of this repository, or what the command line names."""

from __future__ import annotations

import ast
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

from conformance.target.profile import Profile, load

ROOT = Path(__file__).parents[2]
TARGETS = ROOT / "targets"
# What is imported for the sake of a server's work, not of its wire.
ASIDE = frozenset({"trustme", "websocket-conformance", "typing_extensions"})


@dataclass(frozen=True)
class Stack:
    """A server: its name, and a profile, a URL or a command with ``{port}``; empty: the reference server."""

    name: str
    what: str
    known: bool = False

    @property
    def is_command(self) -> bool:
        """Whether it has to be started here: the suite starts a profile's server itself."""
        return "{port}" in self.what

    @property
    def options(self) -> list[str]:
        """The suite's options that point at it."""
        option = "--profile" if self.what.endswith(".toml") else "--server-url"
        return [f"{option}={self.what}"] if self.what else []

    def missing(self) -> str:
        """Return what is not installed and how to get it, or an empty string."""
        if not self.known:
            return ""
        profile = load(Path(self.what))
        program = profile.start[0]
        if program != "{python}" and shutil.which(program) is None:
            return f"there is no {program} on the path"
        for word in profile.start:
            if word.endswith("front.py") and nginx() is None:
                return "nginx is not installed"
        if program == "node" and not (profile.cwd / "node_modules").exists():
            return f"npm ci --prefix {profile.cwd.relative_to(ROOT)} was not run"
        absent = [one for one in modules(profile) if one not in packages_distributions()]
        return f"pip install {' '.join(absent)}" if absent else ""

    def versions(self) -> str:
        """Return the versions of what the server is made of."""
        if not self.what.endswith(".toml"):
            return ""
        profile = load(Path(self.what))
        parts = package_versions(*modules(profile), *profile.families)
        if any(word.endswith("front.py") for word in profile.start):
            parts.insert(0, f"nginx {printed_version(nginx() or 'nginx', '-v')}")
        if profile.start[:1] == ("node",):
            parts += [f"Node {printed_version('node', '--version')}", *node_versions(profile.cwd)]
        return ", ".join(parts)


def known() -> list[Stack]:
    """Return every profile under ``targets/``, by folder, with the one that others extend first."""
    found = []
    for path in sorted(
        TARGETS.glob("*/*.toml"), key=lambda one: (one.parent, one.stem != "conformance", one)
    ):
        own = "" if path.stem == "conformance" else f"/{path.stem}"
        found.append(Stack(f"{path.parent.name}{own}", str(path), known=True))
    return found


def chosen(words: Sequence[str]) -> list[Stack]:
    """Return the stacks of the command line: ``NAME=SERVER``, or patterns of known names; all known for none.

    Raises:
        SystemExit: a pattern is nobody's name.

    """
    if not words:
        return known()
    found: list[Stack] = []
    for word in words:
        name, given, what = word.partition("=")
        named = [Stack(name, what)] if given else [one for one in known() if fnmatchcase(one.name, word)]
        if not named:
            raise SystemExit(f"{word} is no known stack. Known: {', '.join(one.name for one in known())}.")
        found += named
    return list(dict.fromkeys(found))


def nginx() -> str | None:
    """Return where nginx is: Debian keeps it where PATH seldom looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def modules(profile: Profile) -> list[str]:
    """Return the top-level modules, none of Python's own or the target's, that a server is made of."""
    words = [*profile.start, *(word for command in profile.prepare for word in command)]
    started = [name for flag, name in itertools.pairwise(words) if flag == "-m"]
    # uvicorn's WebSocket implementation is a package, or begins with the name of one.
    started += [name.split("-")[0] for flag, name in itertools.pairwise(words) if flag == "--ws"]
    scripts = [profile.cwd / word for word in words if word.endswith(".py")]
    own = {"reference_server", *(path.stem for path in TARGETS.glob("*.py"))}
    if profile.cwd.is_relative_to(TARGETS):
        inside = [path for path in profile.cwd.rglob("*") if "node_modules" not in path.parts]
        scripts += [path for path in inside if path.suffix == ".py"]
        own |= {path.stem for path in inside if path.is_dir() or path.suffix == ".py"}
    imported = dict.fromkeys([*started, *(name for path in scripts for name in _imports(path))])
    return [name for name in imported if name not in own and name not in sys.stdlib_module_names]


@cache
def _imports(path: Path) -> tuple[str, ...]:
    if not path.exists():
        return ()
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        found |= dict.fromkeys(name.split(".")[0] for name in names)
    return tuple(found)


def package_versions(*modules: str) -> list[str]:
    """Return the names and versions of the distributions that some modules come from."""
    found = dict.fromkeys(packages_distributions().get(one, [""])[0] for one in modules)
    return [f"{name} {version(name)}" for name in found if name and name not in ASIDE]


@cache
def printed_version(*command: str) -> str:
    """Return the version that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    numbers = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return numbers[0] if numbers else "of unknown version"


def node_versions(folder: Path) -> Iterator[str]:
    """Yield the names and versions of the packages that a folder's ``package.json`` wants."""
    wanted = json.loads((folder / "package.json").read_text("utf-8")).get("dependencies", {})
    for name in wanted:
        installed = folder / "node_modules" / name / "package.json"
        if installed.exists():
            yield f"{name} {json.loads(installed.read_text('utf-8'))['version']}"
