"""One run of the suite: find or start the target, probe it, collect results, write the reports."""

from __future__ import annotations

import asyncio
import functools
import os
import secrets
import shlex
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.browser.finding import capability
from conformance.client.recorder import Recorder
from conformance.core.errors import UsageProblem
from conformance.core.masking import Secret, cleaned
from conformance.fuzz import shrinking
from conformance.fuzz.search import Plan
from conformance.net.pace import Pace
from conformance.plugin.entry import PREFIX
from conformance.plugin.run_limits import Patience
from conformance.report import dialect
from conformance.report.artefacts import artefacts
from conformance.report.document import document
from conformance.report.repro.files import write_scripts
from conformance.spec import requirements
from conformance.target import profile as profiles
from conformance.target.launch import Adopted, Launcher
from conformance.target.liveness import Dead, why_dead
from conformance.target.probe import endpoint_of, is_loopback, probe
from conformance.target.profile_secrets import of_profile
from conformance.target.secret_values import of_url
from conformance.target.snapshot import Snapshot
from conformance.target.target import Target
from conformance.target.url import ServerURL, parse
from conformance.verdict.baseline import load as load_baseline
from conformance.verdict.families import entries_of
from conformance.verdict.known_failures import KnownFailure
from conformance.verdict.outcomes import Outcome
from conformance.verdict.results import Results
from conformance.verdict.update import Changes, updated

PROFILE_NAME = "conformance.toml"
MAX_PRINTED = 8 * 1024


@dataclass(slots=True)
class Options:
    """What the user asked for on the command line."""

    server_url: str | None = None
    nodes: tuple[str, ...] = ()
    profile: Path | None = None
    report_dir: Path = Path("reports")
    strict: bool = False
    time_scale: float = 1.0
    ca_file: Path | None = None
    insecure: bool = False
    plan: Plan = field(default_factory=Plan)
    families: tuple[str, ...] = ()
    baseline: Path | None = None
    update_baseline: bool = False
    expect_applicable: bool = False
    repeat: int = 1
    intrusive: bool = False
    polite: bool = False
    browser: str | None = None
    taken: frozenset[str] = frozenset()  # names of options that are another plugin's here
    command: str = ""
    folder: Path = field(default_factory=Path.cwd)

    def spelled(self, option: str) -> str:
        """Return an option of the suite, with its value, as it has to be given here."""
        return PREFIX + option[2:] if option[2:].partition("=")[0] in self.taken else option


