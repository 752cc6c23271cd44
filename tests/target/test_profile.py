"""The profile: what is read from it, and that every mistake names file, key and a suggestion."""

from __future__ import annotations

import pytest
from profile_texts import CREDENTIALS, STARTED, complaint

from conformance.target.profile import BAD_TOKENS, CARRIERS, Profile

# What is right.


def test_empty_profile_is_all_defaults(write, tmp_path):
    profile = write("")
    assert profile.path == tmp_path / "conformance.toml"
    assert profile.cwd == tmp_path.resolve()
    assert (profile.url, profile.start, profile.credentials, profile.secrets) == (None, (), {}, [])
    assert (profile.anonymous, profile.ready_timeout, profile.cookie) == (True, 20.0, "session")


def test_everything_that_can_be_said_is_read(write, tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    profile = write("""
        carriers = { offered = ["query", "cookie"], cookie = "sid" }
        control = { http = "http://127.0.0.1:1/control" }
        limits = { max_message_bytes = 4096 }
        [target]
        url = "ws://localhost:{port}"
        start = ["serve", "{port}"]
        prepare = [["migrate"], ["seed", "x"]]
        cwd = "sub"
        env = { A = "1" }
        ready_timeout = 3
        headers = { X = "y" }
        anonymous = false
        allowed_origins = ["https://a.example"]
        no_origin = "refuse"
        echo = "/echo?mode=plain"
        [tls]
        ca_file = "ca.pem"
        insecure = true
        [credentials.alice]
        user_id = 9007199254740993
        groups = ["editors"]
        token = { env = "ALICE_TOKEN" }
        [credentials.burn]
        user_id = 2
        disposable = true
        token = { generate = "BURN_TOKEN" }
        [bad_tokens]
        expired = { file = "token" }
        [[known_failure]]
        requirement = "closing.code-echo"
        reason = "the framework"
        link = "https://bugs.example/1"
    """)
    assert (profile.url, profile.start) == ("ws://localhost:{port}", ("serve", "{port}"))
    assert profile.prepare == (("migrate",), ("seed", "x"))
    assert (profile.cwd, profile.ca_file) == (tmp_path.resolve() / "sub", tmp_path.resolve() / "ca.pem")
    assert (profile.env, profile.headers, profile.ready_timeout) == ({"A": "1"}, {"X": "y"}, 3.0)
    assert profile.echo == "/echo?mode=plain"
    assert (profile.anonymous, profile.no_origin, profile.insecure) == (False, "refuse", True)
    assert (profile.allowed_origins, profile.cookie) == (("https://a.example",), "sid")
    assert (profile.control_http, profile.max_message_bytes) == ("http://127.0.0.1:1/control", 4096)
    alice, burn = profile.credentials["alice"], profile.credentials["burn"]
    assert (alice.user_id, alice.groups, alice.token) == (9007199254740993, ("editors",), "alice-secret-7f3a")
    assert (alice.disposable, burn.disposable, burn.groups) == (False, True, None)
    assert profile.bad_tokens == {"expired": "from-a-file"}
    assert profile.generated == {"BURN_TOKEN": burn.token}
    (known,) = profile.known_failures
    assert (known.requirement, known.link) == ("closing.code-echo", "https://bugs.example/1")


@pytest.mark.parametrize("carrier", CARRIERS)
def test_every_carrier_may_be_offered(write, carrier):
    assert write(f'[carriers]\noffered = ["{carrier}"]').carriers == (carrier,)


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_every_bad_token_may_be_given(write, name):
    assert write(f'[bad_tokens]\n{name} = {{ env = "ALICE_TOKEN" }}').bad_tokens == {
        name: "alice-secret-7f3a"
    }


# Secrets.


def token(secret):
    return CREDENTIALS.replace('{ env = "ALICE_TOKEN" }', secret)


@pytest.mark.parametrize(
    ("secret", "key", "words"),
    [
        ('"alice-plain-text"', "token", "a secret is given as"),
        ("5", "token", "a secret is given as"),
        ("{}", "token", "a secret is given as"),
        ('{ env = "A", file = "b" }', "token", "a secret is given as"),
        ('{ environment = "A" }', "token.environment", "Known: env, file, generate"),
        ('{ fil = "A" }', "token.fil", "Did you mean 'file'"),
        ("{ env = 5 }", "token.env", "expected a name"),
        ('{ env = "" }', "token.env", "expected a name"),
        ('{ env = "NOT_SET" }', "token.env", "the environment variable NOT_SET is not set"),
        ('{ file = "none" }', "token.file", "none cannot be read"),
        ('{ file = "." }', "token.file", "cannot be read"),
    ],
)
def test_secret_that_cannot_be_had(write, secret, key, words):
    message = complaint(write, token(secret))
    assert f"conformance.toml: credentials.alice.{key}: " in message
    assert words in message
    assert "alice-plain-text" not in message


def test_generated_secret_needs_a_server_to_hand_it_to(write):
    assert "no target.start" in complaint(write, token('{ generate = "NAME" }'))


@pytest.mark.parametrize(
    "value", ["with blank", "two\nlines", "semi;colon", "com,ma", 'quo"te', "back\\slash", "ümlaut"]
)
def test_token_that_cannot_stand_in_a_header(write, tmp_path, value):
    (tmp_path / "token").write_text(value, "utf-8")
    message = complaint(write, token('{ file = "token" }'))
    assert "cannot stand in a header" in message
    assert value not in message


@pytest.mark.parametrize("content", ["", "\n"])
def test_empty_secret_file_is_a_mistake(write, tmp_path, content):
    (tmp_path / "token").write_text(content)
    assert "credentials.alice.token" in complaint(write, token('{ file = "token" }'))


def test_secret_of_a_file_is_stripped(write, tmp_path):
    (tmp_path / "token").write_text("  from-a-file\r\n")
    assert write(token('{ file = "token" }')).credentials["alice"].token == "from-a-file"


def test_generated_secret_is_fresh_in_each_run_and_the_same_for_one_name(write):
    text = STARTED + token('{ generate = "A_TOKEN" }') + '[bad_tokens]\nexpired = { generate = "A_TOKEN" }'
    one, other = write(text), write(text)
    assert one.credentials["alice"].token == one.bad_tokens["expired"] == one.generated["A_TOKEN"]
    assert one.generated != other.generated
    assert one.generated["A_TOKEN"].startswith("a-token-")


def test_secrets_are_listed_longest_first(write, monkeypatch):
    monkeypatch.setenv("SHORT", "alice-secret")
    profile = write(CREDENTIALS + '[bad_tokens]\nexpired = { env = "SHORT" }')
    assert profile.secrets == ["alice-secret-7f3a", "alice-secret"]


def test_token_is_in_no_repr(write):
    profile = write(STARTED + token('{ generate = "A_TOKEN" }'))
    assert profile.secrets[0] not in repr(profile)
    assert profile.secrets[0] not in repr(profile.credentials["alice"])


def test_bad_token_is_in_no_repr(write):
    profile = write('[bad_tokens]\nexpired = { env = "ALICE_TOKEN" }')
    assert "alice-secret-7f3a" not in repr(profile)


def test_bare_profile_has_no_path():
    assert Profile().path is None


# Control, dialect, permissions.


def test_permissions_are_read(write):
    profile = write(
        '[target]\npublic_permissions = ["news.view"]\n' + CREDENTIALS + 'permissions = ["articles.view"]\n'
    )
    assert profile.public_permissions == ("news.view",)
    assert profile.credentials["alice"].permissions == ("articles.view",)
    assert write(CREDENTIALS).credentials["alice"].permissions is None


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('command = ["manage.py", "x", "{action}", "{parameters}"]',
         {"control_command": ("manage.py", "x", "{action}", "{parameters}")}),
        ('command = "manage.py \'a b\' {action}"', {"control_command": ("manage.py", "a b", "{action}")}),
        ('command = "x {action} | y"\nshell = true',
         {"control_command": ("x {action} | y",), "control_shell": True}),
        ('python = "package.module:thing.call"\ntimeout = 3',
         {"control_python": "package.module:thing.call", "control_timeout": 3.0}),
    ],
)  # fmt: skip
def test_control_is_read(write, text, fields):
    profile = write("[control]\n" + text)
    assert {name: getattr(profile, name) for name in fields} == fields
    assert profile.controlled


