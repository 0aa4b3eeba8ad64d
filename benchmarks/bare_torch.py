"""The reference for scoring speed: torch's own layers in a bare loop, without input or output.

`python -m benchmarks.bare_torch CELL HIDDEN LAYERS THREADS BATCH LENGTH BASES` scores random bases
and prints the speed in bases per second. It is a separate process, so that it can be compared with
`dnabirnn score`.
"""

from __future__ import annotations

import sys
import time

import torch
from torch import nn

__all__ = ["BATCHES", "CELLS", "Loop"]

BATCHES = ((128, 200), (512, 200), (64, 1000), (256, 1000))
"""Batch shapes: number of windows, and their length in bp. Benchmarks use the fastest one."""

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Loop:
    """A network of bidirectional layers, a linear head and a sigmoid that scores one batch.

    Parameters
    ----------
    cell : str
        One of `CELLS`.
    hidden, layers, outputs : int
    batch : (int, int)
        Number of windows, and their length in bp.
    """

    def __init__(
        self, cell: str, hidden: int, layers: int, batch: tuple[int, int], outputs: int = 2
    ) -> None:
        torch.manual_seed(0)
        self._layers = CELLS[cell](4, hidden, layers, batch_first=True, bidirectional=True).eval()
        self._head = nn.Linear(2 * hidden, outputs)
        self._codes = torch.randint(0, 4, batch)
        self._one_hot = torch.eye(4)
        self.bases = batch[0] * batch[1]

    def __call__(self) -> None:
        """Score one batch."""
        with torch.inference_mode():
            features = self._layers(self._one_hot[self._codes])[0]
            torch.sigmoid(self._head(features)).numpy()


def main() -> None:
    """Score the number of bases given on the command line, and print bases per second."""
    cell = sys.argv[1]
    hidden, layers, threads, windows, length, bases = map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    loop = Loop(cell, hidden, layers, (windows, length))
    begun = time.perf_counter()
    batches = -(-bases // loop.bases)
    for _ in range(batches):
        loop()
    print(batches * loop.bases / (time.perf_counter() - begun))


if __name__ == "__main__":
    main()
