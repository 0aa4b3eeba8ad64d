"""Gradient by the letters of a sequence, from the deltas of a first layer with k-mers.

The sums of a base take one row of a table, for the k-mer around the base. If base j of the k-mer
were letter x, they would take another row. So a base with k-mer K adds, to the gradient by letter x
of the base at each of the k places of K::

    delta . row of (K with x at that place)

Numbers of k-mers have two bits per base. Letter x = own ^ d at a place is one exclusive or with
the number, d shifted to that place. So gradients are summed by d = 0 to 3, which does not depend on
the bases: d = 0 is the own letter, whose row is the same for all k places. `by_letter` sorts them
by letter at the end.

Sums. Deltas have the windows in their lanes, and rows of the table have the gates in sequence. So
deltas are transposed first. Then a vector has `VECTOR` gates of one window, and a sum is a vector
of partial sums. The sums of the bases within one k-mer stay in registers, and move on by one place
with each base::

    k-mer of base t        slot 0   slot 1   slot 2   slot 3   slot 4
    k-mer of base t + 1             slot 0   slot 1   slot 2   slot 3   slot 4

The base in slot 0 is complete, and its sums are added up. Slots are in the order of the steps, so
both directions add in the same order, and the gradients of the opposite strand are equal to the
last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels.intrinsics import add3, add5, add7, transpose
from dnabirnn.engine.kernels.vectors import LANES, VECTOR, aligned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["Letters", "add_letters", "by_letter", "no_letters"]


class Letters(NamedTuple):
    """K-mers of a block of windows, and gradients by letter to add to.

    Attributes
    ----------
    kmer : int
        k, more than 1.
    numbers : ndarray, (L * LANES,) int64
        Number of the k-mer around each base. Without one, 4**k plus the code of the base.
    table : ndarray, ((4**k + FURTHER) * width,) float32
        Weights by k-mer, in the order of the rows of deltas. The further rows have the weights of
        bases alone. Empty if there are no k-mers.
    width : int
        Numbers per row, a multiple of `LETTER_COLUMNS`.
    scratch : ndarray, (STEPS * VECTOR * width,) float32
        Scratch space, with zeros in columns that are filled up.
    out : ndarray, (LANES * (L + k - 1) * 4,) float32
        Output: gradients by own letter ^ d, of each window, with (k - 1) / 2 bases at either end.
    """

    kmer: int
    numbers: NDArray[np.int64]
    table: NDArray[np.float32]
    width: int
    scratch: NDArray[np.float32]
    out: NDArray[np.float32]


def no_letters(dtype: Any) -> Letters:
    """Return a `Letters` for a backward pass that does not need gradients by letter."""
    none = aligned(0, dtype=dtype)
    return Letters(1, np.empty(0, np.int64), none, 0, none, none)


@kernel
def add_letters(
    deltas: NDArray[np.float32],
    steps: int,
    delta_step: int,
    rows: int,
    reverse: bool,
    first: int,
    letters: Letters,
) -> None:
    """Add the gradients from a few steps of the backward pass.

    Parameters
    ----------
    deltas : ndarray, (steps * delta_step,) float32
        May be read for `VECTOR` rows more than it has.
    steps, delta_step : int
        Number of steps, and numbers between them.
    rows : int
        Rows of deltas whose sum has a product of the input.
    reverse : bool
        Direction of the forward pass.
    first : int
        Base of the first step.
    letters : Letters
    """
    kmer, numbers, table, width, scratch, out = letters
    half, onward = kmer // 2, 1 if reverse else -1
    size = out.size // LANES
    for v in range(0, LANES, VECTOR):
        for k in range(steps):
            for row in range(0, rows, VECTOR):
                at = k * delta_step + row * LANES + v
                transpose(deltas, at, scratch, k * VECTOR * width + row, width)
        for n in range(VECTOR):
            lane = v + n
            number = first * LANES + lane
            own = scratch[n * width :]
            # Bases of `out` are `half` places further on, so slot 0 is `half` places back.
            place = lane * size + (first + half - onward * half) * 4
            step = VECTOR * width
            if kmer == 3:
                add3(numbers, number, table, width, own, step, steps, reverse, out, place)
            elif kmer == 5:
                add5(numbers, number, table, width, own, step, steps, reverse, out, place)
            else:
                add7(numbers, number, table, width, own, step, steps, reverse, out, place)
            for k in range(steps):
                base = numbers[number + k * onward * LANES] - 4**kmer
                if 0 <= base < AMBIGUOUS:  # it has no k-mer
                    at = lane * size + (first + k * onward + half) * 4
                    for d in range(4):
                        row = (4**kmer + (base ^ d)) * width
                        total = table.dtype.type(0)
                        for column in range(rows):
                            total += own[k * step + column] * table[row + column]
                        out[at + d] += total


@kernel
def by_letter(
    codes: Codes,
    flank: int,
    forward: NDArray[np.float32],
    reverse: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Add the gradients of both directions, and sort them by letter.

    Parameters
    ----------
    codes : ndarray, (W, L) uint8
        At most LANES windows.
    flank : int
        Further bases at either end of `forward` and `reverse`.
    forward, reverse : ndarray, (LANES, L + 2 * flank, 4) float32
        By own letter ^ d.
    out : ndarray, (W, L, 4) float32
        Output: of A, C, G and T; 0 at code 4 and at padding.
    """
    windows, length = codes.shape
    for window in range(windows):
        for t in range(length):
            code = codes[window, t]
            for d in range(4):
                if code < AMBIGUOUS:
                    total = forward[window, flank + t, d] + reverse[window, flank + t, d]
                    out[window, t, code ^ d] = total
                else:
                    out[window, t, d] = 0
