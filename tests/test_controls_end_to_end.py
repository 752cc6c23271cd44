"""The forms of the control interface, each causing the changes of a real run on a real server."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance.target.control import Control
from conformance.target.control_kinds import control_of
from conformance.target.launch import launched
from conformance.target.profile import load
from tests.conftest import ROOT, Suite

REFERENCE = ROOT / "reference_server" / "conformance.toml"
DJANGO = ROOT / "targets" / "django_channels"
HTTP = 'http = "http://127.0.0.1:{control_port}/control"'
EVENTS = "conformance/suite/events/test_types.py"
POST = "import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], method='POST', data=b'')).close()"
MODULE = """
import os
from urllib.parse import urlencode
from urllib.request import Request, urlopen


def control(action, **parameters):
    base = f"http://127.0.0.1:{os.environ['CONFORMANCE_CONTROL_PORT']}/control"
    urlopen(Request(f"{base}/{action}?{urlencode(parameters)}", method="POST", data=b""))  # left open
    open(__file__)  # left open too: untidy, and no fault of anybody's
"""


def profile_with(folder: Path, control: str, original: Path = REFERENCE, old: str = HTTP) -> str:
    text = original.read_text()
    for before, after in ((old, control), ('cwd = ".', f'cwd = "{original.parent}/.')):
        assert before in text
        text = text.replace(before, after)
    path = folder / "conformance.toml"
    path.write_text(text)
    return f"--profile={path}"


def outcomes(folder: Path) -> dict[str, str]:
    written = json.loads((folder / "reports" / "conformance.json").read_text())
    return {one["id"]: one["outcome"] for one in written["requirements"]}


@pytest.mark.parametrize("form", ["command", "shell", "python"])
def test_events_are_judged_through_every_form(suite: Suite, tmp_path: Path, form: str) -> None:
    url = "http://127.0.0.1:{control_port}/control/{action}?{query}"
    quoted = url.replace("?{query}", "'?'{query}")
    control = {
        "command": f'command = ["{{python}}", "-c", "{POST}", "{url}"]',
        "shell": f"command = '''{{python}} -c \"{POST}\" {quoted}'''\nshell = true",
        "python": 'python = "my_control:control"',
    }[form]
    (tmp_path / "my_control.py").write_text(MODULE)
    done = suite(profile_with(tmp_path, control), EVENTS)
    assert done.returncode == 0, done.stdout[-3000:]
    assert outcomes(tmp_path)["events.permission-changed"] == "passed"


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ("""command = ["{python}", "-c", "import sys; sys.exit('the database is away')", "{action}"]""",
         "the control command ended with 1 (the database is away)"),
        ('python = "my_control:broken"',
         "my_control:broken raised RuntimeError: away (my_control.py:2 in broken)"),
        ('http = "http://127.0.0.1:{control_port}/elsewhere"', "answered 404 to set-roles"),
    ],
)  # fmt: skip
def test_control_that_fails_is_inconclusive_and_nobodys_red(
    suite: Suite, tmp_path: Path, control: str, said: str
) -> None:
    (tmp_path / "my_control.py").write_text("def broken(action, **_):\n    raise RuntimeError('away')\n")
    done = suite(profile_with(tmp_path, control), EVENTS, "-k", "role")
    assert done.returncode == 10, done.stdout[-3000:]
    assert said in " ".join(done.stdout.split())
    assert "failed" not in outcomes(tmp_path).values()


# The HTTP form, as both servers of this repository offer it.

ALICE, CAROL = "1", "9007199254740993"
ANSWERS = [
    ("grant", {"user_id": CAROL, "permission": "a b&c=d%é+"}, 204),
    ("revoke", {"user_id": CAROL, "permission": "a b&c=d%é+"}, 204),
    ("set-roles", {"user_id": ALICE, "roles": "one,two"}, 204),
    ("set-roles", {"user_id": ALICE, "roles": ""}, 204),
    ("set-menus", {"user_id": ALICE, "menus": "één"}, 204),
    ("invalidate-cache", {"scope": "all", "keys": ""}, 204),
    ("invalidate-cache", {"scope": "user", "user_id": ALICE, "keys": "k,l"}, 204),
    ("expire-token", {"user_id": "901"}, 204),
    ("revoke-token", {"user_id": "902"}, 204),
    ("deactivate-user", {"user_id": "903"}, 204),
    ("reset", {}, 204),
    ("grant", {"user_id": ALICE}, 400),
    ("grant", {"user_id": "one", "permission": "x"}, 400),
    ("invalidate-cache", {"scope": "none", "keys": ""}, 400),
    ("invalidate-cache", {"scope": "user", "keys": ""}, 400),
    ("revoke-token", {}, 400),
    ("revoke-token", {"token": "nobodys"}, 404),
    ("grant", {"user_id": "77", "permission": "x"}, 404),
    ("explode", {}, 404),
]


@pytest.mark.parametrize("profile", [REFERENCE, DJANGO / "conformance.toml"], ids=["reference", "django"])
def test_http_control_answers_every_action(profile: Path) -> None:
    async def answers(control: Control) -> list[tuple[str, dict[str, str], int]]:
        return [(action, given, await control.status(action, **given)) for action, given, _ in ANSWERS]

    declared = load(profile)
    with launched(declared) as (launcher, _):
        control = control_of(declared, launcher, 10.0, str)
        with contextlib.closing(control):
            assert asyncio.run(answers(control)) == ANSWERS


def test_django_control_refuses_pages_proxies_and_other_methods() -> None:
    declared = load(DJANGO / "conformance.toml")
    with launched(declared) as (launcher, _):
        url = urlsplit(launcher.fill(str(declared.control_http)))
        tried = [
            ("POST", {}, 204), ("GET", {}, 405), ("POST", {"Origin": "https://app.example"}, 403),
            ("POST", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ]  # fmt: skip
        for method, headers, status in tried:
            connection = http.client.HTTPConnection(url.netloc, timeout=10)
            with contextlib.closing(connection):
                connection.request(method, f"{url.path}/reset", headers={"Content-Length": "0", **headers})
                assert connection.getresponse().status == status, (method, headers)


# The Django app that teams copy.


def test_django_command_makes_changes_that_a_new_connection_sees(suite: Suite, tmp_path: Path) -> None:
    command = 'command = ["{python}", "manage.py", "conformance", "{action}", "{parameters}"]\ntimeout = 30'
    profile = profile_with(
        tmp_path, command, DJANGO / "conformance.toml", 'http = "http://127.0.0.1:{port}/control"'
    )
    done = suite(profile, "conformance/suite/events/test_moments.py", "-k", "opened_after_the_change")
    assert done.returncode == 0, done.stdout[-3000:]
    assert outcomes(tmp_path)["events.new-connection-sees-state"] == "passed"


@pytest.fixture(scope="module")
def manage(tmp_path_factory):
    """Run the Django project's commands on a database of its own."""
    database = tmp_path_factory.mktemp("django") / "database.sqlite3"

    def run(*words, enabled="1"):
        return subprocess.run(
            [sys.executable, "manage.py", *words], cwd=DJANGO, capture_output=True, text=True, timeout=60,
            env=os.environ | {"DATABASE_PATH": str(database), "CONTROL_ENABLED": enabled}, check=False,
        )  # fmt: skip

    assert run("prepare").returncode == 0
    return run


