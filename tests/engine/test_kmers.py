"""Tables of k-mers: places of rows, and sums and gradients of rows."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import random_codes

from dnabirnn.alphabet import PADDING
from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels.intrinsics import add_to_rows, store, take_kmers
from dnabirnn.engine.kernels.kmers import FURTHER, find_places
from dnabirnn.engine.kernels.layers import Kmers, pack_kmers
from dnabirnn.engine.kernels.vectors import LANES, TABLE_ENTRIES, aligned
from dnabirnn.network import opposite_rows


def row_of(window: np.ndarray, base: int, kmer: int) -> int:
    """Row of the k-mer around a base, letter by letter."""
    half = kmer // 2
    around = window[max(base - half, 0) : base + half + 1].tolist()
    if len(around) == kmer and base >= half and max(around) < 4:
        return int("".join(map(str, around)), 4)
    return 4**kmer + min(int(window[base]), 4)


@pytest.mark.parametrize("kmer", [1, 3, 5, 7])
@pytest.mark.parametrize("length", [1, 2, 3, 6, 7, 50])
def test_places_are_those_of_the_kmers(kmer: int, length: int) -> None:
    rng = np.random.default_rng(length)
    windows = np.full((LANES, length), PADDING, np.uint8)
    for window, size in zip(windows, (length, *rng.integers(0, length, LANES - 1)), strict=True):
        window[:size] = random_codes(rng, int(size), ambiguous=0.1)
    places = np.empty(length * LANES, np.int64)
    find_places(windows.T.reshape(-1).copy(), length, kmer, 24, places)
    expected = [[24 * row_of(w, base, kmer) for w in windows] for base in range(length)]
    np.testing.assert_array_equal(places.reshape(length, LANES), expected)


@pytest.mark.parametrize("kmer", [3, 5, 7])
def test_opposite_rows_are_reverse_complements(kmer: int) -> None:
    rng, opposite = np.random.default_rng(kmer), opposite_rows(kmer)
    for word in rng.integers(0, 4, (50, kmer)):
        row, other = (int("".join(map(str, w)), 4) for w in (word, 3 - word[::-1]))
        assert opposite[row] == other
    np.testing.assert_array_equal(opposite[opposite], np.arange(4**kmer))


@pytest.mark.parametrize("units", [2, 4])
@pytest.mark.parametrize("gates", [1, 3])
def test_folded_rows_are_sums(units: int, gates: int) -> None:
    """In each tile: the gates of its units one after another, filled up to full groups."""
    rng, hidden, own = np.random.default_rng(1), 8, 6
    entries = rng.normal(size=(gates + 1, hidden, TABLE_ENTRIES)).astype(np.float32)
    table = rng.normal(size=(64, gates * own)).astype(np.float32)
    factors = rng.normal(size=gates)
    packed = pack_kmers(Kmers(table, opposite_rows(3), factors), entries, units)
    rows = packed.reshape(64 + FURTHER, hidden // units, -1)
    assert rows.shape[2] == -(-gates * units // 4) * 4
    for row in range(64 + FURTHER):
        code = row // 4 % 4 if row < 64 else row - 64
        for gate in range(gates):
            expected = entries[gate, :, code].copy()
            if row < 64:
                of_kmer = table[opposite_rows(3)[row]].reshape(gates, own)[gate] * factors[gate]
                expected[:own] += of_kmer.astype(np.float32)
            found = rows[row, :, gate * units : (gate + 1) * units].reshape(-1)
            np.testing.assert_array_equal(found, expected)


@kernel
def looked_up(table, at, places, out):  # type: ignore[no-untyped-def]
    found = take_kmers(table, at, 6, places, LANES)
    for number in range(12):
        store(out, number * LANES // 2, found[number])


@kernel
def added(table, at, places, deltas):  # type: ignore[no-untyped-def]
    add_to_rows(table, at, places, LANES, deltas, LANES)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_vectors_are_taken_from_rows_and_added_to_rows(kind: type) -> None:
    rng = np.random.default_rng(2)
    table = aligned(40 * 16, dtype=kind)
    table[:] = rng.normal(size=table.size)
    places = rng.integers(0, 40, 2 * LANES) * 16
    out = aligned(6 * LANES, dtype=kind)
    looked_up(table, 4, places, out)
    expected = [[table[place + 4 + row] for place in places[LANES:]] for row in range(6)]
    np.testing.assert_array_equal(out.reshape(6, LANES), expected)
    deltas = aligned(5 * LANES, dtype=kind)
    deltas[:] = rng.normal(size=deltas.size)
    sums, naive = table.copy(), table.copy()
    added(sums, 8, places, deltas)
    for lane, place in enumerate(places[LANES:]):  # several lanes have the same row
        for row in range(4):
            naive[place + 8 + row] += deltas[(1 + row) * LANES + lane]
    np.testing.assert_array_equal(sums, naive)
