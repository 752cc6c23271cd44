"""A profile that extends another: what is merged, what is replaced, where paths are looked up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.core.errors import UsageProblem
from conformance.target.profile import Profile, load

BASE = """
[target]
url = "ws://127.0.0.1:{port}"
start = ["serve", "{port}"]
env = { A = "1", B = "2" }
family = ["daphne"]
[tls]
ca_file = "ca.pem"
[carriers]
offered = ["query", "header"]
[credentials.alice]
user_id = 1
groups = ["staff"]
token = { generate = "ALICE" }
[credentials.bob]
user_id = 2
token = { file = "bob" }
[limits]
max_message_bytes = 1000
idle_seconds = 13
[[known_failure]]
requirement = "handshake.host"
reason = "theirs"
"""
Extended = Callable[..., Profile]


@pytest.fixture
def extended(tmp_path: Path) -> Extended:
    """Write the base into one folder, the profile that extends it into another, and read it."""

    def read(own: str, base: str = BASE) -> Profile:
        for folder, text in (("base", base), ("own", 'extends = "../base/conformance.toml"\n' + own)):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "conformance.toml").write_text(text, "utf-8")
        (tmp_path / "base" / "bob").write_text("bob-secret\n")
        return load(tmp_path / "own" / "conformance.toml")

    return read


def test_nothing_of_ones_own_is_the_other_profile(extended: Extended, tmp_path: Path) -> None:
    profile = extended("")
    base = load(tmp_path / "base" / "conformance.toml", profile.generated)
    assert profile.path == tmp_path / "own" / "conformance.toml"
    base.path = profile.path
    assert profile == base


def test_tables_are_merged_and_values_replaced(extended: Extended) -> None:
    profile = extended("""
        [target]
        start = ["other", "{port}"]
        env = { B = "3" }
        family = []
        [credentials.alice]
        groups = []
        [carriers]
        offered = ["cookie"]
        [[known_failure]]
        requirement = "handshake.http-version"
        reason = "ours"
    """)
    assert (profile.url, profile.start) == ("ws://127.0.0.1:{port}", ("other", "{port}"))
    assert profile.env == {"A": "1", "B": "3"}
    assert profile.families == ()
    assert (profile.credentials["alice"].user_id, profile.credentials["alice"].groups) == (1, ())
    assert profile.carriers == ("cookie",)
    assert [one.reason for one in profile.known_failures] == ["ours"]


def test_secret_of_another_kind_takes_the_place_of_the_first(
    extended: Extended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOB_TOKEN", "from-the-environment")
    profile = extended('[credentials.bob]\ntoken = { env = "BOB_TOKEN" }')
    assert profile.credentials["bob"].token == "from-the-environment"


def test_paths_are_those_of_the_file_that_wrote_them(extended: Extended, tmp_path: Path) -> None:
    profile = extended('[tls]\ncertificate = "mine.pem"')
    assert profile.cwd == tmp_path / "base"
    assert profile.ca_file == tmp_path / "base" / "ca.pem"
    assert profile.certificate == (tmp_path / "own" / "mine.pem").resolve()
    assert profile.credentials["bob"].token == "bob-secret"


def test_limit_that_the_other_has_is_taken_away(extended: Extended) -> None:
    profile = extended("[limits]\nidle_seconds = false")
    assert (profile.max_message_bytes, profile.idle_seconds) == (1000, None)


def test_extending_goes_on(extended: Extended, tmp_path: Path) -> None:
    extended('[target]\nenv = { A = "own" }')
    (tmp_path / "third.toml").write_text('extends = "own/conformance.toml"\n[target]\nenv = { B = "third" }')
    profile = load(tmp_path / "third.toml")
    assert profile.env == {"A": "own", "B": "third"}
    assert profile.cwd == tmp_path / "base"


@pytest.mark.parametrize(
    ("own", "complaint"),
    [
        ('extends = "nowhere.toml"', r"nowhere.toml, which .*own.toml extends: No such file"),
        ('extends = "own.toml"', r"own.toml: extends: own.toml extends this profile in its turn"),
        ("extends = 3", r"own.toml: extends: expected the path of another profile"),
        ('extends = "bad.toml"', r"bad.toml, which .*own.toml extends is no TOML"),
        ('extends = "odd.toml"', r"own.toml: target.urll: there is no such key. Did you mean 'url'\?"),
    ],
)
def test_mistake_names_the_file(tmp_path: Path, own: str, complaint: str) -> None:
    (tmp_path / "own.toml").write_text(own)
    (tmp_path / "bad.toml").write_text("[target")
    (tmp_path / "odd.toml").write_text('[target]\nurll = "ws://127.0.0.1:1"')
    with pytest.raises(UsageProblem, match=complaint):
        load(tmp_path / "own.toml")
