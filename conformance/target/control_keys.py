"""`[control]` of the profile, checked: one form of the control interface, with placeholders that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from conformance.core.complaints import Wrong

FORMS = ("http", "command", "python")
PARAMETERS = ("user_id", "permission", "roles", "menus", "scope", "keys", "token")
PLACES = ("python", "port", "control_port", "tmp")
PLACEHOLDERS = ("action", "parameters", "query", "json", *PARAMETERS, *PLACES)
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def read_control(table: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
    """Return the profile's fields about the control interface.

    Raises:
        UsageProblem: a value is wrong; made by ``wrong``, which knows the file.

    """
    forms = [form for form in FORMS if form in table]
    if len(forms) > 1:
        raise wrong(f"control.{forms[1]}", f"there is control.{forms[0]} already: declare one form")
    shell = table.get("shell", False)
    if not isinstance(shell, bool):
        raise wrong("control.shell", "expected true or false")
    if shell and "command" not in table:
        raise wrong("control.shell", "it belongs to control.command")
    timeout = table.get("timeout")
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0
    ):
        raise wrong("control.timeout", "expected seconds, a number above 0")
    return {
        "control_http": _http(table, wrong),
        "control_command": _command(table, wrong, shell=shell),
        "control_shell": shell,
        "control_python": _python(table, wrong),
        "control_timeout": float(timeout) if timeout is not None else None,
    }


def _http(table: Mapping[str, Any], wrong: Wrong) -> str | None:
    url = table.get("http")
    if url is None:
        return None
    if not isinstance(url, str):
        raise wrong("control.http", f"expected str, got {type(url).__name__}")
    if not url.startswith(("http://", "https://")):
        raise wrong("control.http", f"expected an http:// URL, got {url!r}")
    if "?" in url or "#" in url:
        raise wrong("control.http", "expected the URL before /{action}, without query and fragment")
    return url


def _command(table: Mapping[str, Any], wrong: Wrong, *, shell: bool) -> tuple[str, ...]:
    given = table.get("command")
    if given is None:
        return ()
    if isinstance(given, str):
        try:
            words = [given] if shell else shlex.split(given)
        except ValueError as error:
            raise wrong("control.command", f"it cannot be split into words: {error}") from None
    elif isinstance(given, list) and all(isinstance(word, str) for word in given) and not shell:
        words = given
    else:
        what = "a string for the shell" if shell else "a string or a list of words"
        raise wrong("control.command", f"expected {what}")
    if not words or not words[0].strip():
        raise wrong("control.command", "it is empty")
    for word in words:
        for name in PLACEHOLDER.findall(word):
            if name not in PLACEHOLDERS:
                raise wrong("control.command", f"there is no placeholder {{{name}}}", name, PLACEHOLDERS)
        if "{parameters}" in word and word != "{parameters}" and not shell:
            raise wrong("control.command", "{parameters} stands for several words: write it alone")
    if not any("{action}" in word for word in words):
        raise wrong("control.command", "there is no {action} in it")
    return tuple(words)


def _python(table: Mapping[str, Any], wrong: Wrong) -> str | None:
    name = table.get("python")
    if name is None:
        return None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wrong("control.python", 'expected "package.module:callable"')
    return name
