"""Processes of a training run, and signals. If a process ends early, the others are ended too."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dnabirnn.engine import FABRIC_PRECISIONS, find_device, set_precision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableSequence

    from lightning_fabric import Fabric


__all__ = ["LEFT_ALONE", "Hardware", "Signals", "launch", "watching"]

LEFT_ALONE = (
    "a process of this training has ended before the others: it was killed, or its error is shown "
    "above; run the same command again to continue from the last saved state"
)
_LEADER = "DNABIRNN_LEADER"
_SECONDS_BETWEEN_CHECKS = 0.1
# Time for the running processes to report by themselves that another one has ended. A process that
# waits for one that never joined is not notified, and would wait for half an hour.
_SECONDS_TO_REPORT = 4.0


class Worker(Protocol):
    """A child process, such as a `Popen`."""

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""

    def kill(self) -> None:
        """End the process."""


@contextmanager
def watching(workers: MutableSequence[Worker] | None) -> Iterator[None]:
    """Link the processes started in this context: if one of them or this one ends, all end.

    Parameters
    ----------
    workers : list of Worker, optional
        List that the context's body fills with the processes it starts. They are moved out of it,
        so that the launcher does not end this process without a message. None if no processes are
        started.
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
    """End this process once its parent has ended."""
    while os.getppid() == leader:
        time.sleep(_SECONDS_BETWEEN_CHECKS)
    os._exit(1)


def _lead(workers: MutableSequence[Worker]) -> None:
    """End this process and its children once a child has failed."""
    children: list[Worker] = []
    while not children or any(worker.poll() is None for worker in children):
        time.sleep(_SECONDS_BETWEEN_CHECKS)
        while workers:
            children.append(workers.pop())
        if any(worker.poll() for worker in children):
            time.sleep(_SECONDS_TO_REPORT)
            for worker in children:
                worker.kill()
            start = "\n" if sys.stderr.isatty() else ""  # the line may hold a progress bar
            print(f"{start}dnabirnn train: error: {LEFT_ALONE}", file=sys.stderr, flush=True)
            os._exit(1)


class Signals:
    """Signals that end this process; they can wait until a step is complete.

    Attributes
    ----------
    whole : bool
        Whether everything that was done while signals were held back was completed.
    """

    def __init__(self) -> None:
        self.whole = True
        self._handlers: dict[int, Callable[[int, Any], object]] = {}
        self._holding = False
        self._waiting: int | None = None

    @contextmanager
    def received(self) -> Iterator[None]:
        """Receive the signals inside, in place of the handlers, which are called in the end."""
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                handler = None if number is None else signal.getsignal(number)
                if number is not None and callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._receive)
        try:
            yield
        finally:
            while self._handlers:
                signal.signal(*self._handlers.popitem())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the first signal back until the end of the block."""
        self.whole, self._holding = False, True
        try:
            yield
            self.whole = True
        finally:
            self._holding = False
            if self._waiting is not None:
                number, self._waiting = self._waiting, None
                self._handlers[number](number, None)

    def _receive(self, number: int, frame: Any) -> None:
        if self._holding and self._waiting is None:
            self._waiting = number
        else:
            self._handlers[number](number, frame)


@dataclass(frozen=True)
class Hardware:
    """Device, processes and threads of a fit.

    Attributes
    ----------
    device : str
        "auto", "cpu", "cuda" or "cuda:N".
    devices, nodes : int
        Number of devices per host, with one process each, and number of hosts.
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
    """Start the processes and return the `Fabric` of this one.

    Raises
    ------
    DeviceError
        The machine does not have the device.
    OptionError
        The precision is unknown.
    """
    from lightning_fabric import Fabric

    device = find_device(hardware.device)
    set_precision(hardware.precision, device)
    devices: int | list[int] = hardware.devices
    if device.index is not None and hardware.devices == 1:
        devices = [device.index]
    with warnings.catch_warnings():
        # Lightning warns if `srun` is installed but not used. Running without it is intended.
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
