"""Labels of whole sequences: tasks of the GUE benchmark, with the published splits.

The data are in the folder `gue` of `DNABIRNN_DATA`. Each sequence has one label, and no label says
where in it the site is. A model is trained on the train split; its weights are chosen, and its
sequences calibrated, on the dev split. Figures on the dev split are therefore slightly too good.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.material import data_folder
from dnabirnn.network import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["BEST_OF_FIVE", "FINE_TUNED", "GUE_TASKS", "gue"]

GUE_TASKS = (
    *(f"tf_{number}" for number in range(5)),
    *(f"mouse_{number}" for number in (0, 2, 3, 4)),
    *("prom_prom_core_all", "prom_prom_core_tata", "prom_prom_300_tata"),
)
BEST_OF_FIVE = dict(
    zip(
        GUE_TASKS,
        (0.880, 0.869, 0.825, 0.773, 0.931, 0.711, 0.935, 0.762, 0.715, 0.875, 0.810, 0.808),
        strict=True,
    )
)
"""AUROC of the best of five models with frozen weights, mean pooling and a random forest.

They are DNABERT-2, NT-v2, HyenaDNA, Caduceus-Ph and GROVER (Nature Communications 2025,
doi:10.1038/s41467-025-65823-8, tables 1 and 2). We take its human factors 1 to 5 for tf_0 to tf_4,
and its mouse factors 1, 3, 4 and 5 for mouse_0, 2, 3 and 4.
"""
FINE_TUNED = dict(
    zip(
        GUE_TASKS[:11],
        (0.72, 0.76, 0.67, 0.59, 0.77, 0.57, 0.79, 0.66, 0.53, 0.69, 0.74),
        strict=True,
    )
)
"""MCC of DNABERT-2 with 117 million weights, fine-tuned (Zhou and others, ICLR 2024), rounded, as
later papers quote it."""
_CLASS = "site"
_SPLITS = {"val": "dev", "test": "test"}
_FIGURES = ("auroc", "ap", "mcc")


def gue(
    tasks: Sequence[str],
    folder: Path,
    seeds: int,
    options: Sequence[str] = (),
    on: str = "test",
    threads: int = 1,
) -> Iterator[dict[str, Any]]:
    """Yield one row per task: means and standard deviations over seeds.

    A run whose figures are in the folder, from the same options, is not repeated.

    Parameters
    ----------
    tasks : sequence of str
        Some of `GUE_TASKS`.
    folder : Path
        Folder for encoded sets and models.
    seeds : int
        Number of seeds.
    options : sequence of str
        Options of `dnabirnn train`.
    on : str
        "test", or "val" for the dev split, in which case the test split is not read.
    threads : int
        Number of threads.

    Yields
    ------
    row : dict
        With "weights" of a network, and "cpu_s", the median of the CPU seconds of a training.
    """
    for task in tasks:
        found = [_seed(task, seed, folder, options, on, threads) for seed in range(seeds)]
        row = {"task": task, "on": on, "options": " ".join(options), "seeds": seeds}
        for key in _FIGURES:
            values = [one[key] for one in found]
            spread = statistics.stdev(values) if seeds > 1 else None
            row |= {key: statistics.fmean(values), f"{key}_sd": spread}
        cpu_s = statistics.median(one["cpu_s"] for one in found)
        yield row | {"weights": found[-1]["weights"], "cpu_s": cpu_s}


def _seed(
    task: str, seed: int, folder: Path, options: Sequence[str], on: str, threads: int
) -> dict[str, Any]:
    """Return the figures of a model on a task."""
    model, out = folder / f"{task}.{seed}.safetensors", folder / f"{task}.{seed}.json"
    kept = folder / f"{task}.{seed}.{on}.kept.json"
    settings = [*options]
    if kept.exists() and (plain := json.loads(kept.read_text()))["options"] == settings:
        return dict(plain["figures"])
    encoded = folder / f"{task}.enc"
    tables = (
        *("--sequence-labels", f"train={_file(task, 'train')}"),
        *("--sequence-labels", f"val={_file(task, 'dev')}"),
    )
    if not encoded.exists():
        _run("encode", *tables, "--class", _CLASS, "-o", encoded)
    given = ("-o", model, *settings, "--seed", seed, "--threads", threads)
    spent = _run("train", encoded, *given, "--resume", "never")
    truth = ("--sequence-labels", _file(task, _SPLITS[on]), "--class", _CLASS)
    _run("evaluate", *truth, "-m", model, "-o", out, "--threads", threads)
    figures = json.loads(out.read_text())["sequences"][_CLASS]
    found = {key: figures[key] for key in _FIGURES} | {"cpu_s": spent, "weights": _weights(model)}
    kept.write_text(json.dumps({"options": settings, "figures": found}))
    return found


def _weights(path: Path) -> int:
    """Return the number of weights of a model, of the network and of words."""
    checkpoint = load_checkpoint(path)
    arrays = [*checkpoint.weights.values()]
    if checkpoint.sequences is not None:
        arrays += checkpoint.sequences.arrays().values()
    return sum(array.size for array in arrays)


def _file(task: str, split: str) -> str:
    return str(data_folder() / "gue" / f"{task}.{split}.csv.gz")


def _run(*arguments: object) -> float:
    """Run a command of dnabirnn; return the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-m", "dnabirnn", "--quiet", *map(str, arguments)]
    subprocess.run(words, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
