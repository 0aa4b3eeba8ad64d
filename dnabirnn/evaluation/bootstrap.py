"""Counts of one kind of item, over all and by group of blocks, and what comes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.evaluation.metrics import (
    BINS,
    Histogram,
    auroc,
    average_precision,
    best_f1,
    thresholded,
)
from dnabirnn.evaluation.reliability import Reliability, calibration_figures, reliability
from dnabirnn.motif_classes import MAX_SCORE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from dnabirnn.evaluation.metrics import PrecisionRecall

__all__ = ["COARSE", "GROUPS", "Curve", "Tally", "draw", "intervals", "lowest_probability"]

GROUPS = 512
"""Most groups of blocks that the bootstrap draws from."""
COARSE = BINS >> 8
"""Bins of a group's histogram: 1,024, sixteen an octave of the odds."""
_REPLICATES_AT_ONCE = 250
_WITH_INTERVALS = ("ap", "auroc", "best_f1", "precision", "recall", "f1", "mcc")


def lowest_probability(threshold: int) -> np.float32:
    """Smallest float32 of which the integer score, floor(1000 p + 0.5), reaches a threshold.

    Examples
    --------
    >>> float(lowest_probability(500)) >= 0.4995
    True
    """
    exact = (threshold - 0.5) / MAX_SCORE
    lowest = np.float32(exact)
    # Compared as float64: beside a float32, numpy would round the other number to one.
    return lowest if float(lowest) >= exact else np.nextafter(lowest, np.float32(2))


class Curve(NamedTuple):
    """What a figure shows of a class.

    Attributes
    ----------
    class_name : str
    stranded : bool
        True where each strand's bases count as their own.
    ap, prevalence, expected_over_observed, calibration_slope : float
    precision_recall : PrecisionRecall
        At most 1,000 points.
    reliability : Reliability
    """

    class_name: str
    stranded: bool
    ap: float
    prevalence: float
    expected_over_observed: float
    calibration_slope: float
    precision_recall: PrecisionRecall
    reliability: Reliability

    def plain(self) -> dict[str, Any]:
        """The curve as JSON holds it: names, numbers, and lists of numbers."""
        points = self.precision_recall
        return {
            "class": self.class_name,
            "stranded": self.stranded,
            "ap": self.ap,
            "prevalence": self.prevalence,
            "expected_over_observed": self.expected_over_observed,
            "calibration_slope": self.calibration_slope,
            "recall": points.recall.tolist(),
            "precision": points.precision.tolist(),
            "threshold": points.threshold.tolist(),
            "reliability": {
                name: [None if np.isnan(value) else value for value in values.tolist()]
                for name, values in self.reliability._asdict().items()
            },
        }


