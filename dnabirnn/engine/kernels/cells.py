"""Which kernels compute which recurrent cell.

A module of a cell has `UNITS` (hidden units are padded to a multiple of it), `MEMORY` (rows of
scratch), `pack` (weights as its kernels read them) and `run` (the forward pass). A cell that can be
trained with compiled kernels (`Cell.trains_compiled`) also has `BACKWARD` and `backward`.
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
"""Module of kernels of each cell."""
