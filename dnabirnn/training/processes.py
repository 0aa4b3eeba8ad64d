"""Processes of one training run: none goes on for long without the others."""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dnabirnn.engine import FABRIC_PRECISIONS, find_device, set_precision

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableSequence

    from lightning_fabric import Fabric


__all__ = ["LEFT_ALONE", "Hardware", "launch", "watching"]

LEFT_ALONE = (
    "a process of this training has ended before the others: it was killed, or says above what was "
    "wrong; run the same command again, which goes on from the last state that was kept"
)
_LEADER = "DNABIRNN_LEADER"
_SECONDS_BETWEEN_LOOKS = 0.1
# In which whoever still runs may say itself that another has left it alone. A process that waits
# for one that never came hears of no end, and would wait for half an hour.
_SECONDS_TO_SPEAK = 4.0


class Worker(Protocol):
    """A process that another one started, such as a `Popen`."""

    def poll(self) -> int | None:
        """Exit code, or None while it runs."""

    def kill(self) -> None:
        """End it."""


@contextmanager
def watching(workers: MutableSequence[Worker] | None) -> Iterator[None]:
    """Start processes inside: their end ends this one, and that of this one theirs.

    Parameters
    ----------
    workers : list of Worker, optional
        Filled inside, with the processes that this one starts; from then on it is ours, so that
        nobody else ends this process without a word. None where nobody starts any.
    """
    if workers is None:
        yield
        return
    if os.environ.get("LOCAL_RANK", "0") != "0":
        leader = os.environ.get(_LEADER)
        if leader is not None:
            threading.Thread(target=_follow, args=(int(leader),), daemon=True).start()
        yield
        return
    os.environ[_LEADER] = str(os.getpid())
    threading.Thread(target=_lead, args=(workers,), daemon=True).start()
    try:
        yield
    finally:
        del os.environ[_LEADER]


def _follow(leader: int) -> None:
    """End when the process that started this one has."""
    while os.getppid() == leader:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _lead(workers: MutableSequence[Worker]) -> None:
    """End when a process that this one started has ended before its time."""
    ours: list[Worker] = []
    while not ours or any(worker.poll() is None for worker in ours):
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        while workers:
            ours.append(workers.pop())
        if any(worker.poll() for worker in ours):
            time.sleep(_SECONDS_TO_SPEAK)
            for worker in ours:
                worker.kill()
            print(f"dnabirnn train: error: {LEFT_ALONE}", file=sys.stderr, flush=True)
            os._exit(1)


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
        One of `PRECISIONS`.
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

    device = find_device(hardware.device)
    set_precision(hardware.precision, device)
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
            precision=FABRIC_PRECISIONS[hardware.precision],
        )
        with watching(getattr(fabric.strategy.launcher, "procs", None)):
            fabric.launch()
    return fabric
