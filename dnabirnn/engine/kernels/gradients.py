"""Common parts of the backward passes of all cells.

A cell goes through its steps in the opposite order. At each step it writes its deltas: the
gradients of the sums that its gates are functions of. With U for the weights of the state, W for
those of the input x, and h for the state before a step::

    gradient of h     +=  U^T delta             `carry`, at each step
    gradient of U     +=  delta h^T             `sum_gradients`, after every `STEPS` steps,
    gradient of W     +=  delta x^T             summed over steps and windows
    gradient of bias  +=  delta
    gradient of k-mer +=  delta                 to the row of the table
    gradient of x     =   W^T delta             also `sum_gradients`, per step and window

The deltas of `STEPS` steps share one buffer. They are summed while they are still in the cache, and
then overwritten by those of the next steps::

    L - 1      ...      L - 16 | L - 17     ...     L - 32 | ...        steps of a forward pass
    write deltas, then sum     | write deltas, then sum    | ...

The gradients of weights and biases keep the lanes apart. A gradient of one weight is a vector of
`VECTOR` partial sums, to which vectors are added (`outer` in `intrinsics.tiles`).
`add_up` sums the lanes once at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import PADDING
from dnabirnn.compiled import inlined, kernel
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.intrinsics import (
    add_to_rows,
    fma,
    load,
    outer,
    product4,
    store,
    total,
    zeros,
)
from dnabirnn.engine.kernels.kmers import GROUP
from dnabirnn.engine.kernels.letters import Letters, add_letters
from dnabirnn.engine.kernels.vectors import LANES, OUTER_COLUMNS, OUTER_ROWS, VECTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = [
    "STEPS",
    "TILE",
    "Sums",
    "Target",
    "add_target",
    "add_up",
    "carry",
    "carry_tile",
    "drop",
    "enter",
    "head_backward",
    "head_forward",
    "numbers_of_sums",
    "sum_gradients",
    "untiled",
]

STEPS = 16
"""Steps whose deltas are kept at a time: 256 KiB for a GRU of 32 units and 32 windows."""
TILE = 4
"""Units per tile of `carry`. Units and rows of the head are filled up to a multiple of it."""
_NUMBERS = OUTER_ROWS * OUTER_COLUMNS * VECTOR


def numbers_of_sums(rows: int, columns: int) -> int:
    """Return the size of the sums for the gradient of weights (rows, columns)."""
    return rows * columns * VECTOR


def untiled(sums: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Arrange tiles, added up by `add_up`, as a gradient (rows, columns)."""
    tiles = sums.reshape(rows // OUTER_ROWS, columns // OUTER_COLUMNS, OUTER_ROWS, OUTER_COLUMNS)
    return tiles.transpose(0, 2, 1, 3).reshape(rows, columns)


@kernel
def enter(windows: Codes, codes: Codes, one_hot: NDArray[np.float32]) -> None:
    """Transpose codes of at most LANES windows, (W, L), for the kernels.

    `codes` becomes (L * LANES,), and `one_hot` (L * 4 * LANES,). Lanes without a window get
    padding.
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
    """Sum over lanes: (n * VECTOR,) to (n,)."""
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
    """Add the transposed weights times deltas to the gradient of a state, (hidden, LANES).

    Parameters
    ----------
    transposed : ndarray, (hidden / TILE * count * TILE,) float32
        Transposed weights of the states.
    hidden, count : int
        Number of units, and number of rows of deltas.
    deltas : ndarray
        Rows of deltas, from position `at` on.
    memory : ndarray
        The gradient of the state is at its start.
    """
    for tile in range(hidden // TILE):
        carry_tile(transposed, tile, count, deltas, at, memory)


@inlined
def carry_tile(
    transposed: NDArray[np.float32],
    tile: int,
    count: int,
    deltas: NDArray[np.float32],
    at: int,
    memory: NDArray[np.float32],
) -> None:
    """Do what `carry` does for the units of one tile."""
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


class Target(NamedTuple):
    """Number per window that is differentiated: a sum over bases of shares times weighted features.

    Attributes
    ----------
    shares : ndarray, (L * LANES,) float32
        Empty if the gradient of the features is given otherwise.
    weights : ndarray, (H * LANES,) float32
        Weights of one direction's features.
    """

    shares: NDArray[np.float32]
    weights: NDArray[np.float32]


@inlined
def add_target(target: Target, t: int, hidden: int, memory: NDArray[np.float32]) -> None:
    """Add the gradient of a target by the features of base t to that of a state in `memory`."""
    for v in range(0, LANES, VECTOR):
        share = load(target.shares, t * LANES + v)
        for at in range(v, hidden * LANES, LANES):
            store(memory, at, fma(share, load(target.weights, at), load(memory, at)))


class Sums(NamedTuple):
    """Inputs of one direction of a layer, and gradients summed over all steps.

    Attributes
    ----------
    below : ndarray, (L * below_rows * LANES,) float32
        Inputs of the layer: one-hot bases or features of the layer below.
    below_rows : int
        Inputs per base.
    inputs : ndarray, (below_rows / TILE * rows * TILE,) float32
        Transposed weights of the inputs; empty if the gradient of the inputs is not needed.
    below_gradient : ndarray, as `below`
        Gradient of the inputs. The forward direction overwrites it, the reverse direction adds.
    of_states, of_inputs, of_biases : ndarray, float32
        Gradients of weights and biases, with separate lanes, to add to; see `numbers_of_sums`.
    places : ndarray, (L * LANES,) int64
        Places in `of_kmers` of each base's row; empty if `of_kmers` is.
    of_kmers : ndarray, ((4**k + FURTHER) * width,) float32
        Gradients of the table of k-mers, to add to: a row starts with the rows of deltas whose sum
        has a product of the input. Empty without k-mers.
    letters : Letters
        Gradients by the letters of the sequence; its table is empty if they are not needed.
    kept : ndarray, (L * rows * LANES,) float32
        Output: the deltas of sums that have a product of the input; empty if not needed.

    The gradients of weights are not computed if `of_states` is empty.
    """

    below: NDArray[np.float32]
    below_rows: int
    inputs: NDArray[np.float32]
    below_gradient: NDArray[np.float32]
    of_states: NDArray[np.float32]
    of_inputs: NDArray[np.float32]
    of_biases: NDArray[np.float32]
    places: NDArray[np.int64]
    of_kmers: NDArray[np.float32]
    letters: Letters
    kept: NDArray[np.float32]


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
    """Add the contribution of a few steps to the gradients.

    Parameters
    ----------
    length : int
        L.
    reverse : bool
        Direction of the forward pass; the backward pass takes the steps in the opposite order.
    done, steps : int
        Number of steps done before these, and number of these steps.
    hidden : int
        H, a multiple of `TILE`.
    delta_rows, state_row, rows : int
        Rows of deltas per step; first row whose sum has a product of the state; number of these
        rows. Rows whose sum has a product of the input start at 0, and are as many.
    deltas : ndarray, (STEPS * delta_rows * LANES,) float32
    features : ndarray, (L * 2 * H * LANES,) float32
        States of this layer.
    sums : Sums
    """
    below_rows = sums.below_rows
    onward = 1 if reverse else -1
    size, delta_step = hidden * LANES, delta_rows * LANES
    first = done if reverse else length - 1 - done
    # The state before the first step is 0, so that step adds nothing to the gradient of U.
    products = min(steps, length - 1 - done)
    half = size if reverse else 0
    if sums.kept.size:
        for k in range(steps):
            at, place = k * delta_step, (first + k * onward) * rows * LANES
            for i in range(rows * LANES):
                sums.kept[place + i] = deltas[at + i]
    if sums.letters.table.size:
        add_letters(deltas, steps, delta_step, rows, reverse, first, sums.letters)
    weighted = sums.of_states.size > 0
    if weighted and products > 0:
        for i in range(0, rows, OUTER_ROWS):
            for j in range(0, hidden, OUTER_COLUMNS):
                outer(
                    deltas,
                    (state_row + i) * LANES,
                    delta_step,
                    features,
                    (first + onward) * 2 * size + half + j * LANES,
                    onward * 2 * size,
                    products,
                    sums.of_states,
                    (i // OUTER_ROWS * (hidden // OUTER_COLUMNS) + j // OUTER_COLUMNS) * _NUMBERS,
                )
    for i in range(0, rows if weighted else 0, OUTER_ROWS):
        for j in range(0, below_rows, OUTER_COLUMNS):
            outer(
                deltas,
                i * LANES,
                delta_step,
                sums.below,
                (first * below_rows + j) * LANES,
                onward * below_rows * LANES,
                steps,
                sums.of_inputs,
                (i // OUTER_ROWS * (below_rows // OUTER_COLUMNS) + j // OUTER_COLUMNS) * _NUMBERS,
            )
    for row in range(delta_rows if weighted else 0):
        of_row = load(sums.of_biases, row * VECTOR)
        for k in range(steps):
            at = k * delta_step + row * LANES
            of_row = of_row + (load(deltas, at) + load(deltas, at + VECTOR))
        store(sums.of_biases, row * VECTOR, of_row)
    if sums.of_kmers.size:
        for k in range(steps):
            at = (first + k * onward) * LANES
            for row in range(0, rows, GROUP):
                place = k * delta_step + row * LANES
                add_to_rows(sums.of_kmers, row, sums.places, at, deltas, place)
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
    """Compute the rows of the head, (L * rows * LANES,), from features (L * 2 * H * LANES,)."""
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
    """Compute the gradients of features and head weights from those of the head's rows.

    Parameters
    ----------
    features : ndarray, (L * 2 * H * LANES,) float32
    length, hidden : int
    transposed : ndarray, (2 * H / TILE * rows * TILE,) float32
        Transposed weights of the head.
    rows : int
        Number of rows, filled up with rows of zeros to a multiple of `TILE`.
    row_gradient : ndarray, (L * rows * LANES,) float32
    feature_gradient : ndarray, (L * 2 * H * LANES,) float32
        Output.
    sums : ndarray, float32
        Gradient of the weights, (2 * H, rows), as tiles with separate lanes. It is added to.
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
    for i in range(0, wide, OUTER_ROWS):
        for j in range(0, rows, OUTER_COLUMNS):
            outer(
                features,
                i * LANES,
                wide * LANES,
                row_gradient,
                j * LANES,
                rows * LANES,
                length,
                sums,
                (i // OUTER_ROWS * (rows // OUTER_COLUMNS) + j // OUTER_COLUMNS) * _NUMBERS,
            )


@kernel
def drop(
    values: NDArray[np.float32],
    first_key: np.uint32,
    second_key: np.uint32,
    lowest: np.uint32,
    factor: np.float32,
    out: NDArray[np.float32],
) -> None:
    """Apply dropout: set random values to zero, and multiply the others by `factor`.

    Value i is kept if 16 bits of a hash of i and the keys are at least `lowest`. The hash is a
    function of position and keys only, so the gradient is dropped at the same positions as the
    values, and no mask is stored. The hash is "lowbias32" of Wellons (2018), keyed twice. Its low
    16 bits decide on a value of the first half, its high 16 bits on one of the second half.

    `out` must be a different array: in place, this takes seven times as long.
    """
    half = values.size // 2
    low = np.uint32(0xFFFF)
    for i in range(half):
        x = np.uint32(i) ^ first_key
        x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x21F0AAAD))
        x = np.uint32((x ^ second_key ^ (x >> np.uint32(15))) * np.uint32(0x735A2D97))
        x = x ^ (x >> np.uint32(15))
        nothing = values.dtype.type(0)
        out[i] = values[i] * factor if (x & low) >= lowest else nothing
        out[half + i] = values[half + i] * factor if (x >> np.uint32(16)) >= lowest else nothing
