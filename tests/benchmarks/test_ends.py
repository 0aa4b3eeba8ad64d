"""Ends of transcripts in calls, compared with naive oracles."""

from __future__ import annotations

from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from benchmarks.ends import Ends, matched, pieces
from benchmarks.scored import ScoredContig
from dnabirnn.motif_classes import Output


def most_pairs(calls: np.ndarray, ends: np.ndarray) -> int:
    """Try every way to give calls ends of their own."""
    for size in range(min(len(calls), len(ends)), 0, -1):
        for chosen in combinations(calls.tolist(), size):
            for places in permutations(ends.tolist(), size):
                pairs = zip(chosen, places, strict=True)
                if all(start - 10 <= place < end + 10 for (start, end), place in pairs):
                    return size
    return 0


@given(
    st.lists(st.tuples(st.integers(11, 30), st.integers(10, 40)), max_size=4),
    st.sets(st.integers(0, 220), max_size=4),
)
def test_matches_are_as_many_as_can_be(steps: list[tuple[int, int]], ends: set[int]) -> None:
    calls, at = [], 0
    for gap, length in steps:
        calls.append((at + gap, at + gap + length))
        at += gap + length
    spans = np.array(calls, dtype=np.int64).reshape(-1, 2)
    places = np.array(sorted(ends), dtype=np.int64)
    assert matched(spans, places) == most_pairs(spans, places)


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ([], []),
        ([(0, 9)], []),
        ([(0, 10)], [(0, 10)]),
        ([(0, 6), (16, 20)], [(0, 20)]),
        ([(0, 6), (17, 40)], [(17, 40)]),
        ([(100, 300)], [(100, 300)]),
        ([(100, 301)], []),
        ([(390, 400)], [(390, 400)]),
    ],
)
def test_pieces(spans: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> None:
    called = np.zeros(400, dtype=np.bool_)
    for start, end in spans:
        called[start:end] = True
    assert [tuple(span) for span in pieces(called).tolist()] == wanted


def test_the_end_of_a_label_is_on_its_strand(tmp_path: Path) -> None:
    """A call at the last base is right; one at the first base, 40 bases away, is wrong."""
    labels = tmp_path / "t.bed"
    labels.write_text("c\t100\t140\tt\t0\t+\nc\t300\t340\tt\t0\t-\n")
    outputs = (Output("t", "+"), Output("t", "-"))
    right, wrong = (np.full((500, 2), 0.01, dtype=np.float32) for _ in range(2))
    right[130:145, 0] = right[295:310, 1] = 0.9
    wrong[95:110, 0] = wrong[295:310, 1] = 0.9
    every = np.ones(500, dtype=np.bool_)
    contig = ScoredContig("c", every, every, [right, right], wrong)
    (row,) = Ends().rows(tmp_path, [labels], outputs, [contig])
    assert (row["ends"], row["region_f1"], row["region_f1_sd"]) == (2, 1, 0)
    assert row["matrix_region_f1"] == row["matrix_region_precision"] == 0.5
