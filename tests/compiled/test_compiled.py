"""Machine code on disk is run, so it is read only where nobody else can have put it."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import dnabirnn
from dnabirnn.compiled.kernels import digest_of, sources

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")

# Calls a kernel, and prints the file of its code and what it has written.
_CALL = """
import io, sys
from pathlib import Path
import numpy as np
from dnabirnn.tracks.lines import Lines, _write
from dnabirnn.tracks.rows import Rows

def lines():
    file = io.BytesIO()
    lines = Lines(file, ["M"])
    one = np.array([7])
    lines.add(Rows("a", one.astype(np.uint8), one, one + 1, one.astype(np.int16), 0, True), one * 0)
    lines.flush()
    return file.getvalue()

found = []
own = _write.file
def file(kinds):
    found.append(own(kinds))
    {before}
    return found[-1]
_write.file = file
text = lines()
print(found[-1].path if found[-1] else "", "numba" in sys.modules, text)
"""
# Keeps the code of another function in the place of the kernel's own.
_PLANT = """
    from dnabirnn.compiled.compile import compile_kernel
    def nothing(a, b, c, d, e, f, g, h, i, j, at):
        return at
    arguments = [np.zeros([1] * k.dimensions, k.dtype) for k in kinds[:-1]] + [0]
    found[-1].write(compile_kernel(nothing, kinds, arguments)[0])
"""
_LINE = repr(b"a\t7\t8\tM\n")
_PLANTED = repr(b"")


def call(folder: Path, before: str = "") -> tuple[Path, bool, str]:
    """Call a kernel in a new process, with a folder for code.

    Returns the file of the code, whether Numba was imported, and what the kernel wrote.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CALL.format(before=before)],
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder), "XDG_CACHE_HOME": str(folder / "home")},
        check=True,
        capture_output=True,
        text=True,
    )
    where, numba, text = done.stdout.split(maxsplit=2)
    return Path(where), numba == "True", text.strip()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that a call has left."""
    before = os.umask(0o000)
    try:
        path, numba, text = call(tmp_path_factory.mktemp("compiled") / "kept")
    finally:
        os.umask(before)
    assert numba
    assert text == _LINE
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the code of another function."""
    path, _, text = call(tmp_path_factory.mktemp("compiled") / "kept", _PLANT)
    assert text == _PLANTED
    return path


@pytest.fixture
def planted(other: Path, tmp_path: Path) -> Path:
    """A copy of that file in a folder of its own."""
    root = other.parents[2]
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    return tmp_path / other.relative_to(root)


def test_the_folder_is_for_this_user_alone(kept: Path) -> None:
    assert kept.is_file()
    assert kept.parents[2].name == "kept"
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_kept_code_needs_no_numba(kept: Path) -> None:
    assert call(kept.parents[2]) == (kept, False, _LINE)


@pytest.mark.parametrize(("mode", "runs"), [(0o700, True), (0o770, False), (0o702, False)])
def test_nothing_is_read_where_others_can_write(
    planted: Path, tmp_path: Path, mode: int, runs: bool
) -> None:
    planted.parent.chmod(mode)
    path, _, text = call(tmp_path)
    # What shows that the code would be run: it is, in a folder of our own.
    assert text == (_PLANTED if runs else _LINE)
    assert (path == planted) == runs


def test_a_folder_that_is_opened_to_others_meanwhile(planted: Path, tmp_path: Path) -> None:
    content = planted.read_bytes()
    assert call(tmp_path, "found[-1].path.parent.chmod(0o777)")[2] == _LINE
    assert planted.read_bytes() == content


def test_a_link_in_the_place_of_the_folder(planted: Path, tmp_path: Path) -> None:
    planted.parent.rename(tmp_path / "elsewhere")
    planted.parent.symlink_to(tmp_path / "elsewhere")
    assert call(tmp_path)[2] == _LINE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user(planted: Path, tmp_path: Path) -> None:
    os.chown(planted.parent, 12345, 12345)
    assert call(tmp_path)[2] == _LINE


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
