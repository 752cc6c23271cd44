"""Control by a command and by a Python callable: what they are given, and whose fault their failures are."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import psutil
import pytest

from conformance.core.errors import Inconclusive
from conformance.target.control_kinds import CommandControl, PythonControl, control_of
from conformance.target.profile import Profile

pytestmark = pytest.mark.asyncio
BOUND = 20.0
ACTIONS = [
    ("grant", {"user_id": 9007199254740993, "permission": "a b&c=d'\"$(x)é"}),
    ("revoke", {"user_id": 1, "permission": "{token} --help"}),
    ("set-roles", {"user_id": 1, "roles": "one,two"}),
    ("set-menus", {"user_id": 1, "menus": ""}),
    ("invalidate-cache", {"scope": "all", "keys": ""}),
    ("invalidate-cache", {"scope": "user", "user_id": 1, "keys": "k"}),
    ("revoke-token", {"token": "t0k-en"}),
    ("expire-token", {"user_id": 1}),
    ("deactivate-user", {"user_id": 1}),
    ("reset", {}),
]


def command(script, *words, **options):
    return CommandControl(
        [sys.executable, "-c", script, *words], options.pop("timeout", BOUND), str, **options
    )


def texts(parameters):
    return {name: str(value) for name, value in parameters.items()}


# A command.


@pytest.mark.parametrize(("action", "parameters"), ACTIONS)
@pytest.mark.parametrize("shell", [False, True])
async def test_command_gets_action_and_parameters_unsplit(tmp_path, action, parameters, shell):
    script = tmp_path / "control.py"
    script.write_text("import json, sys; print(json.dumps(sys.argv[1:]), file=open('asked', 'w'))")
    words = [sys.executable, str(script), "{action}", "{parameters}", "--user={user_id}", "{json}"]
    words = [" ".join(words)] if shell else words
    control = CommandControl(words, BOUND, str, shell=shell, cwd=tmp_path)
    assert await control.status(action, **parameters) == 204
    given, *rest = json.loads((tmp_path / "asked").read_text())
    assert given == action
    *pairs, user, as_json = rest
    assert dict(pair.split("=", 1) for pair in pairs) == texts(parameters)
    assert user == f"--user={parameters.get('user_id', '')}"
    assert json.loads(as_json) == texts(parameters)


@pytest.mark.parametrize(("code", "status"), [(0, 204), (2, 400), (64, 400), (1, 500), (3, 500)])
async def test_exit_status_is_the_answer(code, status):
    assert await command(f"raise SystemExit({code})", "{action}").status("reset") == status


async def test_failure_says_the_last_lines_without_secrets():
    script = "import sys; [print(n, sys.argv[2], file=sys.stderr) for n in range(9)]; sys.exit(1)"
    control = CommandControl(
        [sys.executable, "-c", script, "{action}", "{token}"],
        BOUND,
        lambda text: text.replace("t0ken", "[secret]"),
    )
    with pytest.raises(Inconclusive) as caught:
        await control("revoke-token", token="t0ken")
    assert "ended with 1 (6 [secret] / 7 [secret] / 8 [secret])" in str(caught.value)
    assert "t0ken" not in str(caught.value)


async def test_command_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    inner = "import time; time.sleep(60)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}, 'conformance-hangs'])"
    began = time.monotonic()
    with pytest.raises(Inconclusive, match=r"was not done after 0\.5 s"):
        await command(script, "{action}", timeout=0.5)("reset")
    assert time.monotonic() - began < BOUND
    for _ in range(100):
        left = [
            one
            for one in psutil.process_iter(["cmdline"])
            if "conformance-hangs" in (one.info["cmdline"] or ())
        ]
        if not left:
            break
        await asyncio.sleep(0.05)
    assert not left


async def test_command_that_is_not_there_is_inconclusive():
    with pytest.raises(Inconclusive, match="cannot be started: No such file"):
        await CommandControl(["/no/such/program", "{action}"], BOUND, str)("reset")


async def test_changes_are_made_one_by_one(tmp_path):
    script = "import os, sys, time; os.mkdir('lock'); time.sleep(0.05); os.rmdir('lock')"
    control = command(script, "{action}", cwd=tmp_path)
    await asyncio.gather(*(control("grant") for _ in range(4)))


# A Python callable.

MODULE = """
import asyncio, time

