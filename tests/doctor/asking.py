"""Ask the doctor as a user does, once for people and once for machines."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema

from conformance.commands.doctor.command import doctor
from conformance.commands.doctor.document import schema

WIDE = {"COLUMNS": "1000", "TERM": "dumb"}


@dataclass(frozen=True)
class Answer:
    """The doctor's answer: exit code, what the terminal shows, and the data."""

    code: int
    text: str
    data: dict[str, Any]

    @property
    def last(self) -> dict[str, Any]:
        """The layer that stopped the walk."""
        (found,) = [one for one in self.data["layers"] if one["cause"]]
        return found


def run(*arguments: str, wrapper: Sequence[str] = (), **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``conformance doctor`` with these arguments."""
    return subprocess.run(
        [*wrapper, sys.executable, "-m", "conformance", "doctor", *arguments],
        env={**os.environ, **WIDE, **env}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def ask(*arguments: str, wrapper: Sequence[str] = ()) -> Answer:
    """Ask for the data, check it against the schema, and return it with its text.

    Behind a ``wrapper`` in a process of its own, else in this one, which is quicker.
    """
    if wrapper:
        done = run(*arguments, "--json", wrapper=wrapper)
        code, printed, errors = done.returncode, done.stdout, done.stderr
    else:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = doctor([*arguments, "--json"])
        printed, errors = out.getvalue(), err.getvalue()
    assert "Traceback" not in errors, errors
    assert printed, errors
    data = json.loads(printed)
    jsonschema.validate(data, schema())
    assert data["exit_code"] == code
    return Answer(code, printed, data)
