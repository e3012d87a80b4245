# SPDX-License-Identifier: GPL-2.0-or-later
"""The wheel holds what the package needs, and the lock what the project asks for."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from conftest import REPOSITORY


def test_the_wheel_stands_alone(folder: Path) -> None:
    ignored = shutil.ignore_patterns("*.egg-info", "build", ".*", "__pycache__")
    shutil.copytree(REPOSITORY / "pipelines", folder / "pipelines", symlinks=True, ignore=ignored)
    (folder / "docs").mkdir()
    shutil.copy(REPOSITORY / "docs/frames.schema.json", folder / "docs")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", folder, folder / "pipelines"], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        schema = packed.read("wechat_frames/frames.schema.json")
        assert "wechat_frames/py.typed" in packed.namelist()
        (entries,) = (packed.read(name) for name in packed.namelist() if name.endswith("entry_points.txt"))
    assert schema == (REPOSITORY / "docs/frames.schema.json").read_bytes()
    assert b"wechat-frames = wechat_frames.main:main" in entries
    # Also from the archive itself, as Spark's --py-files have it.
    said = subprocess.run(
        [sys.executable, "-m", "wechat_frames", "--version"],
        env={"PYTHONPATH": str(wheel), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", said.stdout)


def test_the_lock_has_what_the_project_asks_for() -> None:
    folder = REPOSITORY / "pipelines"
    lock = (folder / "requirements.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for one in asked:
        name = re.match(r"[a-z0-9-]+", one)
        assert name and name[0] in locked, one
    assert "http" not in lock, "a lock names no place"
