"""Engines: compute probabilities from batches of codes, and choose an engine for a model.

An engine scores a batch of windows of one length. The scores of a window depend only on the window
itself and on the shape of the batch. The shape depends only on the length of the window. Scores are
therefore the same for any neighbours, threads and shards.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import sys
from functools import cache
from typing import TYPE_CHECKING, Protocol

from dnabirnn.engine.bf16 import lack_of_bf16
from dnabirnn.errors import OptionError
from dnabirnn.network import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Checkpoint, EnsembleNetwork, LogOddsMap, Network

__all__ = ["ENGINES", "Engine", "engine_of", "make_engine", "trains_fused"]

logger = logging.getLogger(__name__)

ENGINES = ("auto", "fused", "torch", "triton")
"""Compiled kernels on CPUs, torch on any device, a Triton kernel on GPUs; "auto" uses compiled
kernels where possible, else torch."""


class Engine(Protocol):
    """Protocol of an object that scores windows."""

    def workers(self, threads: int) -> int:
        """Return how many threads should call `score` at the same time.

        Parameters
        ----------
        threads : int
            Number of cores that may be used.
        """

    @property
    def device(self) -> str:
        """Name of the device, for messages."""

    @property
    def precision(self) -> str:
        """Precision of products: "f32", "tf32" or "bf16"."""

    @property
    def on_gpu(self) -> bool:
        """Whether scores are computed on a GPU. The engine is then a `TorchEngine`."""

    def batch_windows(self, length_bp: int) -> int:
        """Return the number of windows of `length_bp` per batch."""

    def memory_bytes(self, length_bp: int, threads: int) -> int:
        """Return the bytes for scoring windows of `length_bp`, without sequence and scores."""

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """Compute the probabilities of a batch.

        Parameters
        ----------
        codes : ndarray, (B, L) uint8
            B is `batch_windows(L)`; padding (code 5) only on the right.

        Returns
        -------
        probabilities : ndarray, (B, L, O) float32
            0 where the code is 4; undefined at padding.
        """

    def log_odds(self, codes: Codes) -> NDArray[np.float32]:
        """Compute the log-odds of a batch.

        Parameters
        ----------
        codes : ndarray, (B, L) uint8
            Padding (code 5) only on the right.

        Returns
        -------
        log_odds : ndarray, (B, L, M) float32
            One column per output. For exclusive classes, they are relative to the background, and
            there is one more column, of zeros, for the background, which is first. Undefined at
            code 4 and at padding.
        """


def make_engine(
    checkpoint: Checkpoint, name: str = "auto", device: str = "auto", precision: str = "f32"
) -> Engine:
    """Create an engine for a model.

    Parameters
    ----------
    checkpoint : Checkpoint
    name : str
        One of `ENGINES`.
    device : str
        "auto" (CUDA if available and torch is installed, else the CPU), "cpu", "cuda" or "cuda:1".
    precision : str
        "f32" or "bf16", or on a GPU also "tf32". Compiled kernels compute in float32, and log a
        warning, where they cannot compute in bfloat16; see `lack_of_bf16`. Triton has no "bf16".

    Raises
    ------
    OptionError
        If there is no such engine, or it does not support the precision.
    DeviceError
        If this machine does not have the device.
    """
    _check_name(name)
    if name == "triton":
        from dnabirnn.engine.triton_engine import TritonEngine

        return TritonEngine.of_checkpoint(checkpoint, device, precision)
    on_cpu = device == "cpu" or (device == "auto" and not (_has_torch() and _has_cuda()))
    # Importing torch takes seconds, so import it only if the device may not be a CPU.
    if not on_cpu:
        from dnabirnn.engine.devices import find_device

        on_cpu = find_device(device).type == "cpu"
    compiled = on_cpu and precision in ("f32", "bf16")
    if name == "torch" or (name == "auto" and not compiled):
        from dnabirnn.engine.torch_engine import TorchEngine

        return TorchEngine.of_checkpoint(checkpoint, device, precision)
    if not compiled:
        raise OptionError(
            f"--engine fused: computes on CPUs in f32 or bf16, not on {device} in {precision}; "
            "choose --device cpu and one of these, or --engine torch"
        )
    from dnabirnn.engine.fused_engine import FusedEngine

    if precision == "bf16" and (lack := lack_of_bf16(checkpoint.architecture)):
        _warn(f"--precision bf16: {lack}; scores are computed in f32")
        precision = "f32"
    return FusedEngine.of_checkpoint(checkpoint, precision)


@cache
def _warn(message: str) -> None:
    """Log a warning once per process: engines are made again and again."""
    logger.warning(message)


def engine_of(network: Network | EnsembleNetwork, maps: Sequence[LogOddsMap]) -> Engine:
    """Create an engine for the current weights of a network, on the device of the network.

    Parameters
    ----------
    network : Network or EnsembleNetwork
    maps : sequence of LogOddsMap
        Maps of the log-odds, one per class.
    """
    from dnabirnn.network import (
        Ensemble,
        EnsembleNetwork,
        Network,
        load_weights,
        mapped_weights,
        weights_of,
    )

    architecture = network.architecture
    weights = mapped_weights(architecture, weights_of(network), maps)
    device = next(network.parameters()).device
    if device.type == "cpu":
        from dnabirnn.engine.fused_engine import FusedEngine

        return FusedEngine(architecture, weights)
    from dnabirnn.engine.torch_engine import TorchEngine

    mapped = (
        EnsembleNetwork(architecture)
        if isinstance(architecture, Ensemble)
        else Network(architecture)
    )
    load_weights(mapped, weights)
    return TorchEngine(mapped.eval().to(device))


def trains_fused(name: str, device_type: str, precision: str, cell: Cell = Cell.GRU) -> bool:
    """Return whether compiled kernels train a network: in float32 on CPUs, unless torch is chosen.

    Parameters
    ----------
    name : str
        One of `ENGINES`.
    device_type : str
        "cpu" or "cuda".
    precision : str
        "f32", "tf32" or "bf16".
    cell : Cell
        Kernels for `gru-ln` can score but not train.

    Raises
    ------
    OptionError
        If there is no such engine, "fused" is chosen but not available, or "triton", which does
        not train, is chosen.
    """
    _check_name(name)
    if name == "triton":
        raise OptionError(
            "--engine triton: scores, but does not train; leave out --engine, or choose --engine "
            "torch"
        )
    if name == "fused" and not cell.trains_compiled:
        raise OptionError(
            f"--engine fused: can score with --cell {cell}, but cannot train it; leave out "
            "--engine, or choose --engine torch"
        )
    possible = device_type == "cpu" and precision == "f32"
    if name == "fused" and not possible:
        raise OptionError(
            f"--engine fused: trains on CPUs in f32, not on {device_type} in {precision}; choose "
            "--device cpu --precision f32, or --engine torch"
        )
    return possible and name != "torch" and cell.trains_compiled


def _check_name(name: str) -> None:
    if name not in ENGINES:
        raise OptionError(f"--engine {name}: must be one of {', '.join(ENGINES)}")


def _has_torch() -> bool:
    """Return whether torch is installed, without importing it."""
    return importlib.util.find_spec("torch") is not None


def _has_cuda() -> bool:
    """Return whether the CUDA driver finds a device. Does not need torch."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    ready = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return ready and count.value > 0
