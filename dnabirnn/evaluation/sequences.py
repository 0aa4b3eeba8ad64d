"""Metrics of whole sequences: each sequence counts once per class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.errors import OptionError
from dnabirnn.evaluation.metrics import auroc, average_precision, counts_by_value
from dnabirnn.files import listed
from dnabirnn.names import aligned, shortened
from dnabirnn.scoring import check_sequences, score_sequences, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.encoded import LabelledSequences
    from dnabirnn.scoring import Model

__all__ = [
    "best_mcc_threshold",
    "evaluate_sequences",
    "matthews",
    "sequence_intervals",
    "sequence_metrics",
    "sequence_metrics_table",
]

_REPLICATES = 1_000
_NUMBERS_AT_ONCE = 1 << 22


def evaluate_sequences(
    model: Model,
    sequences: LabelledSequences,
    *,
    splits: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[int], object] = lambda bases: None,
) -> dict[str, Any]:
    """Compare the scores of whole sequences with their classes.

    Parameters
    ----------
    model : Model
        That learned labels of whole sequences.
    sequences : LabelledSequences
        Their classes are classes of the model; others of the model are left out.
    splits : sequence of str
        Splits of the model's training data that the sequences are from, if they are known.
    seed : int
        Seed of the bootstrap.
    progress : callable
        Called with the size of each finished block, in bases.

    Returns
    -------
    metrics : dict
        "sequences": for each class, `sequence_metrics`, its "threshold", and the intervals of
        `sequence_intervals`. "inputs": names and digests of the files. "splits".

    Raises
    ------
    OptionError
        The model learned labels of bases, or lacks a class.
    """
    scores = check_sequences(model.checkpoint)
    classes = model.checkpoint.architecture.classes
    names = [name for name, _ in classes]
    if missing := [name for name in sequences.names if name not in names]:
        raise OptionError(
            f"{shortened(missing)}: no class of the model, which has {shortened(names)}; name "
            "classes with --positives NAME=FILE or --class NAME"
        )
    blocks = watched(model.blocks(sequences.records), progress)
    found = list(score_sequences(blocks, classes, scores.site_bp, scores.length_bp, scores.words))
    probabilities = scores.probabilities(np.stack([one.log_odds for one in found]))
    metrics = {}
    for name in sequences.names:
        truth = np.array([name in one.classes for one in sequences.sequences])
        own, threshold = probabilities[:, names.index(name)], scores.rules[name].threshold
        metrics[name] = {
            **sequence_metrics(own, truth, threshold),
            **sequence_intervals(own, truth, threshold, seed),
            "threshold": threshold,
        }
    inputs = {kind: listed(files) for kind, files in sequences.digests.items()}
    return {"sequences": metrics, "inputs": inputs, "splits": list(splits)}


def sequence_metrics_table(metrics: Mapping[str, Any]) -> str:
    """Format the result of `evaluate_sequences` as aligned text for a terminal."""
    rows = [["class", "sequences", "positives", "AUROC", "AP", "MCC", "precision", "recall"]]
    for name, of in metrics["sequences"].items():
        keys = ("auroc", "ap", "mcc", "precision", "recall")
        figures = ["-" if of[key] is None else f"{of[key]:.4f}" for key in keys]
        rows.append([name, f"{of['sequences']:,}", f"{of['positives']:,}", *figures])
    return "\n".join(aligned(rows))


def sequence_metrics(
    scores: NDArray[np.float64], truth: NDArray[np.bool_], threshold: float
) -> dict[str, Any]:
    """Return the metrics of a class on whole sequences.

    Parameters
    ----------
    scores : ndarray, (n,) float64
        Probabilities, or any scores that rise with them.
    truth : ndarray, (n,) bool
    threshold : float
        Score at or above which a sequence is called.

    Returns
    -------
    metrics : dict
        "sequences" and "positives" (numbers), "auroc", "ap" (average precision), and "mcc"
        (Matthews correlation), "precision", "recall" and "f1" at the threshold; None where a figure
        is not defined.

    Examples
    --------
    >>> found = sequence_metrics(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]) > 0, 0.5)
    >>> found["auroc"], round(found["ap"], 3), round(found["mcc"], 3), found["recall"]
    (0.75, 0.833, 0.577, 0.5)
    """
    positives, negatives = counts_by_value(scores, truth)
    called = scores >= threshold
    true, false = int((called & truth).sum()), int((called & ~truth).sum())
    missed = int(truth.sum()) - true
    return {
        "sequences": len(truth),
        "positives": int(truth.sum()),
        "auroc": _figure(float(auroc(positives, negatives))),
        "ap": _figure(float(average_precision(positives, negatives))),
        "mcc": _figure(float(matthews(true, false, missed, len(truth) - true - false - missed))),
        "precision": true / (true + false) if true + false else None,
        "recall": true / (true + missed) if true + missed else None,
        "f1": 2 * true / (2 * true + false + missed) if true + false + missed else None,
    }


def matthews(
    true: NDArray[np.float64] | float,
    false: NDArray[np.float64] | float,
    missed: NDArray[np.float64] | float,
    rejected: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Return Matthews correlations; NaN where a row or column of the table is empty.

    Parameters
    ----------
    true, false, missed, rejected : ndarray or float
        True and false positives, false and true negatives.

    Examples
    --------
    >>> round(float(matthews(6, 1, 2, 3)), 3)
    0.478
    """
    a, b, c, d = (np.asarray(n, np.float64) for n in (true, false, missed, rejected))
    below = np.sqrt((a + b) * (a + c) * (d + b) * (d + c))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((a * d - b * c) / below)


