"""One run of the suite: find or start the target, probe it, collect results, write the reports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shlex
import socket
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis.configuration import set_hypothesis_home_dir

from conformance.browser.chromium import find_browser
from conformance.errors import UsageProblem
from conformance.fuzz.search import Plan
from conformance.printable import printable as printable  # noqa: PLC0414 - where it used to stand
from conformance.recorder import Recorder
from conformance.report import html
from conformance.report.document import document
from conformance.report.results import Results
from conformance.report.scripts import write_scripts
from conformance.target import profile as profiles
from conformance.target.launch import Launcher
from conformance.target.probe import endpoint_of, probe
from conformance.target.target import Capability, Target
from conformance.target.url import ServerURL, parse
from conformance.wire.handshake import opening

PROFILE_NAME = "conformance.toml"


@dataclass(slots=True)
class Options:
    """What the user asked for on the command line."""

    server_url: str | None = None
    profile: Path | None = None
    report_dir: Path = Path("reports")
    strict: bool = False
    time_scale: float = 1.0
    ca_file: Path | None = None
    insecure: bool = False
    plan: Plan = field(default_factory=Plan)
    command: str = ""
    folder: Path = field(default_factory=Path.cwd)


class Run:
    """The state of one run, from the user's options to the written reports."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.id = secrets.token_hex(4)
        self.url: ServerURL | None = parse(options.server_url) if options.server_url else None
        self.profile = self._load_profile()
        self.recorder = Recorder(self.profile.secrets)
        self.clean = self.recorder.clean
        self.results = Results(strict=options.strict, known_failures=self.profile.known_failures)
        self.target: Target | None = None
        self.launcher: Launcher | None = None
        self.round_trip: float | None = None
        self.complete = True
        self.written: list[Path] = []
        self._began = time.time()
        # Hypothesis keeps notes in the current folder unless told otherwise; the user's folder is not ours.
        self._scratch = tempfile.TemporaryDirectory(prefix="conformance-")

    def _load_profile(self) -> profiles.Profile:
        options = self.options
        path = options.profile
        if path is None and (options.folder / PROFILE_NAME).is_file():
            path = options.folder / PROFILE_NAME
        if path is None and self.url is None:
            path = reference_profile()
        profile = profiles.load(path) if path else profiles.Profile()
        if self.url is not None:
            profile.start = ()  # the user names a server that runs already
        elif not profile.start:
            if not profile.url:
                raise UsageProblem(
                    f"profile {path}: neither --server-url nor target.url says where the server is."
                )
            self.url = parse(profile.url)
        profile.ca_file = options.ca_file or profile.ca_file
        profile.insecure = options.insecure or profile.insecure
        return profile

    # The target.

    def prepare(self) -> None:
        """Start the target where a command is given, then probe it.

        Raises:
            Inconclusive: there is no target to judge.

        """
        set_hypothesis_home_dir(self._scratch.name)
        instance = None
        if self.profile.start:
            self.launcher = Launcher(self.profile)
            self.url = self.launcher.url()
            self.launcher.prepare()
            instance = self.launcher.start()
            instance.wait_ready(self.profile.ready_timeout * self.options.time_scale)
        assert self.url is not None
        self.target = Target(
            url=self.url,
            profile=self.profile,
            endpoint=endpoint_of(self.url, self.profile),
            recorder=self.recorder,
            launcher=self.launcher,
            instance=instance,
            run_id=self.id,
            strict=self.options.strict,
        )
        executable = find_browser()
        self.target.capabilities["browser"] = Capability(
            "browser",
            executable is not None,
            str(executable.name if executable else "no Chromium or Chrome was found"),
            None if executable else "install Chromium, or: playwright install chromium",
        )
        self.round_trip = asyncio.run(probe(self.target, scale=self.options.time_scale))

    def why_dead(self) -> str:
        """Return why the target answers nobody any more, or an empty string while it does."""
        target = self.target
        if target is None:
            return "there is no target"
        if target.instance is not None and not target.instance.running:
            return f"its process ended with {target.instance.process.returncode}"
        bound = target.limits.handshake
        try:
            with contextlib.closing(
                socket.create_connection((target.url.host, target.url.port), bound)
            ) as raw:
                raw.settimeout(bound)
                tls = target.endpoint.tls
                with tls.wrap_socket(raw, server_hostname=target.url.host) if tls else raw as stream:
                    stream.sendall(opening(target.path, target.url.authority).encode())
                    return "" if stream.recv(1) else "it ends connections without an answer"
        except TimeoutError:
            return f"it gives no answer within {bound:g} s"
        except OSError as error:
            return f"connecting fails: {error.strerror or error}"

    def stop(self) -> None:
        """Stop what this run started."""
        if self.launcher is not None:
            self.launcher.close()
        self._scratch.cleanup()

    # The reports.

    def document(self) -> dict[str, Any]:
        """Return the run as data, clean of secrets."""
        about = {
            "id": self.id,
            "started": datetime.fromtimestamp(self._began, UTC).isoformat(timespec="seconds"),
            "duration": round(time.time() - self._began, 3),
            "complete": self.complete and not self.results.trouble,
            "command": self.options.command,
            "options": {
                "strict": self.options.strict,
                "time_scale": self.options.time_scale,
                "examples": self.options.plan.examples,
                "seed": self.options.plan.seed,
            },
            "profile": self.profile.path.name if self.profile.path else None,
            "round_trip_ms": round(self.round_trip * 1000, 3) if self.round_trip is not None else None,
        }
        made = document(self.results, self.target, about)
        if not made["target"] and self.url is not None:
            made["target"] = {"url": str(self.url)}
        cleaned: dict[str, Any] = _cleaned(made, self.clean)
        return cleaned

    def write_reports(self) -> None:
        """Write ``conformance.json`` and ``conformance.html``.

        Raises:
            UsageProblem: the report folder cannot be written.

        """
        folder = self.options.report_dir
        made = self.document()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in (
                ("conformance.json", json.dumps(made, indent=1)),
                ("conformance.html", html.render(made)),
            ):
                unfinished = folder / f".{name}.part"
                unfinished.write_text(text, "utf-8", errors="backslashreplace")
                unfinished.replace(folder / name)
                self.written.append(folder / name)
            write_scripts(folder, self.results.tests.values())
        except OSError as error:
            raise UsageProblem(f"--report-dir {folder}: {error.strerror}: {error.filename}.") from None

    def repeat(self, test: str) -> str:
        """Return the command that repeats one test."""
        words = ["pytest", f"--server-url={self.url}"] if not self.profile.start else ["pytest"]
        if self.profile.path is not None and self.profile.path != reference_profile():
            words.append(f"--profile={os.path.relpath(self.profile.path)}")
        return shlex.join([*words, *self.options.plan.options, test])


def _cleaned(value: Any, clean: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(one, clean) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(one, clean) for one in value]
    return value


def reference_profile() -> Path:
    """Return the profile by which the reference server is started."""
    import reference_server  # noqa: PLC0415 - only to find its file; nothing of it is used in here

    return Path(reference_server.__file__).with_name(PROFILE_NAME)
