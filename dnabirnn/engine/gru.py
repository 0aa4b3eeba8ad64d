"""A layer of gated recurrent units, fused.

r = s(W_r x + U_r h), z = s(W_z x + U_z h), n = tanh(W_n x + r (U_n h)), h' = (1 - z) n + z h, with
biases in each, as torch.nn.GRU has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.compiled import inlined, kernel
from dnabirnn.engine.activation import half_logistic, tanh
from dnabirnn.engine.head import project
from dnabirnn.engine.layers import Direction, Gates, pack_direction
from dnabirnn.engine.simd import (
    LANES,
    TABLE_ENTRIES,
    VECTOR,
    Vector,
    fma,
    load,
    load_codes,
    product6,
    store,
    take,
    zero_where_padding,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["UNITS", "pack", "run"]

UNITS = 2
"""Units of a tile: with three gates, six rows."""
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
def _next(r: Vector, z: Vector, of_input: Vector, of_state: Vector, state: Vector) -> Vector:
    n = tanh(fma(half_logistic(r), of_state, of_input))
    return fma(half_logistic(z), state - n, n)


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
            old = now + unit
            h0a = _next(sums[0], sums[4], x0a, sums[8], load(memory, old))
            h0b = _next(sums[1], sums[5], x0b, sums[9], load(memory, old + VECTOR))
            h1a = _next(sums[2], sums[6], x1a, sums[10], load(memory, old + LANES))
            h1b = _next(sums[3], sums[7], x1b, sums[11], load(memory, old + LANES + VECTOR))
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
