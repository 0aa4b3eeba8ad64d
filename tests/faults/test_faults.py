"""A few of the harness' faults, and what only some commands meet."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cases import CASES, ROOT, Case, case_of, environment, provide
from harness import FAULTS, Harness, Tally, faults_of, may_mount

from dnabirnn.files.temporary import stem

QUICK = ("score", "mask", "scan", "convert", "models", "simulate")
SHORT = [pytest.param(case_of(name), id=name) for name in QUICK]
LONG = [
    pytest.param(case, id=case.name, marks=pytest.mark.slow)
    for case in CASES
    if case.name not in QUICK
]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(tmp_path_factory.mktemp("faults"), seed=3)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "worker killed"])
def test_nothing_is_lost(harness: Harness, fault: str) -> None:
    if fault == "full disk" and not may_mount():
        pytest.skip("no small file system can be made here")
    harness.tally = Tally()
    harness.trial(case_of("score"), fault)
    assert harness.tally.lost == []


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_is_lost_in_any_command(harness: Harness, case: Case) -> None:
    harness.tally = Tally()
    for fault in faults_of(case):
        harness.trial(case, fault)
    assert harness.tally.lost == []


def test_the_harness_sees_what_is_not_whole(harness: Harness, tmp_path: Path) -> None:
    harness.tally = Tally()
    case = case_of("score")
    whole = dict.fromkeys(case.outputs, b"1234")
    (tmp_path / "scores.bed").write_bytes(b"12")
    harness._check_ended("here", case, tmp_path, whole)
    assert harness.tally.lost == ["here: scores.bed is not whole"]
    (tmp_path / "scores.bed").write_bytes(b"1234")
    harness._check_ended("here", case, tmp_path, whole)
    assert harness.tally.lost[1].startswith("here: scores.bed is new before others")
    harness._check_whole("here", tmp_path, whole)
    assert harness.tally.lost[2:] == ["here: calls.bed is not there"]


@pytest.mark.parametrize("case", [*SHORT, *LONG])
def test_what_killed_runs_left_goes_and_nothing_else(
    harness: Harness, case: Case, tmp_path: Path
) -> None:
    provide(case, harness.material)
    case.prepare(tmp_path, harness.material)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stays = set()
    for name in case.files:
        target = tmp_path / ("set" if name.startswith("set/") else name)
        target.parent.mkdir(exist_ok=True)
        own, elsewhere = stem(target), f".{target.name}.elsewhere."
        (target.parent / f"{own}{dead.pid}.00000000.tmp").touch()
        for kept in (f"{own}{os.getpid()}.00000000.tmp", f"{elsewhere}{dead.pid}.00000000.tmp"):
            (target.parent / kept).touch()
            stays.add(target.parent / kept)
    words = case.command(harness.material)
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, env=environment())
    assert done.returncode == 0, done.stderr.decode()
    left = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert left == stays | {tmp_path / name for name in (*case.files, *case.given)}


def piped(name: str) -> list[str]:
    """Words of a command that writes to standard output."""
    words = list(case_of(name).words)
    out = words.index("-o")
    words[out + 1] = "-"
    tail = words[out + 2 :] if "--calls" not in words[out:] else []
    return [*words[: out + 2], *(word for word in tail if word != "--index")]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        *(("score", 0), ("score", 1000), ("mask", 0), ("scan", 0), ("export", 0)),
        *(pytest.param(name, 0, marks=pytest.mark.slow) for name in ("call", "merge", "report")),
    ],
)
def test_a_reader_that_leaves_ends_the_command_without_a_word(
    harness: Harness, name: str, read: int
) -> None:
    # Much more than a pipe holds, so that the command still writes when the reader leaves.
    long = ("--single-base", "--min-score", "0") if read else ()
    case = replace(case_of(name), words=(*piped(name), *long))
    provide(case, harness.material)
    words = case.command(harness.material)
    process = subprocess.Popen(
        words,
        cwd=harness.material,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(read)
    process.stdout.close()
    with process.stderr:
        said = process.stderr.read()
    assert process.wait() == 1
    assert said == b""


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be written; for the superuser, on a file system that is read only."""
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if not os.access(folder, os.W_OK):
        yield folder
        return
    if not may_mount():
        pytest.skip("this user may write anywhere")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("case", [*SHORT, *LONG])
def test_a_folder_that_may_not_be_written(harness: Harness, closed: Path, case: Case) -> None:
    if case.given:
        pytest.skip("what it reads lies in the folder")
    provide(case, harness.material)
    words = case.command(harness.material)
    done = subprocess.run(words, cwd=closed, capture_output=True, env=environment())
    assert done.returncode == 1
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 1, lines
    assert "error: " in lines[0]
    assert list(closed.iterdir()) == []


def test_a_training_killed_three_times_ends_in_the_bytes_of_one_that_was_not() -> None:
    words = [sys.executable, str(ROOT / "tests/faults/kills.py"), "--kills", "3", "--seed", "4"]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True)
    assert "lost: none" in done.stdout, done.stdout + done.stderr
    assert done.stdout.startswith("3 kills (")
