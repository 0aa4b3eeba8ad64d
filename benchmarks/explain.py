"""Speed of mutagenesis and of gradients, compared with scoring whole windows and with torch."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.bare_torch import CELLS, Loop
from benchmarks.material import model_of
from benchmarks.measure import seconds_of
from dnabirnn.engine import (
    LANES,
    InputGradients,
    Mutants,
    make_engine,
    make_input_gradients,
    make_mutant_engine,
)
from dnabirnn.network import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dnabirnn.engine import Engine, KeptWindow, MutantEngine

__all__ = ["explain", "gradients"]

_WINDOW_BP, _CORE_BP = 4000, 3700
_BLOCKS = 8  # of mutants per run of a thread
_REPEATS = 9


def explain(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield one row per cell, hidden size, reach and threads: mutants per second.

    A mutant is a substitution whose effects on two outputs are computed within the reach, with
    their largest gains and losses. The states of the unchanged windows are counted in. Whole
    windows, and torch, need one window of 4,000 bases for each mutant.
    """
    cells = (Cell.GRU,) if quick else (Cell.GRU, Cell.LSTM, Cell.RNN, Cell.GRU_LN)
    hiddens, reaches = ((32,), (50,)) if quick else ((32, 64), (20, 50, 100))
    for cell, hidden, threads in product(cells, hiddens, (1,) if quick else (1, 2)):
        engine = make_engine(model_of(cell, hidden), "fused", "cpu")
        (whole,) = _rates([partial(_whole, engine)], threads, LANES)
        bare = _torch(cell, hidden, threads)
        for reach_bp in reaches:
            rate = _mutants(engine, reach_bp, threads)
            yield {
                "cell": cell.value,
                "hidden": hidden,
                "reach": reach_bp,
                "threads": threads,
                "mutants_s": rate,
                "whole_s": whole,
                "torch_s": bare,
                "ratio": rate / whole,
            }


def _rates(functions: list[Callable[[], object]], threads: int, count: int) -> list[float]:
    """Return how many of `count` per call are done per second, by as many threads at once.

    For one thread, it is processor time.
    """
    if threads == 1:
        return [count / seconds for seconds in seconds_of(functions, _REPEATS, time.thread_time)]
    with ThreadPoolExecutor(threads) as pool:

        def on_all(function: Callable[[], object]) -> Callable[[], object]:
            return lambda: [
                done.result() for done in [pool.submit(function) for _ in range(threads)]
            ]

        times = seconds_of([on_all(function) for function in functions], _REPEATS)
    return [threads * count / seconds for seconds in times]


def _whole(engine: Engine) -> object:
    codes = np.random.default_rng(0).integers(0, 4, (LANES, _WINDOW_BP), dtype=np.uint8)
    return engine.log_odds(codes)


def _torch(cell: Cell, hidden: int, threads: int) -> float | None:
    """Return the windows per second of torch; None for a cell that it does not have."""
    if cell.value not in CELLS:
        return None
    torch.set_num_threads(threads)
    clock = time.thread_time if threads == 1 else time.perf_counter
    (seconds,) = seconds_of([Loop(cell.value, hidden, 1, (LANES, _WINDOW_BP))], 3, clock)
    torch.set_num_threads(1)
    return LANES / seconds


def _mutants(engine: Engine, reach_bp: int, threads: int) -> float:
    """Return the mutants per second, with the states that are kept of the windows."""
    mutants = make_mutant_engine(engine)
    assert mutants is not None
    random = np.random.default_rng(0)
    windows = list(random.integers(0, 4, (LANES, _WINDOW_BP), dtype=np.uint8))
    (kept,) = mutants.keep(windows[:1])
    keeping, computing = _rates(
        [lambda: mutants.keep(windows), lambda: _changes(mutants, kept, reach_bp)],
        threads,
        1,
    )
    of_window = 3 * _CORE_BP
    return 1 / (1 / (keeping * LANES * of_window) + 1 / (computing * _BLOCKS * LANES))


def _changes(engine: MutantEngine, kept: KeptWindow, reach_bp: int) -> None:
    """Compute blocks of mutants inside one window."""
    block = Mutants(engine, 1, reach_bp)
    out = np.empty(6 * engine.outputs * LANES, np.float32)
    low = np.full(LANES, block.margin)
    high = np.full(LANES, block.columns - block.margin)
    block.removed[:] = 1
    for number in range(_BLOCKS):
        places = 2 * reach_bp + (number * LANES + np.arange(LANES)) // 3
        block.at[:] = places
        block.codes[0] = (kept.codes[places] + 1 + np.arange(LANES) % 3) % 4
        block.begin()
        block.add([(kept, 0)], low, high)
        block.extremes(out)


def gradients(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield one row per cell, hidden size and k-mer: bases of windows per second, on one thread.

    A gradient is by the letters of all bases of a window. Its target is the sum of the log-odds
    over the window, or over a site of 40 bases in the middle, with 60 bases on either side. All
    rates of a row are measured in turn, in processor time.
    """
    cases = [(Cell.GRU, 32, 5), (Cell.GRU, 32, 1), (Cell.GRU, 64, 5)]
    if not quick:
        cases += [(Cell.GRU, 64, 1), (Cell.LSTM, 32, 5), (Cell.RNN, 32, 5)]
    torch.set_num_threads(1)
    for cell, hidden, kmer in cases:
        checkpoint = model_of(cell, hidden, kmer=kmer)
        engine = make_engine(checkpoint, "fused", "cpu")
        kernels = InputGradients(checkpoint)
        by_torch = make_input_gradients(checkpoint, make_engine(checkpoint, "torch", "cpu"))
        codes = np.random.default_rng(0).integers(0, 4, (LANES, _WINDOW_BP), dtype=np.uint8)
        outputs, middle = np.zeros(LANES, np.int64), _WINDOW_BP // 2
        whole, site = np.ones(codes.shape, np.float32), np.zeros(codes.shape, np.float32)
        site[:, middle - 20 : middle + 20] = 1
        near = np.tile(np.array([middle - 80, middle + 80]), (LANES, 1))
        scoring, all_bases, of_site = seconds_of(
            [
                partial(engine.score, codes),
                partial(kernels.at_sequences, codes, whole, outputs),
                partial(kernels.at_sequences, codes, site, outputs, near),
            ],
            3 * _REPEATS,
            time.thread_time,
        )
        few = slice(2)
        (bare,) = seconds_of(
            [partial(by_torch.at_sequences, codes[few], whole[few], outputs[few])],
            3,
            time.thread_time,
        )
        yield {
            "cell": cell.value,
            "hidden": hidden,
            "kmer": kmer,
            "score_mbs": codes.size / scoring / 1e6,
            "gradient_mbs": codes.size / all_bases / 1e6,
            "ratio": scoring / all_bases,
            "site_mbs": codes.size / of_site / 1e6,
            "site_ratio": scoring / of_site,
            "torch_mbs": codes[few].size / bare / 1e6,
        }
