"""Calibration of probabilities: observed compared with predicted shares of positives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.evaluation.metrics import BINS, Histogram, bin_means, bin_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.evaluation.metrics import Histogram

__all__ = ["MIN_SHOWN", "Reliability", "calibration_figures", "logistic_fit", "reliability"]

MIN_SHOWN = 0.05
"""Smallest probability shown. Nearly all bases of a genome have lower ones."""
_SLICES = 10
_MIN_PROBABILITY = 1e-6


class Reliability(NamedTuple):
    """Predicted and observed shares of positives, from `MIN_SHOWN` on.

    Slices hold about equal numbers of bases.

    Attributes
    ----------
    predicted, observed : ndarray, (n,) float64
        Mean probability and share of positives of each slice; slices are in ascending order.
    items : ndarray, (n,) int64
        Number of bases of each slice.
    low, high : ndarray, (n,) float64
        Interval of 95 % of the observed share; NaN with too few blocks to draw from.
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    items: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def reliability(
    histogram: Histogram, by_group: NDArray[np.uint32], weights: NDArray[np.float64]
) -> Reliability:
    """Cut all items into slices, and compute bootstrap intervals of their observed shares.

    Parameters
    ----------
    histogram : Histogram
    by_group : ndarray, (groups, 2, K) uint32
        Positives and negatives of each group of blocks, in K coarse bins. K divides `BINS`.
    weights : ndarray, (replicates, g) float64
        Number of times each replicate draws each of the first g groups.
    """
    coarse = by_group.shape[2]
    width = BINS // coarse
    positives, negatives = (
        counts.reshape(coarse, width) for counts in (histogram.positives, histogram.negatives)
    )
    items = (positives + negatives).sum(axis=1)
    expected = ((positives + negatives) * bin_means().reshape(coarse, width)).sum(axis=1)
    items[: -(-int(bin_of(np.array(MIN_SHOWN, np.float32))) // width)] = 0
    used = np.flatnonzero(items)
    middle = np.cumsum(items[used]) - items[used] / 2
    slice_of = (middle * _SLICES / max(int(items.sum()), 1)).astype(np.int64)
    slices, slice_of = np.unique(slice_of, return_inverse=True)

    def summed(counts: NDArray[np.integer] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum counts by bin (last axis) to counts by slice."""
        into = np.zeros((used.size, slices.size))
        into[np.arange(used.size), slice_of] = 1
        return np.asarray(counts[..., used] @ into, dtype=np.float64)

    number = summed(items)
    drawn = np.tensordot(weights, summed(by_group[: weights.shape[1]]), axes=1)  # (r, 2, n)
    total = drawn.sum(axis=1)
    shares = np.full(total.shape, np.nan)
    np.divide(drawn[:, 0], total, out=shares, where=total > 0)
    low = high = np.full(slices.size, np.nan)
    if len(shares) and slices.size:
        low, high = np.nanpercentile(shares, [2.5, 97.5], axis=0)
    observed = summed(positives.sum(axis=1)) / number
    return Reliability(summed(expected) / number, observed, number.astype(np.int64), low, high)


def calibration_figures(histogram: Histogram) -> dict[str, float]:
    """Compute figures of how well probabilities are calibrated.

    Returns
    -------
    figures : dict
        "expected_over_observed" is the sum of the probabilities divided by the number of
        positives. "calibration_slope" and "calibration_intercept" are the factor and the shift that
        would make the log-odds fit best. They are 1 and 0 for calibrated probabilities. NaN without
        positives or without negatives.
    """
    counts = histogram.positives + histogram.negatives
    used = np.flatnonzero(counts)
    positives, negatives = histogram.positives[used], histogram.negatives[used]
    if not positives.any() or not negatives.any():
        names = ("expected_over_observed", "calibration_slope", "calibration_intercept")
        return dict.fromkeys(names, float("nan"))
    means = bin_means()[used]
    log_odds = np.clip(means, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    log_odds = np.log(log_odds) - np.log1p(-log_odds)
    slope, intercept = logistic_fit(log_odds, positives, negatives)
    return {
        "expected_over_observed": float(counts[used] @ means / positives.sum()),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
    }


def logistic_fit(
    scores: NDArray[np.float64], positives: NDArray[np.int64], negatives: NDArray[np.int64]
) -> tuple[float, float]:
    """Fit a logistic function to counts by score; return its slope (above 0) and intercept.

    Newton's method on Platt's targets, which keep the slope finite if a score separates positives
    from negatives (Platt 1999, Probabilistic outputs for support vector machines, section 2.2).

    Examples
    --------
    >>> counts = np.array([1, 50, 99]), np.array([99, 50, 1])
    >>> slope, intercept = logistic_fit(np.array([-5.0, 0.0, 5.0]), *counts)
    >>> [round(float(p), 2) for p in 1 / (1 + np.exp(-slope * np.array([0, 5]) - intercept))]
    [0.5, 0.98]
    """
    found, items = positives.sum(), positives + negatives
    centre = np.average(scores, weights=items)
    spread = np.sqrt(np.average((scores - centre) ** 2, weights=items)) or 1.0
    design = np.stack([(scores - centre) / spread, np.ones(scores.size)])  # (2, K)
    wanted = positives * (found + 1) / (found + 2) + negatives / (negatives.sum() + 2)
    weights = np.array([1.0, np.log((found + 1) / (negatives.sum() + 1))])

    def loss(at: NDArray[np.float64]) -> float:
        odds = at @ design
        return float(items @ np.logaddexp(0, odds) - wanted @ odds)

    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(weights @ design, -80, 80)))
        gradient = design @ (items * p - wanted)
        curvature = (design * (items * p * (1 - p))) @ design.T + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > 1e-9:
            step = step / 2
        weights = weights - step
        if np.abs(step).max() <= 1e-9:
            break
    slope = max(float(weights[0]), 1e-3)
    return slope / spread, float(weights[1]) - slope * centre / spread
