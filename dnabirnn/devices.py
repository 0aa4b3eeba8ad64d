"""Devices: the ones this machine has, and the processes that train on them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from dnabirnn.errors import DeviceError, OptionError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Hardware", "exact_products", "find_device", "launch"]

_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {
    "f32": "32-true",
    "bf16": "bf16-mixed",
}


@dataclass(frozen=True)
class Hardware:
    """Where a network is fitted.

    Attributes
    ----------
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    devices, nodes : int
        Processes a host, one a device, and hosts.
    precision : str
        "f32", or "bf16" for mixed precision.
    threads : int
        Cores to use on a CPU.
    engine : str
        "auto", "fused" (compiled kernels, on CPUs) or "torch".
    """

    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "f32"
    threads: int = 1
    engine: str = "auto"


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


def launch(hardware: Hardware) -> Fabric:
    """Start the processes; what comes back knows the device of this one.

    Raises
    ------
    DeviceError
        A device that this machine does not have.
    OptionError
        A precision that there is none of.
    """
    from lightning_fabric import Fabric

    if hardware.precision not in _PRECISIONS:
        raise OptionError(f"--precision {hardware.precision}: must be one of f32, bf16")
    device = find_device(hardware.device)
    devices: int | list[int] = hardware.devices
    if device.index is not None and hardware.devices == 1:
        devices = [device.index]
    with warnings.catch_warnings():
        # Of `srun`, where a cluster's tools are installed: one process is what was asked for.
        warnings.filterwarnings("ignore", "The `srun` command is available")
        fabric = Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=hardware.nodes,
            precision=_PRECISIONS[hardware.precision],
        )
        fabric.launch()
    exact_products()
    return fabric


def exact_products() -> None:
    """Keep CUDA from reducing the precision of float32 products, which torch allows cuDNN."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
