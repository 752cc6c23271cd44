"""The layers: docs/architecture.md tells the truth about them, and the contracts notice a breach."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [(ROOT / name).read_text("utf-8") for name in ("docs/architecture.md", "CONTRIBUTING.md")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
LINTER = Path(sys.executable).with_name("lint-imports")
NAMED = re.compile(r"`((?:conformance|reference_server|tests|targets|docs|scripts)/[\w./-]*)`")


@pytest.mark.parametrize("name", sorted({name for page in PAGES for name in NAMED.findall(page)}))
def test_file_that_a_page_names_is_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"python -m (tests\.[\w.]+)", "".join(PAGES)))))
def test_program_that_a_page_names_is_there(name: str) -> None:
    path = ROOT / name.replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def test_page_lists_the_layers_in_the_order_of_the_contract() -> None:
    [layers] = [one["layers"] for one in CONTRACTS if one["type"] == "layers"]
    listed = re.findall(r"^\| `conformance/(\w+)/` \|", PAGES[0], re.MULTILINE)
    assert listed == [name for name in layers if name != "__main__"]


def test_each_way_passes_five_files() -> None:
    ways = re.findall(r"## The way of [^\n]+\n(.*?)(?=\n## )", PAGES[0], re.DOTALL)
    assert [len(re.findall(r"^\d\. `", way, re.MULTILINE)) for way in ways] == [5, 5, 5]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a copy of the package and of its contracts, whose files may be changed."""
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("conformance", "reference_server"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("conformance/wire/frames.py", "import conformance.client.peer", "Imports go down the layers only"),
        ("conformance/loose.py", "", "Imports go down the layers only"),
        ("conformance/target/url.py", "import conformance.target.target", "No circles, at any depth"),
        ("reference_server/page.py", "import conformance", "The reference server stands alone"),
        ("conformance/report/html.py", "import pytest", "Below the plugin nothing knows pytest"),
        ("conformance/wire/frames.py", "import socket", "The wire does no I/O"),
    ],
)
def test_contract_notices_what_breaks_it(package: Path, file: str, line: str, broken: str) -> None:
    with (package / file).open("a", encoding="utf-8") as changed:
        changed.write(f"\n{line}\n")
    done = subprocess.run(
        [LINTER, "--no-cache"], cwd=package, env={"PYTHONPATH": str(package)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{broken} BROKEN" in done.stdout, done.stdout
