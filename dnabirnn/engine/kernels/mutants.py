"""Kernels for changed sequence: only what a change can reach is computed again.

A state of the forward direction depends only on the bases up to it. So the states before a changed
base are those of the unchanged window, and need not be computed again. The same holds for the
reverse direction and the bases after it. The states of both directions are kept for every base of
an unchanged window. A change then costs `reach` steps in either direction, whatever the length of
the window::

    unchanged, forward     - - - - - >
    changed, forward                 * > > > > >
    changed, reverse       < < < < < *
    unchanged, reverse                 < - - - - -
    answers                left half | right half

Left of the change, the answers are the sums of the kept half of the forward direction and the new
half of the reverse direction; right of it, it is the other way round. The additions are those of a
pass over the whole changed window, so the results are equal to the last bit.

Frames. `LANES` changes are computed side by side. Each has a frame, the sequence around it: `flank`
bases, then n new bases, then `flank` bases again. The new bases replace `removed` bases from
position `at` on. In all lanes of a block n is the same, 1 for substitutions and 0 for deletions::

    window     . . . a b c d e X Y f g h i j . . .        at = position of X, removed = 2
    frame            a b c d e Z f g h i j                flank = 5, n = 1
    column           0 1 2 3 4 5 6 7 8 9 10

A frame may reach past the ends of its window: there it holds padding. Kept states have one more row
than the window has bases, the state before the first base that the direction reads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, PADDING
from dnabirnn.compiled import inlined, kernel
from dnabirnn.engine.kernels.head import MAX_P, MIN_P, softmax
from dnabirnn.engine.kernels.intrinsics import (
    by_lane,
    choose,
    load,
    load_codes,
    logistic,
    maximum,
    minimum,
    splat,
    store,
    zero_where_n,
)
from dnabirnn.engine.kernels.vectors import LANES, VECTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.intrinsics import Vector

__all__ = [
    "NUMBERS",
    "add_changes",
    "extremes",
    "fill_rows",
    "keep_rows",
    "keep_states",
    "lay_frames",
    "put_states",
]

NUMBERS = 6
"""Numbers of `extremes` per output: of the largest gain of probability its size, its column and the
change of the log-odds there, and the same of the largest loss."""
_ZERO, _HALF = np.float32(0), np.float32(0.5)


@kernel
def keep_states(
    source: NDArray[np.float32],
    groups: int,
    group: int,
    hidden: int,
    first: int,
    part: int,
    kept: NDArray[np.float32],
) -> None:
    """Copy states from the layout of the lanes to one row per window and base.

    Parameters
    ----------
    source : ndarray, (steps * groups * H * LANES,) float32
        Features, or saved values.
    groups, group : int
        Number of groups of H rows per base, and the group to copy.
    hidden : int
        H.
    first, part : int
        First row and part of `kept` to write.
    kept : ndarray, (windows, L + 1, parts, H) float32
        Output.
    """
    for t in range(source.size // (groups * hidden * LANES)):
        for window in range(kept.shape[0]):
            for unit in range(hidden):
                at = ((t * groups + group) * hidden + unit) * LANES + window
                kept[window, first + t, part, unit] = source[at]


@kernel
def keep_rows(source: NDArray[np.float32], rows: int, kept: NDArray[np.float32]) -> None:
    """Copy rows from the layout of the lanes, (L * rows * LANES,), to (windows, L, rows)."""
    for t in range(kept.shape[1]):
        for window in range(kept.shape[0]):
            for row in range(rows):
                kept[window, t, row] = source[(t * rows + row) * LANES + window]


@kernel
def lay_frames(
    codes: Codes,
    at: NDArray[np.int64],
    removed: NDArray[np.int64],
    new: Codes,
    flank: int,
    frame: Codes,
) -> None:
    """Write the frames of a block of changes.

    Parameters
    ----------
    codes : ndarray, (L,) uint8
        The window.
    at, removed : ndarray, (LANES,) int64
        First base of the window that is replaced, and number of bases. A change may lie outside
        the window. Then it has no new bases, and the frame is that of the unchanged window.
    new : ndarray, (n * LANES,) uint8
        New bases.
    flank : int
        Bases on either side.
    frame : ndarray, ((2 * flank + n) * LANES,) uint8
        Output.
    """
    length, count = codes.size, new.size // LANES
    for column in range(flank):
        for lane in range(LANES):
            place = at[lane] - flank + column
            inside = 0 <= place < length
            frame[column * LANES + lane] = codes[place] if inside else PADDING
    for column in range(count):
        for lane in range(LANES):
            inside = 0 <= at[lane] < length
            code = new[column * LANES + lane] if inside else PADDING
            frame[(flank + column) * LANES + lane] = code
    for column in range(flank):
        for lane in range(LANES):
            place = at[lane] + removed[lane] + column
            inside = 0 <= place < length
            frame[(flank + count + column) * LANES + lane] = codes[place] if inside else PADDING


@kernel
def put_states(
    kept: NDArray[np.float32],
    first: int,
    at: NDArray[np.int64],
    state_rows: NDArray[np.int64],
    memory: NDArray[np.float32],
) -> None:
    """Write kept states to the places of `memory` that a cell starts from.

    Parameters
    ----------
    kept : ndarray, (L + 1, parts, H) float32
        States of one window and direction.
    first : int
        Added to each of `at`.
    at : ndarray, (LANES,) int64
        Row of each lane; outside the array, the nearest row.
    state_rows : ndarray, (parts,) int64
        Row of `memory` of each part.
    memory : ndarray, (MEMORY * H * LANES,) float32
        Output.
    """
    last, hidden = kept.shape[0] - 1, kept.shape[2]
    for part in range(kept.shape[1]):
        out = state_rows[part] * hidden * LANES
        for lane in range(LANES):
            row = min(max(at[lane] + first, 0), last)
            for unit in range(hidden):
                memory[out + unit * LANES + lane] = kept[row, part, unit]


@kernel
def fill_rows(
    kept: NDArray[np.float32],
    first: int,
    at: NDArray[np.int64],
    begin: int,
    end: int,
    add: bool,
    answers: NDArray[np.float32],
) -> None:
    """Write or add the kept half of the head's rows to the columns from `begin` to `end`.

    Parameters
    ----------
    kept : ndarray, (L, rows) float32
        Rows of one window and direction.
    first : int
    at : ndarray, (LANES,) int64
        Column j is base `at + first + j` of the window. Columns outside it are not used.
    begin, end : int
    add : bool
    answers : ndarray, (columns * rows * LANES,) float32
    """
    last, rows = kept.shape[0] - 1, kept.shape[1]
    for column in range(begin, end):
        for row in range(rows):
            out = (column * rows + row) * LANES
            for lane in range(LANES):
                place = min(max(at[lane] + first + column, 0), last)
                if add:
                    answers[out + lane] += kept[place, row]
                else:
                    answers[out + lane] = kept[place, row]


@inlined
def _probabilities(
    columns: NDArray[np.float32],
    base: int,
    outputs: int,
    strands: NDArray[np.int64],
    exclusive: bool,
) -> None:
    """Replace log-odds by probabilities: of the outputs, and of the background if exclusive."""
    if exclusive:
        softmax(columns, base, outputs, strands)
    else:
        for c in range(outputs):
            store(columns, base + c * LANES, logistic(load(columns, base + c * LANES)))


@inlined
def _clipped(p: Vector) -> Vector:
    return minimum(splat(MAX_P), maximum(splat(MIN_P), p))


@inlined
def _mean_log_odds(
    odds: NDArray[np.float32], first: int, second: int, c: int, exclusive: bool
) -> Vector:
    """Return the log-odds of the mean of two probabilities.

    Column c of the log-odds of one window is at position `first` of `odds`, and of the other at
    `second`. For exclusive classes, `odds` has probabilities, and the log-odds are relative to the
    background.
    """
    a, b = load(odds, first + c * LANES), load(odds, second + c * LANES)
    if exclusive:
        against = load(odds, first) + load(odds, second)
        return by_lane(math.log, a + b) - by_lane(math.log, against)
    zero = splat(_ZERO)
    against = logistic(zero - a) + logistic(zero - b)
    return by_lane(math.log, logistic(a) + logistic(b)) - by_lane(math.log, against)


@kernel
def add_changes(
    frame: Codes,
    mean: NDArray[np.float32],
    kept: NDArray[np.float32],
    at: NDArray[np.int64],
    other_mean: NDArray[np.float32],
    other_kept: NDArray[np.float32],
    other_at: NDArray[np.int64],
    removed: NDArray[np.int64],
    new: int,
    flank: int,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    strands: NDArray[np.int64],
    exclusive: bool,
    scratch: NDArray[np.float32],
    known: Codes,
    log_odds: NDArray[np.float32],
    probabilities: NDArray[np.float32],
) -> None:
    """Add what changes in the columns whose bases one window keeps, or two windows.

    A base that two windows keep has the mean of their probabilities.

    Parameters
    ----------
    frame : ndarray, (columns * LANES,) uint8
        Frames of the first window.
    mean, other_mean : ndarray, (columns * M * LANES,) float32
        Log-odds of the changed windows; the second is empty if there is only one window. M is the
        number of outputs, and one more for the background of exclusive classes, which is first.
    kept, other_kept : ndarray, (L, M) float32
        Log-odds of the unchanged windows.
    at, other_at : ndarray, (LANES,) int64
        First base that is replaced, in each window.
    removed : ndarray, (LANES,) int64
    new, flank : int
    low, high : ndarray, (LANES,) int64
        Columns of each lane to add to, half-open.
    strands : ndarray, (K,) int64
        Number of outputs per class.
    exclusive : bool
    scratch, known : ndarray, (6 * M * LANES,) float32 and (LANES,) uint8
        Work space.
    log_odds, probabilities : ndarray, (columns * O * LANES,) float32
        Changes so far. Columns without a base, or with one of code 4, do not change.
    """
    first_column, size = 1 if exclusive else 0, strands.sum()
    width = (size + first_column) * LANES
    two, last, other_last = other_mean.size > 0, kept.shape[0] - 1, other_kept.shape[0] - 1
    first, last_column = low[0], high[0]
    for lane in range(1, LANES):
        first, last_column = min(first, low[lane]), max(last_column, high[lane])
    for column in range(first, last_column):
        after = column >= flank + new
        for lane in range(LANES):
            moved = removed[lane] - new if after else 0
            lacking = flank <= column < flank + new and column - flank >= removed[lane]
            inside = low[lane] <= column < high[lane] and not lacking
            known[lane] = frame[column * LANES + lane] if inside else AMBIGUOUS
            place = min(max(at[lane] - flank + column + moved, 0), last)
            for c in range(size + first_column):
                scratch[c * LANES + lane] = kept[place, c]
            if two:
                place = min(max(other_at[lane] - flank + column + moved, 0), other_last)
                for c in range(size + first_column):
                    scratch[width + c * LANES + lane] = other_kept[place, c]
        for v in range(0, LANES, VECTOR):
            codes = load_codes(known, v)
            for c in range(size + first_column):
                place = column * width + c * LANES + v
                store(scratch, 2 * width + c * LANES + v, load(mean, place))
                if two:
                    store(scratch, 3 * width + c * LANES + v, load(other_mean, place))
            if not two:
                # Before the log-odds are replaced.
                for c in range(first_column, size + first_column):
                    out = (column * size + c - first_column) * LANES + v
                    before = load(scratch, c * LANES + v)
                    change = load(scratch, 2 * width + c * LANES + v) - before
                    store(log_odds, out, load(log_odds, out) + zero_where_n(change, codes))
                _probabilities(scratch, v, size, strands, exclusive)
                _probabilities(scratch, 2 * width + v, size, strands, exclusive)
                for c in range(first_column, size + first_column):
                    out = (column * size + c - first_column) * LANES + v
                    before = _clipped(load(scratch, c * LANES + v))
                    change = _clipped(load(scratch, 2 * width + c * LANES + v)) - before
                    store(
                        probabilities, out, load(probabilities, out) + zero_where_n(change, codes)
                    )
                continue
            if exclusive:
                for n in range(4):
                    softmax(scratch, n * width + v, size, strands)
            for c in range(first_column, size + first_column):
                out = (column * size + c - first_column) * LANES + v
                before = _mean_log_odds(scratch, v, width + v, c, exclusive)
                after_it = _mean_log_odds(scratch, 2 * width + v, 3 * width + v, c, exclusive)
                store(log_odds, out, load(log_odds, out) + zero_where_n(after_it - before, codes))
            if not exclusive:
                for n in range(4):
                    _probabilities(scratch, n * width + v, size, strands, exclusive)
            half = splat(_HALF)
            for c in range(first_column, size + first_column):
                out, at_c = (column * size + c - first_column) * LANES + v, c * LANES + v
                before = _clipped(load(scratch, at_c)) + _clipped(load(scratch, width + at_c))
                now = _clipped(load(scratch, 2 * width + at_c))
                now = now + _clipped(load(scratch, 3 * width + at_c))
                change = zero_where_n(now * half - before * half, codes)
                store(probabilities, out, load(probabilities, out) + change)


@inlined
def _larger(
    a: Vector, of_a: Vector, at_a: Vector, b: Vector, of_b: Vector, at_b: Vector
) -> tuple[Vector, Vector, Vector]:
    """Return the larger of a and b with its companions; if they are equal, that with larger `of`.

    So the opposite strand, where a and b are exchanged, gets the same answer.
    """
    tied_of, tied_at = choose(of_b, of_a, of_b, of_a), choose(of_b, of_a, at_b, at_a)
    of = choose(b, a, of_b, choose(a, b, of_a, tied_of))
    at = choose(b, a, at_b, choose(a, b, at_a, tied_at))
    return maximum(a, b), of, at


@kernel
def extremes(
    log_odds: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    outputs: int,
    new: int,
    flank: int,
    margin: int,
    out: NDArray[np.float32],
) -> None:
    """Find the largest gain and the largest loss of probability of each lane and output.

    Of equal changes, the one nearest to the replaced bases counts; of two at the same distance, the
    one with the larger change of log-odds.

    Parameters
    ----------
    log_odds, probabilities : ndarray, (columns * O * LANES,) float32
        Changes.
    outputs, new, flank : int
    margin : int
        Columns at either end that are not used.
    out : ndarray, (NUMBERS * O * LANES,) float32
        Output: gain, its column, the change of the log-odds there; loss (0 or more), its column,
        the change of the log-odds there. If nothing gains, the gain is 0 and its column `flank`.
    """
    for o in range(outputs):
        for v in range(0, LANES, VECTOR):
            for sign in range(2):
                zero = splat(_ZERO)
                best, of, at = zero, zero, splat(np.float32(flank))
                for column in range(flank, flank + new):
                    place = (column * outputs + o) * LANES + v
                    p, change = load(probabilities, place), load(log_odds, place)
                    if sign:
                        p, change = zero - p, zero - change
                    of = choose(p, best, change, of)
                    at = choose(p, best, splat(np.float32(column)), at)
                    best = choose(p, best, p, best)
                for d in range(1, flank - margin + 1):
                    left, right = flank - d, flank + new - 1 + d
                    place = (left * outputs + o) * LANES + v
                    other = (right * outputs + o) * LANES + v
                    p, change = load(probabilities, place), load(log_odds, place)
                    q, other_change = load(probabilities, other), load(log_odds, other)
                    if sign:
                        p, change = zero - p, zero - change
                        q, other_change = zero - q, zero - other_change
                    p, change, column_of = _larger(
                        p,
                        change,
                        splat(np.float32(left)),
                        q,
                        other_change,
                        splat(np.float32(right)),
                    )
                    of = choose(p, best, change, of)
                    at = choose(p, best, column_of, at)
                    best = choose(p, best, p, best)
                for n in range(3):
                    place = ((3 * sign + n) * outputs + o) * LANES + v
                    number = best if n == 0 else at if n == 1 else of
                    if sign and n == 2:
                        number = zero - number
                    store(out, place, number)
