"""Tracks against a scan base by base; a track that is read is the one that was written."""

from __future__ import annotations

import gzip
import io
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored import CUTS, OUTPUTS, Contig, blocks, contig, genomes, tuples

from dnabirnn import lines, readback, runs
from dnabirnn.errors import TrackError
from dnabirnn.outputs import Outputs
from dnabirnn.readback import read_scores
from dnabirnn.runs import Rows, find_runs
from dnabirnn.tracks import BedGraphTracks, BedTrack

if TYPE_CHECKING:
    from collections.abc import Iterable


def naive(contigs: Iterable[Contig], min_score: int, *, single_base: bool = False) -> list[tuple]:
    """Rows of BED6, base by base."""
    rows = []
    for name, scores, codes in contigs:
        found = []
        for (class_name, strand), column in zip(OUTPUTS, scores.T, strict=False):
            keys = [
                (None, i) if code == 4 or s < min_score else (int(s), i if single_base else 0)
                for i, (s, code) in enumerate(zip(column, codes, strict=True))
            ]
            place = 0
            for (score, _), group in groupby(keys):
                start, place = place, place + len(list(group))
                if score is not None:
                    found.append((name, start, place, class_name, score, strand))
        rows += sorted(found, key=lambda row: (row[1], row[2], row[3], row[5]))
    return rows


def text(rows: Iterable[tuple]) -> bytes:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()


def bed(rows: Iterable[Rows]) -> bytes:
    file = io.BytesIO()
    track = BedTrack(file, OUTPUTS)
    for piece in rows:
        track.add(piece)
    track.close()
    return file.getvalue()


SMALL = st.integers(1, 40)


@given(
    genomes(), CUTS, SMALL, st.integers(1, 400), st.sampled_from([0, 1, 100, 1000]), st.booleans()
)
def test_bed_is_that_of_a_scan_however_it_is_cut(
    genome: list[Contig], cuts: list[int], size: int, buffer: int, least: int, single: bool
) -> None:
    with (
        mock.patch.object(runs, "_SLICE_SCORES", size),
        mock.patch.object(lines, "_BUFFER_BYTES", buffer),
    ):
        found = bed(find_runs(blocks(genome, cuts), min_score=least, single_base=single))
    assert found == text(naive(genome, least, single_base=single))


@given(genomes(), CUTS, SMALL)
def test_bedgraph_is_that_of_a_scan_however_it_is_cut(
    genome: list[Contig], cuts: list[int], size: int
) -> None:
    files = [io.BytesIO() for _ in OUTPUTS]
    track = BedGraphTracks(files)
    with mock.patch.object(runs, "_SLICE_SCORES", size):
        for rows in find_runs(blocks(genome, cuts), min_score=0):
            track.add(rows)
    track.close()
    for output, file in zip(OUTPUTS, files, strict=True):
        expected = [
            (*row[:3], f"{row[4] / 1000:.3f}") for row in naive(genome, 0) if row[3::2] == output
        ]
        assert file.getvalue() == text(expected)


@given(genomes(), CUTS, SMALL, st.integers(1, 1000))
def test_rows_of_a_score_or_more(
    genome: list[Contig], cuts: list[int], size: int, least: int
) -> None:
    every = find_runs(blocks(genome, cuts), min_score=0)
    kept = [rows.at_least(least) for rows in every]
    assert tuples(kept) == naive(genome, least)


@given(genomes(), CUTS, SMALL, st.booleans())
def test_the_frontier_holds(genome: list[Contig], cuts: list[int], size: int, single: bool) -> None:
    frontier, contigs_ended = 0, []
    with mock.patch.object(runs, "_SLICE_SCORES", size):
        for rows in find_runs(blocks(genome, cuts), min_score=1, single_base=single):
            assert rows.start.min(initial=1000) >= frontier
            frontier = 0 if rows.last else rows.frontier
            if rows.last:
                contigs_ended.append(rows.chrom)
    assert contigs_ended == [contig.name for contig in genome]


LAST = 11


@pytest.mark.parametrize("edge", range(1, LAST + 1))
@pytest.mark.parametrize("output", range(3))
@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (LAST, LAST + 1), (0, LAST + 1), (3, 9), (5, 6), (0, 6), (6, 12)]
)
def test_a_run_keeps_its_ends_wherever_a_block_ends(
    start: int, end: int, output: int, edge: int
) -> None:
    scores = np.zeros((LAST + 1, 3), dtype=np.int16)
    scores[start:end, output] = 700
    genome = [Contig("c", scores, np.zeros(LAST + 1, dtype=np.uint8))]
    class_name, strand = OUTPUTS[output]
    row = f"c\t{start}\t{end}\t{class_name}\t700\t{strand}\n"
    assert bed(find_runs(blocks(genome, [edge]), min_score=100)) == row.encode()


