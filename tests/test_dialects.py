"""An existing backend with names of its own, tested through a dialect without being changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT, Suite

FOLDER = ROOT / "targets" / "other_names"
JUDGED = (
    "session.heartbeat-echo", "session.hostile-input", "framing.length-forms", "limits.message-refused",
    "events.order", "events.state-before-event", "auth.anonymous", "routing.user-endpoint",
)  # fmt: skip


def profile_with(folder: Path, *changes: tuple[str, str], vice: str = "") -> str:
    """Write the target's profile with other texts in it and return the option that names it."""
    text = (FOLDER / "conformance.toml").read_text()
    words = f'"{FOLDER / "server.py"}", ' + (f'"--vice={vice}", ' if vice else "")
    for before, after in (('"server.py", ', words), *changes):
        assert before in text
        text = text.replace(before, after)
    path = folder / "other.toml"
    path.write_text(text)
    return f"--profile={path}"


def report(folder: Path) -> dict:
    return json.loads((folder / "reports" / "conformance.json").read_text())


def failed(folder: Path) -> set[str]:
    return {one["id"] for one in report(folder)["requirements"] if one["outcome"] == "failed"}


def test_backend_with_other_names_passes_unchanged(suite: Suite, tmp_path: Path) -> None:
    assert "conformance" not in (FOLDER / "server.py").read_text()
    more = ('unknown_type = "WHAT"', 'unknown_type = "WHAT"\nrate_limited = "SLOW"')
    done = suite(profile_with(tmp_path, more), timeout=300)
    assert done.returncode == 0, done.stdout[-4000:]
    written = report(tmp_path)
    outcomes = {one["id"]: one["outcome"] for one in written["requirements"]}
    for one in JUDGED:
        assert outcomes[one] == "passed", one
    # An entry that was never seen is told, and turns nothing red.
    assert 'dialect: `errors.rate_limited = "SLOW"` was never seen' in done.stdout
    unseen = [one["key"] for one in written["dialect"]["entries"] if not one["seen"]]
    assert unseen == ["errors.rate_limited"]
    assert "errors.rate_limited" in (tmp_path / "reports" / "conformance.html").read_text()
    # Evidence is what the wire carried, not its translation.
    shown = json.dumps([test["transcripts"] for test in written["tests"]])
    assert "welcome" in shown
    assert "connection_confirmed" not in shown


@pytest.mark.parametrize(
    ("vice", "files", "broken"),
    [
        ("forgets-data", ["protocol/test_framing.py"], {"framing.length-forms"}),
        ("calls-it-bad-json", ["session/test_errors.py"], {"session.unknown-type"}),
        ("believes-hello", ["session/test_connect.py"],
         {"session.connect-identity", "session.connect-identity-of-user"}),
        ("tells-everyone", ["events/test_isolation.py"],
         {"events.not-to-other-users", "events.not-to-anonymous"}),
        ("opens-any-path", ["routing/test_unknown_paths.py"],
         {"routing.unknown-path", "routing.arbitrary-path"}),
    ],
)  # fmt: skip
def test_dialect_hides_no_breach(
    suite: Suite, tmp_path: Path, vice: str, files: list[str], broken: set[str]
) -> None:
    done = suite(profile_with(tmp_path, vice=vice), *(f"conformance/suite/{one}" for one in files))
    assert done.returncode == 1, done.stdout[-4000:]
    assert failed(tmp_path) == broken


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('user_id = "uid"', 'user_id = "user"',
         "no member `user` (dialect.messages.connection_confirmed.user_id); seen members: event, uid"),
        ('type = "event"', 'type = "evt"',
         "no member `evt` (dialect.members.type); seen members: event, uid, teams"),
        ('= "welcome"', '= "hello!"',
         '`event` is "welcome", not "hello!" (dialect.types.connection_confirmed)'),
    ],
)  # fmt: skip
def test_dialect_that_does_not_fit_is_said_at_once(
    suite: Suite, tmp_path: Path, before: str, after: str, said: str
) -> None:
    done = suite(profile_with(tmp_path, (before, after)), "conformance/suite/session")
    assert done.returncode == 10, done.stdout
    assert "the dialect does not fit the backend: the first message" in done.stdout
    assert said in done.stdout


def test_message_that_is_declared_absent_is_not_applicable(suite: Suite, tmp_path: Path) -> None:
    changes = [
        ('check_permission = "can"', "check_permission = false"),
        ('permission_result = "canResult"', "permission_result = false"),
        ('role_updated = "roleChanged"', "role_updated = false"),
    ]
    done = suite(
        profile_with(tmp_path, *changes),
        "conformance/suite/session",
        "conformance/suite/events/test_types.py",
    )
    assert done.returncode == 0, done.stdout[-4000:]
    outcomes = {one["id"]: one for one in report(tmp_path)["requirements"]}
    for one in ("session.permission-unknown", "events.role-updated"):
        assert outcomes[one]["outcome"] == "not-applicable"
        assert "by the profile" in outcomes[one]["reason"] or "the profile says" in outcomes[one]["reason"]
    assert outcomes["events.permission-changed"]["outcome"] == "passed"


def test_heartbeat_that_is_declared_absent_leaves_the_rest_to_be_judged(suite: Suite, tmp_path: Path) -> None:
    changes = [('heartbeat = "ping"\nheartbeat_ack = "pong"', "heartbeat = false\nheartbeat_ack = false")]
    done = suite(
        profile_with(tmp_path, *changes), "conformance/suite/session", "conformance/suite/auth",
        "conformance/suite/protocol/test_framing.py",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    outcomes = {one["id"]: one["outcome"] for one in report(tmp_path)["requirements"]}
    assert outcomes["session.heartbeat-echo"] == "not-applicable"
    assert outcomes["session.permission-unknown"] == "passed"
    assert outcomes["auth.anonymous"] == "passed"
