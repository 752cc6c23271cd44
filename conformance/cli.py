"""The command line: ``conformance run``, ``conformance serve`` and ``conformance spec``."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence

from conformance import __version__
from conformance.spec import CHAPTERS, Requirement, requirements

WIDTH = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["run"]:
        return run(given[1:])
    if given[:1] == ["serve"]:
        return serve(given[1:])
    options = parser().parse_args(given)
    if options.command == "spec":
        return spec(options.id)
    parser().print_help()
    return 4


def parser() -> argparse.ArgumentParser:
    """Return the parser of what is not handed on to pytest or the reference server."""
    made = argparse.ArgumentParser(
        prog="conformance", description="Hold a WebSocket backend to its protocol."
    )
    made.add_argument("--version", action="version", version=f"conformance {__version__}")
    commands = made.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser(
        "run", help="run the suite: --server-url=URL and any option of pytest", add_help=False
    )
    commands.add_parser(
        "serve", help="start the reference server: --port and its other options", add_help=False
    )
    one = commands.add_parser("spec", help="print the requirements, or explain one")
    one.add_argument("id", nargs="?", help="a requirement's id")
    return made


def run(arguments: Sequence[str]) -> int:
    """Run the suite with pytest, untouched by whatever ini file stands in the current folder."""
    import pytest  # noqa: PLC0415 - the other commands need not wait for it

    own = ["-p", "conformance.plugin", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={os.getcwd()}"]  # noqa: PTH109
    return int(pytest.main([*own, "--pyargs", "conformance.suite", *arguments]))


def serve(arguments: Sequence[str]) -> int:
    """Start the reference server."""
    os.execv(sys.executable, [sys.executable, "-m", "reference_server", *arguments])  # noqa: S606


def spec(identity: str | None) -> int:
    """Print all requirements by chapter, or one in full."""
    found = requirements()
    if identity is None:
        for chapter in CHAPTERS:
            print(f"{chapter}")
            for one in found.values():
                if one.chapter == chapter:
                    print(f"  {one.level:<10}  {one.id:<38} {one.title}")
        return 0
    if identity not in found:
        print(f"There is no requirement {identity!r}. All of them: conformance spec", file=sys.stderr)
        return 4
    print(explain(found[identity]))
    return 0


def explain(requirement: Requirement) -> str:
    """Return a requirement's whole text."""
    lines = [
        f"{requirement.id} · {requirement.level} · chapter {requirement.chapter}",
        requirement.title,
        "",
        *textwrap.wrap(requirement.text, WIDTH),
        "",
        f"Source: {requirement.source}",
    ]
    if requirement.needs:
        lines.append(f"Needs: {', '.join(requirement.needs)}")
    lines += [f"Accepted: {one}" for one in requirement.accepted]
    return "\n".join(lines)
