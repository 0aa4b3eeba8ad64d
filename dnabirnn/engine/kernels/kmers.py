"""Look-up of k-mers in a first layer, and the gradient of their table.

A first layer with k-mers adds to the sums of each base the row of a table for the k-mer around it
(see `dnabirnn.network.kmers`). No sum is added up when a kernel runs: `fold` makes a table of whole
sums, with biases, the weights of the base and the row of the k-mer. It has a row per k-mer, and
`FURTHER` rows for bases without one, by code: A, C, G, T, and last N and padding::

    row                  [ sums of tile 0 | sums of tile 1 | ... ]
    0       AAAAA
    1       AAAAC
    ...
    4^k     A, no k-mer
    ...
    4^k + 4 N, padding

The reverse direction has another table, in the order of the same rows: row AAAAC has the sums for
GTTTT. So `find_places` is called once for both directions. It gives the place of each base's row.

Transposition. The lanes of a vector need one number each, from as many rows. A gather instruction
loads them one by one. `take_kmers` loads four neighbouring sums at a time, and transposes blocks of
four lanes and four sums::

    lane 0   [ s0 s1 s2 s3 ]              s0   [ lane 0  lane 1  lane 2  lane 3 ]
    lane 1   [ s0 s1 s2 s3 ]     -->      s1   [ lane 0  lane 1  lane 2  lane 3 ]
    lane 2   [ s0 s1 s2 s3 ]              s2   [ lane 0  lane 1  lane 2  lane 3 ]
    lane 3   [ s0 s1 s2 s3 ]              s3   [ lane 0  lane 1  lane 2  lane 3 ]

`add_to_rows` goes the other way: it adds the deltas of each lane to a row of the gradient, lane by
lane in a fixed order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, PADDING
from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels.vectors import LANES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["FURTHER", "GROUP", "find_places", "fold"]

FURTHER = 5
"""Rows of a table after those of the k-mers."""
GROUP = 4
"""Sums that are loaded at a time. The sums of a tile are filled up to a multiple of it."""


def find_places(
    codes: Codes, length: int, kmer: int, width: int, places: NDArray[np.int64]
) -> None:
    """Find the place of each base's row in tables with rows of `width` numbers.

    Parameters
    ----------
    codes : ndarray, (L * LANES,) uint8
    length, kmer, width : int
    places : ndarray, (L * LANES,) int64
        Output.
    """
    _find_places(codes, length, kmer, width, np.zeros(2 * LANES, np.int64), places)


@kernel
def _find_places(
    codes: Codes,
    length: int,
    kmer: int,
    width: int,
    last: NDArray[np.int64],
    places: NDArray[np.int64],
) -> None:
    """Find places; `last` is work space, (2 * LANES,) zeros.

    Its first half is the number of the last k bases of each lane, and its second half is how many
    of these bases are known.
    """
    largest, half = 4**kmer - 1, kmer // 2
    for t in range(length + half):
        for lane in range(LANES):
            code = codes[t * LANES + lane] if t < length else PADDING
            last[lane] = (last[lane] * 4 + (code & 3)) & largest
            last[LANES + lane] = last[LANES + lane] + 1 if code < AMBIGUOUS else 0
            if t >= half:
                at = (t - half) * LANES + lane
                row = last[lane]
                if last[LANES + lane] < kmer:
                    row = largest + 1 + min(codes[at], AMBIGUOUS)
                places[at] = row * width


@kernel
def fold(
    table: NDArray[np.float32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    factors: NDArray[np.float64],
    of_bases: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Add up the sums of each row.

    Parameters
    ----------
    table : ndarray, (4**k, gates * units) float32
        Weights of k-mers.
    rows : ndarray, (4**k,) int64
        Row of `table` for each row of the output.
    columns : ndarray, (width,) int64
        Column of `table` for each column of the output.
    factors : ndarray, (width,) float64
        Factors of the weights; 0 for columns that are filled up.
    of_bases : ndarray, (FURTHER, width) float32
        Sums of bases without a k-mer.
    out : ndarray, ((4**k + FURTHER) * width,) float32
        Output.
    """
    kmers, width = rows.size, columns.size
    kind = table.dtype.type
    below = 1  # k-mers that differ only after the base in the middle
    while below * below * 4 < kmers:
        below *= 4
    for row in range(kmers):
        base = row // below % 4
        for column in range(width):
            of_kmer = kind(table[rows[row], columns[column]] * factors[column])
            out[row * width + column] = of_bases[base, column] + of_kmer
    for base in range(FURTHER):
        for column in range(width):
            out[(kmers + base) * width + column] = of_bases[base, column]
