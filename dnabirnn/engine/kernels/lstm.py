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
from dnabirnn.engine.kernels.gradients import STEPS, add_target, carry, sum_gradients
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.intrinsics import (
    exp2,
    fma,
    join,
    like,
    load4,
    load_codes,
    minimum,
    product4,
    product8,
    split,
    store,
    take_kmers,
    take_rows,
    zero_where_padding,
)
from dnabirnn.engine.kernels.layers import Backward, Direction, Gates, pack_direction
from dnabirnn.engine.kernels.vectors import LANES, TABLE_ENTRIES, VECTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.gradients import Sums, Target
    from dnabirnn.engine.kernels.intrinsics import CodeVector, Vector

__all__ = ["BACKWARD", "MEMORY", "SAVED_STATES", "STATE_ROWS", "UNITS", "backward", "pack", "run"]

UNITS = 2
"""Units per tile. Each has four gates, so a tile has 8 rows."""
MEMORY = 3
"""Rows of `memory`; a row has one number per unit and window."""
STATE_ROWS = (0, 2)
"""Rows of `memory` with the state that `run` starts from if it does not begin: h and c."""
SAVED_STATES = (4,)
"""Group of saved values that holds c. The features hold h."""
BACKWARD = Backward(saved=6, deltas=4, of_inputs=(0, 1, 2, 3), first_of_states=0)
"""Saved values: i, f, g, o, c' and tanh(c'). Deltas: of i, f, g and o."""
_ROWS = 4 * UNITS
_WIDE = 2 * UNITS  # vectors of one gate of a tile
_OF_I_AND_F, _OF_G_AND_O = slice(2 * _WIDE), slice(2 * _WIDE, 4 * _WIDE)
# With AVX-512, the 16 sums of a tile fit in registers. Else, there are two products per tile.
_PARTS = 1 if VECTOR == 16 else 2
# Weights are multiplied so that sums are arguments of `exp2` without further work.
_LOG2_E = 1.44269504088896341
FACTORS = np.array([-_LOG2_E, -_LOG2_E, -2 * _LOG2_E, -_LOG2_E])
_OF_CELL = np.float32(FACTORS[2])
# Upper limit of these sums. A gate of 1 / (1 + 2**30) is as good as 0 in float32, and products of
# three such numbers do not overflow.
_HIGHEST = np.float32(30)
_ONE = np.float32(1)


def pack(gates: Gates, units: int = UNITS, parts: int = _PARTS) -> Direction:
    """Pack one direction. The rows are i, f, g and o, `units` of each; see `pack_direction`."""
    gates = gates.scaled(FACTORS)
    bias = gates.input_bias + gates.state_bias
    if gates.inputs.shape[2] > 4:
        return pack_direction(bias, None, gates.inputs, gates.states, units, parts)
    return pack_direction(bias, gates.inputs, None, gates.states, units, parts, gates.kmers)


@inlined
def _product(
    weights: NDArray[np.float32],
    tile: int,
    depth: int,
    skipped: int,
    states: NDArray[np.float32],
    first: int,
    count: int,
    sums: tuple[Vector, ...],
) -> tuple[Vector, ...]:
    """Add the product of a tile's weights and `count` states from position `first` to its sums.

    The tile has weights for `depth` numbers, of which the first `skipped` are left out.
    """
    at = tile * depth * _ROWS
    if _PARTS == 1:
        return product8(weights, at + skipped * 8, states, first, count, sums)
    at += skipped * 4
    i_and_f = product4(weights, at, states, first, count, sums[_OF_I_AND_F])
    return i_and_f + product4(weights, at + depth * 4, states, first, count, sums[_OF_G_AND_O])


