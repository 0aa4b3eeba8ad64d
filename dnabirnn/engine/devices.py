"""Torch devices: choose one, set its precision, and estimate what fits its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from dnabirnn.errors import DeviceError, OptionError

if TYPE_CHECKING:
    from dnabirnn.network import Architecture, Ensemble

__all__ = [
    "PRECISIONS",
    "bases_in_memory",
    "bases_that_fit",
    "check_lstm",
    "find_device",
    "free_cache",
    "set_precision",
]

FABRIC_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {
    "f32": "32-true",
    "tf32": "32-true",
    "bf16": "bf16-mixed",
}
PRECISIONS = tuple(FABRIC_PRECISIONS)
"""float32; float32 with products rounded to 10 bits by CUDA; bfloat16 where that is enough."""
# Share of a device's free memory to use. Libraries need some of the rest, and the estimated memory
# per base may be too low.
_SHARE_OF_MEMORY = 0.4
_UNBOUNDED = 1 << 62


def find_device(name: str) -> torch.device:
    """Return the torch device with a name.

    Parameters
    ----------
    name : str
        "auto" (CUDA if available, else the CPU), "cpu", "cuda" or "cuda:1".

    Raises
    ------
    DeviceError
        If torch does not know the name, or this machine does not have the CUDA device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise DeviceError(f"--device {name}: must be auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        number = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if number == 0:
            raise DeviceError(
                f"--device {name}: torch {torch.__version__} finds no CUDA device here; "
                "choose --device cpu, or install a driver and a CUDA build of torch"
            )
        if (device.index or 0) >= number:
            raise DeviceError(
                f"--device {name}: this machine has {number} CUDA devices, numbered from 0"
            )
    return device


def set_precision(name: str, device: torch.device) -> None:
    """Set whether CUDA may round products of float32; torch lets cuDNN do so by default.

    The setting is global to the process, and training and scoring may want different ones. Each
    caller therefore sets it before every computation.

    Raises
    ------
    OptionError
        If there is no such precision, or the device does not support it.
    """
    if name not in PRECISIONS:
        raise OptionError(f"--precision {name}: must be one of {', '.join(PRECISIONS)}")
    if name == "tf32" and device.type != "cuda":
        raise OptionError(f"--precision tf32: needs a CUDA device, not {device.type}; use f32")
    torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
    torch.backends.cudnn.allow_tf32 = name == "tf32"


def check_lstm(network: torch.nn.Module, precision: str, device: torch.device) -> None:
    """Raise if a network has an LSTM that this processor cannot compute in a precision.

    On CPUs without instructions for bfloat16, torch has GRUs in that precision but no LSTMs.

    Raises
    ------
    OptionError
    """
    lstm = any(isinstance(module, torch.nn.LSTM) for module in network.modules())
    if precision != "bf16" or device.type != "cpu" or not lstm:
        return
    try:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            torch.nn.LSTM(1, 1, device="meta").to_empty(device="cpu")(torch.zeros(1, 1, 1))
    except RuntimeError:
        raise OptionError(
            "--precision bf16: torch has no LSTM in bf16 for this processor; give --precision f32"
        ) from None


def bases_that_fit(
    device: torch.device, architecture: Architecture | Ensemble, *, training: bool
) -> int:
    """Return a conservative estimate of the bases that fit a device's free memory at a time."""
    return bases_in_memory(device, architecture.bytes_a_base(training=training))


def bases_in_memory(device: torch.device, bytes_a_base: int) -> int:
    """Return how many bases fit a device's free memory, if each takes some bytes."""
    if device.type != "cuda":
        return _UNBOUNDED
    free, _ = torch.cuda.mem_get_info(device)
    return int(free * _SHARE_OF_MEMORY) // bytes_a_base


def free_cache(device: torch.device) -> None:
    """Release the memory of a device that torch keeps for later use."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
