"""The files of a release: built once, from a copy of the files that git knows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class Release(NamedTuple):
    """Files of the repository, as paths relative to it, and the two files of a release."""

    files: list[str]
    sdist: Path
    wheel: Path


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Build the sdist, and the wheel from the sdist."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode != 0:
        pytest.skip("not a clone of the repository")
    files = [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
    copy, built = tmp_path_factory.mktemp("repository"), tmp_path_factory.mktemp("dist")
    for name in files:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", built, copy]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    return Release(files, sdist, wheel)


class Environment:
    """A new virtual environment, and programs that run in it alone."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self.folder = folder
        self.programs = folder / "bin"
        (self.packages,) = folder.glob("lib/python*/site-packages")

    def run(
        self, program: str, *words: object, cwd: Path, exit_code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment."""
        variables = {key: value for key, value in os.environ.items() if "PYTHON" not in key}
        variables["PATH"] = f"{self.programs}{os.pathsep}{variables['PATH']}"
        done = subprocess.run(
            [self.programs / program, *map(str, words)],
            cwd=cwd,
            env=variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done

    def install(self, *words: object) -> None:
        """Install packages; skip the test if they cannot be fetched."""
        command = [self.programs / "python", "-m", "pip", "install", "--quiet", *map(str, words)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode and re.search(
            "Retrying|No matching distribution|Connection|Temporary failure", done.stderr
        ):
            pytest.skip(f"cannot fetch {words[-1]}: {done.stderr.splitlines()[-1]}")
        assert done.returncode == 0, done.stderr


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")
