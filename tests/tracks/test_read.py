"""A track that is read is the one that was written."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, strategies as st
from scored import OUTPUTS, Contig, bed, blocks, genomes, naive, text, tuples

from dnabirnn.errors import OptionError, TrackError
from dnabirnn.files.write import OutputFiles
from dnabirnn.scoring.runs import find_runs
from dnabirnn.tracks import read as readback
from dnabirnn.tracks.read import read_scores, read_sizes
from dnabirnn.tracks.text import BedTrack


@pytest.mark.parametrize("ending", [".bed", ".bed.gz"])
@given(genome=genomes(), size=st.integers(40, 200), single=st.booleans())
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    ending: str,
    genome: list[Contig],
    size: int,
    single: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"scores{ending}"
    with OutputFiles() as outputs:
        track = BedTrack(outputs.open(path), OUTPUTS)
        for rows in find_runs(blocks(genome), min_score=1, single_base=single):
            track.add(rows)
        track.close()
    with mock.patch.object(readback, "_READ_BYTES", size):
        found = list(read_scores(path, OUTPUTS))
    assert tuples(found) == naive(genome, 1, single_base=single)
    # The track of the rows read is the track that was read.
    assert bed(found) == text(naive(genome, 1, single_base=single))


ROW = "c\t1\t2\tb\t500\t+\n"


def read(tmp_path: Path, content: str | bytes) -> list[tuple]:
    path = tmp_path / "in.bed"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tuples(read_scores(path, OUTPUTS))


@pytest.mark.parametrize(
    ("content", "n_rows"),
    [
        ("", 0),
        ("\n", 0),
        ("# all of it\n", 0),
        (ROW, 1),
        (ROW.rstrip("\n"), 1),
        (ROW.replace("\n", "\r\n"), 1),
        ("track name=x\nbrowser position c:1-9\n\n#c\t1\t2\tb\t500\t+\n" + ROW, 1),
        (ROW + "#c\t5\t6\tb\t500\t+\n", 1),
        (ROW + "\n\n", 1),
        ("track\t0\t1\tb\t500\t+\n" + ROW, 2),
        ("browser\n" + ROW, 1),
        (ROW.replace("\n", "\textra\n"), 1),
        (ROW.replace("\n", "\textra\n") + "c\t5\t6\tb\t500\t+\n", 2),
        (ROW.replace("500", "0"), 1),
        (ROW.replace("c\t", "é\t"), 1),
        (ROW + "c\t1\t2\tb\t500\t-\nc\t2\t3\tb\t500\t+\n", 3),
        ("x\t8\t9\tb\t500\t+\n" + ROW, 2),
    ],
)
def test_what_a_track_may_hold(tmp_path: Path, content: str, n_rows: int) -> None:
    assert len(read(tmp_path, content)) == n_rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ROW + "c\t5\t6\n", "line 2: 3 tab-separated columns"),
        ("c 1 2 b 500 +\n", "line 1: 1 tab-separated columns"),
        (ROW + "\n" + "c\tx\t6\tb\t500\t+\n", "line 3: start 'x' is not an integer"),
        (ROW + "c\t5\t6.5\tb\t500\t+\n", "line 2: end '6.5' is not an integer"),
        ("c\t5\t6\tb\t0.5\t+\n", "line 1: score '0.5' is not an integer"),
        ("c\t5\t6\tb\tabc\t+\n", "line 1: score 'abc' is not an integer"),
        ("c\t5\t6\tb\t\t+\n", "line 1: 5 tab-separated columns"),
        ("\t5\t6\tb\t1\t+\n", "line 1: 5 tab-separated columns"),
        ("c\t5\t6\tb\t1001\t+\n", "line 1: score 1001 is not from 0 to 1000"),
        ("c\t5\t6\tb\t99999\t+\n", "line 1: score 99999 is not from 0 to 1000"),
        ("c\t5\t6\tb\t-1\t+\n", "line 1: score -1 is not from 0 to 1000"),
        ("c\t-1\t6\tb\t1\t+\n", "line 1: -1 to 6 is not an interval"),
        (ROW + "c\t6\t6\tb\t1\t+\n", "line 2: 6 to 6 is not an interval"),
        (ROW + "c\t6\t7\tz\t1\t+\n", "line 2: 'z \\+' is not a class and strand of the model"),
        (ROW + "c\t6\t7\tb\t1\t.\n", "line 2: 'b \\.' is not a class and strand of the model"),
        ("#\n#\n" + ROW + "c\t6\t7\ta\t1\t+\n", "line 4: 'a \\+' is no"),
        (ROW + "c\t0\t1\tb\t1\t-\n", "line 2: start 0 is before the previous start"),
        (ROW + ROW, "line 2: 1 to 2 overlaps"),
        (ROW + "c\t1\t9\tb\t500\t-\n" + "c\t5\t6\tb\t500\t-\n", "line 3: 5 to 6 overlaps"),
        (ROW + "d\t1\t2\tb\t5\t+\n" + ROW, "line 3: c appears again"),
        (b"\xff\xfe\x00\n", "line 1: not text"),
    ],
)
@pytest.mark.parametrize("size", [30, 1 << 24])
def test_a_track_that_is_wrong(
    tmp_path: Path, content: str | bytes, message: str, size: int
) -> None:
    with (
        mock.patch.object(readback, "_READ_BYTES", size),
        pytest.raises(TrackError, match=rf"in\.bed, {message}") as caught,
    ):
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_lines_without_an_end(tmp_path: Path) -> None:
    with (
        mock.patch.object(readback, "_READ_BYTES", 100),
        pytest.raises(TrackError, match="a line of more than"),
    ):
        read(tmp_path, b"x" * 1000)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TrackError, match=r"none\.bed: no such file"):
        list(read_scores(tmp_path / "none.bed", OUTPUTS))
    with pytest.raises(TrackError, match="is a folder"):
        list(read_scores(tmp_path, OUTPUTS))


@pytest.mark.parametrize("cut", [1, 5, 28, 29])
@pytest.mark.parametrize("kind", ["gzip", "bgzip"])
def test_a_gzip_that_is_cut_short(tmp_path: Path, kind: str, cut: int) -> None:
    path = tmp_path / "in.bed.gz"
    if kind == "gzip":
        path.write_bytes(gzip.compress(ROW.encode()))
    else:
        with OutputFiles() as outputs:
            outputs.open(path).write(ROW.encode())
    assert len(list(read_scores(path, OUTPUTS))) == 2
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(TrackError, match=r"in\.bed\.gz: truncated b?gzip file"):
        list(read_scores(path, OUTPUTS))


@pytest.mark.parametrize("compress", [False, True])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, compress: bool) -> None:
    content = gzip.compress(ROW.encode()) if compress else ROW.encode()
    stream = io.TextIOWrapper(io.BytesIO(content))
    monkeypatch.setattr(sys, "stdin", stream)
    assert tuples(read_scores("-", OUTPUTS)) == [("c", 1, 2, "b", 500, "+")]
    assert not stream.buffer.closed


def test_an_error_on_standard_input_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x\n")))
    with pytest.raises(TrackError, match=r"^standard input, line 1"):
        list(read_scores("-", OUTPUTS))


@pytest.mark.parametrize(
    "content",
    ["a\t5\nb c\t0\n", "#x\n\na\t5\t7\t60\t61\nb c\t0\t2\t3\t4\n", "a\t\x1e5\nb c\t 0\n"],
)
def test_sizes(tmp_path: Path, content: str) -> None:
    (tmp_path / "s").write_text(content)
    assert read_sizes(tmp_path / "s") == {"a": 5, "b c": 0}


def test_a_contig_whose_name_begins_like_a_comment(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("#chrom\tsize\n#1\t5\n#\n")
    assert read_sizes(tmp_path / "s") == {"#1": 5}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\t5\na\t6\n", "s, line 2: a occurs twice"),
        ("a\n", "s, line 1: not a contig and its length"),
        ("\na\tx\n", "s, line 2: not a contig and its length"),
        (">a\nACGT\n", "s, line 1: not a contig and its length; give a chrom.sizes or .fai"),
        (None, "s: no such file"),
    ],
)
def test_sizes_that_are_none(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "s").write_text(content)
    with pytest.raises(OptionError, match=message):
        read_sizes(tmp_path / "s")
