"""Pack weights for the kernels of both passes, and unpack the gradients again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.engine.kernels import gradients
from dnabirnn.engine.kernels.cells import CELLS
from dnabirnn.engine.kernels.head import pack_head
from dnabirnn.engine.kernels.kmers import FURTHER
from dnabirnn.engine.kernels.layers import Direction, Gates, flat
from dnabirnn.engine.kernels.matrix_scan import pack_matrices
from dnabirnn.engine.kernels.vectors import aligned
from dnabirnn.network import opposite_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from dnabirnn.network import Architecture

    Array = NDArray[np.floating[Any]]

__all__ = ["DirectionWeights", "PackedNetwork", "transposed"]


class DirectionWeights(NamedTuple):
    """Weights of one direction of a layer.

    Attributes
    ----------
    packed : Direction
        Weights for the forward pass.
    states, inputs : ndarray
        Transposed weights for the backward pass; `inputs` is empty in a first layer.
    """

    packed: Direction
    states: Array
    inputs: Array


class PackedNetwork:
    """Weights at one step of training, in the layouts of the kernels of both passes.

    Parameters
    ----------
    architecture : Architecture
    weights : mapping
        Weights, float32 or float64, by the names in
        `dnabirnn.network.checkpoint.weight_shapes`.

    Attributes
    ----------
    kmer_width : int
        Numbers per row of the tables of k-mers; 0 without k-mers.
    """

    def __init__(self, architecture: Architecture, weights: Mapping[str, Any]) -> None:
        self.architecture = architecture
        self.cell: Any = CELLS[architecture.cell]
        self.hidden = -(-architecture.hidden // gradients.TILE) * gradients.TILE
        self.dtype: np.dtype[Any] = weights["head.weight"].dtype
        self.logits = len(weights["head.bias"])
        self.head = pack_head(architecture, weights, self.hidden)
        self.matrices = pack_matrices(architecture, weights)
        self.head_rows = -(-self.head.rows // gradients.TILE) * gradients.TILE
        self.head_transposed = self._transposed_head()
        self.layers = [
            tuple(self._weights(weights, layer, reverse) for reverse in (False, True))
            for layer in range(architecture.layers)
        ]
        rows = 4**architecture.kmer + FURTHER
        self.kmer_width = self.layers[0][0].packed.kmers.size // rows

    def _number(self, layer: int, reverse: bool) -> int:
        """Return the number in the names of the weights of a direction of a layer."""
        return layer if self.architecture.tied else 2 * layer + reverse

    def gates(self, weights: Mapping[str, Any], layer: int, reverse: bool) -> Gates:
        """Return the weights of a direction of a layer, for inputs in its own coordinates."""
        gates = len(self.cell.BACKWARD.of_inputs)
        number = self._number(layer, reverse)
        return Gates.of(weights, number, gates, self.hidden, first=not layer)

    def _weights(self, weights: Mapping[str, Any], layer: int, reverse: bool) -> DirectionWeights:
        tied, hidden, order = self.architecture.tied, self.hidden, self.cell.BACKWARD.of_inputs
        gates = self.gates(weights, layer, reverse)
        inputs = aligned(0, dtype=self.dtype)
        if layer:
            read = gates.inputs
            # Tied weights are for [own, other], which is [reverse, forward] here. The gradient of
            # features is in the order [forward, reverse].
            if reverse and tied:
                read = np.roll(read, hidden, axis=2)
            inputs = transposed(read[list(order)].reshape(-1, 2 * hidden))
        if reverse:
            gates = gates.of_reverse_complement(tied)
        states = transposed(gates.states.reshape(-1, hidden))
        return DirectionWeights(self.cell.pack(gates), states, inputs)

    def head_halves(self) -> Array:
        """Return the rows of the head for the states of each direction: (rows, 2, hidden)."""
        halves = [
            half.reshape(-1, self.hidden, 2).transpose(0, 2, 1).reshape(-1, self.hidden)
            for half in (self.head.forward, self.head.reverse)
        ]
        return np.stack(halves, axis=1)

    def _transposed_head(self) -> Array:
        rows = np.zeros((self.head_rows, 2 * self.hidden), self.dtype)
        rows[: self.head.rows] = self.head_halves().reshape(self.head.rows, -1)
        return transposed(rows)

    # Gradients of weights, from the sums of the kernels.

    def gradient_of_head(self, found: Array) -> Array:
        """Return the gradient of `head.weight` from that of the packed rows, (2 * hidden, rows)."""
        units = self.architecture.hidden
        forward, reverse = (half[:units].T for half in np.split(found, 2))  # (rows, units)
        if not self.architecture.tied:
            logits = self.logits
            return np.concatenate([forward[:logits], reverse[:logits]], axis=1)
        # A tied logit has two rows: left f + right r for one strand, right f + left r for the
        # other. The gradients of both add up.
        left, right = forward[::2] + reverse[1::2], reverse[::2] + forward[1::2]
        return np.concatenate([left, right], axis=1)[: self.logits]

    def gradients_of_scales(self, of_columns: NDArray[np.float64]) -> dict[str, Array]:
        """Return the gradients of the scales of the matrices from those of the columns (C,)."""
        packed, found = self.matrices, {}
        for number in np.flatnonzero(packed.widths).tolist():
            first, strands = int(packed.columns[number]), int(packed.strands[number])
            total = of_columns[first : first + strands].sum()
            found[f"matrix.{number}.scale"] = np.array([total], self.dtype)
        return found

    def gradients_of_layer(
        self, layer: int, reverse: bool, states: Array, inputs: Array, biases: Array, kmers: Array
    ) -> Iterator[tuple[str, Array]]:
        """Yield names and gradients of one direction's weights from the sums over its deltas."""
        units, hidden, backward = self.architecture.hidden, self.hidden, self.cell.BACKWARD
        order, number = list(backward.of_inputs), len(backward.of_inputs)
        states = states.reshape(number, hidden, hidden)[:, :units, :units]
        wide = inputs.shape[1]
        parts = (2, wide // 2)  # the two directions of the features
        of_gates = np.empty((number, hidden, wide), self.dtype)
        of_gates[order] = inputs.reshape(number, hidden, wide)
        if not layer:
            of_gates = of_gates[:, :units, ::-1] if reverse else of_gates[:, :units]
        else:
            halves = of_gates.reshape(number, hidden, *parts)[:, :units, :, :units]
            of_gates = halves[:, :, ::-1] if reverse and self.architecture.tied else halves
        rows = biases.reshape(backward.deltas, hidden)[:, :units]
        input_bias = np.empty((number, units), self.dtype)
        input_bias[order] = rows[:number]
        state_bias = rows[backward.first_of_states :][:number]
        prefix = f"recurrent.{self._number(layer, reverse)}."
        yield f"{prefix}weight_ih_l0", of_gates.reshape(number * units, -1)
        yield f"{prefix}weight_hh_l0", states.reshape(number * units, -1)
        yield f"{prefix}bias_ih_l0", input_bias.reshape(-1)
        yield f"{prefix}bias_hh_l0", state_bias.reshape(-1)
        if kmers.size:
            rows = kmers.reshape(-1, self.kmer_width)[:-FURTHER, : number * hidden]
            of_groups = rows.reshape(-1, number, hidden)[:, :, :units]
            table = np.empty_like(of_groups)
            table[:, order] = of_groups
            if reverse:
                table = table[opposite_rows(self.architecture.kmer)]
            yield f"{prefix}weight_kmer_l0", table.reshape(len(table), -1)


def transposed(rows: Array) -> Array:
    """Pack rows (count, n) for `gradients.carry`: (n / TILE, count, TILE), flat."""
    count, n = rows.shape
    tiles = rows.reshape(count, n // gradients.TILE, gradients.TILE)
    return flat(tiles.transpose(1, 0, 2))
