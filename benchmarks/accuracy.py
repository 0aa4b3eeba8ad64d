"""Accuracy of the default recipe on real tasks, as means over seeds."""

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

from benchmarks.decoys import VALIDATION, write_decoys
from benchmarks.novelty import SEEN, write_seen
from dnabirnn.network import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["TASKS", "Prepared", "accuracy", "run"]

_FIGURES = (
    "ap",
    "ap_stranded",
    "best_f1",
    "precision",
    "recall",
    "expected_over_observed",
    "calibration_slope",
)
_CALL_FIGURES = (
    "f1",
    "precision",
    "recall",
    "boundary_median_bp",
    "boundary_p90_bp",
    "boundary_shift_bp",
    "boundary_shift_minus_bp",
)


@dataclass(frozen=True)
class _Task:
    """A real task: files in the folder `DNABIRNN_DATA`, and how they are split.

    Attributes
    ----------
    train, test : tuple of str
        FASTA files.
    train_labels, test_labels : str
        Files of labels.
    options : tuple of str
        Options of `encode` only.
    label_options : tuple of str
        Options for labels, of both `encode` and `evaluate`.
    split : str
        Rows of the BED for `encode --split`; empty for none.
    regions : str
        Rows of the BED for `evaluate --regions`; empty for none.
    decoys : bool
        Whether to add sequence without sites to the training data. Calls are arbitrary on sequence
        of a composition that the training genome does not have.
    """

    train: tuple[str, ...]
    train_labels: str
    test: tuple[str, ...]
    test_labels: str
    options: tuple[str, ...] = ()
    label_options: tuple[str, ...] = ()
    split: str = ""
    regions: str = ""
    decoys: bool = False


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
        options=("--val-chroms", ",".join(["hg002_chr14mat_parm", *VALIDATION])),
        label_options=("--ignore-classes", "gSat,cenSat"),
        decoys=True,
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


