"""Compiled code on disk: it is a pickle, and read only where nobody else can have put it."""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import pickle
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

import dnabirnn
from dnabirnn.compiled.compiled import digest_of, sources

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")

_CALL = """
import io
from pathlib import Path
import numpy as np
from dnabirnn.tracks.lines import Lines, _write
from dnabirnn.tracks.rows import Rows

where = _write._cache._cache_file._index_path if _write._cache.cache_path else ""
{before}
file = io.BytesIO()
lines = Lines(file, ["M"])
one = np.array([7])
lines.add(Rows("a", one.astype(np.uint8), one, one + 1, one.astype(np.int16), 0, True), one * 0)
lines.flush()
print(where, file.getvalue())
"""


class Payload:
    """A pickle of it makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def call(folder: Path, before: str = "") -> str:
    """Call a kernel in a process of its own, with a folder for what is compiled; its index."""
    done = subprocess.run(
        [sys.executable, "-c", _CALL.format(before=before)],
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder), "XDG_CACHE_HOME": str(folder / "home")},
        check=True,
        capture_output=True,
        text=True,
    )
    where, text = done.stdout.split(maxsplit=1)
    assert text.strip() == repr(b"a\t7\t8\tM\n")
    return where


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index that a call has left."""
    before = os.umask(0o000)
    try:
        return Path(call(tmp_path_factory.mktemp("compiled") / "kept"))
    finally:
        os.umask(before)


@pytest.fixture
def index(compiled: Path, tmp_path: Path) -> Path:
    """An index of one's own, with a payload where Numba looks first: behind its version."""
    root = compiled.parents[2]
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    own = tmp_path / compiled.relative_to(root)
    data = pickle.dumps(numba.__version__) + pickle.dumps(Payload(tmp_path / "ran"))
    own.write_bytes(data + hashlib.sha256(data).digest())
    return own


def test_the_folder_is_for_this_user_alone(compiled: Path) -> None:
    assert compiled.is_file()
    assert compiled.parents[2].name == "kept"
    assert stat.S_IMODE(compiled.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(("mode", "runs"), [(0o700, True), (0o770, False), (0o702, False)])
def test_nothing_is_read_where_others_can_write(
    index: Path, tmp_path: Path, mode: int, runs: bool
) -> None:
    index.parent.chmod(mode)
    other = call(tmp_path)
    # What shows that the payload is one: in a folder of our own, Numba reads it.
    assert (tmp_path / "ran").exists() == runs
    assert (Path(other).parent == index.parent) == runs


def test_a_folder_that_is_opened_to_others_meanwhile(index: Path, tmp_path: Path) -> None:
    content = index.read_bytes()
    call(tmp_path, "Path(where).parent.chmod(0o777)")
    assert not (tmp_path / "ran").exists()
    assert index.read_bytes() == content


def test_a_link_in_the_place_of_the_folder(index: Path, tmp_path: Path) -> None:
    index.parent.rename(tmp_path / "elsewhere")
    index.parent.symlink_to(tmp_path / "elsewhere")
    call(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user(index: Path, tmp_path: Path) -> None:
    os.chown(index.parent, 12345, 12345)
    call(tmp_path)
    assert not (tmp_path / "ran").exists()


PACKAGE = Path(dnabirnn.__file__).parent
KERNEL_FILES = [path.relative_to(PACKAGE) for path in sources(PACKAGE)]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the files that the key of cached code depends on."""
    for name in KERNEL_FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("name", KERNEL_FILES, ids=str)
def test_the_key_changes_with_each_file(package: Path, name: Path) -> None:
    before = digest_of(package)
    assert before == digest_of(PACKAGE)
    with (package / name).open("a") as file:
        file.write("# changed")
    assert digest_of(package) != before


@pytest.mark.parametrize("missing", ["engine", "compiled", "alphabet.py"])
def test_a_key_of_nothing_is_an_error(package: Path, missing: str) -> None:
    (package / missing).rename(package / "elsewhere")
    with pytest.raises(RuntimeError, match="no source files of the kernels"):
        digest_of(package)


def kernel_modules() -> list[Path]:
    return [
        path
        for path in PACKAGE.rglob("*.py")
        if "from dnabirnn.compiled import" in path.read_text()
        or path.parent == PACKAGE / "engine" / "kernels"
    ]


@pytest.mark.parametrize("path", kernel_modules(), ids=lambda path: path.stem)
def test_whatever_a_kernel_module_imports_is_in_the_key(path: Path) -> None:
    """Constants are compiled into kernels, so each must come from a file that the key covers."""
    known = set(KERNEL_FILES)
    for node in ast.parse(path.read_text()).body:  # not under TYPE_CHECKING
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("dnabirnn"):
            continue
        for alias in node.names:
            value = getattr(importlib.import_module(node.module or ""), alias.name, None)
            if isinstance(value, int | float | tuple):
                assert {origin(node.module or "", alias.name)} <= known


def origin(module: str, name: str) -> Path:
    """File that defines a name, if need be behind the face of a subpackage."""
    parts = module.split(".")[1:]
    face = PACKAGE.joinpath(*parts, "__init__.pyi")
    if face.is_file():
        for node in ast.parse(face.read_text()).body:
            if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
                parts += (node.module or "").split(".")
    return Path(*parts).with_suffix(".py")
