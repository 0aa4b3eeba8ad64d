"""Pack weights in bfloat16 into tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.engine.kernels.layers import flat
from dnabirnn.engine.kernels.vectors import TILE_PAIRS, TILE_ROWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.engine.kernels.layers import Direction, Gates

__all__ = ["UNITS", "pack_tiles", "rounded", "with_tiles"]

UNITS = 2 * TILE_PAIRS
"""Hidden units are filled up to a multiple of it: those of a row of a tile."""
_LARGEST = np.float32(3.3895313892515355e38)  # in bfloat16


def rounded(numbers: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return numbers in bfloat16, rounded to nearest, half to even.

    Examples
    --------
    >>> [hex(number) for number in rounded(np.array([1, 1.00390625, 3e38, -3.4e38], np.float32))]
    ['0x3f80', '0x3f80', '0x7f62', '0xff7f']
    """
    bits = np.clip(numbers, -_LARGEST, _LARGEST).view(np.uint32)
    last = bits >> 16 & 1  # bit that is kept
    return ((bits + last + 0x7FFF) >> 16).astype(np.uint16)


def pack_tiles(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pack the rows of gates, (gates, H, n), into tiles of bfloat16.

    H and n are multiples of `UNITS`. Packed weights are in the order in which a kernel reads them:
    by `TILE_ROWS` units, gate, and pairs of `n`. A pair takes the place of a float32.
    """
    gates, hidden, n = rows.shape
    tiles = rounded(np.ascontiguousarray(rows)).reshape(
        gates, hidden // TILE_ROWS, TILE_ROWS, n // UNITS, UNITS
    )
    return flat(np.ascontiguousarray(tiles.transpose(1, 0, 3, 2, 4)).view(np.float32))


def with_tiles(direction: Direction, gates: Gates) -> Direction:
    """Replace the weights of products by tiles of bfloat16.

    Parameters
    ----------
    direction : Direction
        Packed for the kernels of float32.
    gates : Gates
        With scaled weights.
    """
    inputs = pack_tiles(gates.inputs) if direction.inputs.size else direction.inputs
    return direction._replace(inputs=inputs, states=pack_tiles(gates.states))
