"""Weights of a recurrent layer, packed as the kernels read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.engine.kernels.simd import TABLE_ENTRIES, aligned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Backward", "Direction", "Gates", "flat", "pack_direction", "tiles"]


class Direction(NamedTuple):
    """One direction of one layer, flat arrays.

    A tile is the rows of a product whose sums stay in registers: all gates of a few units, gate by
    gate.

    Attributes
    ----------
    table : ndarray, (tiles * rows * TABLE_ENTRIES,) float32
        What a base's code gives to each sum before any product: biases, and in a first layer the
        column of the input's weights. For the reverse direction, whose sequence is the reverse
        complement, codes are complemented.
    inputs : ndarray, (tiles * 2 * hidden * rows,) float32
        Weights of the features of the layer below, those of this direction first; empty in a
        first layer.
    states : ndarray, (tiles * hidden * rows,) float32
        Weights of the layer's own states.
    """

    table: NDArray[np.float32]
    inputs: NDArray[np.float32]
    states: NDArray[np.float32]


class Backward(NamedTuple):
    """What a cell's backward pass reads and writes, in rows of `hidden` units.

    Attributes
    ----------
    saved : int
        Rows that the forward pass saves for each base.
    deltas : int
        Rows of gradients of sums. Those that the input is part of come first.
    of_inputs : tuple of int
        The gate of each row that the input is part of.
    first_of_states : int
        From here on stand the rows that the state is part of, gate by gate.
    """

    saved: int
    deltas: int
    of_inputs: tuple[int, ...]
    first_of_states: int


class Gates(NamedTuple):
    """The gates of one direction of one layer, with units filled up to `hidden`.

    Attributes
    ----------
    inputs : ndarray, (gates, hidden, 4 or 2 * hidden) float32
    states : ndarray, (gates, hidden, hidden) float32
    input_bias, state_bias : ndarray, (gates, hidden) float32
    input_gain, state_gain : ndarray, (gates, hidden) float32
        Of products that are normalised; else ones.
    start : ndarray, (hidden,) float32
        State to begin with; empty where another direction's last one is.
    units : int
        Units that are not filled up.
    """

    inputs: NDArray[np.float32]
    states: NDArray[np.float32]
    input_bias: NDArray[np.float32]
    state_bias: NDArray[np.float32]
    input_gain: NDArray[np.float32]
    state_gain: NDArray[np.float32]
    start: NDArray[np.float32]
    units: int

    @classmethod
    def of(
        cls,
        weights: Mapping[str, NDArray[np.float32]],
        number: int,
        gates: int,
        hidden: int,
        *,
        first: bool,
    ) -> Gates:
        """Gates of the weights `recurrent.<number>`, as torch.nn.RNN, GRU and LSTM order them.

        `first` says whether they are a first layer's, which features of two units look like.

        Added units have weights of 0: their states stay 0, and nothing reads them.
        """
        prefix = f"recurrent.{number}."
        states = weights[f"{prefix}weight_hh_l0"]
        units = states.shape[1]
        inputs = weights[f"{prefix}weight_ih_l0"].reshape(gates, units, -1)
        full = np.zeros((gates, hidden, 4), states.dtype)
        if first:
            full[:, :units] = inputs
        else:  # features of both directions, each filled up
            full = np.zeros((gates, hidden, 2, hidden), states.dtype)
            full[:, :units, :, :units] = inputs.reshape(gates, units, 2, units)
            full = full.reshape(gates, hidden, 2 * hidden)
        square = np.zeros((gates, hidden, hidden), states.dtype)
        square[:, :units, :units] = states.reshape(gates, units, units)
        names = ("bias_ih_l0", "bias_hh_l0", "gain_ih_l0", "gain_hh_l0")
        rows = np.zeros((len(names), gates, hidden), states.dtype)
        ones = np.ones(gates * units, states.dtype)
        for filled, name in zip(rows, names, strict=True):
            filled[:, :units] = weights.get(prefix + name, ones).reshape(gates, units)
        start = weights.get(f"{prefix}state_l0", np.zeros(0, states.dtype))
        start = np.pad(start, (0, hidden - units if start.size else 0))
        input_bias, state_bias, input_gain, state_gain = rows
        return cls(full, square, input_bias, state_bias, input_gain, state_gain, start, units)

    def scaled(self, factors: NDArray[np.float32]) -> Gates:
        """Gates whose sums are multiplied by these factors, powers of two: (gates,)."""
        wide = factors[:, None, None]
        return self._replace(
            inputs=self.inputs * wide,
            states=self.states * wide,
            input_bias=self.input_bias * factors[:, None],
            state_bias=self.state_bias * factors[:, None],
        )

    def of_reverse_complement(self, tied: bool) -> Gates:
        """Gates that read a base's complement, or the features of the reverse direction first.

        A tied network's do so by themselves: its weights are for [own, other] direction.
        """
        if self.inputs.shape[2] == 4:
            return self._replace(inputs=self.inputs[:, :, ::-1])
        if tied:
            return self
        return self._replace(inputs=np.roll(self.inputs, self.inputs.shape[2] // 2, axis=2))


def tiles(of_unit: NDArray[np.float32], units: int) -> NDArray[np.float32]:
    """Rows of gates as tiles of so many units: (gates, hidden, n) to (tiles, gates * units, n)."""
    gates, hidden, n = of_unit.shape
    split = of_unit.reshape(gates, hidden // units, units, n).transpose(1, 0, 2, 3)
    return np.ascontiguousarray(split).reshape(hidden // units, gates * units, n)


def pack_direction(
    table_bias: NDArray[np.float32],
    table_inputs: NDArray[np.float32] | None,
    inputs: NDArray[np.float32] | None,
    states: NDArray[np.float32],
    units: int,
) -> Direction:
    """Pack gates into tiles of so many units.

    Parameters
    ----------
    table_bias : ndarray, (rows a unit, hidden) float32
        What a sum begins with, whatever the base.
    table_inputs : ndarray, (rows a unit, hidden, 4) float32, or None
        What a base adds, in a first layer.
    inputs : ndarray, (gates, hidden, 2 * hidden) float32, or None
        Weights of the features of the layer below, in a deeper one.
    states : ndarray, (gates, hidden, hidden) float32
    """
    entries = np.repeat(table_bias[:, :, None], TABLE_ENTRIES, axis=2)
    if table_inputs is not None:
        entries[:, :, :4] += table_inputs
    return Direction(
        flat(tiles(entries, units)),
        aligned(0, dtype=states.dtype)
        if inputs is None
        else flat(tiles(inputs, units).transpose(0, 2, 1)),
        flat(tiles(states, units).transpose(0, 2, 1)),
    )


def flat(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """A flat copy whose tables, and rows of vectors, each begin with a cache line."""
    copy = aligned(array.size, dtype=array.dtype)
    copy[:] = array.reshape(-1)
    return copy
