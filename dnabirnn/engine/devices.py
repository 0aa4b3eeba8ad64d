"""Devices: the ones this machine has, and the processes that train on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from dnabirnn.errors import DeviceError, OptionError

if TYPE_CHECKING:
    from dnabirnn.network import Architecture

__all__ = ["PRECISIONS", "bases_that_fit", "find_device", "free_cache", "set_precision"]

FABRIC_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {
    "f32": "32-true",
    "tf32": "32-true",
    "bf16": "bf16-mixed",
}
PRECISIONS = tuple(FABRIC_PRECISIONS)
"""float32; float32 whose products CUDA rounds to 10 bits; bfloat16 where it is enough."""
# Of a device's free memory: the rest is for what libraries take, and for a guess that is off.
_SHARE_OF_MEMORY = 0.4
_UNBOUNDED = 1 << 62


def find_device(name: str) -> torch.device:
    """The torch device of a name.

    Parameters
    ----------
    name : str
        "auto" (CUDA where there is one, else the CPU), "cpu", "cuda" or "cuda:1".

    Raises
    ------
    DeviceError
        A name that torch does not know, or CUDA where there is none.
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
            raise DeviceError(f"--device {name}: there are {number} CUDA devices, numbered from 0")
    return device


def set_precision(name: str, device: torch.device) -> None:
    """Say how CUDA computes products of float32 from now on, which torch lets cuDNN round.

    The setting is the process's: who computes sets it first, each time.

    Raises
    ------
    OptionError
        A precision that there is none of, or that is for another device.
    """
    if name not in PRECISIONS:
        raise OptionError(f"--precision {name}: must be one of {', '.join(PRECISIONS)}")
    if name == "tf32" and device.type != "cuda":
        raise OptionError(f"--precision tf32: is of CUDA devices, not of {device.type}; use f32")
    torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
    torch.backends.cudnn.allow_tf32 = name == "tf32"


def bases_that_fit(device: torch.device, architecture: Architecture, *, training: bool) -> int:
    """Bases of windows that a device's free memory takes at a time, by a careful guess."""
    if device.type != "cuda":
        return _UNBOUNDED
    free, _ = torch.cuda.mem_get_info(device)
    return int(free * _SHARE_OF_MEMORY) // architecture.bytes_a_base(training=training)


def free_cache(device: torch.device) -> None:
    """Give back what torch keeps of a device's memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
