"""``conformance compare``: two runs, or many, or runs made now."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.commands.compare import pages, running
from conformance.commands.compare.differences import Comparison
from conformance.commands.compare.differences import compare as compared
from conformance.commands.compare.documents import Run, load
from conformance.commands.compare.matrix import Matrix, matrix
from conformance.core.errors import UsageProblem

USAGE, INTERRUPTED = 4, 2
SCHEMES = ("ws://", "wss://", "http://", "https://")
EPILOG = """\
With two files: newly broken, vanished, mended and new. Exit 0: not worse, 1: worse, 10: cannot be told.
With more: a matrix, requirements by servers; exit 0. A file may be named: NAME=FILE.
With --run the suite is run against each URL first; what is no URL goes to pytest, such as --profile=FILE.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageProblem(f"{message}. See: conformance compare --help")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's own options."""
    made = _Parser(
        prog="conformance compare",
        usage="conformance compare BEFORE.json AFTER.json [MORE.json ...]\n"
        "       conformance compare --run URL URL [pytest's options]",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--run", action="store_true", help="run the suite against each URL, then compare")
    made.add_argument("--matrix", action="store_true", help="a matrix also of two")
    made.add_argument("--html", metavar="FILE", type=Path, help="write an HTML page")
    made.add_argument("--markdown", metavar="FILE", type=Path, help="write Markdown, for a step summary")
    made.add_argument("--json", metavar="FILE", type=Path, help="write the comparison as data")
    made.add_argument(
        "--report-dir",
        metavar="DIR",
        type=Path,
        default=Path("reports", "compare"),
        help="where --run writes the reports of its runs, and comparison.html (reports/compare)",
    )
    return made


def compare(arguments: Sequence[str]) -> int:
    """Compare runs, and write what was asked for.

    Returns:
        The exit code.

    """
    try:
        options, rest = parser().parse_known_args(arguments)
        runs = _run(options, rest) if options.run else load(_files(rest))
        found: Comparison | Matrix = (
            matrix(runs) if options.matrix or len(runs) > 2 else compared(runs[0], runs[1])
        )
        lines = _write(found, options)
    except UsageProblem as problem:
        print(problem, file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("INCOMPLETE: interrupted; nothing was compared.", file=sys.stderr)
        return INTERRUPTED
    # The verdict stays the last line.
    body, _, last = pages.text(found).rpartition("\n")
    print("\n".join(line for line in (body, *lines, last) if line))
    return found.exit_code if isinstance(found, Comparison) else 0


def _files(rest: Sequence[str]) -> list[str]:
    if unknown := [one for one in rest if one.startswith("-")]:
        raise UsageProblem(f"There is no option {unknown[0]}. See: conformance compare --help")
    if any(one.startswith(SCHEMES) for one in rest):
        raise UsageProblem(
            "A URL is no file. To run the suite against servers: conformance compare --run URL URL"
        )
    if len(rest) < 2:
        raise UsageProblem("Give two files to compare: conformance compare BEFORE.json AFTER.json")
    return list(rest)


def _run(options: argparse.Namespace, rest: Sequence[str]) -> list[Run]:
    urls = [one for one in rest if one.startswith(SCHEMES)]
    if len(urls) < 2:
        raise UsageProblem("Give two URLs to run against: conformance compare --run URL URL")
    if len(set(urls)) < len(urls):
        raise UsageProblem("The URLs are the same: to measure instability use --repeat=N of a run.")
    others = [one for one in rest if one not in urls]
    written = running.run_all(urls, others, options.report_dir)
    options.html = options.html or options.report_dir / "comparison.html"
    return load([str(path) for path in written], urls)


def _write(found: Comparison | Matrix, options: argparse.Namespace) -> list[str]:
    lines = []
    for path, text in (
        (options.html, pages.html),
        (options.markdown, pages.markdown),
        (options.json, lambda one: json.dumps(one.as_data(), indent=1) + "\n"),
    ):
        if path is None:
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text(found), "utf-8")
        except OSError as error:
            raise UsageProblem(f"{path}: {error.strerror}.") from None
        lines.append(f"report: {path}")
    return lines
