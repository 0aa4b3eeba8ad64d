"""Kernels of a layer of long short-term memory (LSTM).

As in torch.nn.LSTM, with s for the logistic function, and with biases in each product::

    i, f, o = s(W x + U h)
    g = tanh(W_g x + U_g h)
    c' = f c + i g
    h' = o tanh(c')

The state h is double-buffered, as in `gru`. The cell c is not: a unit reads only its own c, so it
can be overwritten at once. `memory` has the two states, then the cell.

In the backward pass, with g_h and g_c for the gradients of h' and of c' from later steps::

    total = g_c + g_h o (1 - tanh(c')^2)
    delta of i = total g i (1 - i)          delta of f = total c f (1 - f)
    delta of g = total i (1 - g^2)          delta of o = g_h tanh(c') o (1 - o)
    gradient of c = total f                 gradient of h = U^T deltas
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
from dnabirnn.engine.kernels.tiles import product4

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.gradients import Sums
    from dnabirnn.engine.kernels.simd import CodeVector

__all__ = ["BACKWARD", "MEMORY", "UNITS", "backward", "pack", "run"]

UNITS = 1
"""Units per tile: four gates of one unit are four rows."""
MEMORY = 3
"""Rows of `memory`; a row has one number per unit and window."""
BACKWARD = Backward(saved=6, deltas=4, of_inputs=(0, 1, 2, 3), first_of_states=0)
"""Saved values: i, f, g, o, c' and tanh(c'). Deltas: of i, f, g and o."""
_ENTRIES = 4 * TABLE_ENTRIES
# s(x) = (1 + tanh(x / 2)) / 2. Halving the weights of i, f and o gives sums of x / 2 at no cost.
_FACTORS = np.array([0.5, 0.5, 1, 0.5], np.float32)


def pack(gates: Gates) -> Direction:
    """Pack one direction. The rows are i, f, g and o of one unit."""
    gates = gates.scaled(_FACTORS)
    bias = gates.input_bias + gates.state_bias
    if gates.inputs.shape[2] > 4:
        return pack_direction(bias, None, gates.inputs, gates.states, UNITS)
    return pack_direction(bias, gates.inputs, None, gates.states, UNITS)


@inlined
def _next(
    i: Vector,
    f: Vector,
    g: Vector,
    o: Vector,
    memory: NDArray[np.float32],
    cell: int,
    bases: CodeVector,
    saved: NDArray[np.float32] | None,
    at: int,
    size: int,
) -> Vector:
    """Return the next state from the sums, update the cell, and save values for `backward`."""
    i, f, g, o = half_logistic(i), half_logistic(f), tanh(g), half_logistic(o)
    c = zero_where_padding(fma(f, load(memory, cell), i * g), bases)
    store(memory, cell, c)
    # At padding c is 0, so h = o tanh(0) is 0 too.
    of_cell = tanh(c)
    if saved is not None:
        store(saved, at, i)
        store(saved, at + size, f)
        store(saved, at + 2 * size, g)
        store(saved, at + 3 * size, o)
        store(saved, at + 4 * size, c)
        store(saved, at + 5 * size, of_cell)
    return o * of_cell


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
                # Each direction adds its own features first. Both strands then add in the same
                # order, and their scores agree to the last bit.
                weights, own = unit * 2 * hidden * 4, t * 2 * size + half
                sums = product4(inputs, weights, below, own, hidden, sums)
                weights, other = weights + hidden * 4, t * 2 * size + size - half
                sums = product4(inputs, weights, below, other, hidden, sums)
            sums = product4(states, unit * hidden * 4, memory, now, hidden, sums)
            cell, s = 2 * size + unit * LANES, t * 6 * size + unit * LANES
            ha = _next(sums[0], sums[2], sums[4], sums[6], memory, cell, a, saved, s, size)
            cell, s = cell + VECTOR, s + VECTOR
            hb = _next(sums[1], sums[3], sums[5], sums[7], memory, cell, b, saved, s, size)
            store(memory, then + unit * LANES, ha)
            store(memory, then + unit * LANES + VECTOR, hb)
            if above.size:
                place = t * 2 * size + half + unit * LANES
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
    half, onward = size if reverse else 0, 1 if reverse else -1
    memory[: 2 * size] = 0
    for done in range(0, length, STEPS):
        steps = min(STEPS, length - done)
        for k in range(steps):
            t = done + k if reverse else length - 1 - done - k
            first = done + k == length - 1  # first step in reading order: its previous cell is 0
            for unit in range(hidden):
                for v in range(0, LANES, VECTOR):
                    at, bases = unit * LANES + v, load_codes(codes, t * LANES + v)
                    here = t * wide + half + at
                    s, d = t * 6 * size + at, 4 * k * size + at
                    i, f = load(saved, s), load(saved, s + size)
                    g, o = load(saved, s + 2 * size), load(saved, s + 3 * size)
                    before = s + (onward * 6 + 4) * size
                    c = zeros(saved) if first else load(saved, before)
                    of_cell = load(saved, s + 5 * size)
                    one = like(i, np.float32(1))
                    of_h = load(feature_gradient, here) + load(memory, at)
                    of_h = zero_where_padding(of_h, bases)
                    of_c = fma(of_h * o, one - of_cell * of_cell, load(memory, size + at))
                    of_c = zero_where_padding(of_c, bases)
                    store(deltas, d, of_c * g * (i * (one - i)))
                    store(deltas, d + size, of_c * c * (f * (one - f)))
                    store(deltas, d + 2 * size, of_c * i * (one - g * g))
                    store(deltas, d + 3 * size, of_h * of_cell * (o * (one - o)))
                    store(memory, at, zeros(memory))
                    store(memory, size + at, of_c * f)
            carry(states, hidden, 4 * hidden, deltas, 4 * k * size, memory)
        rows = (4 * hidden, 0, 4 * hidden)
        sum_gradients(length, reverse, done, steps, hidden, *rows, deltas, features, sums)