asked = []

def control(action, **parameters):
    asked.append((action, parameters))

async def later(action, **parameters):
    await asyncio.sleep(0)
    control(action, **parameters)

class Object:
    def control(self, action, **parameters):
        control(action, **parameters)

thing = Object()

def picky(action, **parameters):
    if action == "grant":
        raise ValueError("no such form")
    if action == "reset":
        raise KeyError(action)
    if action == "revoke":
        return 404
    if action == "set-roles":
        raise TimeoutError("its own")
    if action == "set-menus":
        raise SystemExit("bye")
    return inner()

def inner():
    raise RuntimeError("t0ken is wrong")

def hangs(action):
    time.sleep(5)

async def hangs_later(action):
    await asyncio.sleep(60)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    name = f"control_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def made(attribute, timeout=BOUND):
        def clean(text):
            return text.replace("t0ken", "[secret]")

        return PythonControl(f"{name}:{attribute}", timeout, clean, folder=tmp_path)

    made.name = name
    yield made
    sys.modules.pop(name, None)


@pytest.mark.parametrize("attribute", ["control", "later", "thing.control"])
async def test_callable_gets_every_action(module, attribute):
    control = module(attribute)
    for action, parameters in ACTIONS:
        await control(action, **parameters)
    assert sys.modules[module.name].asked == [(action, texts(parameters)) for action, parameters in ACTIONS]


@pytest.mark.parametrize(
    ("action", "status"),
    [("grant", 400), ("reset", 404), ("revoke", 404), ("set-roles", 500), ("set-menus", 500), ("other", 500)],
)
async def test_what_a_callable_raises_or_returns_is_its_answer(module, action, status):
    assert await module("picky").status(action) == status


async def test_exception_is_said_with_the_users_own_frame(module):
    with pytest.raises(Inconclusive) as caught:
        await module("picky")("other")
    assert f"RuntimeError: [secret] is wrong ({module.name}.py:33 in inner) for other" in str(caught.value)


@pytest.mark.parametrize("attribute", ["hangs", "hangs_later"])
async def test_callable_that_hangs_is_inconclusive(module, attribute):
    with pytest.raises(Inconclusive, match=r"was not done with reset after 0\.1 s"):
        await module(attribute, 0.1)("reset")


async def test_misspelt_callable_gets_a_suggestion(module):
    with pytest.raises(Inconclusive, match=r"has no 'contrl'; did you mean 'control'\?"):
        await module("contrl")("reset")


async def test_what_is_no_callable_is_named(module):
    with pytest.raises(Inconclusive, match="is no callable but list"):
        await module("asked")("reset")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
async def test_module_that_cannot_be_imported_is_inconclusive(tmp_path, text, words, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "broken_control.py").write_text(text)
    with pytest.raises(Inconclusive, match=f"broken_control cannot be imported: {words}"):
        await PythonControl("broken_control:control", BOUND, str, folder=tmp_path)("reset")


async def test_module_that_is_not_there_is_inconclusive(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(Inconclusive, match="No module named 'no_such_module'"):
        await PythonControl("no_such_module:control", BOUND, str, folder=tmp_path)("reset")


# Which one.


@pytest.mark.parametrize("place", ["{port}", "{control_port}", "{tmp}"])
async def test_place_that_only_a_started_server_has_is_named(place):
    for declared in (
        {"control_http": f"http://127.0.0.1:{place}"},
        {"control_command": ("x", "{action}", place)},
    ):
        with pytest.raises(Inconclusive, match="only a server started by this run has"):
            control_of(Profile(**declared), None, BOUND, str)


async def test_profile_chooses_form_and_bound(tmp_path):
    declared = Profile(control_command=("{python}", "-c", "", "{action}"), control_timeout=7, cwd=tmp_path)
    control = control_of(declared, None, BOUND, str)
    assert isinstance(control, CommandControl)
    assert control.timeout == 7
    assert control.command("reset", {}) == [sys.executable, "-c", "", "reset"]
    assert isinstance(control_of(Profile(control_python="a:b"), None, BOUND, str), PythonControl)
