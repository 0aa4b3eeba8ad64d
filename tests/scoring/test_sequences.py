"""Scores of whole sequences: blocks, windows and best intervals against naive oracles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.motif_classes import MotifClass
from dnabirnn.network import WORDS, Words, word_numbers
from dnabirnn.scoring import score_sequences
from dnabirnn.scoring.sequences import best_interval
from dnabirnn.tracks import Block

CLASSES = (MotifClass("A", True),)


def blocks_of(name: str, p: np.ndarray, codes: np.ndarray, cuts: list[int]) -> list[Block]:
    edges = [0, *cuts, len(codes)]
    return [
        Block(name, a, p[a:b], codes[a:b], last=b == len(codes))
        for a, b in itertools.pairwise(edges)
    ]


def naive(p: np.ndarray, codes: np.ndarray, site_bp: int, length_bp: int) -> float:
    """The largest log-odds of all windows of `length_bp` bases."""
    found = []
    window = min(length_bp, len(codes))
    for first in range(len(codes) - window + 1):
        none = 0.0
        for start in range(first, first + window - min(site_bp, window) + 1):
            part = slice(start, start + min(site_bp, window))
            if (codes[part] < 4).all():
                x = np.log(p[part]) - np.log1p(-p[part])
                none += np.log1p(np.exp(x.mean(axis=0))).sum()
        found.append(none)
    return float(np.log(np.expm1(max(found))))


@pytest.mark.parametrize("length", [3, 11, 30, 47])
@pytest.mark.parametrize("cuts", [[], [1, 2, 3], [2]])
def test_scores_are_those_of_the_best_window_whatever_the_blocks(length, cuts):
    rng = np.random.default_rng(length)
    p = rng.uniform(0.01, 0.6, (length, 2)).astype(np.float32)
    codes = rng.integers(4, size=length).astype(np.uint8)
    codes[length // 2] = 4
    p[length // 2] = 0
    blocks = blocks_of("x", p, codes, [cut for cut in cuts if cut < length])
    (found,) = score_sequences(blocks, CLASSES, 4, 11, None)
    assert found.length_bp == length
    if length > 4:
        oracle = naive(p.astype(np.float64), codes, 4, 11)
        assert found.log_odds[0] == pytest.approx(oracle, rel=1e-9)
    (whole,) = score_sequences(blocks_of("x", p, codes, []), CLASSES, 4, 11, None)
    assert whole.best == found.best
    assert whole.log_odds == pytest.approx(found.log_odds, rel=1e-12)


def test_words_are_added_in_every_window():
    rng = np.random.default_rng(0)
    words = Words(("1111111",), rng.normal(size=(1, 1, WORDS)).astype(np.float32))
    p = rng.uniform(0.01, 0.6, (40, 2)).astype(np.float32)
    codes = rng.integers(4, size=40).astype(np.uint8)
    (found,) = score_sequences(blocks_of("x", p, codes, [7, 30]), CLASSES, 4, 11, words)
    each = []
    for start in range(30):
        part = slice(start, start + 11)
        added = words.weights[0, 0, word_numbers(codes[part], "1111111")].sum()
        each.append(naive(p[part].astype(np.float64), codes[part], 4, 11) + added)
    assert found.log_odds[0] == pytest.approx(max(each))
    best = found.best[0]
    assert best is not None
    first = int(np.argmax(each))
    assert first <= best.start < best.end <= first + 11
    (without,) = score_sequences(blocks_of("x", p, codes, []), CLASSES, 4, 11, None)
    assert without.log_odds[0] != found.log_odds[0]


@given(
    st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=30),
    st.integers(1, 8),
)
def test_the_best_interval_has_the_largest_sum(values, least):
    x = np.array(values)
    start, end = best_interval(x, least)
    least = min(least, len(x))
    assert end - start >= least
    largest = max(x[a:b].sum() for a in range(len(x)) for b in range(a + least, len(x) + 1))
    assert x[start:end].sum() == pytest.approx(largest, abs=1e-9)


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("start", [0, 40, 88])
def test_the_best_interval_is_that_of_the_site(strand, start):
    p = np.full((100, 2), 0.01, np.float32)
    p[start : start + 12, "+-".index(strand)] = 0.9
    codes = np.zeros(100, np.uint8)
    (found,) = score_sequences(blocks_of("x", p, codes, [50]), CLASSES, 8, 60, None)
    assert found.best[0] is not None
    assert found.best[0][:3] == (start, start + 12, strand)
    assert found.best[0].score == pytest.approx(0.9)


def test_records_without_bases_and_several_records():
    empty = Block("e", 0, np.empty((0, 2), np.float32), np.empty(0, np.uint8), last=True)
    p, codes = np.full((20, 2), 0.2, np.float32), np.zeros(20, np.uint8)
    found = list(score_sequences([empty, *blocks_of("x", p, codes, [])], CLASSES, 8, 20, None))
    assert [one.name for one in found] == ["e", "x"]
    assert [len(one.best) for one in found] == [1, 1]
    assert found[0].best == [None]
    assert found[0].log_odds[0] < -20 < found[1].log_odds[0]