def test_rows_wait_for_a_long_run_that_began_before_them() -> None:
    genome = [contig("c", [900] * 10, [0, 0, 300, 0, 300, 0, 300, 0, 0, 300])]
    assert bed(find_runs(blocks(genome, range(10)), min_score=1)).decode().split("\n") == [
        "c\t0\t10\tb\t900\t+",
        "c\t2\t3\tb\t300\t-",
        "c\t4\t5\tb\t300\t-",
        "c\t6\t7\tb\t300\t-",
        "c\t9\t10\tb\t300\t-",
        "",
    ]


def test_rows_wait_for_a_run_that_began_between_them() -> None:
    plus = [900, 900, 0, 0, 0, 0, 0, 0]
    minus = [0, 300, 0, 300, 0, 300, 0, 0]
    both = [0, 0, 0, 0, 700, 700, 700, 700]
    genome = [contig("c", plus, minus, both)]
    for cuts in ([2], [6], [7], range(8)):
        assert bed(find_runs(blocks(genome, cuts), min_score=1)) == text(naive(genome, 1))


def test_rows_do_not_wait_without_need() -> None:
    file = io.BytesIO()
    track = BedTrack(file, OUTPUTS)
    genome = [contig("c", [0, 300, 0, 300, 300])]
    first, second = find_runs(blocks(genome, [4]), min_score=1)
    track.add(first)
    track.close()
    assert file.getvalue() == b"c\t1\t2\tb\t300\t+\n"
    track.add(second)
    track.close()
    assert file.getvalue().endswith(b"c\t3\t5\tb\t300\t+\n")


def test_a_base_of_code_4_is_absent_and_not_0() -> None:
    genome = [contig("c", [0, 0, 35, 1000, 1000], n_at=[1, 4])]
    file = io.BytesIO()
    track = BedGraphTracks([file])
    for rows in find_runs(blocks(genome), min_score=0):
        track.add(rows)
    track.close()
    assert file.getvalue() == b"c\t0\t1\t0.000\nc\t2\t3\t0.035\nc\t3\t4\t1.000\n"


@given(genomes(), CUTS, SMALL, st.lists(st.integers(0, 30), max_size=8, unique=True))
def test_regions_leave_out_what_lies_outside(
    genome: list[Contig], cuts: list[int], size: int, edges: list[int]
) -> None:
    edges = sorted(edges)[: len(edges) // 2 * 2]
    intervals = np.array(edges, dtype=np.int64).reshape(-1, 2)
    inside = np.zeros(100, dtype=bool)
    for start, end in intervals:
        inside[start:end] = True
    with mock.patch.object(runs, "_SLICE_SCORES", size):
        found = find_runs(blocks(genome, cuts), min_score=0, regions=lambda name: intervals)
        rows = tuples(found)
    masked = [
        Contig(name, scores, np.where(inside[: len(codes)], codes, 4).astype(np.uint8))
        for name, scores, codes in genome
    ]
    assert rows == naive(masked, 0)


# ------------------------------------------------------------------------------- reading


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
    with Outputs() as outputs:
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
        (ROW + "\n" + "c\tx\t6\tb\t500\t+\n", "line 3: start 'x' is no integer"),
        (ROW + "c\t5\t6.5\tb\t500\t+\n", "line 2: end '6.5' is no integer"),
        ("c\t5\t6\tb\t0.5\t+\n", "line 1: score '0.5' is no integer"),
        ("c\t5\t6\tb\tabc\t+\n", "line 1: score 'abc' is no integer"),
        ("c\t5\t6\tb\t\t+\n", "line 1: 5 tab-separated columns"),
        ("\t5\t6\tb\t1\t+\n", "line 1: 5 tab-separated columns"),
        ("c\t5\t6\tb\t1001\t+\n", "line 1: score 1001 is not from 0 to 1000"),
        ("c\t5\t6\tb\t99999\t+\n", "line 1: score 99999 is not from 0 to 1000"),
        ("c\t5\t6\tb\t-1\t+\n", "line 1: score -1 is not from 0 to 1000"),
        ("c\t-1\t6\tb\t1\t+\n", "line 1: no interval from -1 to 6"),
        (ROW + "c\t6\t6\tb\t1\t+\n", "line 2: no interval from 6 to 6"),
        (ROW + "c\t6\t7\tz\t1\t+\n", "line 2: 'z \\+' is no class and strand of the model"),
        (ROW + "c\t6\t7\tb\t1\t.\n", "line 2: 'b \\.' is no class and strand of the model"),
        ("#\n#\n" + ROW + "c\t6\t7\ta\t1\t+\n", "line 4: 'a \\+' is no"),
        (ROW + "c\t0\t1\tb\t1\t-\n", "line 2: 0 after a later start"),
        (ROW + ROW, "line 2: 1 to 2 overlaps"),
        (ROW + "c\t1\t9\tb\t500\t-\n" + "c\t5\t6\tb\t500\t-\n", "line 3: 5 to 6 overlaps"),
        (ROW + "d\t1\t2\tb\t5\t+\n" + ROW, "line 3: c comes back"),
        (b"\xff\xfe\x00\n", "line 1: no text"),
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
        pytest.raises(TrackError, match="a line of over"),
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
        with Outputs() as outputs:
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
