"""Engines against a bare loop over torch's layers, and against the machine's matrix product."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.bare_torch import BATCHES, Loop
from benchmarks.material import model_of
from benchmarks.measure import seconds_of
from dnabirnn.engine import make_engine
from dnabirnn.network import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["flops_a_base", "speed"]

_WINDOW_BP = 4000
_BATCHES_A_THREAD = 4
_REPEATS = 5


def speed(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a row for each cell, hidden size, layers and threads: Mb/s and ratios.

    `floor` is the rate at which the machine's float32 matrix product (torch.mm, the better of a
    square and of the layer's own shape, one thread, in the same minute) would do the layer's
    products and nothing else; for several threads it is so many times that.
    """
    hiddens, layer_counts = ((32,), (1,)) if quick else ((16, 32, 64, 128), (1, 2))
    for threads in (1, 2):
        for cell in (Cell.GRU, Cell.LSTM, Cell.RNN):
            for hidden in hiddens:
                for layers in layer_counts:
                    yield _row(cell, hidden, layers, threads)


def _row(cell: Cell, hidden: int, layers: int, threads: int) -> dict[str, Any]:
    ours, bases = _fused(cell, hidden, layers, threads)
    torch.set_num_threads(threads)
    loops = [Loop(cell.value, hidden, layers, batch) for batch in BATCHES]
    times = seconds_of(loops, 2)
    best = min(range(len(loops)), key=lambda i: times[i] / loops[i].bases)
    loop = loops[best]
    fused_s, torch_s = seconds_of([ours, loop], _REPEATS)
    torch.set_num_threads(1)
    flops = flops_a_base(cell, hidden, layers)
    floor = threads * _gigaflops(cell.gates * hidden, hidden) * 1e3 / flops
    fused, bare = bases / fused_s / 1e6, loop.bases / torch_s / 1e6
    return {
        "cell": cell.value,
        "hidden": hidden,
        "layers": layers,
        "threads": threads,
        "fused_mbs": fused,
        "torch_mbs": bare,
        "torch_batch": list(BATCHES[best]),
        "ratio": fused / bare,
        "floor_mbs": floor,
        "share_of_floor": fused / floor,
    }


def _fused(cell: Cell, hidden: int, layers: int, threads: int) -> tuple[Callable[[], object], int]:
    """Scores a batch, or several a thread; and the bases of that."""
    engine = make_engine(model_of(cell, hidden, layers), "fused", "cpu")
    windows = engine.batch_windows(_WINDOW_BP)
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (windows, _WINDOW_BP), dtype=np.uint8)
    if threads == 1:
        return partial(engine.score, codes), codes.size
    pool = ThreadPoolExecutor(threads)

    batches = _BATCHES_A_THREAD * threads

    def on_all() -> None:
        list(pool.map(engine.score, [codes] * batches))

    return on_all, batches * codes.size


def flops_a_base(cell: Cell, hidden: int, layers: int) -> int:
    """Of the matrix products of both directions; the first layer's input is a table."""
    inputs = hidden + (layers - 1) * 3 * hidden
    return 2 * 2 * cell.gates * hidden * inputs


def _gigaflops(rows: int, inner: int) -> float:
    """The better rate of two matrix products, one thread."""
    rates = []
    for m, k, n in ((rows, inner, 4096), (1024, 1024, 1024)):
        a, b = torch.randn(m, k), torch.randn(k, n)
        with torch.inference_mode():
            (least,) = seconds_of([partial(torch.mm, a, b)], 40)
        rates.append(2 * m * k * n / least / 1e9)
    return max(rates)
