"""Matches of a motif: naive oracles of the kernels."""

import numpy as np

from dnabirnn.discovery.matching import best_apart, match, opposite


def test_cosines_and_sums_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 60).astype(np.uint8)
    values = np.where(codes < 4, rng.normal(size=60), 0)
    values[20:40] = 0
    matrix = rng.normal(size=(7, 4))
    cosines, sums = np.empty(54), np.empty(54)
    match(codes, values, matrix, cosines, sums)
    for start in range(54):
        site = np.zeros((7, 4))
        for i in range(7):
            if codes[start + i] < 4:
                site[i, codes[start + i]] = values[start + i]
        norm = np.linalg.norm(site) * np.linalg.norm(matrix)
        assert np.isclose(cosines[start], (site * matrix).sum() / norm if norm else 0)
        assert np.isclose(sums[start], site.sum())
    assert (cosines[20:33] == 0).all()
    assert np.abs(cosines).max() > 0.3


def test_places_do_not_overlap_and_the_best_ones_are_kept() -> None:
    rng = np.random.default_rng(1)
    starts, widths = rng.integers(0, 80, 50), rng.integers(1, 9, 50)
    order = rng.permutation(50)
    chosen = best_apart(order, starts, widths, 90)
    kept: list[int] = []
    for k in order.tolist():
        if all(
            starts[k] + widths[k] <= starts[n] or starts[n] + widths[n] <= starts[k] for n in kept
        ):
            kept.append(k)
    assert np.flatnonzero(chosen).tolist() == sorted(kept)
    assert 5 < len(kept) < 50


def test_the_opposite_strand_of_a_matrix() -> None:
    matrix = np.arange(8.0).reshape(2, 4)
    assert opposite(matrix).tolist() == [[7, 6, 5, 4], [3, 2, 1, 0]]
    assert (opposite(opposite(matrix)) == matrix).all()
