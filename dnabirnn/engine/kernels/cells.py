"""Table of the kernels of each recurrent cell.

The module of a cell has:

- `UNITS`: hidden units are filled up to a multiple of it
- `MEMORY`: number of rows of scratch space
- `pack`: packs weights for the kernels
- `run`: the forward pass
- `STATE_ROWS` and `SAVED_STATES`: where its state is between two calls of `run`

A cell that can be trained with compiled kernels (`Cell.trains_compiled`) also has `BACKWARD` and
`backward`.
"""

from __future__ import annotations

from types import ModuleType

from dnabirnn.engine.kernels import gru, gru_ln, lstm, rnn
from dnabirnn.network import Cell

__all__ = ["CELLS"]

CELLS: dict[Cell, ModuleType] = {
    Cell.RNN: rnn,
    Cell.GRU: gru,
    Cell.GRU_LN: gru_ln,
    Cell.LSTM: lstm,
}
"""Module with the kernels of each cell."""
