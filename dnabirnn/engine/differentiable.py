"""The loss and its gradient by compiled kernels, on CPUs: an autograd function.

What torch sees is one operation, from the weights to the loss. The kernels go forward and backward
in one call, in a `Workspace` that is used again and again: what the backward pass needs never
becomes a tensor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dnabirnn.engine.kernels.packing import PackedNetwork
from dnabirnn.engine.kernels.simd import LANES
from dnabirnn.engine.kernels.workspace import Keys, Workspace, add

if TYPE_CHECKING:
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
        self.idle: dict[int, list[Workspace]] = {}

    def snapshot(self, weights: Tensor) -> Snapshot:
        """Weights (n,), float32 or float64, packed for the kernels: once a step."""
        return Snapshot(self, weights)


class Snapshot:
    """Weights of one moment."""

    def __init__(self, network: FusedNetwork, vector: Tensor) -> None:
        self._vector = vector
        self._shapes = network.shapes
        self._idle = network.idle
        numbers, weights, place = vector.detach().numpy(), {}, 0
        for name, shape in network.shapes.items():
            size = math.prod(shape)
            weights[name] = numbers[place : place + size].reshape(shape)
            place += size
        self._packed = PackedNetwork(network.architecture, weights)

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
        idle = self._idle.setdefault(length, [])
        try:
            workspace = idle.pop()
        except IndexError:
            workspace = Workspace(self._packed, length)
        loss = 0.0
        found: dict[str, Array] = {}
        for number, first in enumerate(range(0, windows, LANES)):
            block = slice(first, first + LANES)
            keys = _keys(dropout, number, self._packed)
            workspace.forward(self._packed, codes[block], keys)
            part, gradient = workspace.backward(self._packed, truth[block], counted[block], factor)
            loss += part
            add(found, gradient.items())
        idle.append(workspace)
        return loss, np.concatenate([found[name].reshape(-1) for name in self._shapes])


def _keys(dropout: Dropout, block: int, network: PackedNetwork) -> list[Keys]:
    """Arguments of `gradients.drop` for each layer; none where nothing is dropped."""
    if not dropout.rate:
        return []
    least = np.uint32(round(dropout.rate * 2**16))
    factor = network.dtype.type(1 / (1 - dropout.rate))
    seeds = np.random.SeedSequence([dropout.seed, block])
    keys = seeds.generate_state(2 * len(network.layers), np.uint32).reshape(-1, 2)
    return [(first, second, least, factor) for first, second in keys]


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
