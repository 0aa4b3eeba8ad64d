"""Scoring with the network in torch, on any device."""

from __future__ import annotations

import logging
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch.nn import functional

from dnabirnn.alphabet import AMBIGUOUS, PADDING
from dnabirnn.engine.devices import (
    bases_that_fit,
    check_lstm,
    find_device,
    free_cache,
    set_precision,
)
from dnabirnn.network import (
    PROBABILITY_BOUNDS,
    Ensemble,
    EnsembleNetwork,
    Member,
    Network,
    load_weights,
    members_of,
    to_probabilities,
    weight_shapes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine.triton_network import TritonNetwork
    from dnabirnn.network import Checkpoint

__all__ = ["TorchEngine", "torch_network", "use_one_thread"]

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

# Bases per batch. On one core, a GRU with 32 hidden units scores 0.73 Mb/s with 32 windows of
# 2,000 bp, and 0.85 Mb/s with 128 windows, which take four times the memory. A GPU is fully used
# from about a million bases on.
_CPU_BATCH_BP = 1 << 16
_GPU_BATCH_BP = 1 << 20
_MAX_BATCH_WINDOWS = 128
_GPU_WORKERS = 2
# Memory of Python, torch and the other libraries.
_PROGRAM_BYTES = 430_000_000
# Number of float32 values in the widest vectors of a CPU.
_UNITS = 16


def _padded(member: Member) -> Member:
    """Fill up the hidden units to a multiple of `_UNITS`, so that every window gets the same sums.

    A matrix product treats the remainder beyond full vectors in a different order of summation, and
    which elements that affects depends on the position of a window in the batch. The added weights
    are 0, so the states of the added units are 0 too.
    """
    hidden = member.architecture.hidden
    architecture = replace(member.architecture, hidden=-(-hidden // _UNITS) * _UNITS)
    shapes = weight_shapes(architecture)
    weights = {}
    for name, array in member.weights.items():
        for axis, (size, wanted) in enumerate(zip(array.shape, shapes[name], strict=True)):
            if size != wanted:  # the axis has parts of `hidden` each: gates, or both lanes
                parts = np.split(array, size // hidden, axis)
                widths = [
                    (0, (wanted - size) // len(parts) * (n == axis)) for n in range(array.ndim)
                ]
                array = np.concatenate([np.pad(part, widths) for part in parts], axis)
        weights[name] = array
    return Member(architecture, weights)


def torch_network(checkpoint: Checkpoint, device: str = "auto") -> Network | EnsembleNetwork:
    """Create the networks of a model on a device, with its maps of log-odds applied."""
    return _network(checkpoint).eval().to(find_device(device))


def use_one_thread() -> None:
    """Let torch compute with one thread: callers run one for each core that they want to use."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


def _network(checkpoint: Checkpoint) -> Network | EnsembleNetwork:
    """Create the networks of a model on a CPU."""
    shape = checkpoint.architecture
    members = members_of(shape, checkpoint.scoring_weights())
    padded = [_padded(member) for member in members]
    units = [member.architecture.hidden for member in members]
    if isinstance(shape, Ensemble):
        sizes = tuple(member.architecture for member in padded)
        network = EnsembleNetwork(replace(shape, members=sizes), units)
        for module, member in zip(network.member, padded, strict=True):
            load_weights(module, member.weights)
        return network
    alone = Network(padded[0].architecture, units[0])
    load_weights(alone, padded[0].weights)
    return alone


class TorchEngine:
    """Engine that scores with a network in torch.

    Products of float32 are rounded only with "tf32".

    On a GPU two threads take turns, each with a separate stream: one batch is computed while the
    probabilities of the other are copied to the CPU.

    Parameters
    ----------
    network : Network, EnsembleNetwork or TritonNetwork
        In evaluation mode, on its device, with the maps of log-odds already applied.
    precision : str
        One of `dnabirnn.engine.devices.PRECISIONS`.
    """

    gpu_batch_bp = _GPU_BATCH_BP

    def __init__(
        self, network: Network | EnsembleNetwork | TritonNetwork, precision: str = "f32"
    ) -> None:
        self._network = network
        self.architecture = network.architecture
        self.torch_device = next(network.parameters()).device
        set_precision(precision, self.torch_device)
        check_lstm(network, precision, self.torch_device)
        self.precision = precision
        self._max_bp = self._bases_that_fit()
        self._max_windows = 1 << 62
        self._thread_local = threading.local()

    @classmethod
    def of_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "auto", precision: str = "f32"
    ) -> TorchEngine:
        """Create an engine for a model on a device."""
        return cls(torch_network(checkpoint, device), precision)

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.torch_device.type != "cpu"

    def workers(self, threads: int) -> int:
        """Return one per thread on a CPU; two on a GPU: one computes while the other copies."""
        return _GPU_WORKERS if self.on_gpu else threads

    @property
    def device(self) -> str:
        """Device, and the name of a GPU."""
        if not self.on_gpu:
            return "cpu"
        return f"{self.torch_device} ({torch.cuda.get_device_name(self.torch_device)})"

    def batch_windows(self, length_bp: int) -> int:
        """Return the number of windows of `length_bp` per batch."""
        if not self.on_gpu:
            # A multiple of the vector length: a remainder would be summed in another order.
            windows = min(_CPU_BATCH_BP // length_bp, _MAX_BATCH_WINDOWS)
            return max(windows // _UNITS, 1) * _UNITS
        return max(1, min(self.gpu_batch_bp, self._max_bp // _GPU_WORKERS) // length_bp)

    def memory_bytes(self, length_bp: int, threads: int) -> int:
        """Return the bytes of the process: libraries, and on a CPU one batch per thread."""
        if self.on_gpu:
            return _PROGRAM_BYTES
        batch_bp = self.batch_windows(length_bp) * length_bp
        return _PROGRAM_BYTES + threads * batch_bp * self.architecture.bytes_a_base(training=False)

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """Compute the probabilities (B, L, O) of a batch of codes (B, L)."""
        return self._on_host(codes, self._probabilities)

    def log_odds(self, codes: Codes) -> NDArray[np.float32]:
        """Compute the log-odds (B, L, M) of codes (B, L), see `Engine`."""
        return self._on_host(codes, self._log_odds)

    def probabilities(self, codes: torch.Tensor) -> torch.Tensor:
        """Compute the probabilities (n, L, O) of windows (n, L) on the device of the network.

        On a CPU, the windows of a batch are as many as for `score`, so they have the same bits.
        """
        size = self.batch_windows(codes.shape[1])
        batches = []
        for first in range(0, len(codes), size):
            batch = codes[first : first + size]
            real = len(batch)
            if not self._any_shape and real < size:
                batch = functional.pad(batch, (0, 0, 0, size - real), value=PADDING)
            self._prepare()
            batches.append(torch.cat([*self._in_parts(batch, self._probabilities)])[:real])
        return torch.cat(batches)

    def stream(self) -> AbstractContextManager[object]:
        """Return a context in which the calling thread computes on a GPU beside other threads."""
        return torch.cuda.stream(self._stream()) if self.on_gpu else nullcontext()

    @property
    def _any_shape(self) -> bool:
        """Whether a window may be computed in batches of different sizes."""
        return self.on_gpu

    def _bases_that_fit(self) -> int:
        return bases_that_fit(self.torch_device, self.architecture, training=False)

    def _on_host(
        self, codes: Codes, function: Callable[[torch.Tensor], torch.Tensor]
    ) -> NDArray[np.float32]:
        """Apply a function to a batch; windows of padding alone at its end may get zeros."""
        real = len(codes)
        if self._any_shape and real:
            real = max(1, int(np.flatnonzero(codes[:, 0] != PADDING).max(initial=0)) + 1)
        self._prepare()
        with self.stream():
            parts = [*self._in_parts(torch.from_numpy(codes[:real]), self._copied(function))]
        if real < len(codes):
            parts.append(np.zeros((len(codes) - real, *parts[0].shape[1:]), np.float32))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _in_parts(
        self, codes: torch.Tensor, function: Callable[[torch.Tensor], _Result]
    ) -> list[_Result]:
        """Apply a function to a batch, in parts if the whole batch does not fit in memory."""
        while True:
            size = min(len(codes), self._max_windows)
            try:
                return [
                    function(codes[first : first + size]) for first in range(0, len(codes), size)
                ]
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                self._max_windows = -(-size // 2)
                logger.warning(
                    "%s: out of memory with %d windows at a time; continuing with %d",
                    self.torch_device,
                    size,
                    self._max_windows,
                )
                free_cache(self.torch_device)

    def _prepare(self) -> None:
        """Set what torch keeps for the whole process, or for the calling thread."""
        set_precision(self.precision, self.torch_device)
        if not self.on_gpu:
            use_one_thread()

    def _copied(
        self, function: Callable[[torch.Tensor], torch.Tensor]
    ) -> Callable[[torch.Tensor], NDArray[np.float32]]:
        """Return a function from codes of the host to results on the host."""

        def apply(codes: torch.Tensor) -> NDArray[np.float32]:
            if not self.on_gpu:
                return function(codes).numpy()
            answer = function(codes.to(self.torch_device))
            out = torch.empty(answer.shape, dtype=answer.dtype, pin_memory=True)
            out.copy_(answer, non_blocking=True)
            torch.cuda.current_stream(self.torch_device).synchronize()
            return out.numpy()

        return apply

    @torch.inference_mode()
    def _log_odds(self, codes: torch.Tensor) -> torch.Tensor:
        with torch.autocast(
            self.torch_device.type, torch.bfloat16, enabled=self.precision == "bf16"
        ):
            log_odds: torch.Tensor = self._network(codes)
        return log_odds.float()

    @torch.inference_mode()
    def _probabilities(self, codes: torch.Tensor) -> torch.Tensor:
        probabilities = to_probabilities(self._log_odds(codes), self.architecture)
        return probabilities.clamp(*PROBABILITY_BOUNDS) * (codes < AMBIGUOUS).unsqueeze(2)

    def _stream(self) -> torch.cuda.Stream:
        """Return the CUDA stream of the calling thread."""
        if not hasattr(self._thread_local, "stream"):
            self._thread_local.stream = torch.cuda.Stream(self.torch_device)  # type: ignore[no-untyped-call]
            # The weights were copied on another stream. Wait until that is done.
            torch.cuda.synchronize(self.torch_device)
        stream: torch.cuda.Stream = self._thread_local.stream
        return stream
