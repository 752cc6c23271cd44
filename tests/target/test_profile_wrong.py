"""A wrong profile: every mistake names file, key and a suggestion."""

from __future__ import annotations

import pytest
from profile_texts import CREDENTIALS, STARTED, complaint

from conformance.core.errors import UsageProblem
from conformance.target.profile import load

# What is wrong: TOML, key that the message must name, words of the complaint.

WRONG = [
    ("unknown-table", "[taget]", "taget", "Did you mean 'target'"),
    ("unknown-key", '[target]\nulr = "x"', "target.ulr", "Did you mean 'url'"),
    ("far-off-key", '[tls]\nzzzz = "x"', "tls.zzzz", "Known: ca_file, certificate, insecure, key"),
    ("credential-key", CREDENTIALS + "toekn = 1", "credentials.alice.toekn", "Did you mean 'token'"),
    ("bad-token-key", '[bad_tokens]\nexpird = { env = "A" }', "bad_tokens.expird", "Did you mean 'expired'"),
    ("control-key", '[control]\nhtpp = "x"', "control.htpp", "Did you mean 'http'"),
    ("limit-key", "[limits]\nmax_message_byte = 1", "limits.max_message_byte", "Did you mean"),
    ("not-a-table", "target = 5", "target", "expected a table"),
    ("credentials-not-a-table", "credentials = 5", "credentials", "expected a table"),
    ("credential-not-a-table", "[credentials]\nalice = 5", "credentials.alice", "expected a table"),
    ("url-type", "[target]\nurl = 5", "target.url", "expected str, got int"),
    ("cwd-type", "[target]\ncwd = 5", "target.cwd", "expected str"),
    ("start-type", '[target]\nstart = "serve"', "target.start", "expected a list of strings"),
    ("nodes-type", '[target]\nnodes = "x"', "target.nodes", "expected a list of strings"),
    ("nodes-url", '[target]\nnodes = ["nowhere"]', "target.nodes", "the scheme"),
    (
        "nodes-port",
        '[target]\nurl = "ws://localhost:{port}"\nstart = ["x"]\nnodes = ["ws://localhost:{port}"]',
        "target.nodes",
        "{port2}",
    ),
    ("start-item", "[target]\nstart = [5]", "target.start", "expected a list of strings"),
    ("prepare-type", '[target]\nprepare = ["x"]', "target.prepare", "expected a list of commands"),
    ("env-type", "[target]\nenv = { A = 1 }", "target.env", "expected a table of strings"),
    ("headers-type", '[target]\nheaders = ["x"]', "target.headers", "expected a table of strings"),
    ("timeout-type", '[target]\nready_timeout = "3"', "target.ready_timeout", "expected number"),
    ("anonymous-type", '[target]\nanonymous = "yes"', "target.anonymous", "expected bool"),
    ("origins-type", '[target]\nallowed_origins = "x"', "target.allowed_origins", "list of strings"),
    (
        "echo-without-slash",
        '[target]\necho = "echo"',
        "target.echo",
        "expected the path of an echo endpoint, like /echo",
    ),
    ("no-origin-value", '[target]\nno_origin = "maybe"', "target.no_origin", "neither 'accept' nor 'refuse'"),
    ("insecure-type", "[tls]\ninsecure = 1", "tls.insecure", "expected bool"),
    ("ca-file-type", "[tls]\nca_file = 1", "tls.ca_file", "expected str"),
    (
        "limit-type",
        "[limits]\nmax_message_bytes = true",
        "limits.max_message_bytes",
        "expected int, got bool",
    ),
    ("carrier", '[carriers]\noffered = ["cokie"]', "carriers.offered", "Did you mean 'cookie'"),
    ("cookie-type", "[carriers]\ncookie = 1", "carriers.cookie", "expected str"),
    ("no-carrier", CREDENTIALS.replace('["header"]', "[]"), "carriers.offered", "no carrier"),
    ("no-user-id", "[credentials.a]\ntoken = { env = 'A' }", "credentials.a.user_id", "missing"),
    ("no-token", "[credentials.a]\nuser_id = 1", "credentials.a.token", "missing"),
    ("user-id-type", CREDENTIALS.replace("= 1", "= '1'"), "credentials.alice.user_id", "expected int"),
    ("groups-type", CREDENTIALS + "groups = [1]", "credentials.alice.groups", "list of strings"),
    ("disposable-type", CREDENTIALS + "disposable = 1", "credentials.alice.disposable", "expected bool"),
    ("control-scheme", '[control]\nhttp = "localhost:1"', "control.http", "expected an http:// URL"),
    ("start-without-url", '[target]\nstart = ["x"]', "target.url", "needs the URL"),
    ("known-key", '[[known_failure]]\nreasn = "x"', "known_failure 1.reasn", "Did you mean 'reason'"),
    ("known-table", "known_failure = { requirement = 'x' }", "known_failure", "[[known_failure]]"),
    (
        "known-requirement",
        '[[known_failure]]\nrequirement = "no.such"\nreason = "x"',
        "known_failure 1.requirement",
        "no requirement 'no.such'",
    ),
    (
        "known-reason",
        '[[known_failure]]\nrequirement = "closing.code-echo"',
        "known_failure 1.reason",
        "needs its reason",
    ),
]


