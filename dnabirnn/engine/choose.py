"""Engines: batches of codes to probabilities.

An engine scores a batch of windows of one length. What it gives for a window depends on that
window and on the batch's shape, and the shape on the window's length alone, so that neighbours,
threads and shards change nothing.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Protocol

from dnabirnn.errors import OptionError
from dnabirnn.network import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.network import Checkpoint, LogOddsMap, Network

__all__ = ["ENGINES", "Engine", "engine_of", "make_engine", "trains_fused"]

ENGINES = ("auto", "fused", "torch")
"""Compiled kernels on CPUs, torch on any device; "auto" takes the kernels where they serve."""


class Engine(Protocol):
    """What scores windows."""

    def workers(self, threads: int) -> int:
        """Threads that are to call `score` at once, where so many cores may be used."""

    @property
    def device(self) -> str:
        """Where it computes, for the user to read."""

    def batch_windows(self, length_bp: int) -> int:
        """Windows of `length_bp` that make a batch."""

    def memory_bytes(self, length_bp: int, threads: int) -> int:
        """Memory of a process that scores windows of `length_bp`, but for sequence and scores."""

    def score(self, codes: Codes) -> NDArray[np.float32]:
        """Probabilities of a batch.

        Parameters
        ----------
        codes : ndarray, (B, L) uint8
            B is `batch_windows(L)`; padding (code 5) only on the right.

        Returns
        -------
        probabilities : ndarray, (B, L, O) float32
            0 where the code is 4; without meaning at padding.
        """


def make_engine(
    checkpoint: Checkpoint, name: str = "auto", device: str = "auto", precision: str = "f32"
) -> Engine:
    """The engine of a name for a model.

    Parameters
    ----------
    checkpoint : Checkpoint
    name : str
        One of `ENGINES`.
    device : str
        "auto" (CUDA where there is one, else the CPU), "cpu", "cuda" or "cuda:1".
    precision : str
        "f32"; "tf32" or "bf16" are torch's.

    Raises
    ------
    OptionError
        No such engine, or a precision that it does not compute in.
    DeviceError
        A device that this machine does not have.
    """
    _check_name(name)
    on_cpu = device == "cpu" or (device == "auto" and not _cuda_is_there())
    # torch takes seconds to import: only where something else than a CPU may be meant.
    if not on_cpu:
        from dnabirnn.engine.devices import find_device

        on_cpu = find_device(device).type == "cpu"
    if name == "torch" or (name == "auto" and not (on_cpu and precision == "f32")):
        from dnabirnn.engine.torch_engine import TorchEngine

        return TorchEngine.of_checkpoint(checkpoint, device, precision)
    if not on_cpu or precision != "f32":
        raise OptionError(
            f"--engine fused: computes on CPUs in f32, not on {device} in {precision}; choose "
            "--device cpu --precision f32, or --engine torch"
        )
    from dnabirnn.engine.fused_engine import FusedEngine

    return FusedEngine.of_checkpoint(checkpoint)


def engine_of(network: Network, maps: Sequence[LogOddsMap]) -> Engine:
    """The engine for a network as it is now, on its device.

    Parameters
    ----------
    network : Network
    maps : sequence of LogOddsMap
        What the log-odds of each class become.
    """
    from dnabirnn.network import Network, load_weights, mapped_weights, weights_of

    architecture = network.architecture
    weights = mapped_weights(architecture, weights_of(network), maps)
    device = next(network.parameters()).device
    if device.type == "cpu":
        from dnabirnn.engine.fused_engine import FusedEngine

        return FusedEngine(architecture, weights)
    from dnabirnn.engine.torch_engine import TorchEngine

    mapped = Network(architecture)
    load_weights(mapped, weights)
    return TorchEngine(mapped.eval().to(device))


def trains_fused(name: str, device_type: str, precision: str, cell: Cell = Cell.GRU) -> bool:
    """Whether compiled kernels fit a network: on CPUs in float32, unless torch is asked for.

    Parameters
    ----------
    name : str
        One of `ENGINES`.
    device_type : str
        "cpu" or "cuda".
    precision : str
        "f32", "tf32" or "bf16".
    cell : Cell
        The kernels of `gru-ln` score and do not train.

    Raises
    ------
    OptionError
        No such engine, or kernels asked for where there are none.
    """
    _check_name(name)
    if name == "fused" and not cell.trains_compiled:
        raise OptionError(
            f"--engine fused: scores with --cell {cell} and does not train it; leave --engine out, "
            "or choose --engine torch"
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


def _cuda_is_there() -> bool:
    """Whether the CUDA driver finds a device."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    ready = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return ready and count.value > 0