class Run:
    """The state of one run, from the user's options to the written reports."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.id = secrets.token_hex(4)
        self.url: ServerURL | None = parse(options.server_url) if options.server_url else None
        self.profile = self._load_profile()
        self.recorder = Recorder(self._secrets())
        self.clean = self.recorder.clean
        self.results = Results(
            strict=options.strict, known_failures=self.profile.known_failures + self._of_families()
        )
        self.results.gate.expect = options.expect_applicable
        if options.baseline is not None:
            self.results.gate.baseline = load_baseline(options.baseline, create=options.update_baseline)
        self.changes: Changes | None = None
        self.target: Target | None = None
        self.launcher: Launcher | None = None
        self.round_trip: float | None = None
        self.pace: Pace | None = None
        self.patience = Patience()
        self.complete = True
        self.written: list[Path] = []
        self.made: dict[str, Any] = {}
        self._began = time.time()
        # Hypothesis keeps notes in the current folder unless told otherwise; the user's folder is not ours.
        self._scratch = tempfile.TemporaryDirectory(prefix="conformance-")

    def _secrets(self) -> Iterator[Secret]:
        yield from of_profile(self.profile)
        for url in (self.options.server_url, *self.options.nodes):
            yield from of_url(url or "")

    def _load_profile(self, generated: Mapping[str, str] | None = None) -> profiles.Profile:
        options = self.options
        path = options.profile
        if path is None and (options.folder / PROFILE_NAME).is_file():
            path = options.folder / PROFILE_NAME
        if path is None and self.url is None:
            path = reference_profile()
        profile = profiles.load(path, generated) if path else profiles.Profile()
        if self.url is not None:
            if profile.start or options.nodes:
                for node in options.nodes:
                    parse(node)
                profile.nodes = options.nodes
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

    def _of_families(self) -> tuple[KnownFailure, ...]:
        declared = entries_of(self.profile.families, f"profile {self.profile.path}: target.family")
        return (
            *declared,
            *(one for one in entries_of(self.options.families, "--family") if one not in declared),
        )

    @property
    def polite(self) -> bool:
        """Whether the target is handled as other people's servers are."""
        return self.pace is not None

    # The target.

    def prepare(self) -> None:
        """Start the target where a command is given, then probe it.

        Raises:
            Inconclusive: there is no target to judge.

        """
        shrinking.keep_in(self._scratch.name)
        instance = None
        if self.profile.start:
            self.launcher = Launcher(self.profile)
            self.url = self.launcher.url()
            self.launcher.prepare()
            instance = self.launcher.start()
            # To start takes as long as the machine has other things to do, however near the server is.
            instance.wait_ready(self.profile.ready_timeout * max(1.0, self.options.time_scale))
        assert self.url is not None
        endpoint = endpoint_of(self.url, self.profile)
        if self.options.polite or not (self.options.intrusive or is_loopback(endpoint.addresses)):
            endpoint.pace = self.pace = Pace(Path(self._scratch.name))
        self.target = Target(
            url=self.url,
            profile=self.profile,
            endpoint=endpoint,
            recorder=self.recorder,
            launcher=self.launcher,
            instance=instance,
            run_id=self.id,
            strict=self.options.strict,
        )
        self.target.learn(capability(self.options.browser))
        self.round_trip = asyncio.run(probe(self.target, scale=self.options.time_scale))
        self._name_target()
        if self.pace is not None:
            self.pace.clear()

    def share(self) -> dict[str, Any]:
        """Return what another process needs to test the same target.

        It is plain data. Of secrets it holds only those that were made for this run.
        """
        target = self.target
        assert target is not None
        instance = target.instance
        return {
            "id": self.id,
            "generated": self.profile.generated,
            "pace": str(self.pace.folder) if self.pace else None,
            "places": self.launcher.places if self.launcher else None,
            "instance": [instance.pid, str(instance.output), instance.command] if instance else None,
            "found": target.found.as_data(),
        }

    def adopt(self, shared: Mapping[str, Any]) -> None:
        """Take over a target that another process has started and probed."""
        shrinking.keep_in(self._scratch.name)
        self.id = shared["id"]
        self.profile = self._load_profile(shared["generated"])
        self.recorder.hide(*self._secrets())
        if shared["places"]:
            self.launcher = Launcher(self.profile, shared["places"])
            self.url = self.launcher.url()
        url = self.url
        assert url is not None
        started = shared["instance"]
        self.target = Target(
            url=url,
            profile=self.profile,
            endpoint=endpoint_of(url, self.profile),
            recorder=self.recorder,
            launcher=self.launcher,
            instance=Adopted(started[0], Path(started[1]), url, started[2]) if started else None,
            run_id=self.id,
            strict=self.options.strict,
        )
        self.target.adopt(Snapshot.from_data(shared["found"]))
        if shared["pace"]:
            self.target.endpoint.pace = self.pace = Pace(Path(shared["pace"]))
        self._name_target()

    def _name_target(self) -> None:
        assert self.target is not None
        self.results.fault = self.clean(self.target.found.fault or "")
        url = self.target.url
        self.results.gate.choose((str(url), url.host, self.target.found.server or ""))

    def why_dead(self) -> Dead | None:
        """Return why the target answers nobody any more, or ``None`` while it does."""
        return why_dead(self.target)

    @property
    def starts_server(self) -> bool:
        """Whether this process started the server, and so can start it anew."""
        instance = self.target.instance if self.target is not None else None
        return self.launcher is not None and instance is not None and not isinstance(instance, Adopted)

    @property
    def ended(self) -> bool:
        """Whether the server's process is known to have ended."""
        instance = self.target.instance if self.target is not None else None
        return instance is not None and not instance.running

    def restart(self) -> None:
        """Put a fresh instance in the place of the server.

        Raises:
            Unreachable: it does not start.

        """
        target, launcher = self.target, self.launcher
        assert target is not None
        assert target.instance is not None
        assert launcher is not None
        target.forget()
        target.instance.stop()
        target.instance = launcher.start()
        target.instance.wait_ready(self.profile.ready_timeout * max(1.0, self.options.time_scale))

    # What the server prints.

    def printed_size(self) -> int:
        """Return how many bytes the server has printed so far, where the run started it."""
        instance = self.target.instance if self.target is not None else None
        try:
            return instance.output.stat().st_size if instance is not None else 0
        except OSError:
            return 0

    def printed_since(self, start: int) -> str:
        """Return what the server has printed since, clean of secrets: at most `MAX_PRINTED` characters."""
        instance = self.target.instance if self.target is not None else None
        if instance is None:
            return ""
        try:
            with instance.output.open("rb") as output:
                # One secret more than is shown, so that none is cut before it is found.
                output.seek(max(start, self.printed_size() - 2 * MAX_PRINTED))
                text = self.clean(output.read(2 * MAX_PRINTED).decode("utf-8", "replace"))
        except OSError:
            return ""
        return text if len(text) <= MAX_PRINTED else f"… {text[-MAX_PRINTED:]}"

    def stop(self) -> None:
        """Stop what this run started."""
        if self.launcher is not None:
            self.launcher.close()
        if self.pace is not None:
            self.pace.close()
        self._scratch.cleanup()

    # The reports.

    def dialect(self) -> dict[str, Any] | None:
        """Return what became of the dialect's entries, where the profile has any."""
        partial = self.results.partial or not self.complete or bool(self.results.trouble)
        return dialect.as_data(self.profile, self.results.dialect_seen, partial=partial)

    def document(self) -> dict[str, Any]:
        """Return the run as data, clean of secrets."""
        about = {
            "id": self.id,
            "started": datetime.fromtimestamp(self._began, UTC).isoformat(timespec="seconds"),
            "duration": round(time.time() - self._began, 3),
            "complete": self.complete and not self.results.trouble,
            "partial": self.results.partial,
            "command": self.options.command,
            "options": {
                "strict": self.options.strict,
                "time_scale": self.options.time_scale,
                "examples": self.options.plan.examples,
                "seed": self.options.plan.seed,
                **({"repeat": self.options.repeat} if self.options.repeat > 1 else {}),
            },
            "tier": ("polite" if self.polite else "full") if self.target else None,
            "profile": self.profile.path.name if self.profile.path else None,
            "round_trip_ms": round(self.round_trip * 1000, 3) if self.round_trip is not None else None,
        }
        made = document(self.results, self.target, about, self.dialect())
        if not made["target"] and self.url is not None:
            made["target"] = {"url": str(self.url)}
        shown: dict[str, Any] = cleaned(made, self.clean)
        return shown

    def update_baseline(self) -> None:
        """Write the baseline anew, where that was asked for and the run has something to say.

        Raises:
            UsageProblem: it cannot be written.

        """
        results = self.results
        judged = any(
            one.outcome not in {Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE}
            for one in results.tests.values()
        )
        if not self.options.update_baseline or not self.complete or results.trouble or not judged:
            return
        failing = {name: results.fails(one) for name, one in requirements().items()}
        self.changes = updated(results.gate, results.requirements(), whole=results.whole, failing=failing)
        self.changes.baseline.write()
        results.gate.baseline = self.changes.baseline

    def write_reports(self) -> None:
        """Write every report, each of which is made from the one document.

        Raises:
            UsageProblem: the report folder cannot be written.

        """
        folder = self.options.report_dir
        self.made = self.document()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in artefacts(self.made).items():
                unfinished = folder / f".{name}.part"
                unfinished.write_text(text, "utf-8", errors="backslashreplace")
                unfinished.replace(folder / name)
                self.written.append(folder / name)
            write_scripts(folder, self.results.tests.values())
        except OSError as error:
            raise UsageProblem(f"--report-dir {folder}: {error.strerror}: {error.filename}.") from None

    def repeat(self, test: str) -> str:
        """Return the command that repeats one test."""
        given = (self.url.given if self.url else "", *self.options.nodes)
        urls = [] if self.profile.start else [f"--server-url={self.clean(url)}" for url in given]
        words = [*urls]
        if self.profile.path is not None and self.profile.path != reference_profile():
            words.append(f"--profile={os.path.relpath(self.profile.path)}")
        if self.options.repeat > 1:
            words.append(f"--repeat={self.options.repeat}")
        words += self.options.plan.options
        return shlex.join(["pytest", *map(self.options.spelled, words), test])


@functools.cache
def reference_profile() -> Path:
    """Return the profile by which the reference server is started."""
    import reference_server  # noqa: PLC0415 - only to find its file; nothing of it is used in here

    return Path(reference_server.__file__).with_name(PROFILE_NAME)