@pytest.mark.parametrize(("text", "key", "words"), [pytest.param(*one[1:], id=one[0]) for one in WRONG])
def test_mistake_names_file_key_and_what_is_wrong(write, text, key, words):
    message = complaint(write, text)
    assert "conformance.toml: " + key + ": " in message
    assert words in message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("[target]\nready_timeout = true", "target.ready_timeout", id="timeout-bool"),
        pytest.param("[target]\nready_timeout = -1", "target.ready_timeout", id="timeout-negative"),
        pytest.param("[limits]\nmax_message_bytes = 0", "limits.max_message_bytes", id="limit-zero"),
        pytest.param('[target]\nurl = "localhost:8000"', "target.url", id="url"),
        pytest.param("[target]\nprepare = [[]]", "target.prepare", id="prepare-without-words"),
        pytest.param("known_failure = [1]", "known_failure 1", id="known-number"),
        pytest.param("[[known_failure]]\nrequirement = ['x']", "known_failure 1", id="known-list"),
        pytest.param("[[known_failure]]\nrequirement = 5", "known_failure 1", id="known-5"),
        pytest.param(
            "[[known_failure]]\nrequirement = 'closing.code-echo'\nreason = 5",
            "known_failure 1.reason",
            id="known-reason-number",
        ),
    ],
)  # fmt: skip
def test_mistake_that_is_found_too_late(write, text, key):
    assert "conformance.toml: " + key in complaint(write, text)


def test_misspelt_requirement_gets_a_suggestion(write):
    message = complaint(write, '[[known_failure]]\nrequirement = "closing.code-eco"\nreason = "x"')
    assert "Did you mean 'closing.code-echo'" in message


def test_nodes_run_already_or_are_started_on_ports_of_their_own(write):
    assert write('[target]\nnodes = ["ws://b:1", "ws://c:1"]').nodes == ("ws://b:1", "ws://c:1")
    started = STARTED.rstrip() + '\nnodes = ["ws://localhost:{port2}", "ws://localhost:{port3}"]'
    assert len(write(started).nodes) == 2


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageProblem, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml")


def test_file_that_is_a_folder(tmp_path):
    with pytest.raises(UsageProblem, match="directory"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"[target", b"a = ", b"\xff\xfe", b"[target]\n[target]"])
def test_file_that_is_no_toml(tmp_path, content):
    path = tmp_path / "conformance.toml"
    path.write_bytes(content)
    with pytest.raises(UsageProblem, match=r"conformance\.toml is no TOML"):
        load(path)