class Prepared:
    """A task with its training data encoded.

    Parameters
    ----------
    name : str
        One of `TASKS`.
    folder : Path
        Folder for the encoded set and the models.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._task, self._folder = name, TASKS[name], folder
        self._data = Path(os.environ["DNABIRNN_DATA"])
        split = self._option("--split", self._task.split)
        self.encoded = str(folder / f"{name}.enc")
        labels = self._labels(self._task.train_labels)
        fasta = self._paths(self._task.train)
        if self._task.decoys:
            fasta.append(str(folder / "decoys.fa"))
            write_decoys(folder / "decoys.fa")
        run("encode", *fasta, *labels, *self._task.options, *split, "-o", self.encoded)

    def train(self, model: Path, options: Sequence[str]) -> float:
        """Train a model and return the time it took, in seconds."""
        begun = time.perf_counter()
        run("train", self.encoded, "-o", str(model), *options)
        return time.perf_counter() - begun

    def evaluate(self, model: Path, *more: str) -> dict[str, Any]:
        """Return the metrics on the test sequence; `more` are further options of `evaluate`."""
        regions = self._option("--regions", self._task.regions)
        out = model.with_suffix(".json")
        run(
            *("evaluate", *self._paths(self._task.test), *self._labels(self._task.test_labels)),
            *(*regions, *more, "-m", str(model), "-o", str(out), "--no-plots"),
        )
        metrics: dict[str, Any] = json.loads(out.read_text())
        return metrics

    def figures(self, model: Path, matrix: bool) -> dict[str, Any]:
        """Return the metrics of a model on the test sequence, with further evaluations.

        With `matrix`, the entry "baseline" has the metrics of the position weight matrix. "unseen"
        has those without the bases of test sites that a 31-mer of a training site covers.
        "at_rate", which is there if the model has thresholds for a false discovery rate of 0.05,
        has those at these thresholds.
        """
        metrics = self.evaluate(model, *(["--baseline", self.encoded] if matrix else []))
        seen = self._folder / f"{self._name}.seen.bed"
        if not seen.exists():
            paths = [Path(path) for path in self._paths(self._task.test)]
            write_seen(Path(self.encoded), paths, self._data / self._task.test_labels, seen)
        metrics["unseen"] = metrics["classes"]
        if seen.read_text():
            ignored = ",".join([SEEN, *self._task.label_options[1:]])
            unseen = self.evaluate(model, "--labels", str(seen), "--ignore-classes", ignored)
            metrics["unseen"] = unseen["classes"]
        checkpoint = load_checkpoint(model)
        if all(rates["bases"]["0.05"] for rates in checkpoint.discoveries.values()):
            metrics["at_rate"] = self.evaluate(model, "--fdr", "0.05")
        return metrics

    def _paths(self, files: Sequence[str]) -> list[str]:
        return [str(self._data / file) for file in files]

    def _labels(self, file: str) -> list[str]:
        return ["--labels", str(self._data / file), *self._task.label_options]

    def _option(self, option: str, rows: str) -> list[str]:
        """Write the rows to a BED and return the option with its path; an empty list if no rows."""
        if not rows:
            return []
        path = self._folder / f"{self._name}{option}.bed"
        path.write_text(rows)
        return [option, str(path)]


def accuracy(
    name: str, folder: Path, seeds: int, train_options: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield one row per class: means and standard deviations over seeds, and the matrix's metrics.

    Parameters
    ----------
    name : str
        One of `TASKS`.
    folder : Path
        Folder for the encoded set, models and metrics.
    seeds : int
        Number of seeds.
    train_options : sequence of str
        Options of `dnabirnn train` that differ from the default recipe.
    """
    task = Prepared(name, folder)
    runs, seconds = [], []
    for seed in range(seeds):
        model = folder / f"{name}.{seed}.safetensors"
        seconds.append(task.train(model, [*train_options, "--seed", str(seed)]))
        runs.append(task.figures(model, matrix=seed == 0))
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
    """Return means and standard deviations over runs, and the metrics of the matrix."""
    figures: dict[str, Any] = {}
    for prefix, part, keys in (
        ("", "classes", _FIGURES),
        ("call_", "calls", _CALL_FIGURES),
        ("unseen_", "unseen", ("ap", "ap_stranded", "positives")),
    ):
        for key in keys:
            figures |= _mean(prefix + key, [(run[part][class_name] or {}).get(key) for run in runs])
    for key in ("ap", "ap_stranded"):
        ends = zip(*(run["classes"][class_name][f"{key}_ci"] for run in runs), strict=True)
        figures[f"{key}_ci"] = [statistics.mean(values) for values in ends]
    figures |= _at_rate([run["at_rate"] for run in runs if "at_rate" in run], class_name)
    figures["unseen_share"] = figures["unseen_positives"] and (
        figures["unseen_positives"] / runs[0]["classes"][class_name]["positives"]
    )
    matrix = runs[0].get("baseline", {}).get(class_name) or {}
    figures["matrix_ap"] = matrix.get("ap")
    figures["matrix_ap_stranded"] = matrix.get("ap_stranded")
    return figures


def _mean(key: str, values: Sequence[float | None]) -> dict[str, float | None]:
    """Return the mean and standard deviation of the values that are not None."""
    known = [value for value in values if value is not None]
    return {
        key: statistics.mean(known) if known else None,
        f"{key}_sd": statistics.stdev(known) if len(known) > 1 else None,
    }


def _at_rate(runs: Sequence[dict[str, Any]], class_name: str) -> dict[str, Any]:
    """Return the false discovery rates of calls and bases, at thresholds set for a rate of 0.05.

    Rates are means over runs; the interval and the number of calls are those of the first seed.
    """
    figures = _mean(
        "rate_calls",
        [(run["calls"][class_name] or {}).get("false_discovery_rate") for run in runs],
    )
    figures |= _mean(
        "rate_bases",
        [None if (p := run["classes"][class_name]["precision"]) is None else 1 - p for run in runs],
    )
    if runs:
        figures["rate_calls_ci"] = runs[0]["calls"][class_name].get("false_discovery_rate_ci")
        figures["rate_calls_number"] = runs[0]["calls"][class_name]["calls"]
    return figures


def run(*words: str) -> None:
    """Run a command of dnabirnn; raise if it fails."""
    command = [sys.executable, "-m", "dnabirnn", "-q", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
