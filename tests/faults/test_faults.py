"""A few of the harness' faults, and what only some commands meet."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import CASES, FAULTS, Harness, Tally, may_mount


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(tmp_path_factory.mktemp("faults"), seed=3)


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost(harness: Harness, fault: str) -> None:
    if fault == "full disk" and not may_mount():
        pytest.skip("no small file system can be made here")
    harness.tally = Tally()
    names = ("train", "score") if fault == "SIGKILL" else ("score",)
    for case in CASES:
        if case.name in names:
            harness.trial(case, fault)
    assert harness.tally.lost == []


@pytest.mark.slow
def test_nothing_is_lost_in_any_command(harness: Harness) -> None:
    harness.tally = Tally()
    for case in CASES:
        for fault in FAULTS:
            if fault != "full disk" or may_mount():
                harness.trial(case, fault)
    assert harness.tally.lost == []


def test_the_harness_sees_what_is_not_whole(harness: Harness, tmp_path: Path) -> None:
    harness.tally = Tally()
    case = CASES[2]
    whole = dict.fromkeys(case.outputs, b"1234")
    (tmp_path / case.outputs[0]).write_bytes(b"12")
    harness._check("here", case, tmp_path, whole, ended=True)
    assert harness.tally.lost == ["here: scores.bed is not whole"]
    harness._check("here", case, tmp_path, whole, ended=False)
    assert "here: calls.bed is not there" in harness.tally.lost


@pytest.mark.parametrize("read", [0, 1000])
def test_a_reader_that_leaves_ends_the_command_without_a_word(harness: Harness, read: int) -> None:
    score = CASES[2].command(Path("unused"), harness._material)
    words = [*score[: score.index("-o")], "-o", "-"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
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


def test_a_folder_that_may_not_be_written(harness: Harness, closed: Path) -> None:
    for case in CASES:
        done = subprocess.run(case.command(closed, harness._material), capture_output=True)
        assert done.returncode == 1, case.name
        lines = done.stderr.decode().strip().splitlines()
        assert len(lines) == 1, lines
        assert str(closed) in lines[0]
    assert list(closed.iterdir()) == []
