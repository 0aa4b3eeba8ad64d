"""Accuracy of the default recipe on real tasks, as means over seeds, beside that of a matrix."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.scored import VAL, Prepared
from dnabirnn.network import Architecture, load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.scored import Place
    from dnabirnn.evaluation import Report

__all__ = ["accuracy", "compared"]

_FIGURES = ("best_f1", "precision", "recall", "expected_over_observed", "calibration_slope")
_CALL_FIGURES = (
    "f1",
    "precision",
    "recall",
    "boundary_median_bp",
    "boundary_p90_bp",
    "boundary_shift_bp",
    "boundary_shift_minus_bp",
)
_LEAST_LOSS = 0.02
"""A class is behind its matrix if its average precision is lower by more than this, and by more
than the standard error of the difference."""


class _Trained(NamedTuple):
    """Models of a task, one per seed, and the median time of training in seconds."""

    task: Prepared
    models: list[Path]
    seconds: float


def accuracy(
    name: str,
    folder: Path,
    seeds: int,
    options: Sequence[str],
    on: str = "test",
    threads: int | None = None,
    encode: Sequence[str] = (),
) -> Iterator[dict[str, Any]]:
    """Yield one row per sequences and class: means and standard deviations over seeds.

    Parameters
    ----------
    name : str
        One of `TASKS`.
    folder : Path
        Folder for the encoded set and the models.
    seeds : int
        Number of seeds.
    options : sequence of str
        Options of `dnabirnn train` that differ from the default recipe.
    on : str
        "test", or `VAL` for the validation sequence, whose rows have fewer figures.
    threads : int, optional
        Number of threads.  [default: all cores]
    encode : sequence of str
        Options of `dnabirnn encode` besides those of the task.
    """
    prepared = Prepared(name, folder, threads, encode=encode)
    trained = _train(prepared, name, folder, seeds, options)
    task = trained.task
    alone = {}
    if task.task.alone:
        for own in task.classes:
            part = Prepared(name, folder, threads, (own.name,), encode)
            alone[own.name] = _train(part, f"{name}.{own.name}", folder, seeds, options)
    for place in task.places(on):
        first = {"task": name, "on": place.name, "options": " ".join(options), "seeds": seeds}
        if encode:
            first["encode"] = " ".join(encode)
        first["train_s"] = trained.seconds
        reports = [task.evaluate(model, place) for model in trained.models]
        matrices = task.evaluate_matrices(place)
        further = {} if on == VAL else _further(trained, reports, place)
        for class_name, entry in reports[0].metrics["classes"].items():
            if entry is not None:
                row = {"class": class_name, **compared(reports, matrices, class_name)}
                if class_name in alone:
                    row |= _alone(alone[class_name], place, class_name)
                yield first | row | further.get(class_name, {})
        for extra in task.task.extras:
            outputs = Architecture(task.classes).outputs
            contigs = task.scored(trained.models, place)
            for row in extra.rows(task.data, place.labels, outputs, contigs):
                yield first | row


def compared(reports: Sequence[Report], matrices: Report, class_name: str) -> dict[str, Any]:
    """Return the average precision of a class, as mean over seeds, and that of its matrix.

    The standard error of the difference comes from a bootstrap of blocks of the sequence, the same
    for the network and the matrix. It leaves out the spread over seeds, which is given beside it.
    """
    figures: dict[str, Any] = {}
    matrix = matrices.metrics["classes"][class_name]
    for key in ("ap_stranded", "ap"):
        figures |= _mean(key, [report.metrics["classes"][class_name][key] for report in reports])
        figures[f"matrix_{key}"] = matrix[key]
        figures[f"gain_{key}"] = figures[key] - matrix[key]
        replicates = [_replicates(report, class_name, key) for report in reports]
        paired = np.mean(replicates, axis=0) - _replicates(matrices, class_name, key)
        paired = paired[~np.isnan(paired)]
        figures[f"gain_{key}_se"] = float(paired.std(ddof=1)) if paired.size > 1 else None
    loss, error = -figures["gain_ap_stranded"], figures["gain_ap_stranded_se"] or 0
    figures["behind"] = "yes" if loss > max(_LEAST_LOSS, error) else "no"
    figures["positives"] = matrix["positives"]
    return figures


def _replicates(report: Report, class_name: str, key: str) -> NDArray[np.float64]:
    """Return the replicates (r,) of an average precision; a class without strands has one kind."""
    kinds = {c.stranded: c.replicates for c in report.curves if c.class_name == class_name}
    return kinds.get(key == "ap_stranded", kinds[False])


def _train(task: Prepared, stem: str, folder: Path, seeds: int, options: Sequence[str]) -> _Trained:
    models = [folder / f"{stem}.{seed}.safetensors" for seed in range(seeds)]
    seconds = [
        task.train(model, [*options, "--seed", str(seed)]) for seed, model in enumerate(models)
    ]
    return _Trained(task, models, statistics.median(seconds))


def _alone(trained: _Trained, place: Place, class_name: str) -> dict[str, Any]:
    """Return the average precision of models of one class."""
    reports = [trained.task.evaluate(model, place) for model in trained.models]
    entries = [report.metrics["classes"][class_name] for report in reports]
    return _mean("alone_ap_stranded", [entry["ap_stranded"] for entry in entries])


def _further(
    trained: _Trained, reports: Sequence[Report], place: Place
) -> dict[str, dict[str, Any]]:
    """Return the other figures of each class.

    Those that begin with "unseen" leave out the bases of test sites that a 31-mer of a training
    site covers. Those that begin with "rate" are at the thresholds for a false discovery rate of
    0.05, of the models that have them.
    """
    task, models = trained.task, trained.models
    unseen = [task.evaluate_unseen(model, place).metrics for model in models]
    rated = [model for model in models if _has_rate(model)]
    at_rate = [task.evaluate(model, place, fdr=0.05).metrics for model in rated]
    own = [report.metrics for report in reports]
    return {
        name: _figures(own, unseen, name) | _at_rate(at_rate, name)
        for name, entry in own[0]["classes"].items()
        if entry is not None
    }


def _has_rate(model: Path) -> bool:
    """Return whether a model has thresholds for a false discovery rate of 0.05."""
    return all(rates["bases"]["0.05"] for rates in load_checkpoint(model).discoveries.values())


def _figures(
    runs: Sequence[Mapping[str, Any]], unseen: Sequence[Mapping[str, Any]], class_name: str
) -> dict[str, Any]:
    """Return means and standard deviations over runs."""
    figures: dict[str, Any] = {}
    for prefix, entries, keys in (
        ("", [run["classes"] for run in runs], _FIGURES),
        ("call_", [run["calls"] for run in runs], _CALL_FIGURES),
        ("unseen_", [run["classes"] for run in unseen], ("ap", "ap_stranded", "positives")),
    ):
        for key in keys:
            figures |= _mean(prefix + key, [(e[class_name] or {}).get(key) for e in entries])
    for key in ("ap", "ap_stranded"):
        ends = [run["classes"][class_name][f"{key}_ci"] for run in runs]
        figures[f"{key}_ci"] = np.mean(ends, axis=0).tolist() if all(ends) else None
    figures["unseen_share"] = figures["unseen_positives"] and (
        figures["unseen_positives"] / runs[0]["classes"][class_name]["positives"]
    )
    return figures


def _mean(key: str, values: Sequence[float | None]) -> dict[str, float | None]:
    """Return the mean and standard deviation of the values that are not None."""
    known = [value for value in values if value is not None]
    return {
        key: statistics.mean(known) if known else None,
        f"{key}_sd": statistics.stdev(known) if len(known) > 1 else None,
    }


def _at_rate(runs: Sequence[Mapping[str, Any]], class_name: str) -> dict[str, Any]:
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
        calls = runs[0]["calls"][class_name] or {}
        figures["rate_calls_ci"] = calls.get("false_discovery_rate_ci")
        figures["rate_calls_number"] = calls.get("calls")
    return figures
