"""The loss and its gradient by compiled kernels, on CPUs: an autograd function.

What torch sees is one operation, from the weights to the loss. The kernels go forward and backward
in one call, in a `_Workspace` that is used again and again: what the backward pass needs never
becomes a tensor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dnabirnn.engine import gradients
from dnabirnn.engine.fused_engine import CELLS
from dnabirnn.engine.head import pack_head
from dnabirnn.engine.layers import Direction, Gates, flat
from dnabirnn.engine.simd import LANES, VECTOR, aligned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.network import Dropout, Network

    Array = NDArray[np.floating[Any]]
    # Codes (B, L), truth (B, L, O), bases that count (B, L), factor of the loss.
    _Batch = tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_], float]

__all__ = ["FusedNetwork", "Snapshot"]


class FusedNetwork:
    """A network on a CPU whose loss, and its gradient, are computed by kernels.

    Parameters
    ----------
    network : Network
        Whose weights, end to end in the order of its parameters, each `snapshot` is given.
    """

    def __init__(self, network: Network) -> None:
        self.architecture = network.architecture
        self.shapes = {name: tuple(tensor.shape) for name, tensor in network.named_parameters()}
        # Of each length; appending and popping are safe between threads.
        self.idle: dict[int, list[_Workspace]] = {}

    def snapshot(self, weights: Tensor) -> Snapshot:
        """Weights (n,), float32 or float64, packed for the kernels: once a step."""
        return Snapshot(self, weights)


class _Weights(NamedTuple):
    """One direction of a layer: packed for the forward pass, and transposed for the other."""

    packed: Direction
    states: Array
    inputs: Array


class Snapshot:
    """Weights of one moment."""

    def __init__(self, network: FusedNetwork, vector: Tensor) -> None:
        architecture = network.architecture
        self.network = network
        self.architecture = architecture
        self.cell: Any = CELLS[architecture.cell]
        self.hidden = -(-architecture.hidden // gradients.TILE) * gradients.TILE
        self._vector = vector
        numbers, weights, place = vector.detach().numpy(), {}, 0
        for name, shape in network.shapes.items():
            size = math.prod(shape)
            weights[name] = numbers[place : place + size].reshape(shape)
            place += size
        self.dtype = numbers.dtype
        self.logits = len(weights["head.bias"])
        self.head = pack_head(architecture, weights, [0.0] * len(architecture.classes), self.hidden)
        self.head_rows = -(-self.head.rows // gradients.TILE) * gradients.TILE
        self.head_transposed = self._transposed_head()
        self.layers = [
            tuple(self._weights(weights, layer, reverse) for reverse in (False, True))
            for layer in range(architecture.layers)
        ]

    def loss(
        self,
        codes: NDArray[np.uint8],
        truth: NDArray[np.bool_],
        counted: NDArray[np.bool_],
        factor: float,
        dropout: Dropout,
    ) -> Tensor:
        """Summed loss of windows, which torch can differentiate by the vector of weights.

        Parameters
        ----------
        codes : ndarray, (B, L) uint8
            Padding (code 5) only on the right.
        truth : ndarray, (B, L, O) bool
        counted : ndarray, (B, L) bool
            Bases that count; none of padding.
        factor : float
            What the sum over bases is multiplied by.
        dropout : Dropout
            Applied before the head and between layers, where both directions read the same.
        """
        batch = (codes, truth, counted, factor)
        found: Tensor = _Loss.apply(self, batch, dropout, self._vector)  # type: ignore[no-untyped-call]
        return found

    def loss_and_gradient(self, batch: _Batch, dropout: Dropout) -> tuple[float, Array]:
        """Loss, and its gradient by the vector of weights: (n,)."""
        codes, truth, counted, factor = batch
        windows, length = codes.shape
        idle = self.network.idle.setdefault(length, [])
        try:
            workspace = idle.pop()
        except IndexError:
            workspace = _Workspace(self, length)
        loss = 0.0
        found: dict[str, Array] = {}
        for number, first in enumerate(range(0, windows, LANES)):
            block = slice(first, first + LANES)
            keys = _keys(dropout, number, self)
            workspace.forward(self, codes[block], keys)
            part, gradient = workspace.backward(self, truth[block], counted[block], factor)
            loss += part
            _add(found, gradient.items())
        idle.append(workspace)
        return loss, np.concatenate([found[name].reshape(-1) for name in self.network.shapes])

    def _number(self, layer: int, reverse: bool) -> int:
        """Number under which the network knows the weights of a direction of a layer."""
        return layer if self.architecture.tied else 2 * layer + reverse

    def _weights(self, weights: Any, layer: int, reverse: bool) -> _Weights:
        tied, hidden, order = self.architecture.tied, self.hidden, self.cell.BACKWARD.of_inputs
        gates = Gates.of(weights, self._number(layer, reverse), len(order), hidden)
        inputs = aligned(0, dtype=self.dtype)
        if layer:
            read = gates.inputs
            if reverse and tied:  # [own, other], whose order is then [reverse, forward]
                read = np.roll(read, hidden, axis=2)
            inputs = _transposed(read[list(order)].reshape(-1, 2 * hidden))
        if reverse:
            gates = gates.of_reverse_complement(tied)
        states = _transposed(gates.states.reshape(-1, hidden))
        return _Weights(self.cell.pack(gates), states, inputs)

    def _transposed_head(self) -> Array:
        halves = [
            half.reshape(-1, self.hidden, 2).transpose(0, 2, 1).reshape(-1, self.hidden)
            for half in (self.head.forward, self.head.reverse)
        ]
        rows = np.zeros((self.head_rows, 2 * self.hidden), self.dtype)
        rows[: self.head.rows] = np.concatenate(halves, axis=1)
        return _transposed(rows)

    # Of weights, from sums that kernels have made.

    def gradient_of_head(self, found: Array) -> Array:
        """Gradient of `head.weight` from that of its rows, (2 * hidden, rows)."""
        units = self.architecture.hidden
        forward, reverse = (half[:units].T for half in np.split(found, 2))  # (rows, units)
        if not self.architecture.tied:
            logits = self.logits
            return np.concatenate([forward[:logits], reverse[:logits]], axis=1)
        # Rows are [left f + right r] for one strand, [right f + left r] for the other.
        left, right = forward[::2] + reverse[1::2], reverse[::2] + forward[1::2]
        return np.concatenate([left, right], axis=1)[: self.logits]

    def gradients_of_layer(
        self, layer: int, reverse: bool, states: Array, inputs: Array, biases: Array
    ) -> Iterator[tuple[str, Array]]:
        """Names and gradients of one direction's weights from those of its deltas."""
        units, hidden, backward = self.architecture.hidden, self.hidden, self.cell.BACKWARD
        order, number = list(backward.of_inputs), len(backward.of_inputs)
        states = states.reshape(number, hidden, hidden)[:, :units, :units]
        wide = inputs.shape[1]
        parts = (2, wide // 2)  # of a layer's features: both directions
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


def _transposed(rows: Array) -> Array:
    """Rows (count, n) as `gradients.carry` reads them: (n / TILE, count, TILE), flat."""
    count, n = rows.shape
    tiles = rows.reshape(count, n // gradients.TILE, gradients.TILE)
    return flat(tiles.transpose(1, 0, 2))


class _Workspace:
    """What the two passes over a block of `LANES` windows write, flat."""

    def __init__(self, network: Snapshot, length: int) -> None:
        hidden, layers, backward = network.hidden, len(network.layers), network.cell.BACKWARD
        wide, gates = length * 2 * hidden * LANES, len(backward.of_inputs)
        dtype = network.dtype

        def arrays(count: int, size: int) -> list[Array]:
            return [aligned(size, dtype=dtype) for _ in range(count)]

        self.length = length
        self.codes = np.empty(length * LANES, np.uint8)
        self.none = aligned(0, dtype=dtype)
        self.one_hot = aligned(length * 4 * LANES, dtype=dtype)
        self.features = arrays(layers, wide)
        self.dropped: list[Array] = []  # the same where nothing is dropped
        self.saved = [arrays(2, length * backward.saved * hidden * LANES) for _ in range(layers)]
        self.gradients = arrays(2, wide)
        self.answers = aligned(length * network.head.rows * LANES, dtype=dtype)
        self.row_gradient = aligned(length * network.head_rows * LANES, dtype=dtype)
        self.deltas = aligned(gradients.STEPS * backward.deltas * hidden * LANES, dtype=dtype)
        self.memory = aligned(3 * hidden * LANES, dtype=dtype)
        self.state_sums = aligned(gradients.numbers_of_sums(gates * hidden, hidden), dtype=dtype)
        self.input_sums = [
            aligned(gradients.numbers_of_sums(gates * hidden, rows), dtype=dtype)
            for rows in (4, *[2 * hidden] * (layers - 1))
        ]
        self.bias_sums = aligned(backward.deltas * hidden * VECTOR, dtype=dtype)
        self.head_sums = aligned(
            gradients.numbers_of_sums(2 * hidden, network.head_rows), dtype=dtype
        )
        self.keys: list[_Keys] = []

    def forward(self, network: Snapshot, block: NDArray[np.uint8], keys: list[_Keys]) -> None:
        """Rows of the head of a block of windows (W, L), at most LANES."""
        self._begin(block, keys)
        length, hidden, head = self.length, network.hidden, network.head
        below = self.none
        for layer, directions in enumerate(network.layers):
            for reverse, weights in enumerate(directions):
                network.cell.run(
                    self.codes,
                    length,
                    bool(reverse),
                    *weights.packed,
                    hidden,
                    below,
                    self.features[layer],
                    self.none,
                    0,
                    self.none,
                    self.memory,
                    self.saved[layer][reverse],
                )
            below = self._read(layer)
            if self.keys:
                gradients.drop(self.features[layer], *self.keys[layer], below)
        gradients.head_forward(
            below, length, hidden, head.forward, head.reverse, head.rows, self.answers
        )

    def backward(
        self,
        network: Snapshot,
        truth: NDArray[np.bool_],
        counted: NDArray[np.bool_],
        factor: float,
    ) -> tuple[float, dict[str, Array]]:
        """Loss of the block that went forward, and gradients of all weights by name."""
        length, hidden, head = self.length, network.hidden, network.head
        of_columns = np.zeros(len(head.first))
        loss = gradients.cross_entropy(
            self.answers,
            head.rows,
            head.first,
            head.second,
            head.bias,
            head.exclusive,
            truth,
            counted,
            factor,
            self.row_gradient,
            network.head_rows,
            of_columns,
        )
        mine, other = self.gradients
        self.head_sums[:] = 0
        gradients.head_backward(
            self._read(len(network.layers) - 1),
            length,
            hidden,
            network.head_transposed,
            network.head_rows,
            self.row_gradient,
            mine,
            self.head_sums,
        )
        found = _added_up(self.head_sums, 2 * hidden, network.head_rows)
        bias = np.bincount(head.logits, of_columns, network.logits)
        by_name = {
            "head.weight": network.gradient_of_head(found[:, : head.rows]),
            "head.bias": bias.astype(network.dtype),
        }
        for layer in reversed(range(len(network.layers))):
            if self.keys:
                gradients.drop(mine, *self.keys[layer], other)
                mine, other = other, mine
            for reverse in (False, True):
                _add(by_name, self._backward(network, layer, reverse, mine, other))
            mine, other = other, mine
        return loss, by_name

    def _backward(
        self, network: Snapshot, layer: int, reverse: bool, mine: Array, below: Array
    ) -> Iterator[tuple[str, Array]]:
        backward, hidden = network.cell.BACKWARD, network.hidden
        weights = network.layers[layer][reverse]
        below_rows, input_sums = 2 * hidden if layer else 4, self.input_sums[layer]
        for sums in (self.state_sums, input_sums, self.bias_sums):
            sums[:] = 0
        network.cell.backward(
            self.codes,
            self.length,
            reverse,
            hidden,
            self.saved[layer][reverse],
            self.features[layer],
            mine,
            weights.states,
            self._read(layer - 1) if layer else self.one_hot,
            below_rows,
            weights.inputs,
            below,
            self.state_sums,
            input_sums,
            self.bias_sums,
            self.deltas,
            self.memory,
        )
        rows = len(backward.of_inputs) * hidden
        biases = np.empty(backward.deltas * hidden, network.dtype)
        gradients.add_up(self.bias_sums, biases)
        return network.gradients_of_layer(
            layer,
            reverse,
            _added_up(self.state_sums, rows, hidden),
            _added_up(input_sums, rows, below_rows),
            biases,
        )

    def _begin(self, block: NDArray[np.uint8], keys: list[_Keys]) -> None:
        gradients.enter(block, self.codes, self.one_hot)
        self.keys = keys
        if keys and not self.dropped:
            self.dropped = [aligned(f.size, dtype=f.dtype) for f in self.features]

    def _read(self, layer: int) -> Array:
        """What is read of a layer's features by what lies above."""
        return self.dropped[layer] if self.keys else self.features[layer]


_Keys = tuple[np.uint32, np.uint32, np.uint32, "np.floating[Any]"]


def _keys(dropout: Dropout, block: int, network: Snapshot) -> list[_Keys]:
    """Arguments of `gradients.drop` for each layer; none where nothing is dropped."""
    if not dropout.rate:
        return []
    least = np.uint32(round(dropout.rate * 2**16))
    factor = network.dtype.type(1 / (1 - dropout.rate))
    seeds = np.random.SeedSequence([dropout.seed, block])
    keys = seeds.generate_state(2 * len(network.layers), np.uint32).reshape(-1, 2)
    return [(first, second, least, factor) for first, second in keys]


def _added_up(sums: Array, rows: int, columns: int) -> Array:
    out = np.empty(rows * columns, sums.dtype)
    gradients.add_up(sums, out)
    return gradients.untiled(out, rows, columns)


class _Loss(torch.autograd.Function):
    """Loss from weights; the gradient is there when the loss is."""

    @staticmethod
    def forward(
        ctx: Any, snapshot: Snapshot, batch: _Batch, dropout: Dropout, vector: Tensor
    ) -> Tensor:
        loss, gradient = snapshot.loss_and_gradient(batch, dropout)
        ctx.gradient = torch.from_numpy(gradient)
        return torch.tensor(loss, dtype=vector.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_loss: Tensor) -> tuple[Any, ...]:
        return None, None, None, ctx.gradient * of_loss


def _add(totals: dict[str, Array], parts: Iterable[tuple[str, Array]]) -> None:
    """Add gradients by name."""
    for name, gradient in parts:
        totals[name] = totals[name] + gradient if name in totals else gradient
