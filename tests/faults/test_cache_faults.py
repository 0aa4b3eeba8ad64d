"""The cache of compiled kernels: damaged, outdated, cut off while it is written, without room."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cases import environment
from harness import may_mount

PROGRAM = """
import logging
import sys

import numpy as np

logging.basicConfig(level=logging.DEBUG)
logging.getLogger("numba").setLevel(logging.WARNING)
from dnabirnn.compiled import kernel


@kernel
def number(array):
    total = {start}
    for value in array:
        total += value * {factor}
    return total


print("answer", number(np.arange(4.0)), number(np.arange(4)))
"""


class Program:
    """A kernel, and the cache of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "program.py"
        self.cache = folder / "kept"
        self.write("0", "2")

    def write(self, start: str, factor: str) -> None:
        self.path.write_text(PROGRAM.format(start=start, factor=factor))

    def begin(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.path)],
            env=environment() | {"NUMBA_CACHE_DIR": str(self.cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> str:
        process = self.begin()
        out, self.said = process.communicate()
        assert process.returncode == 0, self.said
        return out

    def files(self, ending: str = "") -> list[Path]:
        return sorted(path for path in self.cache.rglob(f"*{ending}") if path.is_file())


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def turned(data: bytes, place: int) -> bytes:
    """Data with one bit turned."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_damaged_files_are_made_anew(program: Program) -> None:
    wanted = program.answer()
    assert wanted == "answer 12.0 12\n"
    whole = {path: path.read_bytes() for path in program.files()}
    assert [path.suffix for path in whole] == [".kernel", ".kernel"]
    damages = (
        [data[: len(data) * share // 4] for share, data in enumerate(whole.values())],
        [turned(data, len(data) // 2) for data in whole.values()],
        list(reversed(whole.values())),  # each whole, and in the place of another
    )
    for damage in damages:
        for path, data in zip(whole, damage, strict=True):
            path.write_bytes(data)
        assert program.answer() == wanted
        assert ("not read" in program.said) == (damage is not damages[-1])
        assert program.files() == list(whole)
    assert program.answer() == wanted
    assert "not read" not in program.said


def test_code_of_an_older_kernel_is_never_run(program: Program) -> None:
    program.answer()
    old = {path: path.read_bytes() for path in program.files()}
    program.write("0", "3 + 0")
    assert program.answer() == "answer 18.0 18\n"
    # The new code could not be written, as on a full disk.
    for path, data in old.items():
        path.write_bytes(data)
    assert program.answer() == "answer 18.0 18\n"


@pytest.mark.slow
def test_what_killed_runs_left_goes(program: Program) -> None:
    wanted, chosen = program.answer(), random.Random(5)
    for path in program.files():
        path.unlink()
    begun = time.monotonic()
    program.answer()
    seconds = time.monotonic() - begun
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=-1)
    for path in program.files():
        host = os.uname().nodename
        path.with_name(f".{path.name}.{host}.{int(dead.stdout)}.00000000.tmp").touch()
        path.unlink()
    for _ in range(3):
        process = program.begin()
        time.sleep(chosen.uniform(0.5, 1) * seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert program.answer() == wanted
    assert {path.suffix for path in program.files()} == {".kernel"}
    program.answer()
    assert "not read" not in program.said


@pytest.fixture
def small(program: Program) -> Iterator[Path]:
    """A cache folder on a file system of one page."""
    if not may_mount():
        pytest.skip("no small file system can be made here")
    program.cache.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4096", "tmpfs", str(program.cache)]
    subprocess.run(mount, check=True)
    yield program.cache
    subprocess.run(["umount", str(program.cache)], check=True)


def test_a_cache_without_room(program: Program, small: Path) -> None:
    for _ in range(2):
        assert program.answer() == "answer 12.0 12\n"
        assert "compiled code cannot be kept (No space left on device)" in program.said
    assert not [path for path in program.files() if ".tmp" in path.name]


def test_a_cache_that_may_not_be_written(program: Program) -> None:
    wanted = program.answer()
    program.cache.rename(program.cache.with_name("gone"))
    program.cache.write_text("a file, where root may write any folder")
    assert program.answer() == wanted
