"""Matches of motifs in contributions: where the same bases matter in the same way.

A motif is a matrix of the mean contributions of the bases of its sites, (W, 4), 0 for bases that
they do not have. How well it matches W bases is the cosine between the matrix and the contributions
of these bases. So it does not matter how strong a site is, but which bases matter, and how much
compared with each other. Bases that do not matter in a motif may be any, as long as they do not
matter in the site either.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.compiled import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["best_apart", "match", "opposite"]


def opposite(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a matrix (W, 4) as it is read on the opposite strand."""
    return np.ascontiguousarray(matrix[::-1, ::-1])


@kernel
def match(
    codes: Codes,
    values: NDArray[np.float64],
    matrix: NDArray[np.float64],
    cosines: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Compute the cosine and the sum of contributions of each W bases.

    Parameters
    ----------
    codes : ndarray, (N,) uint8
    values : ndarray, (N,) float64
        Contributions of the bases; 0 for code 4.
    matrix : ndarray, (W, 4) float64
        Not all 0.
    cosines, sums : ndarray, (N - W + 1,) float64
        Results.
    """
    width = matrix.shape[0]
    norm = 0.0
    for i in range(width):
        for base in range(4):
            norm += matrix[i, base] * matrix[i, base]
    for start in range(codes.size - width + 1):
        product = 0.0
        square = 0.0
        total = 0.0
        for i in range(width):
            value = values[start + i]
            if codes[start + i] < 4:
                product += matrix[i, codes[start + i]] * value
            square += value * value
            total += value
        cosines[start] = product / math.sqrt(norm * square) if square > 0 else 0.0
        sums[start] = total


def best_apart(
    order: NDArray[np.int64], starts: NDArray[np.int64], widths: NDArray[np.int64], size: int
) -> NDArray[np.bool_]:
    """Choose places in the given order, each if it does not overlap one chosen before.

    Parameters
    ----------
    order : ndarray, (n,) int64
        Indexes of places, the best first.
    starts, widths : ndarray, (n,) int64
    size : int
        End of all places.

    Returns
    -------
    chosen : ndarray, (n,) bool
    """
    chosen = np.zeros(order.size, np.bool_)
    _choose(order, starts, widths, np.zeros(size, np.bool_), chosen)
    return chosen


@kernel
def _choose(
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    widths: NDArray[np.int64],
    taken: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
) -> None:
    """Choose places; `taken` (size,) and `chosen` (n,) are all False, and updated."""
    for k in order:
        free = True
        for i in range(starts[k], starts[k] + widths[k]):
            if taken[i]:
                free = False
                break
        if free:
            chosen[k] = True
            for i in range(starts[k], starts[k] + widths[k]):
                taken[i] = True