class Tally:
    """Counts of one kind of item: all of them, and by group of blocks.

    Attributes
    ----------
    histogram : Histogram
    by_score : ndarray, (GROUPS, 2, COARSE) uint32
        Positives and negatives.
    called : ndarray, (GROUPS, 2) int64
        Positives that are called, all that are called.
    """

    def __init__(
        self, by_bin: NDArray[np.int64], by_score: NDArray[np.uint32], called: NDArray[np.int64]
    ) -> None:
        """Hold counts, those of `by_bin` as a histogram: (2, BINS), positives and negatives."""
        self.histogram = Histogram(by_bin)
        self.by_score = by_score
        self.called = called

    def figures(self) -> dict[str, float]:
        """Figures over all items; NaN where one is not defined."""
        exact = self.histogram
        positives = int(exact.positives.sum())
        items = positives + int(exact.negatives.sum())
        found, called = self.called.sum(axis=0)
        f1, threshold = exact.best_f1()
        at_threshold = thresholded(found, called, np.array(positives), np.array(items))
        return {
            "ap": exact.average_precision(),
            "auroc": exact.auroc(),
            "best_f1": f1,
            "best_f1_threshold": threshold,
            **{name: float(value) for name, value in at_threshold._asdict().items()},
            "positives": positives,
            "bases": items,
            "brier": exact.brier(),
            "ece": exact.expected_calibration_error(),
            **calibration_figures(exact),
        }

    def curve(
        self,
        class_name: str,
        stranded: bool,
        figures: Mapping[str, float],
        weights: NDArray[np.float64],
    ) -> Curve:
        """What plots show of the items, whose `figures` are given; one of them is positive.

        `weights` are those of the bootstrap, as `draw` gives them.
        """
        return Curve(
            class_name=class_name,
            stranded=stranded,
            ap=figures["ap"],
            prevalence=figures["positives"] / figures["bases"],
            expected_over_observed=figures["expected_over_observed"],
            precision_recall=self.histogram.precision_recall(),
            calibration_slope=figures["calibration_slope"],
            reliability=reliability(self.histogram, self.by_score, weights),
        )

    def replicates(self, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Figures of a bootstrap from the coarse histograms.

        Parameters
        ----------
        weights : ndarray, (r, g) float64
            How often each replicate draws each of the first g groups.

        Returns
        -------
        figures : dict of ndarray, (r,) float64
        """
        groups = weights.shape[1]
        counts = self.by_score[:groups]
        counts = counts[..., counts.any(axis=(0, 1))]  # (g, 2, k): bins that are in use
        at_threshold = weights @ self.called[:groups].astype(np.float64)
        pieces = [
            _replicates(drawn.reshape(-1, *counts.shape[1:]), at_threshold[piece])
            for piece, drawn in _products(weights, counts.reshape(groups, -1))
        ]
        return {
            name: np.concatenate([np.empty(0), *(piece[name] for piece in pieces)])
            for name in _WITH_INTERVALS
        }


def _products(
    weights: NDArray[np.float64], counts: NDArray[np.uint32]
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """`weights @ counts`, (r, g) and (g, n), exact: some rows at a time, and which."""
    # float32 holds whole numbers below 2**24, and its product takes half the time.
    most = weights @ counts.max(axis=1, initial=0).astype(np.float64)
    enough: type[np.floating] = np.float32 if most.max(initial=0) < 1 << 24 else np.float64
    factors, table = weights.astype(enough), counts.astype(enough)
    for first in range(0, len(weights), _REPLICATES_AT_ONCE):
        piece = slice(first, first + _REPLICATES_AT_ONCE)
        yield piece, (factors[piece] @ table).astype(np.float64)


def _replicates(
    drawn: NDArray[np.float64], at_threshold: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Figures (r,) of counts by bin, (r, 2, k), and of those found and called, (r, 2)."""
    positives, negatives = drawn[:, 0], drawn[:, 1]
    found, called = at_threshold.T
    total = positives.sum(axis=-1)
    return {
        "ap": average_precision(positives, negatives),
        "auroc": auroc(positives, negatives),
        "best_f1": best_f1(positives, negatives)[0],
        **thresholded(found, called, total, total + negatives.sum(axis=-1))._asdict(),
    }


def draw(blocks: int, replicates: int, seed: int) -> NDArray[np.float64]:
    """How often each replicate draws each group.

    Parameters
    ----------
    blocks : int
        Blocks that were counted; beyond `GROUPS` they share groups.
    replicates, seed : int

    Returns
    -------
    weights : ndarray, (replicates, groups) float64
        No replicates where there are fewer than two groups.
    """
    groups = min(blocks, GROUPS)
    if groups < 2:
        return np.empty((0, groups))
    random = np.random.Generator(np.random.PCG64(seed))
    shares = np.full(groups, 1 / groups)
    return random.multinomial(groups, shares, size=replicates).astype(np.float64)


def intervals(
    tally: Tally, figures: Mapping[str, float], weights: NDArray[np.float64]
) -> dict[str, list[float] | None]:
    """Intervals of 95 %; None where a figure, or more than half of its replicates, is undefined."""
    replicates = tally.replicates(weights)
    coarse = tally.replicates(np.ones((1, weights.shape[1])))
    found: dict[str, list[float] | None] = {}
    for name in _WITH_INTERVALS:
        values = replicates[name]
        defined = values[~np.isnan(values)]
        if np.isnan(figures[name]) or 2 * defined.size <= values.size:
            found[name] = None
            continue
        shift = figures[name] - float(coarse[name][0])
        ends = np.percentile(defined, [2.5, 97.5]) + shift
        found[name] = np.clip(ends, -1 if name == "mcc" else 0, 1).tolist()
    return found
