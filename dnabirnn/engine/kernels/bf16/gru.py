"""Kernel of a layer of GRU with products of bfloat16; `kernels.gru` has the equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels import gru
from dnabirnn.engine.kernels.bf16.pack import UNITS, with_tiles
from dnabirnn.engine.kernels.gru import next_state
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.intrinsics import (
    add_tile_product,
    begin_tiles,
    end_tiles,
    join,
    load4,
    load8,
    load_codes,
    start_kmers,
    start_rows,
    store,
    store_pairs,
    zero_where_padding,
)
from dnabirnn.engine.kernels.vectors import LANES, TABLE_ENTRIES, TILE_ROWS, VECTOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.layers import Direction, Gates

__all__ = ["MEMORY", "UNITS", "pack", "run"]

MEMORY = 4
"""Rows of `memory`: the state, two states in pairs, and four groups of the sums of a tile."""
_GROUP = gru.UNITS  # units whose gates are computed at a time
_WIDE = 2 * _GROUP  # vectors of one gate of them
_SUMS = TILE_ROWS * LANES  # of a group
_TABLE = TILE_ROWS * TABLE_ENTRIES  # of a group
_load = load8 if _GROUP == 4 else load4


def pack(gates: Gates) -> Direction:
    """Pack one direction. The groups of a tile are r, z, W_n x and U_n h."""
    return with_tiles(gru.pack(gates, TILE_ROWS), gates.scaled(gru.FACTORS))


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
    codes, places, length, reverse, begins, table, kmers, hidden, head, rows, answers
        As in `kernels.gru.run`. If the kernel does not begin, `memory` is as after a call for an
        even number of bases.
    inputs, states
        Tiles of bfloat16.
    below, above : ndarray, (L * H * LANES,) float32
        Features in pairs; empty as in `kernels.gru.run`.
    memory : ndarray, (MEMORY * H * LANES,) float32
        Scratch space.
    saved : None
        No values are saved for a backward pass.
    """
    size, pairs = hidden * LANES, hidden // 2
    half_size, depth = pairs * LANES, pairs * TILE_ROWS
    if begins:
        memory[: 2 * size] = 0
    now, then = size, size + half_size
    r = 2 * size
    z, of_input, of_state = r + _SUMS, r + 2 * _SUMS, r + 3 * _SUMS
    half = half_size if reverse else 0
    begin_tiles()
    for step in range(length):
        t = length - 1 - step if reverse else step
        a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
        bases = join((a, b, a, b, a, b, a, b)[:_WIDE])
        own, other = t * size + half, t * size + half_size - half
        for tile in range(hidden // TILE_ROWS):
            for gate in range(3):
                sums, number = r + gate * _SUMS, tile * 3 + gate
                if kmers.size:
                    start_kmers(kmers, number * TILE_ROWS, places, t * LANES, memory, sums)
                else:
                    start_rows(table, (tile * 4 + gate) * _TABLE, a, b, memory, sums)
                if inputs.size:
                    # Each direction adds its own features first. Both strands then add in the same
                    # order, and their scores agree to the last bit.
                    weights = 2 * number * depth
                    add_tile_product(inputs, weights, below, own, pairs, memory, sums)
                    add_tile_product(inputs, weights + depth, below, other, pairs, memory, sums)
                if gate == 2:
                    sums = of_state
                    start_rows(table, (tile * 4 + 3) * _TABLE, a, b, memory, sums)
                add_tile_product(states, number * depth, memory, now, pairs, memory, sums)
            for group in range(TILE_ROWS // _GROUP):
                at = group * _GROUP * LANES
                unit = tile * TILE_ROWS * LANES + at
                h = next_state(
                    _load(memory, r + at),
                    _load(memory, z + at),
                    _load(memory, of_input + at),
                    _load(memory, of_state + at),
                    _load(memory, unit),
                )
                h = zero_where_padding(h, bases)
                store(memory, unit, h)
                store_pairs(memory, then + unit // 2, h)
                if above.size:
                    store_pairs(above, own + unit // 2, h)
        now, then = then, now
        project(head, rows, hidden, memory, 0, answers, t * rows * LANES, reverse)
    end_tiles()
