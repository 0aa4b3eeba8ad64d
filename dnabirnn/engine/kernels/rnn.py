"""Kernels of a layer of plain recurrent units: h' = tanh(W x + U h), as in torch.nn.RNN.

Both products have biases. The state is double-buffered, as in `gru`. In the backward pass, with g
for the gradient of h', the delta of the sum is g (1 - h'^2), and the gradient of h is U^T delta.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels.activation import tanh
from dnabirnn.engine.kernels.gradients import STEPS, carry, sum_gradients
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.layers import Backward, Direction, Gates, pack_direction
from dnabirnn.engine.kernels.simd import (
    LANES,
    TABLE_ENTRIES,
    VECTOR,
    like,
    load,
    load_codes,
    store,
    take,
    zero_where_padding,
    zeros,
)
from dnabirnn.engine.kernels.tiles import product4

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.gradients import Sums

__all__ = ["BACKWARD", "MEMORY", "UNITS", "backward", "pack", "run"]

UNITS = 4
"""Units per tile: one sum of four units is four rows."""
MEMORY = 3
"""Rows of `memory`, of which the first two are the states; a row has one number per unit and
window."""
BACKWARD = Backward(saved=0, deltas=1, of_inputs=(0,), first_of_states=0)
"""The backward pass needs only the states, so nothing else is saved."""
_ENTRIES = UNITS * TABLE_ENTRIES


def pack(gates: Gates) -> Direction:
    """Pack one direction. The rows are four units."""
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
    saved: NDArray[np.float32] | None,
) -> None:
    """Run one direction of a layer over a block of windows; parameters as in `gru.run`."""
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
                # Each direction adds its own features first. Both strands then add in the same
                # order, and their scores agree to the last bit.
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
    """Run the backward pass of one direction of a layer; parameters as in `gru.backward`."""
    size, wide = hidden * LANES, 2 * hidden * LANES
    half = size if reverse else 0
    memory[:size] = 0
    for done in range(0, length, STEPS):
        steps = min(STEPS, length - done)
        for k in range(steps):
            t = done + k if reverse else length - 1 - done - k
            for unit in range(hidden):
                for v in range(0, LANES, VECTOR):
                    at, bases = unit * LANES + v, load_codes(codes, t * LANES + v)
                    here = t * wide + half + at
                    h = load(features, here)
                    of_h = load(feature_gradient, here) + load(memory, at)
                    of_sum = of_h * (like(h, np.float32(1)) - h * h)
                    store(deltas, k * size + at, zero_where_padding(of_sum, bases))
                    store(memory, at, zeros(memory))
            carry(states, hidden, hidden, deltas, k * size, memory)
        rows = (hidden, 0, hidden)
        sum_gradients(length, reverse, done, steps, hidden, *rows, deltas, features, sums)
