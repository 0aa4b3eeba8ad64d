"""Shuffled sequence: the same pairs of bases, and every order equally often."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
from hypothesis import given, strategies as st

from dnabirnn.sequences.shuffle import shuffled

CODES = st.lists(st.integers(0, 3), max_size=60).map(lambda codes: np.array(codes, np.uint8))


def pairs(codes: np.ndarray) -> Counter[tuple[int, int]]:
    return Counter(zip(codes[:-1].tolist(), codes[1:].tolist(), strict=True))


@given(CODES, st.integers(0, 2**64 - 1))
def test_pairs_of_bases_and_both_ends_stay(codes: np.ndarray, seed: int) -> None:
    before = codes.copy()
    found = shuffled(codes, seed)
    assert pairs(found) == pairs(codes)
    assert found[:1].tolist() + found[-1:].tolist() == codes[:1].tolist() + codes[-1:].tolist()
    np.testing.assert_array_equal(codes, before)
    np.testing.assert_array_equal(shuffled(codes, seed), found)


def test_every_order_with_these_pairs_is_equally_frequent() -> None:
    codes = np.array([0, 1, 0, 2, 0, 1, 1, 0], np.uint8)
    possible = {
        order
        for order in permutations(codes.tolist())
        if order[0] == order[-1] == 0 and pairs(np.array(order)) == pairs(codes)
    }
    drawn = Counter(tuple(shuffled(codes, seed).tolist()) for seed in range(6000))
    assert set(drawn) == possible
    expected = 6000 / len(possible)
    chi2 = sum((count - expected) ** 2 / expected for count in drawn.values())
    assert chi2 < 25  # five degrees of freedom: p = 0.0001


def test_long_sequence_loses_its_order() -> None:
    codes = np.random.default_rng(0).integers(0, 4, 5000).astype(np.uint8)
    found = shuffled(codes, 1)
    assert 0.2 < (found == codes).mean() < 0.3
    assert (shuffled(codes, 2) != found).mean() > 0.5
