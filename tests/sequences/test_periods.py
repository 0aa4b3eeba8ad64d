"""Periods of tandem arrays, with mutated copies."""

from __future__ import annotations

import numpy as np
import pytest

from dnabirnn.sequences.periods import Period, _count_equal, period_of


def array(unit_bp: int, copies: float, mutated: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    unit = random.integers(0, 4, unit_bp)
    codes = np.tile(unit, int(copies) + 1)[: round(unit_bp * copies)]
    hit = random.random(codes.size) < mutated
    return np.where(hit, (codes + random.integers(1, 4, codes.size)) % 4, codes).astype(np.uint8)


@pytest.mark.parametrize(
    ("unit_bp", "copies", "mutated"),
    [(1, 40, 0), (2, 30, 0.05), (5, 40, 0.1), (5, 9000, 0.15), (68, 10, 0.1), (171, 3, 0.1),
     (171, 12.5, 0.2), (171, 400, 0.2), (1868, 4, 0.02)],
)  # fmt: skip
def test_the_period_of_an_array(unit_bp: int, copies: float, mutated: float) -> None:
    found = period_of(array(unit_bp, copies, mutated))
    assert found.length_bp == unit_bp
    assert found.equal > 0.5


def test_units_of_higher_order_do_not_hide_the_monomer() -> None:
    # Copies of five monomers that differ by 30 % from one another, as in alpha satellite.
    random = np.random.default_rng(3)
    base = random.integers(0, 4, 171)
    monomers = [
        np.where(random.random(171) < 0.15, random.integers(0, 4, 171), base) for _ in range(5)
    ]
    codes = np.tile(np.concatenate(monomers), 8).astype(np.uint8)
    assert period_of(codes).length_bp == 171


@pytest.mark.parametrize("size", [0, 1, 5, 40, 500, 30_000])
@pytest.mark.parametrize("gc", [0.2, 0.5])
def test_random_sequence_has_none(size: int, gc: float) -> None:
    share = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    for seed in range(5):
        codes = np.random.default_rng(seed).choice(4, size, p=share).astype(np.uint8)
        assert period_of(codes).length_bp == 0


def test_ambiguous_bases_equal_none() -> None:
    assert period_of(np.full(500, 4, np.uint8)) == Period(0, 0.0)
    codes = array(10, 30, 0)
    codes[::4] = 4
    naive = [
        sum(a == b and a < 4 for a, b in zip(codes[:-d], codes[d:], strict=True))
        for d in range(1, 60)
    ]
    counts = np.zeros(59, np.int64)
    _count_equal(codes, counts)
    assert counts.tolist() == naive


def test_longer_periods_than_asked_for() -> None:
    assert period_of(array(68, 10, 0), 60).length_bp == 0