@inlined
def next_state(
    i_and_f: Vector,
    g_and_o: Vector,
    memory: NDArray[np.float32],
    cell: int,
    bases: CodeVector,
    saved: NDArray[np.float32] | None,
    at: int,
    size: int,
) -> Vector:
    """Return the next state from the sums, update the cell, and save values for `backward`.

    With I = 1 + exp2(i), so that the gate is 1 / I, and so on, and G = 1 + c for c = exp2(g)::

        f c + i g = (c I G + (1 - exp2(g)) F) / (F I G)

    This and o tanh(c') take two divisions instead of five.
    """
    highest = like(i_and_f, _HIGHEST)
    i, f = split(exp2(minimum(highest, i_and_f)), 2)
    g, o = split(exp2(minimum(highest, g_and_o)), 2)
    one = like(i, _ONE)
    i, f, o = one + i, one + f, one + o
    wide_i = i * (one + g)
    before = load4(memory, cell)
    c = fma(before, wide_i, (one - g) * f) / (f * wide_i)
    c = zero_where_padding(c, bases)
    store(memory, cell, c)
    # At padding c is 0, so h = o tanh(0) is 0 too.
    of_cell = exp2(minimum(like(c, _HIGHEST), c * like(c, _OF_CELL)))
    if saved is not None:
        store(saved, at, one / i)
        store(saved, at + size, one / f)
        store(saved, at + 2 * size, (one - g) / (one + g))
        store(saved, at + 3 * size, one / o)
        store(saved, at + 4 * size, c)
        store(saved, at + 5 * size, (one - of_cell) / (one + of_cell))
    return (one - of_cell) / (o + o * of_cell)


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
        memory[: 3 * size] = 0
    now, then = 0, size
    half = size if reverse else 0
    for step in range(length):
        t = length - 1 - step if reverse else step
        a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
        bases = join((a, b, a, b))
        for tile in range(hidden // UNITS):
            if kmers.size:
                sums = take_kmers(kmers, tile * _ROWS, _ROWS, places, t * LANES)
            else:
                sums = take_rows(table, tile * _ROWS * TABLE_ENTRIES, _ROWS, a, b)
            if inputs.size:
                # Each direction adds its own features first. Both strands then add in the same
                # order, and their scores agree to the last bit.
                own, other, wide = t * 2 * size + half, t * 2 * size + size - half, 2 * hidden
                sums = _product(inputs, tile, wide, 0, below, own, hidden, sums)
                sums = _product(inputs, tile, wide, hidden, below, other, hidden, sums)
            sums = _product(states, tile, hidden, 0, memory, now, hidden, sums)
            unit = UNITS * tile * LANES
            h = next_state(
                join(sums[_OF_I_AND_F]),
                join(sums[_OF_G_AND_O]),
                memory,
                2 * size + unit,
                bases,
                saved,
                t * BACKWARD.saved * size + unit,
                size,
            )
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
    half, onward = size if reverse else 0, 1 if reverse else -1
    memory[: 2 * size] = 0
    for done in range(0, length, STEPS):
        steps = min(STEPS, length - done)
        for k in range(steps):
            t = done + k if reverse else length - 1 - done - k
            first = done + k == length - 1  # first step in reading order: its previous cell is 0
            a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
            bases = join((a, b, a, b))
            if target.shares.size:
                add_target(target, t, hidden, memory)
            for at in range(0, size, 4 * VECTOR):
                here = t * wide + half + at
                s, d = t * 6 * size + at, 4 * k * size + at
                i, f = load4(saved, s), load4(saved, s + size)
                g, o = load4(saved, s + 2 * size), load4(saved, s + 3 * size)
                nothing, one = like(i, np.float32(0)), like(i, _ONE)
                before = s + (onward * 6 + 4) * size
                c = nothing if first else load4(saved, before)
                of_cell = load4(saved, s + 5 * size)
                of_h = load4(memory, at)
                if feature_gradient.size:
                    of_h = load4(feature_gradient, here) + of_h
                of_h = zero_where_padding(of_h, bases)
                of_c = fma(of_h * o, one - of_cell * of_cell, load4(memory, size + at))
                of_c = zero_where_padding(of_c, bases)
                store(deltas, d, of_c * g * (i * (one - i)))
                store(deltas, d + size, of_c * c * (f * (one - f)))
                store(deltas, d + 2 * size, of_c * i * (one - g * g))
                store(deltas, d + 3 * size, of_h * of_cell * (o * (one - o)))
                store(memory, at, nothing)
                store(memory, size + at, of_c * f)
            carry(states, hidden, 4 * hidden, deltas, 4 * k * size, memory)
        rows = (4 * hidden, 0, 4 * hidden)
        sum_gradients(length, reverse, done, steps, hidden, *rows, deltas, features, sums)
