"""The repro scripts of a run: which connection each tells of, and the folder that they are written to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from conformance.client.recorder import Recorder
from conformance.report.repro.script import MARK, ScriptFacts, script
from conformance.spec import Requirement, requirements
from conformance.target.target import Target
from conformance.verdict.outcomes import BREACHES
from conformance.verdict.result_data import TestResult

FOLDER = "repro"
MAX_FILES = 100


def repro(target: Target | None, recorder: Recorder, result: TestResult, requirement: Requirement) -> str:
    """Return the script that repeats what a test judged; nothing where it made no connection.

    Of several connections it is the last that is no aftermath: the one on which the test ended.

    Args:
        target: the server under test, where there is one.
        recorder: what was recorded of the test.
        result: of the test.
        requirement: that it judged.

    """
    told = [one for one in recorder.record.transcripts if not one.aftermath]
    if not told or target is None:
        return ""
    breach = None if result.outcome in BREACHES else next(iter(result.breaches), None)
    rule = requirement if breach is None else requirements().get(breach["requirement"], requirement)
    story = ScriptFacts(
        test=result.id,
        url=str(target.url),
        requirement=f"requirement {rule.id} ({rule.level}), {rule.source}",
        rule=rule.text,
        message=result.told if breach is None else breach["message"],
        expected=result.expected if breach is None else (),
        actual=result.actual if breach is None else breach["message"],
        insecure=target.profile.insecure,
        authority=target.url.authority,
        secrets=recorder.clean.secrets,
    )
    return script(told[-1], story, recorder.clean)


def repro_path(folder: Path, test: str) -> Path:
    """Return where the script of a test is written."""
    name = re.sub(r"[^A-Za-z0-9_.=-]+", "-", test.rsplit("/", 1)[-1].replace(".py::", "-")).strip("-")
    return folder / FOLDER / f"{name[:120]}.py"


def write_scripts(folder: Path, tests: Iterable[TestResult]) -> None:
    """Write the scripts of a run, and remove those of the run before.

    Raises:
        OSError: the folder cannot be written.

    """
    for old in (folder / FOLDER).glob("*.py"):
        with old.open("rb") as opened:
            ours = opened.readline().strip() == MARK.encode()
        if ours:
            old.unlink()
    chosen = [one for one in tests if one.script][:MAX_FILES]
    if chosen:
        (folder / FOLDER).mkdir(exist_ok=True)
    for one in chosen:
        repro_path(folder, one.id).write_text(one.script, "utf-8")
