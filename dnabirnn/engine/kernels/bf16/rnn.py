"""Kernel of a layer of plain recurrent units with products of bfloat16."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels import rnn
from dnabirnn.engine.kernels.bf16.pack import UNITS, with_tiles
from dnabirnn.engine.kernels.head import project
from dnabirnn.engine.kernels.intrinsics import (
    add_tile_product,
    begin_tiles,
    end_tiles,
    join,
    load4,
    load_codes,
    start_kmers,
    start_rows,
    store,
    store_pairs,
    tanh,
    zero_where_padding,
)
from dnabirnn.engine.kernels.vectors import LANES, TABLE_ENTRIES, TILE_ROWS, VECTOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.layers import Direction, Gates

__all__ = ["MEMORY", "UNITS", "pack", "run"]

MEMORY = 3
"""Rows of `memory`: the state, two states in pairs, and the sums of a tile."""
_GROUP = 2  # units whose states are computed at a time


def pack(gates: Gates) -> Direction:
    """Pack one direction."""
    return with_tiles(rnn.pack(gates, TILE_ROWS), gates)


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
    """Run one direction of a layer over a block of windows; parameters as in `bf16.gru.run`."""
    size, pairs = hidden * LANES, hidden // 2
    half_size, depth = pairs * LANES, pairs * TILE_ROWS
    if begins:
        memory[: 2 * size] = 0
    now, then, sums = size, size + half_size, 2 * size
    half = half_size if reverse else 0
    begin_tiles()
    for step in range(length):
        t = length - 1 - step if reverse else step
        a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
        bases = join((a, b, a, b))
        own, other = t * size + half, t * size + half_size - half
        for tile in range(hidden // TILE_ROWS):
            if kmers.size:
                start_kmers(kmers, tile * TILE_ROWS, places, t * LANES, memory, sums)
            else:
                start_rows(table, tile * TILE_ROWS * TABLE_ENTRIES, a, b, memory, sums)
            if inputs.size:
                # As in `gru`: each direction adds its own features first.
                weights = 2 * tile * depth
                add_tile_product(inputs, weights, below, own, pairs, memory, sums)
                add_tile_product(inputs, weights + depth, below, other, pairs, memory, sums)
            add_tile_product(states, tile * depth, memory, now, pairs, memory, sums)
            for group in range(TILE_ROWS // _GROUP):
                at = group * _GROUP * LANES
                unit = tile * TILE_ROWS * LANES + at
                h = zero_where_padding(tanh(load4(memory, sums + at)), bases)
                store(memory, unit, h)
                store_pairs(memory, then + unit // 2, h)
                if above.size:
                    store_pairs(above, own + unit // 2, h)
        now, then = then, now
        project(head, rows, hidden, memory, 0, answers, t * rows * LANES, reverse)
    end_tiles()
