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
from dnabirnn.engine.kernels.activation import half_logistic, tanh
from dnabirnn.engine.kernels.gradients import STEPS, carry, sum_gradients
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.layers import Backward, Direction, Gates, pack_direction
from dnabirnn.engine.kernels.simd import (
    LANES,
    TABLE_ENTRIES,
    VECTOR,
    Vector,
    fma,
    like,
    load,
    load_codes,
    store,
    take,
    zero_where_padding,
    zeros,
)
from dnabirnn.engine.kernels.tiles import product6

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.gradients import Sums

__all__ = ["BACKWARD", "MEMORY", "UNITS", "backward", "pack", "run"]

UNITS = 2
"""Units per tile: three gates of two units are six rows."""
MEMORY = 3
"""Rows of `memory`, of which the first two are the states; a row has one number per unit and
window."""
BACKWARD = Backward(saved=4, deltas=4, of_inputs=(2, 0, 1), first_of_states=1)
"""Saved values: r, z, n and U_n h. Deltas: of W_n x, r, z and U_n h."""
_ENTRIES = 8 * TABLE_ENTRIES
# s(x) = (1 + tanh(x / 2)) / 2. Halving the weights of r and z gives sums of x / 2 at no cost.
_FACTORS = np.array([0.5, 0.5, 1], np.float32)


def pack(gates: Gates) -> Direction:
    """Pack one direction. The table rows are r, z, W_n x and U_n h, two units each."""
    gates = gates.scaled(_FACTORS)
    both = gates.input_bias[:2] + gates.state_bias[:2]
    bias = np.concatenate([both, gates.input_bias[2:], gates.state_bias[2:]])
    if gates.inputs.shape[2] > 4:
        return pack_direction(bias, None, gates.inputs, gates.states, UNITS)
    of_base = np.concatenate([gates.inputs, np.zeros_like(gates.inputs[:1])])
    return pack_direction(bias, of_base, None, gates.states, UNITS)


@inlined
def _next(
    r: Vector,
    z: Vector,
    of_input: Vector,
    of_state: Vector,
    state: Vector,
    saved: NDArray[np.float32] | None,
    at: int,
    size: int,
) -> Vector:
    """Return the next state from the sums, and save what the backward pass needs."""
    r, z = half_logistic(r), half_logistic(z)
    n = tanh(fma(r, of_state, of_input))
    if saved is not None:
        store(saved, at, r)
        store(saved, at + size, z)
        store(saved, at + 2 * size, n)
        store(saved, at + 3 * size, of_state)
    return fma(z, state - n, n)


@kernel
def run(
    codes: Codes,
    length: int,
    reverse: bool,
    table: NDArray[np.float32],
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
    length : int
        L.
    reverse : bool
        Whether to read from the last base to the first.
    table, inputs, states
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
    memory[: 2 * size] = 0
    now, then = 0, size
    half = size if reverse else 0
    for step in range(length):
        t = length - 1 - step if reverse else step
        a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
        for tile in range(hidden // UNITS):
            at = tile * _ENTRIES
            sums = (
                take(table, at, a),
                take(table, at, b),
                take(table, at + TABLE_ENTRIES, a),
                take(table, at + TABLE_ENTRIES, b),
                take(table, at + 2 * TABLE_ENTRIES, a),
                take(table, at + 2 * TABLE_ENTRIES, b),
                take(table, at + 3 * TABLE_ENTRIES, a),
                take(table, at + 3 * TABLE_ENTRIES, b),
                take(table, at + 4 * TABLE_ENTRIES, a),
                take(table, at + 4 * TABLE_ENTRIES, b),
                take(table, at + 5 * TABLE_ENTRIES, a),
                take(table, at + 5 * TABLE_ENTRIES, b),
            )
            if inputs.size:
                # Each direction adds its own features first. Both strands then add in the same
                # order, and their scores agree to the last bit.
                weights, own = tile * 2 * hidden * 6, t * 2 * size + half
                sums = product6(inputs, weights, below, own, hidden, sums)
                weights, other = weights + hidden * 6, t * 2 * size + size - half
                sums = product6(inputs, weights, below, other, hidden, sums)
            x0a, x0b, x1a, x1b = sums[8], sums[9], sums[10], sums[11]
            of_states = (
                take(table, at + 6 * TABLE_ENTRIES, a),
                take(table, at + 6 * TABLE_ENTRIES, b),
                take(table, at + 7 * TABLE_ENTRIES, a),
                take(table, at + 7 * TABLE_ENTRIES, b),
            )
            sums = sums[:8] + of_states
            sums = product6(states, tile * hidden * 6, memory, now, hidden, sums)
            unit = UNITS * tile * LANES
            h, s, last = now + unit, t * 4 * size + unit, LANES + VECTOR
            h0a, h0b = load(memory, h), load(memory, h + VECTOR)
            h1a, h1b = load(memory, h + LANES), load(memory, h + last)
            h0a = _next(sums[0], sums[4], x0a, sums[8], h0a, saved, s, size)
            h0b = _next(sums[1], sums[5], x0b, sums[9], h0b, saved, s + VECTOR, size)
            h1a = _next(sums[2], sums[6], x1a, sums[10], h1a, saved, s + LANES, size)
            h1b = _next(sums[3], sums[7], x1b, sums[11], h1b, saved, s + last, size)
            h0a, h0b = zero_where_padding(h0a, a), zero_where_padding(h0b, b)
            h1a, h1b = zero_where_padding(h1a, a), zero_where_padding(h1b, b)
            new = then + unit
            store(memory, new, h0a)
            store(memory, new + VECTOR, h0b)
            store(memory, new + LANES, h1a)
            store(memory, new + LANES + VECTOR, h1b)
            if above.size:
                place = t * 2 * size + half + unit
                store(above, place, h0a)
                store(above, place + VECTOR, h0b)
                store(above, place + LANES, h1a)
                store(above, place + LANES + VECTOR, h1b)
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
        Gradient of the features from the layers above.
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
            for unit in range(hidden):
                for v in range(0, LANES, VECTOR):
                    at, bases = unit * LANES + v, load_codes(codes, t * LANES + v)
                    here = t * wide + half + at
                    s, d = t * 4 * size + at, k * 4 * size + at
                    r, z = load(saved, s), load(saved, s + size)
                    n, of_state = load(saved, s + 2 * size), load(saved, s + 3 * size)
                    h = zeros(features) if first else load(features, here + onward * wide)
                    of_new = load(feature_gradient, here) + load(memory, at)
                    of_new = zero_where_padding(of_new, bases)
                    one = like(h, np.float32(1))
                    of_n = of_new * (one - z) * (one - n * n)
                    store(deltas, d, of_n)
                    store(deltas, d + size, of_n * of_state * (r * (one - r)))
                    store(deltas, d + 2 * size, of_new * (h - n) * (z * (one - z)))
                    store(deltas, d + 3 * size, of_n * r)
                    store(memory, at, of_new * z)
            carry(states, hidden, 3 * hidden, deltas, (4 * k + 1) * size, memory)
        rows = (4 * hidden, hidden, 3 * hidden)
        sum_gradients(length, reverse, done, steps, hidden, *rows, deltas, features, sums)
