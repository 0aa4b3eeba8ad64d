"""Loss and gradient by compiled kernels on CPUs, as an autograd function.

To torch, this is one operation from the vector of weights to the loss. The kernels run the forward
and the backward pass in one call. The intermediate values stay in a `Workspace`, which is reused,
and never become tensors.

The cross-entropy of each base is a kernel. Any other loss of the log-odds is computed by torch
between the two passes (`Snapshot.loss_by`): it sees the log-odds, and its gradient by these goes
back to the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from dnabirnn.engine.kernels.packing import PackedNetwork
from dnabirnn.engine.kernels.vectors import LANES
from dnabirnn.engine.kernels.workspace import Keys, Workspace, add

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.network import Dropout, Network

    Array = NDArray[np.floating[Any]]
    Truth = NDArray[np.bool_] | NDArray[np.float32]
    # Codes (B, L), truth (B, L, O), counted bases (B, L), factor of the loss, codes with flanks.
    _Batch = tuple[NDArray[np.uint8], Truth, NDArray[np.bool_], float, NDArray[np.uint8] | None]

__all__ = ["FusedNetwork", "Snapshot"]


class FusedNetwork:
    """Network on a CPU whose loss and gradient are computed by compiled kernels.

    Parameters
    ----------
    network : Network
        Network that gives the architecture and the order of the parameters. `snapshot` takes their
        values, concatenated in this order.
    """

    def __init__(self, network: Network) -> None:
        self.architecture = network.architecture
        self.shapes = {name: tuple(tensor.shape) for name, tensor in network.named_parameters()}
        # Weights that are not trained.
        self.fixed = {
            name: tensor.numpy()
            for name, tensor in network.state_dict().items()
            if name not in self.shapes
        }
        # Unused workspaces by length, shared by threads: list.append and list.pop are atomic.
        self.idle: dict[int, list[Workspace]] = {}

    def snapshot(self, weights: Tensor) -> Snapshot:
        """Pack weights (n,), float32 or float64, for the kernels. Call this once per step."""
        return Snapshot(self, weights)


class Snapshot:
    """Packed copy of the weights at one step."""

    def __init__(self, network: FusedNetwork, vector: Tensor) -> None:
        self._vector = vector
        self._shapes = network.shapes
        self._idle = network.idle
        numbers, place = vector.detach().numpy(), 0
        weights = {name: array.astype(numbers.dtype) for name, array in network.fixed.items()}
        for name, shape in network.shapes.items():
            size = math.prod(shape)
            weights[name] = numbers[place : place + size].reshape(shape)
            place += size
        self._packed = PackedNetwork(network.architecture, weights)

    def loss(
        self,
        codes: NDArray[np.uint8],
        truth: Truth,
        counted: NDArray[np.bool_],
        factor: float,
        dropout: Dropout,
        flanked: NDArray[np.uint8] | None = None,
    ) -> Tensor:
        """Compute the summed loss of windows, which torch can differentiate by the weights.

        Parameters
        ----------
        codes : ndarray, (B, L) uint8
            Padding (code 5) only on the right.
        truth : ndarray, (B, L, O) bool or float32
            Or the probability of each output; in an exclusive network, those of a base sum to 1 at
            most, and the rest is that of the background.
        counted : ndarray, (B, L) bool
            Bases that count towards the loss; False at padding.
        factor : float
            Factor of the sum over bases.
        dropout : Dropout
            Applied before the head and between layers. Both directions of a layer read the same
            dropped features.
        flanked : ndarray, (B, F + L + F) uint8, optional
            The same windows with flanks, which the matrices read. By default, they read `codes`.
        """
        batch = (codes, truth, counted, factor, flanked)
        return self._differentiable(partial(self._cross_entropy, batch, dropout))

    def loss_by(
        self,
        codes: NDArray[np.uint8],
        loss: Callable[[Tensor, slice], Tensor],
        dropout: Dropout,
        flanked: NDArray[np.uint8] | None = None,
    ) -> Tensor:
        """Compute any summed loss of the log-odds, which torch can differentiate by the weights.

        Parameters
        ----------
        codes, dropout, flanked
            As for the method `loss`.
        loss : callable
            Returns the loss of some windows, given their log-odds, (W, L, C), and their slice of
            the batch. Columns are the outputs; in an exclusive network, the first is the
            background. The losses of all slices are summed.
        """
        return self._differentiable(partial(self._other_loss, codes, loss, dropout, flanked))

    def _differentiable(self, compute: Callable[[], tuple[float, Array]]) -> Tensor:
        found: Tensor = _Loss.apply(compute, self._vector)  # type: ignore[no-untyped-call]
        return found

    def _cross_entropy(self, batch: _Batch, dropout: Dropout) -> tuple[float, Array]:
        """Compute the cross-entropy, and its gradient by the vector of weights: (n,)."""
        codes, truth, counted, factor, flanked = batch

        def backward(workspace: Workspace, block: slice) -> tuple[float, dict[str, Array]]:
            return workspace.backward(self._packed, truth[block], counted[block], factor)

        return self._both_passes(codes, flanked, dropout, backward)

    def _other_loss(
        self,
        codes: NDArray[np.uint8],
        loss: Callable[[Tensor, slice], Tensor],
        dropout: Dropout,
        flanked: NDArray[np.uint8] | None,
    ) -> tuple[float, Array]:
        """Compute a loss of the log-odds, and its gradient by the vector of weights: (n,)."""

        def backward(workspace: Workspace, block: slice) -> tuple[float, dict[str, Array]]:
            found = workspace.log_odds(self._packed, len(codes[block]))
            log_odds = torch.from_numpy(found).requires_grad_()
            with torch.enable_grad():
                value = loss(log_odds, block)
            (gradient,) = torch.autograd.grad(value, log_odds)
            return float(value.detach()), workspace.backward_from(self._packed, gradient.numpy())

        return self._both_passes(codes, flanked, dropout, backward)

    def _both_passes(
        self,
        codes: NDArray[np.uint8],
        flanked: NDArray[np.uint8] | None,
        dropout: Dropout,
        backward: Callable[[Workspace, slice], tuple[float, dict[str, Array]]],
    ) -> tuple[float, Array]:
        """Run both passes over each block of windows; return the summed loss and the gradient."""
        windows, length = codes.shape
        idle = self._idle.setdefault(length, [])
        try:
            workspace = idle.pop()
        except IndexError:
            workspace = Workspace(self._packed, length)
        loss = 0.0
        found: dict[str, Array] = {}
        for number, first in enumerate(range(0, windows, LANES)):
            block = slice(first, min(first + LANES, windows))
            keys = _keys(dropout, number, self._packed)
            wide = None if flanked is None else flanked[block]
            workspace.forward(self._packed, codes[block], keys, wide)
            part, gradient = backward(workspace, block)
            loss += part
            add(found, gradient.items())
        idle.append(workspace)
        return loss, np.concatenate([found[name].reshape(-1) for name in self._shapes])


def _keys(dropout: Dropout, block: int, network: PackedNetwork) -> list[Keys]:
    """Return the arguments of `gradients.drop` per layer, or an empty list without dropout."""
    if not dropout.rate:
        return []
    lowest = np.uint32(round(dropout.rate * 2**16))
    factor = network.dtype.type(1 / (1 - dropout.rate))
    seeds = np.random.SeedSequence([dropout.seed, block])
    keys = seeds.generate_state(2 * len(network.layers), np.uint32).reshape(-1, 2)
    return [(first, second, lowest, factor) for first, second in keys]


class _Loss(torch.autograd.Function):
    """Loss as a function of the weights. The forward call computes the gradient too."""

    @staticmethod
    def forward(ctx: Any, compute: Callable[[], tuple[float, Array]], vector: Tensor) -> Tensor:
        loss, gradient = compute()
        ctx.gradient = torch.from_numpy(gradient)
        return torch.tensor(loss, dtype=vector.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_loss: Tensor) -> tuple[Any, ...]:
        return None, ctx.gradient * of_loss
