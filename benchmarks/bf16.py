"""Scores with products of bfloat16 on CPUs, beside those of float32: speed and accuracy."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.material import model_of
from benchmarks.measure import interleaved, pinned, seconds_of
from benchmarks.scored import Prepared
from benchmarks.ship import shipped_for
from benchmarks.tasks import TASKS
from benchmarks.whole import Bench
from dnabirnn.engine import bf16_instructions, make_engine
from dnabirnn.network import Cell
from dnabirnn.scoring import load
from dnabirnn.sequences import read_fasta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.scored import Place
    from dnabirnn.scoring import Model

__all__ = ["accuracy", "speed"]

_PRECISIONS = ("f32", "bf16")
_FORMS = ("AMX", "AVX512-BF16")
_HIDDEN = (32, 64, 128)
_KMER = 5  # as by default in training
_WINDOW_BP = 4000
_REPEATS = 7
_WRITTEN = 100  # least score in thousandths of a row, by default


def speed(folder: Path, bases: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield rows of kernels and of the whole command, on one thread and in processor time.

    Rows of instructions that this processor does not have say so.
    """
    here = bf16_instructions()
    for form in _FORMS:
        if form != here:
            yield {"instructions": form, "case": "kernel and command", "ratio": "not measured"}
            continue
        shapes = [(Cell.GRU, hidden, 1) for hidden in (16, 48, *_HIDDEN)]
        shapes += [(Cell.GRU, 64, 2), (Cell.LSTM, 64, 1), (Cell.RNN, 64, 1)]
        for cell, hidden, layers in shapes:
            yield {"instructions": form, "case": "kernel"} | _kernel(cell, hidden, layers)
        for hidden in _HIDDEN:
            row = _command(folder, hidden, bases, repeats)
            yield {"instructions": form, "case": "command"} | row


def _kernel(cell: Cell, hidden: int, layers: int) -> dict[str, Any]:
    """Measure one batch in memory."""
    checkpoint = model_of(cell, hidden, layers, kmer=_KMER)
    engines = [make_engine(checkpoint, "fused", "cpu", precision) for precision in _PRECISIONS]
    windows = engines[0].batch_windows(_WINDOW_BP)
    codes = np.random.default_rng(0).integers(0, 4, (windows, _WINDOW_BP), dtype=np.uint8)
    scored = [partial(engine.score, codes) for engine in engines]
    seconds = seconds_of(scored, _REPEATS, time.thread_time)
    return _row(cell, hidden, layers, *(codes.size / one / 1e6 for one in seconds))


def _command(folder: Path, hidden: int, bases: int, repeats: int) -> dict[str, Any]:
    """Measure `dnabirnn score` from FASTA to BED."""
    bench = Bench(folder)
    genome = bench.genome(f"bf16_{bases}", [bases])
    model = bench.model(f"bf16_{hidden}", model_of(hidden=hidden, kmer=_KMER))
    commands = [bench.command(genome, model, "--precision", precision) for precision in _PRECISIONS]
    costs = interleaved(commands, pinned(1), repeats)
    return _row(Cell.GRU, hidden, 1, *(bases / cost.cpu_s / 1e6 for cost in costs))


def _row(cell: Cell, hidden: int, layers: int, full: float, half: float) -> dict[str, Any]:
    shape = {"cell": cell.value, "hidden": hidden, "layers": layers}
    return shape | {"f32_mbs": full, "bf16_mbs": half, "ratio": half / full}


def accuracy(folder: Path, threads: int) -> Iterator[dict[str, Any]]:
    """Yield one row per class of each shipped model and test set.

    Nothing is chosen on the test sequence here: the models are scored in both precisions.
    """
    for name in TASKS:
        shipped = shipped_for(name)
        if shipped is None:
            continue
        task = Prepared(name, folder, threads)
        for place in task.places("test"):
            found = [
                task.evaluate(shipped, place, precision=precision).metrics["classes"]
                for precision in _PRECISIONS
            ]
            models = [load(shipped, threads=threads, precision=one) for one in _PRECISIONS]
            changes = _changes(models, place)
            for class_name, change in changes.items():
                full, half = (one[class_name] for one in found)
                if full is None:
                    continue
                row = {"model": shipped, "on": place.name, "class": class_name}
                aps = {"ap_f32": full["ap"], "ap_bf16": half["ap"]}
                yield row | aps | {"ap_change": half["ap"] - full["ap"]} | change


def _changes(models: Sequence[Model], place: Place) -> dict[str, dict[str, float]]:
    """Return by class how scores differ: shares of integer scores, and the largest change."""
    architecture = models[0].checkpoint.architecture
    wanted = None if place.regions is None else place.regions.of
    outputs = len(architecture.outputs)
    changed, written, changed_written = np.zeros((3, outputs))
    largest, bases = np.zeros(outputs), 0
    for record in read_fasta(*place.fasta):
        regions = np.array([[0, len(record.codes)]]) if wanted is None else wanted(record.name)
        bases += int((regions[:, 1] - regions[:, 0]).sum())
        both = (model.blocks([record], wanted) for model in models)
        for one, other in zip(*both, strict=True):
            scores, others = _integers(one.probabilities), _integers(other.probabilities)
            differs, shown = scores != others, scores >= _WRITTEN
            changed += differs.sum(0)
            written += shown.sum(0)
            changed_written += (differs & shown).sum(0)
            change = np.abs(one.probabilities - other.probabilities).max(0, initial=0)
            largest = np.maximum(largest, change)
    return {
        name: {
            "changed": float(changed[own].mean() / bases),
            "changed_written": float(changed_written[own].sum() / max(written[own].sum(), 1)),
            "largest": float(largest[own].max()),
        }
        for name, _ in architecture.classes
        for own in [architecture.columns(name)]
    }


def _integers(probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the scores in thousandths."""
    return (probabilities.astype(np.float64) * 1000 + 0.5).astype(np.int64)
