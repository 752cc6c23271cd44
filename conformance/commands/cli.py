"""The command line: ``run``, ``doctor``, ``page``, ``serve``, ``init``, ``compare`` and ``spec``."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from conformance import __version__
from conformance.core.complaints import suggestion
from conformance.plugin.traceability import coverage, proven, suite_tests
from conformance.spec import Requirement, render, requirements
from conformance.spec.sources import autobahn

WIDTH = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code.

    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["run"]:
        return run(given[1:])
    if given[:1] == ["serve"]:
        return serve(given[1:])
    if given[:1] == ["doctor"]:
        return doctor(given[1:])
    if given[:1] == ["page"]:
        return page(given[1:])
    if given[:1] == ["compare"]:
        return compare(given[1:])
    options = parser().parse_args(given)
    if options.command == "spec":
        return spec(options)
    if options.command == "init":
        return begin(options)
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
    first = commands.add_parser("init", help="look at a running server and write a profile to start from")
    first.add_argument("url", metavar="URL", help="ws, wss, http or https, with or without a path")
    first.add_argument("--output", metavar="FILE", type=Path, default=Path("conformance.toml"))
    first.add_argument("--force", action="store_true", help="overwrite the file")
    first.add_argument(
        "--ca-file", metavar="FILE", type=Path, help="certificate authorities to trust for wss"
    )
    first.add_argument("--insecure", action="store_true", help="do not verify the server's certificate")
    commands.add_parser(
        "doctor", help="why a URL does not work: from its name to the first message", add_help=False
    )
    commands.add_parser(
        "page", help="a page to talk to a server from a real browser: --server-url, --port", add_help=False
    )
    commands.add_parser(
        "compare", help="what differs between runs: two files, many, or --run URL URL", add_help=False
    )
    one = commands.add_parser("spec", help="the specification: whole, as a list, one requirement, coverage")
    one.add_argument("id", nargs="?", help="explain this requirement: text, source, tests, what breaks it")
    shape = one.add_mutually_exclusive_group()
    shape.add_argument("--list", action="store_true", help="one line a requirement")
    shape.add_argument("--html", action="store_true", help="one self-contained page instead of Markdown")
    shape.add_argument("--coverage", action="store_true", help="per chapter: tested, unproven, and why")
    shape.add_argument(
        "--families", action="store_true", help="the known deviations of server families (--family)"
    )
    one.add_argument("--output", metavar="FILE", type=Path, help="write to a file instead of the terminal")
    return made


def run(arguments: Sequence[str]) -> int:
    """Run the suite with pytest, untouched by whatever ini file stands in the current folder.

    Returns:
        The exit code.

    """
    import pytest  # noqa: PLC0415 - the other commands need not wait for it

    from conformance.plugin.entry import unabridged  # noqa: PLC0415

    plugins = ("-p", "conformance.plugin.entry", "-p", "no:cacheprovider")
    own = [*plugins, "-c", os.devnull, f"--rootdir={os.getcwd()}"]  # noqa: PTH109
    return int(pytest.main([*own, "--pyargs", "conformance.suite", *unabridged(arguments)]))


def serve(arguments: Sequence[str]) -> int:
    """Start the reference server."""
    os.execv(sys.executable, [sys.executable, "-m", "reference_server", *arguments])  # noqa: S606


def begin(options: argparse.Namespace) -> int:
    """Write a profile for a running server.

    Returns:
        The exit code.

    """
    from conformance.commands.init import init  # noqa: PLC0415 - the other commands need not wait for it
    from conformance.target.profile import Profile  # noqa: PLC0415

    profile = Profile(ca_file=options.ca_file, insecure=options.insecure)
    return init(options.url, options.output, profile, force=options.force)


def doctor(arguments: Sequence[str]) -> int:
    """Walk a URL's layers and name the first that is broken.

    Returns:
        The exit code.

    """
    from conformance.commands.doctor import command  # noqa: PLC0415 - the other commands need not wait for it

    return command.doctor(arguments)


def page(arguments: Sequence[str]) -> int:
    """Serve the test page for a backend.

    Returns:
        The exit code.

    """
    from conformance.commands.page import serve as serve_page  # noqa: PLC0415 - the other commands need not wait for it

    return serve_page(arguments)


def compare(arguments: Sequence[str]) -> int:
    """Say what differs between runs.

    Returns:
        The exit code.

    """
    from conformance.commands.compare import command  # noqa: PLC0415 - the other commands need not wait for it

    return command.compare(arguments)


def spec(options: argparse.Namespace) -> int:
    """Print the specification, or the part of it that was asked for.

    Returns:
        The exit code.

    """
    if options.id is not None and options.id not in requirements():
        hint = suggestion(options.id, requirements())
        print(
            f"There is no requirement {options.id!r}.{hint} All of them: conformance spec --list",
            file=sys.stderr,
        )
        return 4
    if options.id is not None:
        text = explain(requirements()[options.id])
    elif options.list:
        text = listing()
    elif options.coverage:
        text = covered()
    elif options.families:
        text = known_of_families()
    else:
        text = render.html(proven()) if options.html else render.markdown(proven())
    if options.output is None:
        try:
            print(text, flush=True)
        except BrokenPipeError:  # the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    try:
        options.output.write_text(text + ("" if text.endswith("\n") else "\n"), "utf-8")
    except OSError as error:
        print(f"--output {options.output}: {error.strerror}.", file=sys.stderr)
        return 4
    return 0


def listing() -> str:
    """Return one line for each requirement, by chapter."""
    lines = []
    for name, title, chosen in render.by_chapter():
        lines += [f"{name}: {title}", *map(_line, chosen)]
    return "\n".join(lines)


def _line(one: Requirement) -> str:
    return f"  {one.level:<10}  {one.id:<38} {one.title}{_weight(one)}"


def _weight(requirement: Requirement) -> str:
    return ", strict only" if requirement.strict_only else ""


def known_of_families() -> str:
    """Return what is known of each server family, one line a requirement."""
    from conformance.verdict.families import families  # noqa: PLC0415 - the other commands need not wait for it

    lines = []
    for name, family in families().items():
        lines += [f"{name}: {family.title} {family.versions}"]
        lines += [f"  {one.requirement:<38} {one.reason}" for one in family.entries]
    return "\n".join(lines)


def explain(requirement: Requirement) -> str:
    """Return all that is known about one requirement."""
    lines = [
        f"{requirement.id} · {requirement.level}{_weight(requirement)} · chapter {requirement.chapter}",
        requirement.title,
        "",
        *textwrap.wrap(requirement.text, WIDTH),
        "",
        *(f"{label}: {text}" for label, text in render.facts(requirement, proven())),
    ]
    named = suite_tests().get(requirement.id, [])
    lines += [f"Test: {name}" for name in named]
    if requirement.charged:
        lines.append("Judged on the way in every test that sees it.")
    if requirement.id not in proven():
        lines.append("Not proven: no broken server is known to turn it red.")
    return "\n".join(lines)


def covered() -> str:
    """Return how many requirements of each chapter are tested, and how many of them are proven."""
    rows = coverage()
    lines = [f"{'chapter':<10} {'requirements':>12} {'tested':>7} {'proven':>7} {'unproven':>9}"]
    lines += [
        f"{row.chapter:<10} {row.requirements:>12} {row.tested:>7} {row.proven:>7} {len(row.unproven):>9}"
        for row in rows
    ]
    for row in rows:
        lines += [f"no test: {name}" for name in row.gaps]
    for title, chosen in render.sources_read():
        excluded = [one for one in chosen if one.excluded]
        lines += ["", f"{title}: {len(chosen) - len(excluded)} covered, {len(excluded)} excluded"]
        lines += [f"  {one.id:<20} {one.excluded}" for one in excluded]
    lines += ["", autobahn.summary()]
    for row in rows:
        if row.unproven:
            wrapped = textwrap.wrap(", ".join(row.unproven), WIDTH, break_on_hyphens=False)
            lines += ["", f"unproven in {row.chapter} (no broken server kills them yet):", *wrapped]
    return "\n".join(lines)