def test_dialect_is_read(write):
    profile = write("""
        [dialect]
        flat = ["error", "connect"]
        anonymous_user_id = 0
        [dialect.types]
        heartbeat = "ping"
        check_permission = false
        [dialect.members]
        "data.permission" = "what.perm"
        user_id = "userId"
        [dialect.messages.error]
        data.code = "reason"
        [dialect.errors]
        invalid_json = "BAD_JSON"
        unknown_type = ["WHAT", "WHO"]
        [dialect.routes]
        own = "/socket"
        user = false
        """)
    dialect = profile.dialect
    assert dialect.types == {"heartbeat": "ping", "check_permission": None}
    assert dialect.members == {"data.permission": "what.perm", "user_id": "userId"}
    assert dialect.messages == {"error": {"data.code": "reason"}}
    assert dialect.flat == {"error", "connect"}
    assert dialect.errors == {"invalid_json": ("BAD_JSON",), "unknown_type": ("WHAT", "WHO")}
    assert dialect.anonymous == (0,)
    assert (profile.routes.own, profile.routes.user) == ("/socket", None)
    assert profile.routes.anonymous == ("/ws/permissions/anonymous", "/ws/permissions/anonymous/")


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('[control]\nhttp = "http://h"\npython = "a:b"', "control.python", "control.http already"),
        ('[control]\nhttp = "http://h/?a=1"', "control.http", "without query"),
        ('[control]\npython = "module"', "control.python", 'expected "package.module:callable"'),
        ('[control]\ncommand = ["x"]', "control.command", "no {action}"),
        ('[control]\ncommand = ["x", "{acton}"]', "control.command", "Did you mean 'action'"),
        ('[control]\ncommand = ["x", "{action}", "-p{parameters}"]', "control.command", "write it alone"),
        ("[control]\ncommand = 'x \"{action}'", "control.command", "cannot be split"),
        ('[control]\ncommand = ["x", "{action}"]\nshell = true', "control.command", "a string for the shell"),
        ("[control]\nshell = true", "control.shell", "belongs to control.command"),
        ('[control]\nhttp = "http://h"\ntimeout = 0', "control.timeout", "above 0"),
        ("[control]\ncomand = 1", "control.comand", "Did you mean 'command'"),
        ("dialect = 1", "dialect", "expected a table"),
        ('[dialect.type]\nx = "y"', "dialect.type", "Did you mean 'types'"),
        ('[dialect.types]\nhartbeat = "y"', "dialect.types.hartbeat", "Did you mean 'heartbeat'"),
        ("[dialect.types]\nheartbeat = 1", "dialect.types.heartbeat", "or false"),
        ("[dialect.types]\nconnection_confirmed = false", "dialect.types.connection_confirmed", "nobody can"),
        ('[dialect.types]\nerror = "role_updated"', "dialect.types.error", "both"),
        ('[dialect.members]\nuser = "y"', "dialect.members.user", "Did you mean 'userId'"),
        ('[dialect.members]\nuser_id = "a..b"', "dialect.members.user_id", "expected a path"),
        ('[dialect.members]\nid = "type"', "dialect.members.id", "both stand at type"),
        ('[dialect.messages.eror]\ncode = "y"', "dialect.messages.eror", "Did you mean 'error'"),
        ('[dialect.messages.error]\nallowed = "y"', "dialect.messages.error.allowed", "no such member"),
        ('[dialect]\nflat = ["heartbeat"]', "dialect.flat", "no members in `data`"),
        ("[dialect]\nflat = 1", "dialect.flat", "expected true, false"),
        ('[dialect.errors]\ninvalid = "y"', "dialect.errors.invalid", "Did you mean 'invalid_json'"),
        ('[dialect.errors]\ninternal = "A"\nforbidden = "A"', "dialect.errors.forbidden", "two codes"),
        ('[dialect.features]\nheart = "y"', "dialect.features.heart", "Did you mean 'heartbeat'"),
        ('[dialect.routes]\nown = "socket"', "dialect.routes.own", "begins with /"),
        ('[dialect.routes]\nown = "/socket?a=1"', "dialect.routes.own", "without a query"),
        ('[dialect.routes]\nuser = "/socket/"', "dialect.routes.user", "no {user_id}"),
        ('[dialect]\nserver_time = "minutes"', "dialect.server_time", "none of iso, s, ms"),
        ("[dialect]\nanonymous_user_id = []", "dialect.anonymous_user_id", "a string or an integer"),
        ('[target]\npublic_permissions = "x"', "target.public_permissions", "a list of strings"),
    ],
)  # fmt: skip
def test_mistake_in_control_or_dialect_is_named(write, text, key, words):
    message = complaint(write, text)
    assert "conformance.toml: " + key + ": " in message
    assert words in message
