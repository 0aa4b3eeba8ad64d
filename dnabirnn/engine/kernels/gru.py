"""Kernels of a layer of gated recurrent units (GRU).

As in torch.nn.GRU, with s for the logistic function, and with biases in each product::

    r = s(W_r x + U_r h)
    z = s(W_z x + U_z h)
    n = tanh(W_n x + r (U_n h))
    h' = (1 - z) n + z h

Forward pass. At each base, `run` computes tile by tile the sums of all gates of `UNITS` units, then
the new states of these units while the sums are still in registers, and then the product with the
head. W_n x and U_n h need separate sums, since r multiplies only the second.

The state is double-buffered. Every tile reads the whole state h of the base before. If a tile wrote
its part of h' over h, the next tile would read a mixture of both. So `memory` has two states. A
step reads from `now`, writes to `then`, and exchanges the two at its end::

    memory   [  state 0  |  state 1  | ... ]
    step 0      now   ->    then
    step 1      then  <-    now

Padding sets the state to 0. The reverse direction reads the padding on the right first, so that it
still starts from zeros at the last base of each window.

Backward pass. With g for the gradient of h', the gradients of the sums, called deltas, are::

    delta of W_n x = g (1 - z) (1 - n^2)           d tanh(x) / dx = 1 - tanh(x)^2
    delta of r     = delta of W_n x * (U_n h) * r (1 - r)
    delta of z     = g (h - n) * z (1 - z)
    delta of U_n h = delta of W_n x * r

and the gradient of h is g z, plus U^T times the last three deltas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.compiled import inlined, kernel
from dnabirnn.engine.kernels.gradients import STEPS, TILE, add_target, carry_tile, sum_gradients
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.intrinsics import (
    exp2,
    fma,
    join,
    like,
    load4,
    load8,
    load_codes,
    minimum,
    prefetch_to_read,
    prefetch_to_write,
    product6,
    product12,
    store,
    take_kmers,
    take_rows,
    zero_where_padding,
)
from dnabirnn.engine.kernels.kmers import GROUP
from dnabirnn.engine.kernels.layers import Backward, Direction, Gates, pack_direction
from dnabirnn.engine.kernels.vectors import AVX512, LANES, TABLE_ENTRIES, VECTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.gradients import Sums, Target
    from dnabirnn.engine.kernels.intrinsics import Vector

__all__ = ["BACKWARD", "MEMORY", "SAVED_STATES", "STATE_ROWS", "UNITS", "backward", "pack", "run"]

UNITS = 4 if VECTOR == 16 else 2
"""Units per tile. Each has three gates, so a tile has 12 rows with AVX-512, and else 6."""
MEMORY = 3
"""Rows of `memory`: two states, and scratch space; a row has one number per unit and window."""
STATE_ROWS = (0,)
"""Row of `memory` with the state that `run` starts from if it does not begin."""
SAVED_STATES = ()
"""Groups of saved values with further parts of the state: none, the features hold all of it."""
BACKWARD = Backward(saved=4, deltas=4, of_inputs=(2, 0, 1), first_of_states=1)
"""Saved values: r, z, n and U_n h. Deltas: of W_n x, r, z and U_n h."""
_ROWS, _BOTH = 3 * UNITS, 2 * UNITS  # of all gates of a tile, and of r and z
_SAVED_ROWS = 4 * TILE  # saved values per tile of the backward pass
_COLUMNS = -(-_ROWS // GROUP) * GROUP  # of a tile in the table of k-mers
_WIDE = 2 * UNITS  # vectors of one gate of a tile
_FIRST_N, _FIRST_N_OF_STATE = 2 * UNITS * TABLE_ENTRIES, _ROWS * TABLE_ENTRIES
_OF_R, _OF_Z, _OF_N = (slice(n * _WIDE, (n + 1) * _WIDE) for n in range(3))
_OF_BOTH = slice(2 * _WIDE)
_load = load8 if UNITS == 4 else load4
_product = product12 if UNITS == 4 else product6
# Weights are multiplied so that sums are arguments of `exp2` without further work.
_LOG2_E = 1.44269504088896341
FACTORS = np.array([-_LOG2_E, -_LOG2_E, -2 * _LOG2_E])
_UNSCALED = np.float32(1 / FACTORS[2])
# Upper limits of these sums. A gate of 1 / (1 + 2**30) is as good as 0 in float32, and products of
# two such numbers do not overflow. AVX-512 needs no limit for r: there, exp2(r) may be infinite.
_HIGHEST, _HIGHEST_R = np.float32(30), np.float32(126)
_ONE = np.float32(1)


def pack(gates: Gates, units: int = UNITS) -> Direction:
    """Pack one direction. The table rows are r, z, W_n x and U_n h, `units` of each."""
    gates = gates.scaled(FACTORS)
    both = gates.input_bias[:2] + gates.state_bias[:2]
    bias = np.concatenate([both, gates.input_bias[2:], gates.state_bias[2:]])
    if gates.inputs.shape[2] > 4:
        return pack_direction(bias, None, gates.inputs, gates.states, units)
    of_base = np.concatenate([gates.inputs, np.zeros_like(gates.inputs[:1])])
    return pack_direction(bias, of_base, None, gates.states, units, kmers=gates.kmers)


@inlined
def next_state(
    r: Vector,
    z: Vector,
    of_input: Vector,
    of_state: Vector,
    state: Vector,
) -> Vector:
    """Return the next state from the sums.

    With a = exp2(r), b = exp2(z) and c = exp2(n), the gates are 1 / (1 + a), 1 / (1 + b) and
    (1 - c) / (1 + c), and::

        h' = (1 - z) n + z h = (b (1 - c) + h (1 + c)) / ((1 + b) (1 + c))

    This takes two divisions instead of three. Where exp2(z) is below 2**-100, it depends on the
    form. The states of two forms are then equal, or both too small to change another number.
    """
    one, highest = like(r, _ONE), like(r, _HIGHEST)
    if not AVX512:
        r = minimum(like(r, _HIGHEST_R), r)
    r = one + exp2(r)
    n = exp2(minimum(highest, of_input + of_state / r))
    z = exp2(minimum(highest, z))
    return fma(z, one - n, state * (one + n)) / fma(z, one + n, one + n)


@inlined
def _next_and_save(
    r: Vector,
    z: Vector,
    of_input: Vector,
    of_state: Vector,
    state: Vector,
    saved: NDArray[np.float32],
    at: int,
    size: int,
) -> Vector:
    """Return the next state from the sums, and save what the backward pass needs."""
    one, highest = like(r, _ONE), like(r, _HIGHEST)
    r = one / (one + exp2(minimum(highest, r)))
    z = one / (one + exp2(minimum(highest, z)))
    n = exp2(minimum(highest, fma(r, of_state, of_input)))
    n = (one - n) / (one + n)
    store(saved, at, r)
    store(saved, at + size, z)
    store(saved, at + 2 * size, n)
    store(saved, at + 3 * size, of_state * like(r, _UNSCALED))
    return fma(z, state - n, n)


@kernel
def run(
    codes: Codes,
    places: NDArray[np.int64],
    length: int,
    reverse: bool,
    begins: bool,
    table: NDArray[np.float32],
    kmers: NDArray[np.float32],
    inputs: NDArray[np.float32],
    states: NDArray[np.float32],
    hidden: int,
    below: NDArray[np.float32],
    above: NDArray[np.float32],
    head: NDArray[np.float32],
    rows: int,
    answers: NDArray[np.float32],
    memory: NDArray[np.float32],
    saved: NDArray[np.float32] | None,
) -> None:
    """Run one direction of a layer over a block of windows.

    Parameters
    ----------
    codes : ndarray, (L * LANES,) uint8
    places : ndarray, (L * LANES,) int64
        Places in `kmers` of each base's row; empty if `kmers` is.
    length : int
        L.
    reverse : bool
        Whether to read from the last base to the first.
    begins : bool
        Whether to start from a state of zeros. If not, the state is at the start of `memory`.
    table, kmers, inputs, states
        As in `Direction`.
    hidden : int
        H, a multiple of `UNITS`.
    below : ndarray, (L * 2 * H * LANES,) float32
        Features of the layer below; unused in a first layer.
    above : ndarray, (L * 2 * H * LANES,) float32
        Output: this direction's half of the features, forward before reverse. Empty in the last
        layer, where the features are not needed.
    head, rows
        As in `Head`; `rows` is 0 below the last layer.
    answers : ndarray, (L * rows * LANES,) float32
        Output: rows of the head. The forward direction overwrites it, the reverse direction adds.
    memory : ndarray, (3 * H * LANES,) float32
        Scratch space.
    saved : ndarray, (L * BACKWARD.saved * H * LANES,) float32, or None
        Output: values for the backward pass.
    """
    size = hidden * LANES
    if begins:
        memory[: 2 * size] = 0
    now, then = 0, size
    half, onward = size if reverse else 0, -1 if reverse else 1
    for step in range(length):
        t = length - 1 - step if reverse else step
        a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
        bases = join((a, b, a, b, a, b, a, b)[:_WIDE])
        for tile in range(hidden // UNITS):
            at = tile * (_ROWS + UNITS) * TABLE_ENTRIES
            column = tile * _COLUMNS
            if kmers.size:
                of_both = take_kmers(kmers, column, _BOTH, places, t * LANES)
            else:
                sums = take_rows(table, at, _ROWS, a, b)
                if inputs.size:
                    # Each direction adds its own features first. Both strands then add in the same
                    # order, and their scores agree to the last bit.
                    weights, own = tile * 2 * hidden * _ROWS, t * 2 * size + half
                    sums = _product(inputs, weights, below, own, hidden, sums)
                    weights, other = weights + hidden * _ROWS, t * 2 * size + size - half
                    sums = _product(inputs, weights, below, other, hidden, sums)
                    store(memory, 2 * size, join(sums[_OF_N]))  # needed after the next product
                of_both = sums[_OF_BOTH]
            sums = of_both + take_rows(table, at + _FIRST_N_OF_STATE, UNITS, a, b)
            sums = _product(states, tile * hidden * _ROWS, memory, now, hidden, sums)
            unit = UNITS * tile * LANES
            if inputs.size:
                of_input = _load(memory, 2 * size)
            elif kmers.size:
                of_n = take_kmers(kmers, column + _BOTH, UNITS, places, t * LANES)
                of_input = join(of_n)
            else:
                of_input = join(take_rows(table, at + _FIRST_N, UNITS, a, b))
            r, z, of_states = join(sums[_OF_R]), join(sums[_OF_Z]), join(sums[_OF_N])
            h = _load(memory, now + unit)
            if saved is None:
                h = next_state(r, z, of_input, of_states, h)
            else:
                place = t * BACKWARD.saved * size + unit
                h = _next_and_save(r, z, of_input, of_states, h, saved, place, size)
                following = place + onward * BACKWARD.saved * size
                if 0 <= following < saved.size:
                    for gate in range(BACKWARD.saved):
                        prefetch_to_write(saved, following + gate * size, UNITS)
            h = zero_where_padding(h, bases)
            store(memory, then + unit, h)
            if above.size:
                place = t * 2 * size + half + unit
                store(above, place, h)
                following = place + onward * 2 * size
                if 0 <= following < above.size:
                    prefetch_to_write(above, following, UNITS)
        now, then = then, now
        project(head, rows, hidden, memory, now, answers, t * rows * LANES, reverse)


@kernel
def backward(
    codes: Codes,
    length: int,
    reverse: bool,
    hidden: int,
    saved: NDArray[np.float32],
    features: NDArray[np.float32],
    feature_gradient: NDArray[np.float32],
    target: Target,
    states: NDArray[np.float32],
    sums: Sums,
    deltas: NDArray[np.float32],
    memory: NDArray[np.float32],
) -> None:
    """Run the backward pass of one direction of a layer over a block of windows.

    Parameters
    ----------
    codes, length, reverse, hidden
        As in `run`; H is a multiple of `gradients.TILE`.
    saved : ndarray, (L * BACKWARD.saved * H * LANES,) float32
        Values that `run` saved.
    features : ndarray, (L * 2 * H * LANES,) float32
        States of both directions.
    feature_gradient : ndarray, as `features`
        Gradient of the features from the layers above, or empty.
    target : Target
        Weights of the features in a target that is differentiated, or empty arrays.
    states : ndarray, (H / TILE * rows * TILE,) float32
        Transposed weights of the states.
    sums : Sums
        Gradients to add to.
    deltas : ndarray, (STEPS * BACKWARD.deltas * H * LANES,) float32
        Scratch space.
    memory : ndarray, (3 * H * LANES,) float32
        Scratch space. The gradient of the state is at its start.
    """
    size, wide = hidden * LANES, 2 * hidden * LANES
    half, onward = size if reverse else 0, 1 if reverse else -1
    memory[:size] = 0
    for done in range(0, length, STEPS):
        steps = min(STEPS, length - done)
        for k in range(steps):
            t = done + k if reverse else length - 1 - done - k
            first = done + k == length - 1  # first step in reading order: its previous state is 0
            a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
            bases = join((a, b, a, b))
            if target.shares.size:
                add_target(target, t, hidden, memory)
            for at in range(0, size, 4 * VECTOR):
                here = t * wide + half + at
                s, d = t * 4 * size + at, k * 4 * size + at
                r, z = load4(saved, s), load4(saved, s + size)
                nothing, one = like(r, np.float32(0)), like(r, _ONE)
                n, of_state = load4(saved, s + 2 * size), load4(saved, s + 3 * size)
                h = nothing if first else load4(features, here + onward * wide)
                of_new = load4(memory, at)
                if feature_gradient.size:
                    of_new = load4(feature_gradient, here) + of_new
                of_new = zero_where_padding(of_new, bases)
                of_n = of_new * (one - z) * (one - n * n)
                store(deltas, d, of_n)
                store(deltas, d + size, of_n * of_state * (r * (one - r)))
                store(deltas, d + 2 * size, of_new * (h - n) * (z * (one - z)))
                store(deltas, d + 3 * size, of_n * r)
                store(memory, at, of_new * z)
            next_saved, next_h = (t + onward) * 4 * size, (t + 2 * onward) * wide + half
            if not 0 <= next_h < features.size:
                next_saved, next_h = t * 4 * size, t * wide + half
            for tile in range(hidden // TILE):
                carry_tile(states, tile, 3 * hidden, deltas, (4 * k + 1) * size, memory)
                prefetch_to_read(saved, next_saved + tile * _SAVED_ROWS * LANES, _SAVED_ROWS)
                prefetch_to_read(features, next_h + tile * TILE * LANES, TILE)
        rows = (4 * hidden, hidden, 3 * hidden)
        sum_gradients(length, reverse, done, steps, hidden, *rows, deltas, features, sums)
