"""``conformance doctor``: its options, its output and its exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from conformance.commands.arguments import USAGE, Parser
from conformance.commands.doctor.case import TIMEOUT, Case, case_of
from conformance.commands.doctor.demo import demo
from conformance.commands.doctor.document import document
from conformance.commands.doctor.screen import show
from conformance.commands.doctor.walk import diagnose, paths
from conformance.core.errors import Inconclusive, UsageProblem
from conformance.target import profile as profiles
from conformance.wire.handshake import TOKEN

MAX_WATCH = 3600.0
FAULT = 11
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@,]+|null", re.ASCII)
_EXIT_CODES = """\
exit codes:
  0   healthy: every layer that can be seen works
  1   a layer is broken; the cause is named
  4   usage: a wrong URL, option or profile
  10  cannot tell: the server wants credentials that were not given, or refuses without saying why
  11  the doctor itself failed

Nothing is changed, ended or killed: commands are printed, never run. A URL's query is used and never shown.
The causes and the shape of --json are described in docs/doctor.md.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    made = Parser(
        prog="conformance doctor",
        description="Find out why a WebSocket URL does not work: name, addresses, TCP, owners of the port, "
        "TLS, HTTP, upgrade, routes, origin, token, first message. Stops at the first broken layer.",
        epilog=_EXIT_CODES,
    )
    made.add_argument(
        "url", nargs="?", metavar="URL", help="ws, wss, http or https; the path that clients use"
    )
    made.add_argument(
        "--profile", type=Path, metavar="FILE", help="origins and credentials, as for the suite"
    )
    made.add_argument("--origin", help="the origin of the page that connects, such as https://app.example")
    made.add_argument(
        "--subprotocol", action="append", default=[], metavar="NAME", help="offer it; may be given again"
    )
    made.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="send this field with every handshake; may be given again. Its value is never shown",
    )
    made.add_argument(
        "--token", metavar="TOKEN", help="a token, or env:NAME of a variable that holds it; never shown"
    )
    made.add_argument(
        "--watch",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="keep connections open for so long: idle cut-offs, lost early messages, slow readers",
    )
    made.add_argument("--ca-file", type=Path, metavar="FILE", help="trust these authorities for wss")
    made.add_argument("--insecure", action="store_true", help="do not verify the certificate")
    made.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT,
        metavar="SECONDS",
        help=f"bound of each answer ({TIMEOUT:g})",
    )
    shape = made.add_mutually_exclusive_group()
    shape.add_argument(
        "--paths", action="store_true", help="what each endpoint and near miss answers, as a table"
    )
    shape.add_argument(
        "--demo", action="store_true", help="rebuild the incident of the shared port and diagnose it"
    )
    made.add_argument("--json", action="store_true", help="print the diagnosis as data")
    return made


def doctor(arguments: Sequence[str]) -> int:
    """Run the command.

    Returns:
        The exit code.

    """
    options = parser().parse_args(list(arguments))
    console = Console(highlight=False, soft_wrap=False)
    try:
        if options.demo:
            return demo(console)
        case = _case(options)
        if options.paths:
            diagnosis, rows = asyncio.run(paths(case))
            made = document(case, diagnosis, rows)
        else:
            diagnosis = asyncio.run(diagnose(case))
            made = document(case, diagnosis)
    except UsageProblem as problem:
        print(problem, file=sys.stderr)
        return USAGE
    except Inconclusive as problem:
        print(problem, file=sys.stderr)
        return 10
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - whatever else is raised is our fault, and no diagnosis
        where = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__} in {Path(where.filename).name}, line {where.lineno}"
        print(
            f"The doctor itself failed, and says nothing about the target: {fault}. Please report it.",
            file=sys.stderr,
        )
        return FAULT
    try:
        if options.json:
            print(json.dumps(made, indent=1), flush=True)
        else:
            show(console, made)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return diagnosis.exit_code


def _case(options: argparse.Namespace) -> Case:
    profile = profiles.load(options.profile) if options.profile else profiles.Profile()
    profile.ca_file = options.ca_file or profile.ca_file
    profile.insecure = options.insecure or profile.insecure
    url = options.url or profile.url
    if not url:
        raise UsageProblem("Which URL? An example: conformance doctor ws://localhost:8000/ws/permissions/")
    if "{port}" in url:
        raise UsageProblem(
            "The profile's target.url has no port of its own ({port}): give the URL of the running server."
        )
    if options.origin and not _ORIGIN.fullmatch(options.origin):
        raise UsageProblem("--origin takes a page's origin and nothing more, such as https://app.example")
    for name in options.subprotocol:
        if not TOKEN.fullmatch(name):
            raise UsageProblem("--subprotocol takes a name without blanks and separators (RFC 6455 §4.1).")
    if not 0 < options.timeout <= 60:
        raise UsageProblem("--timeout takes a number of seconds above 0, at most 60.")
    if not 0 <= options.watch <= MAX_WATCH:
        raise UsageProblem(f"--watch takes a number of seconds, at most {MAX_WATCH:g}.")
    made = case_of(
        url, profile, timeout=options.timeout, origin=options.origin, subprotocols=tuple(options.subprotocol)
    )
    made.watch = options.watch
    made.headers = tuple(map(_field, options.header))
    made.token = _token(options.token) if options.token else None
    made.recorder.hide(*(value for _, value in made.headers), *filter(None, [made.token]))
    return made


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not TOKEN.fullmatch(name) or not value.strip() or not value.isprintable():
        raise UsageProblem("--header takes one field, such as --header 'X-Api-Key: …'.")
    return name, value.strip()


def _token(text: str) -> str:
    scheme, colon, name = text.partition(":")
    if scheme != "env" or not colon:
        return text
    value = os.environ.get(name)
    if not value:
        raise UsageProblem(f"--token env:{name}: there is no such environment variable, or it is empty.")
    return value
