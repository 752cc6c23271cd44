"""The same suite against several servers, one after the other, so that they do not disturb each other."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from conformance.core.errors import UsageProblem
from conformance.core.printable import printable

OUTPUT = "output.txt"
RESULTS = "conformance.json"
# What a run can end with and still have something to compare.
TELLING = frozenset({0, 1, 10, 12})


def run_all(urls: Sequence[str], arguments: Sequence[str], folder: Path) -> list[Path]:
    """Run the suite against each URL.

    Args:
        urls: of the servers.
        arguments: for pytest, in each run.
        folder: for the reports of all runs.

    Returns:
        The results documents, in the order of the URLs.

    Raises:
        UsageProblem: a run could not be made, or left no results; the message holds its last lines.
        KeyboardInterrupt: the user or the CI stopped it; the run under way has written what it knows.

    """
    written = []
    for number, url in enumerate(urls, 1):
        print(f"{number} of {len(urls)}: {printable(url)}", flush=True)
        own = folder / str(number)
        try:
            own.mkdir(parents=True, exist_ok=True)
            (own / RESULTS).unlink(missing_ok=True)
        except OSError as error:
            raise UsageProblem(f"--report-dir {own}: {error.strerror}.") from None
        code = _run([f"--server-url={url}", f"--report-dir={own}", *arguments], own / OUTPUT)
        said = (own / OUTPUT).read_text("utf-8", errors="backslashreplace").splitlines()
        if code not in TELLING or not (own / RESULTS).exists():
            last = [line for line in said if line.strip()][-3:]
            raise UsageProblem(
                "\n".join([f"The run against {url} ended with exit {code}:", *map(printable, last)])
            )
        verdict = next((line for line in reversed(said) if "(exit " in line), "")
        print(f"   {printable(verdict)}", flush=True)
        written.append(own / RESULTS)
    return written


def _run(arguments: Sequence[str], output: Path) -> int:
    """Run the suite in a session of its own: Ctrl-C reaches it once, through us.

    Returns:
        The exit code.

    Raises:
        KeyboardInterrupt: the user or the CI stopped it.

    """
    command = [sys.executable, "-m", "conformance", "run", "-q", *arguments]
    before: Any = signal.signal(signal.SIGTERM, _interrupt)
    with output.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
        finally:
            signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
