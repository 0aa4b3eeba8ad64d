"""Engines: batches of codes to probabilities.

An engine scores a batch of windows of one length. What it gives for a window depends on that
window and on the batch's shape, and the shape on the window's length alone, so that neighbours,
threads and shards change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.checkpoint import Checkpoint

__all__ = ["ENGINES", "Engine", "make_engine"]

ENGINES = ("auto", "torch")


class Engine(Protocol):
    """What scores windows."""

    @property
    def concurrent(self) -> bool:
        """True where several threads may call `score` at once, each using one core."""

    @property
    def device(self) -> str:
        """Where it computes, for the user to read."""

    def batch_windows(self, length_bp: int) -> int:
        """Windows of `length_bp` that make a batch."""

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


def make_engine(checkpoint: Checkpoint, name: str = "auto", device: str = "auto") -> Engine:
    """The engine of a name for a model.

    Parameters
    ----------
    checkpoint : Checkpoint
    name : str
        One of `ENGINES`.
    device : str
        "auto" (CUDA where there is one, else the CPU), "cpu", "cuda" or "cuda:1".

    Raises
    ------
    OptionError
        No such engine.
    DeviceError
        A device that this machine does not have.
    """
    if name not in ENGINES:
        raise OptionError(f"--engine {name}: must be one of {', '.join(ENGINES)}")
    # torch takes seconds to import: only when there is something to score.
    from dnabirnn.engine.torch_engine import TorchEngine

    return TorchEngine.of_checkpoint(checkpoint, device)
