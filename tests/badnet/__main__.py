"""Run the suite against a server directly and through bad networks, and say which verdicts differ.

The server of a profile is started once and judged over each network of ``tests/badnet/networks.py``::

    python -m tests.badnet                                    # the reference server, all but the browser
    python -m tests.badnet --profile targets/django_channels/conformance.toml far lossy
    python -m tests.badnet --test conformance/suite/browser

The JSON reports stay in ``--output``. The exit code is 1 if a verdict differs from that of the direct run.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.badnet.networks import NETWORKS
from tests.badnet.standing import network, standing
from tests.interop.running import Ran, Report, outcomes, run
from tests.interop.stacks import ROOT, Stack

SUITE = ROOT / "conformance" / "suite"
DIRECT = "direct"


def chapters() -> list[str]:
    """Return every chapter of the suite but the browser's."""
    found = sorted(one.parent for one in SUITE.glob("*/__init__.py") if one.parent.name != "browser")
    return [str(one.relative_to(ROOT)) for one in found]


def judged(name: str, profile: Path, home: Path, words: list[str], workers: int) -> Report:
    """Judge the profile's server once over one network."""
    folder = home / name
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(standing(profile, folder))
        port = server.port
        if name != DIRECT:
            port = stack.enter_context(network(NETWORKS[name], server.port, folder))
        began = time.monotonic()
        # What waits for a network leaves the processor to others.
        many = ["-n", str(workers)] if workers > 1 else []
        ran = Ran(Stack(name, str(server.profile(port, folder))))
        run(ran, [*ran.stack.options, *many, *words], folder)
        report = ran.reports[-1]
    seconds = time.monotonic() - began
    print(f"{name}: {report['counts']} in {seconds:.0f} s", file=sys.stderr, flush=True)
    return report


def differences(before: Report, after: Report) -> Iterator[tuple[str, str, str, str]]:
    """Yield id, both outcomes, and what the second run says, of everything that ended otherwise."""
    one, other = outcomes(before), outcomes(after)
    told = {test["id"]: message(test) for test in after["tests"]}
    for name in dict.fromkeys([*one, *other]):
        was, now = one.get(name, "absent"), other.get(name, "absent")
        if was != now:
            yield name, was, now, told.get(name, "")


def message(test: dict[str, Any]) -> str:
    """Return what a test says, on one line."""
    actual = f" ({test['actual']})" if test.get("actual") else ""
    return " ".join(f"{test.get('message') or ''}{actual}".split())[:300]


def table(reports: dict[str, Report]) -> Iterator[str]:
    """Yield the lines of a Markdown table: round trip and counts of each network, and what differs."""
    yield "| network | options | round trip | verdict | outcomes | differing |"
    yield "|---|---|---|---|---|---|"
    for name, report in reports.items():
        counts = ", ".join(f"{count} {outcome}" for outcome, count in report["counts"].items() if count)
        trip = report["run"]["round_trip_ms"]
        shown = "" if trip is None else f"{trip:.1f} ms"
        differing = len(list(differences(reports[DIRECT], report)))
        options = f"`{NETWORKS[name]}`" if name in NETWORKS else ""
        yield f"| {name} | {options} | {shown} | {report['verdict']['name']} | {counts} | {differing} |"


def main() -> int:
    """Run, and print the table and the differences."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--profile", type=Path, default=ROOT / "reference_server" / "conformance.toml")
    parser.add_argument(
        "--test", action="append", default=[], help="instead of all chapters; may be repeated"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "reports" / "badnet", help="of the reports")
    parser.add_argument("--workers", type=int, default=6, help="of pytest-xdist (default: %(default)s)")
    options = parser.parse_args()
    if unknown := set(options.networks) - NETWORKS.keys():
        parser.error(f"no such network: {', '.join(sorted(unknown))}; there are {', '.join(NETWORKS)}")
    words = options.test or chapters()
    home, profile = options.output.resolve(), options.profile.resolve()
    names = [DIRECT, *(options.networks or NETWORKS)]
    reports = {name: judged(name, profile, home, words, options.workers) for name in names}
    print("\n".join(table(reports)))
    found = {name: list(differences(reports[DIRECT], report)) for name, report in reports.items()}
    for name, rows in found.items():
        for test, was, now, said in rows:
            print(f"\n{name}: {test}\n  {was} → {now}{f': {said}' if said else ''}")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
