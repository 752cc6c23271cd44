"""A server of a profile that runs on its own, and the profile by which a run reaches it over some network."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.target.launch import free_port
from tests.interop.running import await_port
from tests.interop.stacks import ROOT

HOST = "127.0.0.1"
STARTING = ("start", "prepare", "env", "cwd", "ready_timeout")


@dataclass(frozen=True, slots=True)
class Standing:
    """A server that is up: its port, and its profile without what starts it and with the tokens it knows."""

    port: int
    data: Mapping[str, Any]

    def profile(self, port: int, folder: Path) -> Path:
        """Write the profile that reaches the server at a port of this machine."""
        target = dict(self.data["target"])
        target["url"] = target["url"].replace("localhost", HOST).replace("{port}", str(port))
        written = folder / "profile.toml"
        written.write_text("\n".join(toml({**self.data, "target": target})), "utf-8")
        return written


@contextlib.contextmanager
def standing(profile: Path, folder: Path) -> Iterator[Standing]:
    """Start a profile's server on free ports, its output in ``folder``; stop it at the end."""
    data = tomllib.loads(profile.read_text("utf-8"))
    target = data["target"]
    tokens: dict[str, str] = {}
    data = _told(data, tokens)
    for name, token in tokens.items():
        (folder / f"{name}.token").write_text(token, "utf-8")
    port = free_port("localhost")
    places = {
        "{port}": str(port),
        "{control_port}": str(free_port(HOST)),
        "{python}": sys.executable,
        "{tmp}": str(folder),
    }
    start, prepare, env = (_filled(target.get(key, empty), places) for key, empty in
                           (("start", []), ("prepare", []), ("env", {})))  # fmt: skip
    data["control"] = _filled(data.get("control", {}), places)
    data["target"] = {key: value for key, value in data["target"].items() if key not in STARTING}
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **env, **tokens}
    where = profile.parent / target.get("cwd", ".")
    log = folder / "server.txt"
    with log.open("wb") as output:
        for command in prepare:
            subprocess.run(command, cwd=where, env=environment, stdout=output, stderr=output, check=True)
        process = subprocess.Popen(start, cwd=where, env=environment, stdout=output, stderr=output)
        try:
            await_port(process, port, log)
            yield Standing(port, data)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


@contextlib.contextmanager
def network(words: str, behind: int, folder: Path) -> Iterator[int]:
    """Put a bad network in front of a port; yield the port at its other end."""
    port = free_port(HOST)
    command = [sys.executable, str(ROOT / "tests" / "servers" / "delaying.py"), str(port), str(behind)]
    log = folder / "network.txt"
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *words.split()], stdout=output, stderr=output)
        try:
            await_port(process, port, log)
            yield port
        finally:
            process.kill()
            process.wait()


def _told(value: Any, tokens: dict[str, str]) -> Any:
    """Replace secrets that a run would make by files with ones that are made here, and kept in ``tokens``."""
    if isinstance(value, dict):
        if set(value) == {"generate"}:
            name = value["generate"]
            tokens.setdefault(name, f"{name.lower()}-{secrets.token_hex(16)}")
            return {"file": f"{name}.token"}
        return {key: _told(one, tokens) for key, one in value.items()}
    return [_told(one, tokens) for one in value] if isinstance(value, list) else value


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, places) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, places) for one in value]
    if isinstance(value, str):
        for name, place in places.items():
            value = value.replace(name, place)
    return value


def toml(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the lines of a TOML document: what profiles hold, and no more of the format."""
    deeper = {}
    for key, value in data.items():
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            deeper[key] = value
        else:
            yield f"{key} = {json.dumps(value)}"
    for key, value in deeper.items():
        name = ".".join((*path, key))
        for one in value if isinstance(value, list) else [value]:
            yield f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
            yield from toml(one, (*path, key))
