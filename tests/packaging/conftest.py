"""The files of a release: built once, from a copy of the files that git knows."""

from __future__ import annotations

import shutil
import subprocess
import sys
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
