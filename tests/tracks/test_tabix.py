"""Indexes of tracks."""

from __future__ import annotations

import sys
from pathlib import Path

import pysam
import pytest

from dnabirnn.errors import OptionError
from dnabirnn.files.write import OutputFiles
from dnabirnn.tracks.formats import TrackFormat
from dnabirnn.tracks.tabix import add_index, can_index


def write(path: Path, text: str, form: TrackFormat = TrackFormat.BED) -> list[str]:
    with OutputFiles() as files:
        files.open(path).write(text.encode())
        add_index(files, path, form)
    return sorted(each.name for each in path.parent.iterdir())


ROW = "c\t{}\t{}\tx\t5\t+\n"


@pytest.mark.parametrize("end", [9, 1 << 29, (1 << 29) + 1, 1 << 31])
def test_a_long_contig_has_another_index(tmp_path: Path, end: int) -> None:
    path = tmp_path / "a.bed.gz"
    kind = "tbi" if end <= 1 << 29 else "csi"
    assert write(path, ROW.format(0, 1) + ROW.format(end - 1, end)) == [
        "a.bed.gz",
        f"a.bed.gz.{kind}",
    ]
    with pysam.TabixFile(str(path), index=f"{path}.{kind}") as file:
        assert list(file.fetch("c", end - 1, end)) == [ROW.format(end - 1, end).rstrip()]


def test_a_track_without_rows(tmp_path: Path) -> None:
    assert write(tmp_path / "a.bed.gz", "") == ["a.bed.gz", "a.bed.gz.tbi"]
    with pysam.TabixFile(str(tmp_path / "a.bed.gz")) as file:
        assert file.contigs == []


def test_nothing_is_left_of_a_run_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.bed.gz"

    def fail() -> None:
        with OutputFiles() as files:
            files.open(path).write(b"c\t0\t1\n")
            add_index(files, path, TrackFormat.BED)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


def test_without_pysam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysam", None)
    with pytest.raises(OptionError, match=r'needs pysam.*pip install "dnabirnn\[index\]"'):
        write(tmp_path / "a.bed.gz", ROW.format(0, 1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["-", "/dev/null", "a.bed"])
def test_what_has_no_index(path: str) -> None:
    assert not can_index(path, TrackFormat.BED)
