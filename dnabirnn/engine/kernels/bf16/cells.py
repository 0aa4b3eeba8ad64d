"""Table of the kernels with products of bfloat16.

The module of a cell has `UNITS`, `MEMORY`, `pack` and `run`, as in `dnabirnn.engine.kernels.cells`.
"""

from __future__ import annotations

from types import ModuleType

from dnabirnn.engine.kernels.bf16 import gru, lstm, rnn
from dnabirnn.network import Cell

__all__ = ["BF16_CELLS"]

BF16_CELLS: dict[Cell, ModuleType] = {Cell.RNN: rnn, Cell.GRU: gru, Cell.LSTM: lstm}
"""Module with the kernels of each cell that has them."""
