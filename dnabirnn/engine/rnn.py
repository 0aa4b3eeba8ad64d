"""A layer of plain recurrent units, fused: h' = tanh(W x + U h), with biases, as torch.nn.RNN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.compiled import kernel
from dnabirnn.engine.activation import tanh
from dnabirnn.engine.head import project
from dnabirnn.engine.layers import Direction, Gates, pack_direction
from dnabirnn.engine.simd import (
    LANES,
    TABLE_ENTRIES,
    VECTOR,
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

UNITS = 4
"""Units of a tile: with one sum each, four rows."""
_ENTRIES = UNITS * TABLE_ENTRIES


def pack(gates: Gates) -> Direction:
    """Pack one direction; rows are four units."""
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
            )
            if inputs.size:
                # This direction's features first, in either direction: mirrored strands then sum
                # in one order, and agree to the bit.
                weights, own = tile * 2 * hidden * 4, t * 2 * size + half
                sums = product4(inputs, weights, below, own, hidden, sums)
                weights, other = weights + hidden * 4, t * 2 * size + size - half
                sums = product4(inputs, weights, below, other, hidden, sums)
            sums = product4(states, tile * hidden * 4, memory, now, hidden, sums)
            unit = UNITS * tile * LANES
            for_a = (tanh(sums[0]), tanh(sums[2]), tanh(sums[4]), tanh(sums[6]))
            for_b = (tanh(sums[1]), tanh(sums[3]), tanh(sums[5]), tanh(sums[7]))
            for row in range(UNITS):
                ha = zero_where_padding(for_a[row], a)
                hb = zero_where_padding(for_b[row], b)
                new = unit + row * LANES
                store(memory, then + new, ha)
                store(memory, then + new + VECTOR, hb)
                if above.size:
                    place = t * 2 * size + half + new
                    store(above, place, ha)
                    store(above, place + VECTOR, hb)
        now, then = then, now
        project(head, rows, hidden, memory, now, answers, t * rows * LANES, reverse)
