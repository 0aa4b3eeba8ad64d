"""Speed of the engines, compared with a bare loop of torch and with matrix products alone."""

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

__all__ = ["flops_per_base", "speed", "speed_of"]

_WINDOW_BP = 4000
_BATCHES_PER_THREAD = 4
_REPEATS = 5


def speed(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield one row per cell, hidden size, number of layers and threads: Mb/s and ratios.

    `floor_mbs` is the speed that the layer's matrix products alone would have at the rate of
    torch.mm in float32. The rate is measured on one thread just after the engines, as the better of
    a square product and one of the layer's own shape, and multiplied by the number of threads.
    """
    hiddens, layer_counts = ((32,), (1,)) if quick else ((16, 32, 64, 128), (1, 2))
    for threads in (1, 2):
        for cell in (Cell.GRU, Cell.LSTM, Cell.RNN):
            for hidden in hiddens:
                for layers in layer_counts:
                    yield speed_of(cell, hidden, layers, threads)


def speed_of(cell: Cell, hidden: int, layers: int, threads: int) -> dict[str, Any]:
    """Return one row of `speed`."""
    ours, bases = _fused(cell, hidden, layers, threads)
    torch.set_num_threads(threads)
    loops = [Loop(cell.value, hidden, layers, batch) for batch in BATCHES]
    times = seconds_of(loops, 2)
    best = min(range(len(loops)), key=lambda i: times[i] / loops[i].bases)
    loop = loops[best]
    fused_s, torch_s = seconds_of([ours, loop], _REPEATS)
    torch.set_num_threads(1)
    flops = flops_per_base(cell, hidden, layers)
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
    """Return a function that scores one batch, or several per thread, and its number of bases."""
    engine = make_engine(model_of(cell, hidden, layers), "fused", "cpu")
    windows = engine.batch_windows(_WINDOW_BP)
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (windows, _WINDOW_BP), dtype=np.uint8)
    if threads == 1:
        return partial(engine.score, codes), codes.size
    pool = ThreadPoolExecutor(threads)

    batches = _BATCHES_PER_THREAD * threads

    def on_all() -> None:
        list(pool.map(engine.score, [codes] * batches))

    return on_all, batches * codes.size


def flops_per_base(cell: Cell, hidden: int, layers: int) -> int:
    """Return the floating-point operations per base of the matrix products of both directions.

    The first layer's input product is left out: it is a table with one entry per base code.
    """
    inputs = hidden + (layers - 1) * 3 * hidden
    return 2 * 2 * cell.gates * hidden * inputs


def _gigaflops(rows: int, inner: int) -> float:
    """Return the better rate of two matrix products on one thread, in GFLOP/s."""
    rates = []
    for m, k, n in ((rows, inner, 4096), (1024, 1024, 1024)):
        a, b = torch.randn(m, k), torch.randn(k, n)
        with torch.inference_mode():
            (seconds,) = seconds_of([partial(torch.mm, a, b)], 40)
        rates.append(2 * m * k * n / seconds / 1e9)
    return max(rates)
