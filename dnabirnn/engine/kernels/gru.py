"""A layer of gated recurrent units, fused.

r = s(W_r x + U_r h), z = s(W_z x + U_z h), n = tanh(W_n x + r (U_n h)), h' = (1 - z) n + z h, with
biases in each, as torch.nn.GRU has it.
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
"""Units of a tile: with three gates, six rows."""
MEMORY = 3
"""Rows of `memory`, each of a number for every unit and window."""
BACKWARD = Backward(saved=4, deltas=4, of_inputs=(2, 0, 1), first_of_states=1)
"""Saved are r, z, n and U_n h; deltas are of W_n x, r, z and U_n h."""
_ENTRIES = 8 * TABLE_ENTRIES
# s(x) = (1 + tanh(x / 2)) / 2: the sums of r and z are halved with their weights.
_FACTORS = np.array([0.5, 0.5, 1], np.float32)


def pack(gates: Gates) -> Direction:
    """Pack one direction; table rows are r, z, W_n x and U_n h, two units each."""
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
        From the last base to the first.
    table, inputs, states
        As in `Direction`.
    hidden : int
        H, a multiple of `UNITS`.
    below : ndarray, (L * 2 * H * LANES,) float32
        Features of the layer below; of no matter to a first layer.
    above : ndarray, (L * 2 * H * LANES,) float32
        Filled with this direction's half of the features, forward before reverse; empty in the
        last layer.
    head, rows
        As in `Head`; `rows` is 0 below the last layer.
    answers : ndarray, (L * rows * LANES,) float32
        Filled by the forward direction, added to by the reverse one.
    memory : ndarray, (3 * H * LANES,) float32
        Overwritten.
    saved : ndarray, (L * BACKWARD.saved * H * LANES,) float32, or None
        Filled with what the backward pass reads.
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
                # This direction's features first, in either direction: mirrored strands then sum
                # in one order, and agree to the bit.
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
    """Go back through one direction of a layer over a block of windows.

    Parameters
    ----------
    codes, length, reverse, hidden
        As in `run`; H is a multiple of `gradients.TILE`.
    saved : ndarray, (L * BACKWARD.saved * H * LANES,) float32
    features : ndarray, (L * 2 * H * LANES,) float32
        States of both directions.
    feature_gradient : ndarray, as `features`
    states : ndarray, (H / TILE * rows * TILE,) float32
        Weights of the states, transposed.
    sums : Sums
    deltas : ndarray, (STEPS * BACKWARD.deltas * H * LANES,) float32
        Overwritten.
    memory : ndarray, (3 * H * LANES,) float32
        Overwritten.
    """
    size, wide = hidden * LANES, 2 * hidden * LANES
    half, onward = size if reverse else 0, 1 if reverse else -1
    memory[:size] = 0
    for done in range(0, length, STEPS):
        steps = min(STEPS, length - done)
        for k in range(steps):
            t = done + k if reverse else length - 1 - done - k
            first = done + k == length - 1  # whose state before is zeros
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
