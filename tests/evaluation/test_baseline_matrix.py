"""Scans with a matrix, against one that goes site by site."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from random_models import random_codes

from dnabirnn.alphabet import encode, reverse_complement
from dnabirnn.evaluation.baseline_matrix import Matrix, scan


def naive(codes: np.ndarray, log_odds: np.ndarray, flank: int) -> np.ndarray:
    """Best site over each base, one site and one base at a time."""
    width = len(log_odds)
    columns = np.column_stack([log_odds, np.zeros(width)])
    out = np.full((2, codes.size), columns.min(axis=1).sum())
    for start in range(codes.size - width + 1):
        site = codes[start : start + width]
        for strand, letters in enumerate((site, reverse_complement(site))):
            score = sum(columns[i, code] for i, code in enumerate(letters))
            for base in range(start + flank, start + width - flank):
                out[strand, base] = max(out[strand, base], score)
    return out


@settings(max_examples=100, deadline=None)
@given(
    length=st.integers(0, 40),
    core=st.integers(1, 14),
    flank=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
def test_every_base_scores_as_its_best_site(length: int, core: int, flank: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = random_codes(rng, length, ambiguous=0.1)
    log_odds = rng.normal(0, 2, (core + 2 * flank, 4)).astype(np.float32)
    expected = naive(codes, log_odds.astype(np.float64), flank)
    assert scan(codes, log_odds, flank) == pytest.approx(expected, abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(length=st.integers(0, 60), width=st.integers(1, 12), seed=st.integers(0, 1000))
def test_the_reverse_complement_scores_as_the_mirror_image(
    length: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    codes = random_codes(rng, length)
    log_odds = rng.normal(0, 2, (width, 4)).astype(np.float32)
    mirrored = scan(reverse_complement(codes), log_odds)[::-1, ::-1]
    assert scan(codes, log_odds) == pytest.approx(mirrored, abs=1e-5)


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("start", [0, 1, 50, 93, 94])
def test_a_site_is_found_at_its_place(strand: str, start: int) -> None:
    """The last window of a sequence too."""
    word = encode("GATTAC")
    codes = np.full(100, 1, dtype=np.uint8)
    codes[start : start + 6] = word if strand == "+" else reverse_complement(word)
    log_odds = np.where(np.eye(4)[word], 1.0, -9.0).astype(np.float32)
    scores = scan(codes, log_odds)
    assert np.flatnonzero(scores["+-".index(strand)] > 0).tolist() == [*range(start, start + 6)]
    assert (scores["-+".index(strand)] < 0).all()


def test_an_unknown_base_says_nothing() -> None:
    log_odds = np.log(np.array([[0.7, 0.1, 0.1, 0.1]] * 3) / 0.25).astype(np.float32)
    assert scan(encode("ANA"), log_odds)[0] == pytest.approx(2 * np.log(2.8), abs=1e-6)
    assert (scan(encode("NNN"), log_odds) == 0).all()


def test_probabilities_grow_with_the_score_and_stay_between_0_and_1() -> None:
    matrix = Matrix(np.zeros((3, 4), np.float32), slope=2.0, intercept=1.0)
    p = matrix.probabilities(np.array([-1e4, -3, -0.5, 0, 3, 1e4], dtype=np.float32))
    assert p.dtype == np.float32
    assert (np.diff(p) > 0).all()
    assert p[0] > 0
    assert p[-1] < 1
    assert p[2] == 0.5
