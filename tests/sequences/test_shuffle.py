"""Shuffles: the same words, N in place, and each possible sequence equally often."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.alphabet import AMBIGUOUS, decode, encode
from dnabirnn.sequences.shuffle import shuffled


def words_of(codes: np.ndarray, size: int) -> Counter[str]:
    text = decode(codes)
    return Counter(text[i : i + size] for i in range(len(text) - size + 1))


@given(st.text("ACGTN", max_size=60), st.integers(1, 4), st.integers(0, 2**64 - 1))
def test_words_and_ambiguous_bases_stay(text: str, order: int, seed: int) -> None:
    codes = encode(text)
    found = shuffled(codes, seed, order)
    assert decode(codes) == text
    assert ((found == AMBIGUOUS) == (codes == AMBIGUOUS)).all()
    known, of_known = (each[each < AMBIGUOUS] for each in (codes, found))
    assert words_of(of_known, order + 1) == words_of(known, order + 1)
    assert decode(of_known)[:order] == decode(known)[:order]
    assert decode(of_known)[-order:] == decode(known)[-order:]
    np.testing.assert_array_equal(shuffled(codes, seed, order), found)


@pytest.mark.parametrize(
    ("text", "order"), [("ACAGACTA", 1), ("ACAGACCA", 1), ("AACGAATAAGAAC", 2)]
)
def test_each_possible_sequence_is_drawn_equally_often(text: str, order: int) -> None:
    possible = _walks(text, order)
    assert len(possible) > 4
    draws = 400 * len(possible)
    found = Counter(decode(shuffled(encode(text), seed, order)) for seed in range(draws))
    assert set(found) == possible
    expected = draws / len(possible)
    chi_squared = sum((n - expected) ** 2 / expected for n in found.values())
    assert chi_squared < len(possible) + 5 * (2 * len(possible)) ** 0.5


def _walks(text: str, order: int) -> set[str]:
    """Return all sequences with the words of a text, by extending them base by base."""
    words = words_of(encode(text), order + 1)
    found, open_walks = set(), [(text[:order], words)]
    while open_walks:
        walk, left = open_walks.pop()
        if not left:
            found.add(walk)
        for base in "ACGT":
            word = walk[-order:] + base
            if left[word]:
                open_walks.append((walk + base, left - Counter([word])))
    return found


@pytest.mark.parametrize("order", [1, 3])
def test_long_sequence_loses_its_order(order: int) -> None:
    codes = np.random.default_rng(0).integers(0, 4, 10_000, dtype=np.uint8)
    found = shuffled(codes, 1, order)
    assert 0.2 < np.mean(found == codes) < 0.35
    assert np.mean(shuffled(codes, 2, order) != found) > 0.5


def test_a_sequence_that_cannot_be_written_is_not_changed() -> None:
    codes = encode("ACAGACTANCCAGATACAGA")
    codes.flags.writeable = False
    assert words_of(shuffled(codes, 3), 1) == words_of(codes, 1)
