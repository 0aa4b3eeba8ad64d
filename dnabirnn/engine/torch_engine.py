"""The network in torch, on any device."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.engine.devices import bases_that_fit, find_device, free_cache, set_precision
from dnabirnn.network import (
    PROBABILITY_BOUNDS,
    Network,
    load_weights,
    to_probabilities,
    weight_shapes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Architecture, Checkpoint

__all__ = ["TorchEngine"]

logger = logging.getLogger(__name__)

# Bases of a batch. On one core 0.73 Mb/s with 32 windows of 2,000 and 0.85 with 128, for four
# times the memory (GRU, hidden 32); a GPU is full at about a million.
_CPU_BATCH_BP = 1 << 16
_GPU_BATCH_BP = 1 << 20
_MAX_BATCH_WINDOWS = 128
_GPU_WORKERS = 2
# Of Python, torch and what else is loaded.
_PROGRAM_BYTES = 430_000_000
# Values that the widest vectors of a CPU hold.
_UNITS = 16


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
    for name, array in checkpoint.scoring_weights().items():
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
    """Scores with `Network`; products of float32 are not rounded unless that is asked for.

    On a GPU two threads take turns, each with a stream of its own: one batch is computed while
    the answers of another are copied out.

    Parameters
    ----------
    network : Network
        In evaluation mode, on its device; its log-odds are mapped already.
    precision : str
        One of `dnabirnn.engine.devices.PRECISIONS`.
    """

    def __init__(self, network: Network, precision: str = "f32") -> None:
        self._network = network
        self._device = next(network.parameters()).device
        set_precision(precision, self._device)
        self._precision = precision
        self._most_bp = bases_that_fit(self._device, network.architecture, training=False)
        self._most_windows = 1 << 62
        self._of_thread = threading.local()

    @classmethod
    def of_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "auto", precision: str = "f32"
    ) -> TorchEngine:
        """Engine of a model on a device."""
        architecture, weights = _padded(checkpoint)
        network = Network(architecture, checkpoint.architecture.hidden)
        load_weights(network, weights)
        place = find_device(device)
        return cls(network.eval().to(place), precision)

    def workers(self, threads: int) -> int:
        """CPUs run a batch a thread; a GPU runs one while another is copied."""
        return threads if self._device.type == "cpu" else _GPU_WORKERS

    @property
    def device(self) -> str:
        """Device, with its name where it has one."""
        if self._device.type == "cpu":
            return "cpu"
        return f"{self._device} ({torch.cuda.get_device_name(self._device)})"

    def batch_windows(self, length_bp: int) -> int:
        """Windows of `length_bp` that make a batch."""
        if self._device.type == "cpu":
            # A multiple of the vectors' length: what is left over would be summed otherwise.
            windows = min(_CPU_BATCH_BP // length_bp, _MAX_BATCH_WINDOWS)
            return max(windows // _UNITS, 1) * _UNITS
        return max(1, min(_GPU_BATCH_BP, self._most_bp // _GPU_WORKERS) // length_bp)

    def memory_bytes(self, length_bp: int, threads: int) -> int:
        """Memory of the process: its libraries, and on a CPU each thread's batch."""
        if self._device.type != "cpu":
            return _PROGRAM_BYTES
        batch_bp = self.batch_windows(length_bp) * length_bp
        return _PROGRAM_BYTES + threads * batch_bp * self._network.architecture.bytes_a_base(
            training=False
        )

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """Probabilities (B, L, O) of a batch of codes (B, L)."""
        while True:
            size = min(len(codes), self._most_windows)
            try:
                parts = [
                    self._score(codes[first : first + size]) for first in range(0, len(codes), size)
                ]
                return parts[0] if len(parts) == 1 else np.concatenate(parts)
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                self._most_windows = -(-size // 2)
                logger.warning(
                    "%s: out of memory with %d windows at a time; going on with %d",
                    self._device,
                    size,
                    self._most_windows,
                )
                free_cache(self._device)

    def _score(self, codes: Codes) -> NDArray[np.float32]:
        set_precision(self._precision, self._device)
        if self._device.type != "cpu":
            with torch.cuda.stream(self._stream()):
                answer = self._probabilities(torch.from_numpy(codes).to(self._device))
                out = torch.empty(answer.shape, dtype=answer.dtype, pin_memory=True)
                out.copy_(answer, non_blocking=True)
                torch.cuda.current_stream(self._device).synchronize()
                return out.numpy()
        if torch.get_num_threads() != 1:
            # Of this thread alone: callers use as many threads as they want cores.
            torch.set_num_threads(1)
        return self._probabilities(torch.from_numpy(codes)).numpy()

    @torch.inference_mode()
    def _probabilities(self, codes: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            log_odds = self._network(codes)
        answer = to_probabilities(log_odds.float(), self._network.architecture)
        return answer.clamp(*PROBABILITY_BOUNDS) * (codes < AMBIGUOUS).unsqueeze(2)

    def _stream(self) -> torch.cuda.Stream:
        """A stream of the calling thread's own."""
        if not hasattr(self._of_thread, "stream"):
            self._of_thread.stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            # What the weights wait for is done on the stream of the thread that made them.
            torch.cuda.synchronize(self._device)
        stream: torch.cuda.Stream = self._of_thread.stream
        return stream
