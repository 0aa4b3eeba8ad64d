"""Scoring with a Triton kernel, on a GPU.

With the environment variable TRITON_INTERPRET=1, set before Triton is loaded, Triton's interpreter
runs the kernel on a CPU. It is slow, and serves tests.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from dnabirnn.engine.devices import bases_in_memory, find_device
from dnabirnn.engine.torch_engine import TorchEngine
from dnabirnn.errors import DeviceError, OptionError
from dnabirnn.network import Cell, members_of

if TYPE_CHECKING:
    import torch

    from dnabirnn.engine.triton_network import TritonNetwork
    from dnabirnn.network import Checkpoint

__all__ = ["TritonEngine"]

_CELLS = (Cell.RNN, Cell.GRU, Cell.LSTM)
_MAX_UNITS = 128
_PRECISIONS = ("f32", "tf32")


class TritonEngine(TorchEngine):
    """Engine whose recurrence is a Triton kernel; see `triton_kernels`.

    A window does not depend on the other windows of its batch, so batches can have any size.
    """

    # 8 M bases in windows of 4,000 are 2,000 windows in each direction, or 64 programs, of which a
    # large GPU runs some hundred at a time: two workers keep it busy.
    gpu_batch_bp = 1 << 23
    _any_shape = True
    _network: TritonNetwork

    @classmethod
    def of_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "auto", precision: str = "f32"
    ) -> TritonEngine:
        """Create an engine for a model.

        Raises
        ------
        OptionError
            If the kernel does not compute the network or the precision, or Triton is missing.
        DeviceError
            If there is no GPU.
        """
        _check_network(checkpoint)
        if precision not in _PRECISIONS:
            raise OptionError(
                f"--engine triton: computes in {' or '.join(_PRECISIONS)}, not in {precision}; "
                "choose --engine torch"
            )
        where = _device(device)
        try:
            from dnabirnn.engine.triton_network import TritonNetwork
        except ImportError as error:
            raise OptionError(f"--engine triton: {_how_to_install(error)}") from None
        return cls(TritonNetwork(checkpoint, precision).eval().to(where), precision)

    def workers(self, threads: int) -> int:
        """Return two on a GPU; one for the interpreter, which keeps its state in globals."""
        return super().workers(1)

    @property
    def device(self) -> str:
        """Device, and the name of a GPU."""
        return super().device if self.on_gpu else "cpu (Triton's interpreter)"

    def _bases_that_fit(self) -> int:
        return bases_in_memory(self.torch_device, self._network.bytes_a_base())


def _check_network(checkpoint: Checkpoint) -> None:
    """Raise for networks that the kernel does not compute."""
    for shape, _ in members_of(checkpoint.architecture, checkpoint.weights):
        if shape.cell not in _CELLS:
            raise OptionError(
                f"--engine triton: computes {', '.join(_CELLS)}, and this model has {shape.cell}; "
                "choose --engine torch"
            )
        if shape.hidden > _MAX_UNITS:
            raise OptionError(
                f"--engine triton: computes up to {_MAX_UNITS} hidden units, and this model has "
                f"{shape.hidden}; choose --engine torch"
            )


def _device(name: str) -> torch.device:
    """Return the device; a CPU only for Triton's interpreter."""
    found = find_device(name)
    if found.type == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        raise DeviceError(
            "--engine triton: computes on GPUs, and "
            + ("--device cpu was chosen" if name == "cpu" else "torch finds no CUDA device here")
            + "; choose --engine auto"
        )
    return found


def _how_to_install(error: ImportError) -> str:
    if sys.platform != "linux":
        return f"Triton runs on Linux, not on {sys.platform}; choose --engine torch"
    return (
        f'cannot load Triton ({error}); `pip install "dnabirnn[triton]"`, or choose --engine torch'
    )
