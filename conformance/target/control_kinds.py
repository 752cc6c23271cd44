"""The control interface as a command and as a Python callable, and the choice among its forms."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import importlib
import inspect
import json
import os
import re
import shlex
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance.core.errors import Inconclusive
from conformance.target.control import BAD_PARAMETER, DONE, FAULT, UNKNOWN, Control, HttpControl, query_of
from conformance.target.control_keys import PARAMETERS, PLACEHOLDER
from conformance.target.launch import Launcher
from conformance.target.profile import Profile

LAST_LINES = 3
SERVER_PLACES = ("port", "control_port", "tmp")


def control_of(
    profile: Profile, launcher: Launcher | None, timeout: float, clean: Callable[[str], str], **other: str
) -> Control:
    """Return the control interface that the profile declares, its placeholders filled.

    Args:
        profile: what the team declares.
        launcher: who started the server, where this run did.
        timeout: seconds for each change.
        clean: removes secrets from a text.
        other: fills placeholders anew, for another instance than the first.

    Raises:
        Inconclusive: a placeholder stands in it that only a server started by this run fills.

    """

    def fill(text: str) -> str:
        filled = launcher.fill(text, **other) if launcher else text.replace("{python}", sys.executable)
        if left := re.search("|".join(f"{{{name}}}" for name in SERVER_PLACES), filled):
            raise Inconclusive(
                f"the control interface needs {left[0]}, which only a server started by this run has: "
                "write the value into [control], or let target.start start the server"
            )
        return filled

    timeout = profile.control_timeout or timeout
    if profile.control_command:
        return CommandControl(
            [fill(word) for word in profile.control_command],
            timeout,
            clean,
            shell=profile.control_shell,
            cwd=profile.cwd,
            environment=launcher.environment() if launcher else os.environ | profile.env,
        )
    if profile.control_python:
        folder = profile.path.resolve().parent if profile.path else Path.cwd()
        if launcher is not None:
            # It runs in this process, and has to find the server that was started and what that one reads.
            places = {f"CONFORMANCE_{name.upper()}": launcher.fill(f"{{{name}}}") for name in SERVER_PLACES}
            os.environ.update(launcher.environment() | places)
        return PythonControl(profile.control_python, timeout, clean, folder=folder)
    return HttpControl(fill(profile.control_http or ""), timeout, clean)


class CommandControl(Control):
    """A command for each change: exit status 0 is done, 2 and 64 say that a parameter is bad.

    A word ``{parameters}`` becomes one word ``name=value`` for each parameter; everywhere else a placeholder
    is filled inside its word, so that no value is ever split or read by a shell. Where ``shell`` is asked
    for, each value is quoted.
    """

    def __init__(
        self,
        words: Sequence[str],
        timeout: float,
        clean: Callable[[str], str],
        *,
        shell: bool = False,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(timeout, clean)
        self._words = list(words)
        self._shell = shell
        self._cwd = cwd
        self._environment = environment

    def command(self, action: str, parameters: Mapping[str, str]) -> list[str]:
        """Return the words of one change's command; with a shell they are its one line."""
        pairs = [f"{name}={value}" for name, value in parameters.items()]
        texts = dict.fromkeys(PARAMETERS, "") | dict(parameters)
        texts |= {"action": action, "query": query_of(dict(parameters)), "json": json.dumps(dict(parameters))}
        if self._shell:
            texts = {name: shlex.quote(value) for name, value in texts.items()}
            texts["parameters"] = shlex.join(pairs)
            return ["/bin/sh", "-c", _filled(" ".join(self._words), texts)]
        words: list[str] = []
        for word in self._words:
            words += pairs if word == "{parameters}" else [_filled(word, texts)]
        return words

    async def _cause(self, action: str, parameters: dict[str, str]) -> tuple[int, str]:
        words = self.command(action, parameters)
        try:
            process = await asyncio.create_subprocess_exec(
                *words, cwd=self._cwd, env=self._environment, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise Inconclusive(
                self.clean(f"the control command {words[0]} cannot be started: {reason}")
            ) from None
        try:
            async with asyncio.timeout(self.timeout):
                printed, complaint = await process.communicate()
        except TimeoutError:
            raise Inconclusive(
                self.clean(f"the control command was not done after {self.timeout:g} s: {shlex.join(words)}")
            ) from None
        finally:
            _end(process)
        if process.returncode == 0:
            return DONE, ""
        lines = (complaint.strip() or printed.strip()).decode(errors="backslashreplace").splitlines()
        said = " / ".join(lines[-LAST_LINES:])[-400:] or "it printed nothing"
        status = BAD_PARAMETER if process.returncode in {2, 64} else FAULT
        kind = "a bad parameter, " if status == BAD_PARAMETER else ""
        return (
            status,
            f"the control command ended with {process.returncode} ({kind}{said}): {shlex.join(words)}",
        )


def _filled(text: str, values: Mapping[str, str]) -> str:
    # In one pass: what stands in a value is never taken for a placeholder.
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def _end(process: asyncio.subprocess.Process) -> None:
    """End a command and all that it started, when it has not ended by itself."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()


class PythonControl(Control):
    """A callable ``control(action, **parameters)``, plain or async, that returns when the change is visible.

    It raises ValueError for a bad parameter and LookupError for an unknown user, token or action; an integer
    that it returns counts as the status of its answer.
    """

    def __init__(self, name: str, timeout: float, clean: Callable[[str], str], *, folder: Path) -> None:
        super().__init__(timeout, clean)
        self._name = name
        self._folder = folder
        self._callable: Callable[..., Any] | None = None

    def _load(self) -> Callable[..., Any]:
        module_name, _, attribute = self._name.partition(":")
        if str(self._folder) not in sys.path:
            sys.path.insert(0, str(self._folder))
        names: list[str] = []
        try:
            found: Any = importlib.import_module(module_name)
            for part in attribute.split("."):
                names = dir(found)
                found = getattr(found, part)
        except AttributeError:
            near = difflib.get_close_matches(attribute, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise Inconclusive(f"control.python: {module_name} has no {attribute!r}{hint}") from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's module may raise anything
            raise Inconclusive(
                self.clean(f"control.python: {module_name} cannot be imported: {self._frame(error)}")
            ) from None
        if not callable(found):
            raise Inconclusive(f"control.python: {self._name} is no callable but {type(found).__name__}")
        return found  # type: ignore[no-any-return]

    def _frame(self, error: BaseException) -> str:
        """Return what was raised, and the last line of the user's own code that it came through."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [one for one in frames if Path(one.filename).is_relative_to(self._folder)]
        where = f" ({Path(own[-1].filename).name}:{own[-1].lineno} in {own[-1].name})" if own else ""
        return f"{type(error).__name__}: {error}{where}"

    async def _cause(self, action: str, parameters: dict[str, str]) -> tuple[int, str]:
        with warnings.catch_warnings():
            # What the user's code warns of is no error of this run, whatever pytest makes of warnings.
            warnings.simplefilter("ignore")
            return await self._call(action, parameters)

    async def _call(self, action: str, parameters: dict[str, str]) -> tuple[int, str]:
        if self._callable is None:
            self._callable = self._load()
        try:
            async with asyncio.timeout(self.timeout):
                result = await _called(self._callable, action, parameters)
        except TimeoutError as error:
            if _raised_inside(error):
                return FAULT, f"{self._name} raised {self._frame(error)} for {action}"
            raise Inconclusive(f"{self._name} was not done with {action} after {self.timeout:g} s") from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, it is not the target's fault
            status = {ValueError: BAD_PARAMETER, LookupError: UNKNOWN}
            found = next((code for kind, code in status.items() if isinstance(error, kind)), FAULT)
            return found, f"{self._name} raised {self._frame(error)} for {action}?{query_of(parameters)}"
        answered = result if isinstance(result, int) and not isinstance(result, bool) else DONE
        return answered, f"{self._name} returned {answered} for {action}?{query_of(parameters)}, expected 204"


def _raised_inside(error: TimeoutError) -> bool:
    # asyncio.timeout raises its own from the cancellation that it caused.
    return not isinstance(error.__cause__, asyncio.CancelledError)


async def _called(function: Callable[..., Any], action: str, parameters: dict[str, str]) -> Any:
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object whose call is async
    ):
        return await function(action, **parameters)
    # A thread of its own, which nobody waits for at the end: one that hangs must not hang the run.
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is None:
            outcome.set_result(result)
        else:
            outcome.set_exception(error)

    def work() -> None:
        result: Any = None
        raised: BaseException | None = None
        try:
            result = function(action, **parameters)
        except StopIteration as error:  # a future refuses to carry it
            raised = RuntimeError(f"StopIteration: {error}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - carried over to whoever waits
            raised = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, raised)

    threading.Thread(target=work, daemon=True, name="conformance-control").start()
    result = await outcome
    return await result if inspect.isawaitable(result) else result
