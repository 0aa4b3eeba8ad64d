"""How good models of the default recipe are, on real tasks, over seeds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["TASKS", "accuracy"]

_FIGURES = (
    "ap",
    "ap_stranded",
    "best_f1",
    "expected_over_observed",
    "calibration_slope",
)
_CALL_FIGURES = ("f1", "precision", "recall", "boundary_median_bp")


@dataclass(frozen=True)
class _Task:
    """Files under `DNABIRNN_DATA`, and how they are split.

    Attributes
    ----------
    train, test : tuple of str
        FASTA files.
    train_labels, test_labels : str
    options : tuple of str
        Of `encode`; those of labels go to `evaluate` too.
    label_options : tuple of str
    split : str
        Rows of a BED for `--split`.
    regions : str
        Rows of a BED for `--regions` of the test.
    """

    train: tuple[str, ...]
    train_labels: str
    test: tuple[str, ...]
    test_labels: str
    options: tuple[str, ...] = ()
    label_options: tuple[str, ...] = ()
    split: str = ""
    regions: str = ""


_ECOLI, _HUMAN, _FLY = "ecoli_k12", "human_satellites", "splice_fly_genes_traintest"
_GENOME = "NC_000913.3"
TASKS = {
    "rep": _Task(
        train=(f"{_ECOLI}/{_GENOME}.fa.gz",),
        train_labels=f"{_ECOLI}/rep.bed",
        test=(f"{_ECOLI}/{_GENOME}.fa.gz",),
        test_labels=f"{_ECOLI}/rep.bed",
        split=f"{_GENOME}\t0\t3300000\ttrain\n{_GENOME}\t3300000\t3713322\tval\n"
        f"{_GENOME}\t3713322\t4641652\ttest\n",
        regions=f"{_GENOME}\t3713322\t4641652\n",
    ),
    "satellites": _Task(
        train=tuple(
            f"{_HUMAN}/{name}.fa.gz"
            for name in ("chm13_chr8_cen", "hg002_chr13mat_parm", "hg002_chr14mat_parm")
        ),
        train_labels=f"{_HUMAN}/satellites.strand.bed",
        test=(f"{_HUMAN}/chm13_chrY_cen.fa.gz",),
        test_labels=f"{_HUMAN}/satellites.strand.bed",
        options=("--val-chroms", "hg002_chr14mat_parm"),
        label_options=("--ignore-classes", "gSat,cenSat"),
    ),
    "fly": _Task(
        train=(f"{_FLY}/train.fa.gz",),
        train_labels=f"{_FLY}/train.bed",
        test=(f"{_FLY}/test.fa.gz",),
        test_labels=f"{_FLY}/test.bed",
        options=("--split-fractions", "0.8,0.2,0"),
    ),
}
"""Tasks by name."""


def accuracy(
    name: str, folder: Path, seeds: int, train_options: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each class: means over seeds, their spread, and the matrix beside them.

    Parameters
    ----------
    name : str
        One of `TASKS`.
    folder : Path
        For encoded sets and models.
    seeds : int
    train_options : sequence of str
        Options of `dnabirnn train` in place of the default recipe's.
    """
    task, data = TASKS[name], Path(os.environ["DNABIRNN_DATA"])

    def written(file: str, text: str) -> list[str]:
        (folder / file).write_text(text)
        return [str(folder / file)]

    fasta = [str(data / file) for file in task.train]
    labels = ["--labels", str(data / task.train_labels), *task.label_options]
    split = ["--split", *written(f"{name}.split.bed", task.split)] if task.split else []
    encoded = str(folder / f"{name}.enc")
    _run("encode", *fasta, *labels, *task.options, *split, "-o", encoded)
    regions = ["--regions", *written(f"{name}.test.bed", task.regions)] if task.regions else []
    runs, seconds = [], []
    for seed in range(seeds):
        model, metrics = str(folder / f"{name}.{seed}.safetensors"), folder / f"{name}.{seed}.json"
        begun = time.perf_counter()
        _run("train", encoded, "-o", model, "--seed", str(seed), *train_options)
        seconds.append(time.perf_counter() - begun)
        test = [str(data / file) for file in task.test]
        truth = ["--labels", str(data / task.test_labels), *task.label_options]
        matrix = ["--baseline", encoded] if seed == 0 else []
        _run(
            *("evaluate", *test, *truth, *regions, *matrix, "-m", model),
            *("-o", str(metrics), "--no-plots"),
        )
        runs.append(json.loads(metrics.read_text()))
    for class_name, entry in runs[0]["classes"].items():
        if entry is not None:
            yield {
                "task": name,
                "class": class_name,
                "options": " ".join(train_options),
                "train_s": statistics.median(seconds),
                **_figures(runs, class_name),
            }


def _figures(runs: Sequence[dict[str, Any]], class_name: str) -> dict[str, Any]:
    """Means and standard deviations over runs; and the matrix' figures."""
    figures: dict[str, Any] = {}
    for prefix, part, keys in (("", "classes", _FIGURES), ("call_", "calls", _CALL_FIGURES)):
        for key in keys:
            values = [run[part][class_name].get(key) for run in runs]
            told = [value for value in values if value is not None]
            figures[prefix + key] = statistics.mean(told) if told else None
            figures[f"{prefix}{key}_sd"] = statistics.stdev(told) if len(told) > 1 else None
    matrix = runs[0].get("baseline", {}).get("classes", {}).get(class_name) or {}
    figures["matrix_ap"] = matrix.get("ap")
    figures["matrix_ap_stranded"] = matrix.get("ap_stranded")
    return figures


def _run(*words: str) -> None:
    command = [sys.executable, "-m", "dnabirnn", "-q", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
