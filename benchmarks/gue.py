"""Labels of whole sequences: tasks of the GUE benchmark, with the published splits.

The data are in the folder `gue` of `DNABIRNN_DATA`. Each sequence has one label, and no label says
where in it the site is. A model is trained on the train split; its weights are chosen, and its
sequences calibrated, on the dev split. Figures on the dev split are therefore slightly too good.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from dnabirnn.network import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["GUE_TASKS", "RECIPE", "gue"]

GUE_TASKS = (
    *(f"tf_{number}" for number in range(5)),
    *(f"mouse_{number}" for number in (0, 2, 3, 4)),
    *("prom_prom_core_all", "prom_prom_core_tata", "prom_prom_300_tata"),
)
RECIPE = ("--kmer", "3")
"""Options of `dnabirnn train`: with 5-mers, a network has 100,000 weights."""
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

    Parameters
    ----------
    tasks : sequence of str
        Some of `GUE_TASKS`.
    folder : Path
        Folder for encoded sets and models.
    seeds : int
        Number of seeds.
    options : sequence of str
        Options of `dnabirnn train` after those of `RECIPE`.
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
        encoded = folder / f"{task}.enc"
        tables = (
            *("--sequence-labels", f"train={_file(task, 'train')}"),
            *("--sequence-labels", f"val={_file(task, 'dev')}"),
        )
        _run("encode", *tables, "--class", _CLASS, "-o", encoded)
        found, spent, weights = [], [], 0
        for seed in range(seeds):
            model, out = folder / f"{task}.{seed}.safetensors", folder / f"{task}.{seed}.json"
            given = ("-o", model, *RECIPE, *options, "--seed", seed, "--threads", threads)
            spent.append(_run("train", encoded, *given, "--resume", "never"))
            truth = ("--sequence-labels", _file(task, _SPLITS[on]), "--class", _CLASS)
            _run("evaluate", *truth, "-m", model, "-o", out, "--threads", threads)
            found.append(json.loads(out.read_text())["sequences"][_CLASS])
            weights = sum(array.size for array in load_checkpoint(model).weights.values())
        row = {"task": task, "on": on, "options": " ".join([*RECIPE, *options]), "seeds": seeds}
        for key in _FIGURES:
            values = [one[key] for one in found]
            row |= {key: statistics.fmean(values), f"{key}_sd": statistics.pstdev(values)}
        yield row | {"weights": weights, "cpu_s": statistics.median(spent)}


def _file(task: str, split: str) -> str:
    return os.path.join(os.environ["DNABIRNN_DATA"], "gue", f"{task}.{split}.csv.gz")


def _run(*arguments: object) -> float:
    """Run a command of dnabirnn; return the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-m", "dnabirnn", "--quiet", *map(str, arguments)]
    subprocess.run(words, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
