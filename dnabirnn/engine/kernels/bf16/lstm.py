"""Kernel of a layer of LSTM with products of bfloat16; `kernels.lstm` has the equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnabirnn.compiled import kernel
from dnabirnn.engine.kernels import lstm
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
)
from dnabirnn.engine.kernels.lstm import next_state
from dnabirnn.engine.kernels.vectors import LANES, TABLE_ENTRIES, TILE_ROWS, VECTOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.kernels.layers import Direction, Gates

__all__ = ["MEMORY", "UNITS", "pack", "run"]

MEMORY = 5
"""Rows of `memory`: the state, the cell, two states in pairs, and the sums of a tile."""
_GROUP = lstm.UNITS  # units whose gates are computed at a time
_SUMS = TILE_ROWS * LANES  # of a gate


def pack(gates: Gates) -> Direction:
    """Pack one direction. The gates of a tile are i, f, g and o."""
    return with_tiles(lstm.pack(gates, TILE_ROWS, 1), gates.scaled(lstm.FACTORS))


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
        memory[: 3 * size] = 0
    now, then, first = 2 * size, 2 * size + half_size, 3 * size
    half = half_size if reverse else 0
    begin_tiles()
    for step in range(length):
        t = length - 1 - step if reverse else step
        a, b = load_codes(codes, t * LANES), load_codes(codes, t * LANES + VECTOR)
        bases = join((a, b, a, b))
        own, other = t * size + half, t * size + half_size - half
        for tile in range(hidden // TILE_ROWS):
            for gate in range(4):
                sums, number = first + gate * _SUMS, tile * 4 + gate
                row = number * TILE_ROWS
                if kmers.size:
                    start_kmers(kmers, row, places, t * LANES, memory, sums)
                else:
                    start_rows(table, row * TABLE_ENTRIES, a, b, memory, sums)
                if inputs.size:
                    # As in `gru`: each direction adds its own features first.
                    weights = 2 * number * depth
                    add_tile_product(inputs, weights, below, own, pairs, memory, sums)
                    add_tile_product(inputs, weights + depth, below, other, pairs, memory, sums)
                add_tile_product(states, number * depth, memory, now, pairs, memory, sums)
            for group in range(TILE_ROWS // _GROUP):
                at = first + group * _GROUP * LANES
                unit = (tile * TILE_ROWS + group * _GROUP) * LANES
                h = next_state(
                    join((load4(memory, at), load4(memory, at + _SUMS))),
                    join((load4(memory, at + 2 * _SUMS), load4(memory, at + 3 * _SUMS))),
                    memory,
                    size + unit,
                    bases,
                    saved,
                    0,
                    size,
                )
                store(memory, unit, h)
                store_pairs(memory, then + unit // 2, h)
                if above.size:
                    store_pairs(above, own + unit // 2, h)
        now, then = then, now
        project(head, rows, hidden, memory, 0, answers, t * rows * LANES, reverse)
    end_tiles()
