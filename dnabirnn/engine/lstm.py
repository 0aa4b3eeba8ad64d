"""A layer of long short-term memory, fused.

i, f, o = s(W x + U h), g = tanh(W_g x + U_g h), c' = f c + i g, h' = o tanh(c'), with biases in
each, as torch.nn.LSTM has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.compiled import kernel
from dnabirnn.engine.activation import half_logistic, tanh
from dnabirnn.engine.head import project
from dnabirnn.engine.layers import Direction, Gates, pack_direction
from dnabirnn.engine.simd import (
    LANES,
    TABLE_ENTRIES,
    VECTOR,
    fma,
    load,
    load_codes,
    product4,
    store,
    take,
    zero_where_padding,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["UNITS", "pack", "run"]

UNITS = 1
"""Units of a tile: with four gates, four rows."""
_ENTRIES = 4 * TABLE_ENTRIES
# s(x) = (1 + tanh(x / 2)) / 2: the sums of i, f and o are halved with their weights.
_FACTORS = np.array([0.5, 0.5, 1, 0.5], np.float32)


def pack(gates: Gates) -> Direction:
    """Pack one direction; rows are i, f, g and o of a unit."""
    gates = gates.scaled(_FACTORS)
    bias = gates.input_bias + gates.state_bias
    if gates.inputs.shape[2] > 4:
        return pack_direction(bias, None, gates.inputs, gates.states, UNITS)
    return pack_direction(bias, gates.inputs, None, gates.states, UNITS)


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
    """Run one direction of a layer over a block of windows; as `gru.run`."""
    size = hidden * LANES
    memory[: 3 * size] = 0
    now, then = 0, size
    half = size if reverse else 0
    for step in range(length):
        t = length - 1 - step if reverse else step
        a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
        for unit in range(hidden):
            at = unit * _ENTRIES
            sums = (
                take(table, at, a),
                take(table, at, b),
                take(table, at + TABLE_ENTRIES, a),
                take(table, at + TABLE_ENTRIES, b),
                take(table, at + 2 * TABLE_ENTRIES, a),
                take(table, at + 2 * TABLE_ENTRIES, b),
                take(table, at + 3 * TABLE_ENTRIES, a),
                take(table, at + 3 * TABLE_ENTRIES, b),
            )
            if inputs.size:
                # This direction's features first, in either direction: mirrored strands then sum
                # in one order, and agree to the bit.
                weights, own = unit * 2 * hidden * 4, t * 2 * size + half
                sums = product4(inputs, weights, below, own, hidden, sums)
                weights, other = weights + hidden * 4, t * 2 * size + size - half
                sums = product4(inputs, weights, below, other, hidden, sums)
            sums = product4(states, unit * hidden * 4, memory, now, hidden, sums)
            cell = 2 * size + unit * LANES
            written_a, written_b = (
                half_logistic(sums[0]) * tanh(sums[4]),
                half_logistic(sums[1]) * tanh(sums[5]),
            )
            ca = fma(half_logistic(sums[2]), load(memory, cell), written_a)
            cb = fma(half_logistic(sums[3]), load(memory, cell + VECTOR), written_b)
            ca, cb = zero_where_padding(ca, a), zero_where_padding(cb, b)
            store(memory, cell, ca)
            store(memory, cell + VECTOR, cb)
            # Where c is 0, so is h: padding leaves both at 0.
            ha, hb = half_logistic(sums[6]) * tanh(ca), half_logistic(sums[7]) * tanh(cb)
            store(memory, then + unit * LANES, ha)
            store(memory, then + unit * LANES + VECTOR, hb)
            if above.size:
                place = t * 2 * size + half + unit * LANES
                store(above, place, ha)
                store(above, place + VECTOR, hb)
        now, then = then, now
        project(head, rows, hidden, memory, now, answers, t * rows * LANES, reverse)
