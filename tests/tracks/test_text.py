"""Tracks against a scan base by base; a track that is read is the one that was written."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scored import CUTS, OUTPUTS, Contig, bed, blocks, contig, genomes, naive, text, tuples

from dnabirnn.scoring import runs
from dnabirnn.scoring.runs import find_runs
from dnabirnn.tracks import lines
from dnabirnn.tracks.text import BedGraphTracks, BedTrack

if TYPE_CHECKING:
    pass


SMALL = st.integers(1, 40)


@given(
    genomes(), CUTS, SMALL, st.integers(1, 400), st.sampled_from([0, 1, 100, 1000]), st.booleans()
)
def test_bed_is_that_of_a_scan_however_it_is_cut(
    genome: list[Contig], cuts: list[int], size: int, buffer: int, least: int, single: bool
) -> None:
    with (
        mock.patch.multiple(runs, _SLICE_SCORES=size, _STRETCH_SCORES=size),
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
    with mock.patch.multiple(runs, _SLICE_SCORES=size, _STRETCH_SCORES=size):
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
    with mock.patch.multiple(runs, _SLICE_SCORES=size, _STRETCH_SCORES=size):
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
    with mock.patch.multiple(runs, _SLICE_SCORES=size, _STRETCH_SCORES=size):
        found = find_runs(blocks(genome, cuts), min_score=0, regions=lambda name: intervals)
        rows = tuples(found)
    masked = [
        Contig(name, scores, np.where(inside[: len(codes)], codes, 4).astype(np.uint8))
        for name, scores, codes in genome
    ]
    assert rows == naive(masked, 0)
