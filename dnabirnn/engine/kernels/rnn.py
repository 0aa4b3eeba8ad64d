"""Kernels of a layer of plain recurrent units: h' = tanh(W x + U h), as in torch.nn.RNN.

Both products have biases. The state is double-buffered, as in `gru`. In the backward pass, with g
for the gradient of h', the delta of the sum is g (1 - h'^2), and the gradient of h is U^T delta.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels.gradients import STEPS, add_target, carry, sum_gradients
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.intrinsics import (
    join,
    like,
    load4,
    load_codes,
    product4,
    store,
    take_kmers,
    take_rows,
    tanh,
    zero_where_padding,
)
from dnabirnn.engine.kernels.layers import Backward, Direction, Gates, pack_direction
from dnabirnn.engine.kernels.vectors import LANES, TABLE_ENTRIES, VECTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.gradients import Sums, Target

__all__ = ["BACKWARD", "MEMORY", "SAVED_STATES", "STATE_ROWS", "UNITS", "backward", "pack", "run"]

UNITS = 4
"""Units per tile: one sum of four units is four rows."""
MEMORY = 3
"""Rows of `memory`, of which the first two are the states; a row has one number per unit and
window."""
STATE_ROWS = (0,)
"""Row of `memory` with the state that `run` starts from if it does not begin."""
SAVED_STATES = ()
"""Groups of saved values with further parts of the state: none, the features hold all of it."""
BACKWARD = Backward(saved=0, deltas=1, of_inputs=(0,), first_of_states=0)
"""The backward pass needs only the states, so nothing else is saved."""


def pack(gates: Gates, units: int = UNITS) -> Direction:
    """Pack one direction. The rows are `units` units."""
    bias = gates.input_bias + gates.state_bias
    if gates.inputs.shape[2] > 4:
        return pack_direction(bias, None, gates.inputs, gates.states, units)
    return pack_direction(bias, gates.inputs, None, gates.states, units, kmers=gates.kmers)


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
    """Run one direction of a layer over a block of windows; parameters as in `gru.run`."""
    size = hidden * LANES
    if begins:
        memory[: 2 * size] = 0
    now, then = 0, size
    half = size if reverse else 0
    for step in range(length):
        t = length - 1 - step if reverse else step
        a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
        bases = join((a, b, a, b, a, b, a, b))
        for tile in range(hidden // UNITS):
            if kmers.size:
                sums = take_kmers(kmers, tile * UNITS, UNITS, places, t * LANES)
            else:
                sums = take_rows(table, tile * UNITS * TABLE_ENTRIES, UNITS, a, b)
            if inputs.size:
                # Each direction adds its own features first. Both strands then add in the same
                # order, and their scores agree to the last bit.
                weights, own = tile * 2 * hidden * 4, t * 2 * size + half
                sums = product4(inputs, weights, below, own, hidden, sums)
                weights, other = weights + hidden * 4, t * 2 * size + size - half
                sums = product4(inputs, weights, below, other, hidden, sums)
            sums = product4(states, tile * hidden * 4, memory, now, hidden, sums)
            unit = UNITS * tile * LANES
            h = join((tanh(join(sums[:4])), tanh(join(sums[4:]))))
            h = zero_where_padding(h, bases)
            store(memory, then + unit, h)
            if above.size:
                store(above, t * 2 * size + half + unit, h)
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
    """Run the backward pass of one direction of a layer; parameters as in `gru.backward`."""
    size, wide = hidden * LANES, 2 * hidden * LANES
    half = size if reverse else 0
    memory[:size] = 0
    for done in range(0, length, STEPS):
        steps = min(STEPS, length - done)
        for k in range(steps):
            t = done + k if reverse else length - 1 - done - k
            a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
            bases = join((a, b, a, b))
            if target.shares.size:
                add_target(target, t, hidden, memory)
            for at in range(0, size, 4 * VECTOR):
                here = t * wide + half + at
                h = load4(features, here)
                of_h = load4(memory, at)
                if feature_gradient.size:
                    of_h = load4(feature_gradient, here) + of_h
                of_sum = of_h * (like(h, np.float32(1)) - h * h)
                store(deltas, k * size + at, zero_where_padding(of_sum, bases))
                store(memory, at, like(h, np.float32(0)))
            carry(states, hidden, hidden, deltas, k * size, memory)
        rows = (hidden, 0, hidden)
        sum_gradients(length, reverse, done, steps, hidden, *rows, deltas, features, sums)