@pytest.mark.parametrize(
    "words",
    [
        ["grant", "user_id=9007199254740993", "permission=a b=c&d"],
        ["set-roles", "user_id=1", "roles="],
        ["set-menus", "user_id=1", "menus=one,two"],
        ["invalidate-cache", "scope=all", "keys="],
        ["revoke-token", "token=alice-demo-token"],
        ["expire-token", "user_id=2"],
        ["deactivate-user", "user_id=906"],
        ["reset"],
    ],
    ids=lambda words: words[0],
)
def test_django_command_knows_every_action(manage, words):
    done = manage("conformance", *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["grant", "user_id=01", "permission=x"], 64, "bad parameter: user_id"),
        (["grant", "user_id=1"], 64, "missing a required argument: 'permission'"),
        (["grant", "user_id=1", "permission=x", "because=y"], 64, "unknown parameter because"),
        (["invalidate-cache", "scope=none"], 64, "bad parameter"),
        (["grant", "user_id=77", "permission=x"], 1, "unknown user, token or action"),
        (["explode"], 1, "unknown user, token or action"),
    ],
)
def test_django_command_refuses(manage, words, code, said):
    done = manage("conformance", *words)
    assert done.returncode == code
    assert said in done.stderr


def test_django_command_is_closed_unless_it_is_opened(manage):
    done = manage("conformance", "reset", enabled="0")
    assert done.returncode == 1
    assert "CONFORMANCE_ENABLED is not set" in done.stderr
