"""The suite as an installed wheel, beside other plugins that are installed as well."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import ROOT


def unpacked(folder: Path) -> Path:
    """Build the wheel and unpack it into a folder of its own, as pip does."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    zipfile.ZipFile(wheel).extractall(site)
    return site


def plugin(folder: Path, name: str, source: str) -> Path:
    """Install a plugin of pytest into a folder, with an entry point as every plugin has one."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[pytest11]\n{name} = {name}\n")
    (folder / f"{name}.py").write_text(source)
    return folder


def pytest_in(
    folder: Path, *arguments: str, beside: tuple[Path, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder, with packages of other folders before everything else."""
    path = {"PYTHONPATH": os.pathsep.join(map(str, beside))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments], cwd=folder,
        env=os.environ | path | environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
