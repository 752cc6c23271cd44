"""`python -m tests.defects`: which defects it runs, and what it writes about them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.spec import requirements
from tests.conftest import ROOT
from tests.defects import choosing, table
from tests.defects.engine import Verdict, judge
from tests.defects.matrix import Outcome
from tests.defects.registry import defects


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.defects", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("loses-a-text-of-119-bytes", "framing.text-message"),
        ("framing.text-message", "framing.text-message"),
        ("data", "framing.text-message"),
        ("protocol", "framing.text-message"),
        ("framing.text-*", "framing.text-message"),
        ("framing", "framing.text-message"),
    ],
)
def test_word_names_defects(word: str, known: str) -> None:
    assert known in {one.requirement for one in choosing.named([word])}


def test_words_name_a_defect_once() -> None:
    assert len(choosing.named(["closing.reply", "closing.reply", "closing"])) == len(
        choosing.named(["closing"])
    )


def test_word_that_names_nothing_is_4_with_a_suggestion() -> None:
    done = command("framing.text-mesage")
    assert done.returncode == 4
    assert "Did you mean 'framing.text-message'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_commit_that_nobody_knows_is_4() -> None:
    done = command("--changed=no-such-commit")
    assert done.returncode == 4
    assert "no-such-commit" in done.stderr
    assert "Traceback" not in done.stderr


def test_part_is_run_and_written_down(tmp_path: Path) -> None:
    done = command("loses-a-text-of-119-bytes", f"--output={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 killed" in done.stdout
    made = json.loads((tmp_path / "kill-matrix.json").read_text("utf-8"))
    assert not made["complete"]
    (rule,) = [one for one in made["requirements"] if one["verdict"] == table.PROVEN]
    assert rule["id"] == "framing.text-message"
    text = (tmp_path / "kill-matrix.md").read_text("utf-8")
    assert "| `framing.text-message` | MUST | proven | It loses a text of 119 bytes." in text


# What a change touches, in a repository of its own.


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of what is looked at, committed, in which a test changes what it likes."""
    for part in ("tests/defects", "conformance/suite", "conformance/spec/requirements", "conformance/wire"):
        for file in (ROOT / part).rglob("*"):
            if file.suffix in {".py", ".toml"}:
                kept = tmp_path / file.relative_to(ROOT)
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(file.read_bytes())
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "All."]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setattr(choosing, "ROOT", tmp_path)
    return tmp_path


def touched(repository: Path, file: str, old: str, new: str) -> list[str]:
    path = repository / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return [one.name for one in choosing.changed("HEAD")[0]]


def test_changed_defect_touches_itself(repository: Path) -> None:
    names = touched(repository, "tests/defects/data.py", "len(frame.data) == 119", "len(frame.data) == 118")
    assert names == ["loses-a-text-of-119-bytes"]


def test_changed_helper_of_defects_touches_those_of_its_users(repository: Path) -> None:
    names = touched(
        repository, "tests/defects/framing.py", "def frames(change):\n", "def frames(change):\n    1\n"
    )
    assert {"overlooks-opcode-11", "loses-a-text-of-119-bytes", "refuses-noncharacters"} <= {*names}
    assert "tells-the-newest-tab-alone" not in names


def test_changed_test_touches_the_defects_of_its_requirement(repository: Path) -> None:
    file = "conformance/suite/session/test_correlation.py"
    old = "async with target.connect() as client:\n        order"
    names = touched(repository, file, old, old.replace("client:", "client:\n        1"))
    assert names == [one.name for one in defects().values() if one.requirement == "session.reply-order"]


def test_changed_helper_of_tests_touches_those_of_its_users(repository: Path) -> None:
    names = touched(repository, "conformance/suite/events/nodes.py", "from __future__", "1\nfrom __future__")
    assert "makes-the-ids-of-menus-on-each-node" in names
    assert "overlooks-opcode-11" not in names


def test_changed_rule_touches_its_defects(repository: Path) -> None:
    file = "conformance/spec/requirements/robustness.toml"
    title = requirements()["robustness.churn"].title
    names = touched(repository, file, f'title = "{title}"', f'title = "{title} again"')
    assert names == [one.name for one in defects().values() if one.requirement == "robustness.churn"]


def test_what_every_suite_needs_touches_all(repository: Path) -> None:
    names = touched(repository, "conformance/wire/frames.py", "TEXT, ", "TEXT,  ")
    assert len(names) == len(defects())


def test_nothing_changed_touches_nothing(repository: Path) -> None:
    assert choosing.changed("HEAD") == ([], [])
    assert repository.exists()


# The table.


def verdict(name: str, **how: object) -> Verdict:
    return judge(defects()[name], Outcome(1, "", {"requirements": []}, seconds=1.5, processor=0.5, **how))


def test_survivor_leaves_its_requirement_unproven() -> None:
    made = table.document([verdict("loses-a-text-of-119-bytes")], seconds=61, jobs=2, command="x")
    (rule,) = [one for one in made["requirements"] if one["id"] == "framing.text-message"]
    assert rule["verdict"] == table.NOT_PROVEN
    assert rule["defects"][0]["complaints"]
    assert (made["counts"]["killed"], made["processor_seconds"]) == (0, 0.5)
    text = table.markdown(made)
    assert "- `loses-a-text-of-119-bytes` (framing.text-message)\n  - " in text
    assert "in 1 min 1 s" in text


def test_every_requirement_has_a_row_with_a_verdict_and_a_reason() -> None:
    rows = table.document([], seconds=0, jobs=1, command="x")["requirements"]
    assert [one["id"] for one in rows] == [*requirements()]
    assert {one["verdict"] for one in rows} == {table.NOT_RUN, table.OBSERVED}
    assert all(one["reason"] for one in rows if one["verdict"] == table.OBSERVED)


def test_counts_add_up() -> None:
    rows = table.counts()
    assert sum(row[2] for row in rows) == len(requirements())
    assert sum(row[4] for row in rows) == len(defects())
