"""The network in torch, on any device."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.checkpoint import weight_shapes
from dnabirnn.devices import exact_products, find_device
from dnabirnn.network import Network, load_weights, to_probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.architecture import Architecture
    from dnabirnn.checkpoint import Checkpoint

__all__ = ["TorchEngine", "shift_of_columns"]

# Bases of a batch. On one core 0.73 Mb/s with 32 windows of 2,000 and 0.85 with 128, for four
# times the memory (GRU, hidden 32); a GPU is full at about a million.
_CPU_BATCH_BP = 1 << 16
_GPU_BATCH_BP = 1 << 20
_MAX_BATCH_WINDOWS = 128
# Values that the widest vectors of a CPU hold.
_UNITS = 16


def shift_of_columns(architecture: Architecture, class_shift: Sequence[float]) -> torch.Tensor:
    """What is added to each column of the network's log-odds: (O,) or (1 + O,) float32.

    Parameters
    ----------
    architecture : Architecture
    class_shift : sequence of float
        Correction of the log-odds, a class.
    """
    shift_of = {c.name: s for c, s in zip(architecture.classes, class_shift, strict=True)}
    columns = [shift_of[output.class_name] for output in architecture.outputs]
    return torch.tensor([0.0, *columns] if architecture.exclusive else columns)


def _padded(checkpoint: Checkpoint) -> tuple[Architecture, dict[str, NDArray[np.float32]]]:
    """The same network with so many units that every window gets the same sums.

    Matrix products treat what is beyond a multiple of the processor's vectors in another order,
    and what that is depends on a window's place in the batch. Added weights are 0, and so are
    the states of added units.
    """
    hidden = checkpoint.architecture.hidden
    architecture = replace(checkpoint.architecture, hidden=-(-hidden // _UNITS) * _UNITS)
    shapes = weight_shapes(architecture)
    weights = {}
    for name, array in checkpoint.weights.items():
        for axis, (size, wanted) in enumerate(zip(array.shape, shapes[name], strict=True)):
            if size != wanted:  # an axis of several parts, each of `hidden`: gates, or both lanes
                parts = np.split(array, size // hidden, axis)
                widths = [
                    (0, (wanted - size) // len(parts) * (n == axis)) for n in range(array.ndim)
                ]
                array = np.concatenate([np.pad(part, widths) for part in parts], axis)
        weights[name] = array
    return architecture, weights


class TorchEngine:
    """Scores with `Network`; float32 arithmetic, TF32 off.

    Parameters
    ----------
    network : Network
        In evaluation mode, on its device.
    class_shift : sequence of float
        Prior correction of the log-odds, a class.
    """

    def __init__(self, network: Network, class_shift: Sequence[float]) -> None:
        self._network = network
        self._device = next(network.parameters()).device
        self._shift = shift_of_columns(network.architecture, class_shift).to(self._device)
        if self._device.type == "cuda":
            exact_products()

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint, device: str = "auto") -> TorchEngine:
        """Engine of a model on a device."""
        architecture, weights = _padded(checkpoint)
        network = Network(architecture)
        load_weights(network, weights)
        return cls(network.eval().to(find_device(device)), checkpoint.prior_shift)

    @property
    def concurrent(self) -> bool:
        """CPUs run a batch a thread; a GPU runs one at a time."""
        return self._device.type == "cpu"

    @property
    def device(self) -> str:
        """Device, with its name where it has one."""
        if self._device.type == "cpu":
            return "cpu"
        return f"{self._device} ({torch.cuda.get_device_name(self._device)})"

    def batch_windows(self, length_bp: int) -> int:
        """Windows of `length_bp` that make a batch."""
        batch_bp = _CPU_BATCH_BP if self._device.type == "cpu" else _GPU_BATCH_BP
        if self._device.type == "cpu":
            # A multiple of the vectors' length: what is left over would be summed otherwise.
            windows = min(batch_bp // length_bp, _MAX_BATCH_WINDOWS)
            return max(windows // _UNITS, 1) * _UNITS
        return max(1, batch_bp // length_bp)

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """Probabilities (B, L, O) of a batch of codes (B, L)."""
        if self._device.type == "cpu" and torch.get_num_threads() != 1:
            # Of this thread alone: callers use as many threads as they want cores.
            torch.set_num_threads(1)
        with torch.inference_mode():
            batch = torch.from_numpy(codes).to(self._device)
            logits = self._network(batch).float() + self._shift
            probabilities = to_probabilities(logits, self._network.architecture)
            probabilities *= (batch < AMBIGUOUS).unsqueeze(2)
            return probabilities.cpu().numpy()