def best_mcc_threshold(probabilities: NDArray[np.float64]) -> float:
    """Return the threshold with the largest Matthews correlation that is to be expected.

    The probabilities are taken to be right, so that their sum above a threshold is the expected
    number of true positives. A threshold that is the best on the labels themselves depends on the
    few sequences next to it.

    Parameters
    ----------
    probabilities : ndarray, (n,) float64
        Calibrated; one or more.

    Examples
    --------
    >>> round(best_mcc_threshold(np.array([0.1, 0.2, 0.7, 0.9])), 3)
    0.45
    """
    p = np.sort(probabilities)[::-1]
    called = np.arange(1, len(p) + 1)
    true = np.cumsum(p)
    rejected = np.cumsum((1 - p)[::-1])[::-1] - (1 - p)
    found = np.nan_to_num(matthews(true, called - true, true[-1] - true, rejected), nan=-1.0)
    last = int(np.argmax(found))
    below = float(p[last + 1]) if last + 1 < len(p) else 0.0
    return (float(p[last]) + below) / 2


def sequence_intervals(
    scores: NDArray[np.float64],
    truth: NDArray[np.bool_],
    threshold: float,
    seed: int = 0,
    replicates: int = _REPLICATES,
) -> dict[str, list[float] | None]:
    """Return 95 % confidence intervals of "auroc", "ap" and "mcc" from a bootstrap of sequences.

    Parameters
    ----------
    scores, truth, threshold
        As for `sequence_metrics`.
    seed : int
    replicates : int

    Returns
    -------
    intervals : dict
        `auroc_ci`, `ap_ci`, `mcc_ci`: 2.5 % and 97.5 % quantile; None if the figure is not defined.
    """
    random = np.random.default_rng(seed)
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)
    right, called = truth[order], scores[order] >= threshold
    found: dict[str, list[NDArray[np.float64]]] = {"auroc": [], "ap": [], "mcc": []}
    at_once = max(1, _NUMBERS_AT_ONCE // max(len(truth), 1))
    for first in range(0, replicates, at_once):
        drawn = min(at_once, replicates - first)
        times = random.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), size=drawn)
        positives, negatives = (
            np.add.reduceat(times * mask, starts, axis=1) for mask in (right, ~right)
        )
        found["auroc"].append(auroc(positives, negatives))
        found["ap"].append(average_precision(positives, negatives))
        cells = [
            (times * mask).sum(axis=1)
            for mask in (called & right, called & ~right, ~called & right, ~called & ~right)
        ]
        found["mcc"].append(matthews(*cells))
    intervals: dict[str, list[float] | None] = {}
    for name, parts in found.items():
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        quantiles = np.quantile(values, [0.025, 0.975]).tolist() if values.size else None
        intervals[f"{name}_ci"] = quantiles
    return intervals


def _figure(value: float) -> float | None:
    return value if np.isfinite(value) else None
