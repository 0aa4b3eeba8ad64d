"""Backward passes: what all cells have in common.

A cell goes through its steps in the opposite order and writes `deltas`, the gradients of the sums
that its gates are functions of, for a few steps at a time, so that they are still in the cache
when the gradients of the weights are summed over them. Those sums keep the lanes apart to the end:
a tile of a weight's gradient is a few vectors to which products of vectors are added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.compiled import inlined, kernel
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.simd import LANES, VECTOR, load, store, total, zeros
from dnabirnn.engine.kernels.tiles import COLUMNS, ROWS, outer, product4

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = [
    "STEPS",
    "TILE",
    "Sums",
    "add_up",
    "carry",
    "drop",
    "enter",
    "head_backward",
    "head_forward",
    "numbers_of_sums",
    "sum_gradients",
    "untiled",
]

STEPS = 16
"""Steps whose deltas are kept at a time: with 32 units and 32 windows, 256 KiB."""
TILE = 4
"""Units of a tile of `carry`, and rows or columns that others come in."""
_NUMBERS = ROWS * COLUMNS * VECTOR


def numbers_of_sums(rows: int, columns: int) -> int:
    """Numbers that the sums of a weight's gradient take."""
    return rows * columns * VECTOR


def untiled(sums: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Gradient (rows, columns) of tiles added up by `add_up`."""
    tiles = sums.reshape(rows // ROWS, columns // COLUMNS, ROWS, COLUMNS)
    return tiles.transpose(0, 2, 1, 3).reshape(rows, columns)


@kernel
def enter(windows: Codes, codes: Codes, one_hot: NDArray[np.float32]) -> None:
    """Codes (up to LANES, L) as kernels read them, (L * LANES,), and as (L * 4 * LANES,) of 0, 1.

    Lanes without a window are padding.
    """
    number, length = windows.shape
    one_hot[:] = 0
    for t in range(length):
        for lane in range(LANES):
            code = windows[lane, t] if lane < number else PADDING
            codes[t * LANES + lane] = code
            if code < 4:
                one_hot[(t * 4 + code) * LANES + lane] = 1


@kernel
def add_up(sums: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Add up the lanes: (n * VECTOR,) to (n,)."""
    for number in range(out.size):
        out[number] = total(load(sums, number * VECTOR))


@inlined
def carry(
    transposed: NDArray[np.float32],
    hidden: int,
    count: int,
    deltas: NDArray[np.float32],
    at: int,
    memory: NDArray[np.float32],
) -> None:
    """Add to the gradient of a state (hidden, LANES) what its products with weights give.

    Parameters
    ----------
    transposed : ndarray, (hidden / TILE * count * TILE,) float32
    hidden, count : int
        Units, and rows of deltas that states are part of.
    deltas : ndarray
        The rows from place `at`.
    memory : ndarray
        The gradient lies at its beginning.
    """
    for tile in range(hidden // TILE):
        first = tile * TILE * LANES
        sums = (
            load(memory, first),
            load(memory, first + VECTOR),
            load(memory, first + LANES),
            load(memory, first + LANES + VECTOR),
            load(memory, first + 2 * LANES),
            load(memory, first + 2 * LANES + VECTOR),
            load(memory, first + 3 * LANES),
            load(memory, first + 3 * LANES + VECTOR),
        )
        sums = product4(transposed, tile * count * TILE, deltas, at, count, sums)
        for number in range(2 * TILE):
            store(memory, first + number * VECTOR, sums[number])


class Sums(NamedTuple):
    """What one direction of a layer reads from below, and gradients summed over all steps.

    Attributes
    ----------
    below : ndarray, (L * below_rows * LANES,) float32
        What the layer reads.
    below_rows : int
    inputs : ndarray, (below_rows / TILE * rows * TILE,) float32
        Weights of that, transposed; empty where its gradient is of no interest.
    below_gradient : ndarray, as `below`
        Filled by the forward direction, added to by the reverse one.
    of_states, of_inputs, of_biases : ndarray, float32
        Added to, the lanes kept apart; see `numbers_of_sums`.
    """

    below: NDArray[np.float32]
    below_rows: int
    inputs: NDArray[np.float32]
    below_gradient: NDArray[np.float32]
    of_states: NDArray[np.float32]
    of_inputs: NDArray[np.float32]
    of_biases: NDArray[np.float32]


@kernel
def sum_gradients(
    length: int,
    reverse: bool,
    done: int,
    steps: int,
    hidden: int,
    delta_rows: int,
    state_row: int,
    rows: int,
    deltas: NDArray[np.float32],
    features: NDArray[np.float32],
    sums: Sums,
) -> None:
    """Sum over a few steps what their deltas give to the gradients.

    Parameters
    ----------
    length : int
        L.
    reverse : bool
        As in the forward pass; steps are gone through in the opposite order.
    done, steps : int
        Steps gone through before these, and these.
    hidden : int
        H, a multiple of `TILE`.
    delta_rows, state_row, rows : int
        Rows of deltas of a step; the first of those that states are part of; how many there are
        of these, and of those that inputs are part of, which begin at 0.
    deltas : ndarray, (STEPS * delta_rows * LANES,) float32
    features : ndarray, (L * 2 * H * LANES,) float32
        States of this layer.
    sums : Sums
    """
    below_rows = sums.below_rows
    onward = 1 if reverse else -1
    size, delta_step = hidden * LANES, delta_rows * LANES
    first = done if reverse else length - 1 - done
    # The states before the first step are zeros.
    products = min(steps, length - 1 - done)
    half = size if reverse else 0
    if products > 0:
        for i in range(0, rows, ROWS):
            for j in range(0, hidden, COLUMNS):
                outer(
                    deltas,
                    (state_row + i) * LANES,
                    delta_step,
                    features,
                    (first + onward) * 2 * size + half + j * LANES,
                    onward * 2 * size,
                    products,
                    sums.of_states,
                    (i // ROWS * (hidden // COLUMNS) + j // COLUMNS) * _NUMBERS,
                )
    for i in range(0, rows, ROWS):
        for j in range(0, below_rows, COLUMNS):
            outer(
                deltas,
                i * LANES,
                delta_step,
                sums.below,
                (first * below_rows + j) * LANES,
                onward * below_rows * LANES,
                steps,
                sums.of_inputs,
                (i // ROWS * (below_rows // COLUMNS) + j // COLUMNS) * _NUMBERS,
            )
    for row in range(delta_rows):
        of_row = load(sums.of_biases, row * VECTOR)
        for k in range(steps):
            at = k * delta_step + row * LANES
            of_row = of_row + (load(deltas, at) + load(deltas, at + VECTOR))
        store(sums.of_biases, row * VECTOR, of_row)
    if sums.inputs.size:
        for k in range(steps):
            at = (first + k * onward) * below_rows * LANES
            for tile in range(below_rows // TILE):
                place = at + tile * TILE * LANES
                nothing = zeros(deltas)
                found = (nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing)
                weights = tile * rows * TILE
                found = product4(sums.inputs, weights, deltas, k * delta_step, rows, found)
                for number in range(2 * TILE):
                    here = place + number * VECTOR
                    value = found[number]
                    if reverse:
                        value = value + load(sums.below_gradient, here)
                    store(sums.below_gradient, here, value)


@kernel
def head_forward(
    features: NDArray[np.float32],
    length: int,
    hidden: int,
    forward: NDArray[np.float32],
    reverse: NDArray[np.float32],
    rows: int,
    answers: NDArray[np.float32],
) -> None:
    """Rows of the head, (L * rows * LANES,), of features (L * 2 * H * LANES,)."""
    size = hidden * LANES
    for t in range(length):
        place, at = t * rows * LANES, t * 2 * size
        project(forward, rows, hidden, features, at, answers, place, False)
        project(reverse, rows, hidden, features, at + size, answers, place, True)


@kernel
def head_backward(
    features: NDArray[np.float32],
    length: int,
    hidden: int,
    transposed: NDArray[np.float32],
    rows: int,
    row_gradient: NDArray[np.float32],
    feature_gradient: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    """Gradients of features and of the head's weights from those of its rows.

    Parameters
    ----------
    features : ndarray, (L * 2 * H * LANES,) float32
    length, hidden : int
    transposed : ndarray, (2 * H / TILE * rows * TILE,) float32
    rows : int
        A multiple of `TILE`: rows of zeros are added.
    row_gradient : ndarray, (L * rows * LANES,) float32
    feature_gradient : ndarray, (L * 2 * H * LANES,) float32
        Filled.
    sums : ndarray, float32
        Added to: gradient of the weights, (2 * H, rows), as tiles.
    """
    nothing = zeros(features)
    wide = 2 * hidden
    for t in range(length):
        for tile in range(wide // TILE):
            found = (nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing)
            at = t * rows * LANES
            found = product4(transposed, tile * rows * TILE, row_gradient, at, rows, found)
            for number in range(2 * TILE):
                place = (t * wide + tile * TILE) * LANES + number * VECTOR
                store(feature_gradient, place, found[number])
    for i in range(0, wide, ROWS):
        for j in range(0, rows, COLUMNS):
            outer(
                features,
                i * LANES,
                wide * LANES,
                row_gradient,
                j * LANES,
                rows * LANES,
                length,
                sums,
                (i // ROWS * (rows // COLUMNS) + j // COLUMNS) * _NUMBERS,
            )


@kernel
def drop(
    values: NDArray[np.float32],
    first_key: np.uint32,
    second_key: np.uint32,
    least: np.uint32,
    factor: np.float32,
    out: NDArray[np.float32],
) -> None:
    """Zero values by chance, and multiply the others.

    Number i is kept if 16 bits of a hash of i and the keys are `least` or more: the same numbers
    are dropped from values and from their gradient. The hash is Wellons' (2018) "lowbias32", keyed
    twice; it serves a number of each half. `out` is another array, or this takes seven times as
    long.
    """
    half = values.size // 2
    low = np.uint32(0xFFFF)
    for i in range(half):
        x = np.uint32(i) ^ first_key
        x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x21F0AAAD))
        x = np.uint32((x ^ second_key ^ (x >> np.uint32(15))) * np.uint32(0x735A2D97))
        x = x ^ (x >> np.uint32(15))
        nothing = values.dtype.type(0)
        out[i] = values[i] * factor if (x & low) >= least else nothing
        out[half + i] = values[half + i] * factor if (x >> np.uint32(16)) >= least else nothing
