"""Metrics from histograms of scores, in bounded memory.

Average precision needs all scores in order, and a genome has billions of them. A histogram counts
positive and negative items in bins instead. Items of one bin count as ties.

The bins are even in logit, log(p / (1 - p)). Most bases of a genome have a p near 0, and most sites
a p near 1. Bins even in p would put nearly all of them into the few bins at the ends, where the
ranking matters most. Bins even in logit keep the same relative resolution of the odds everywhere::

    p        0.001    0.01     0.1      0.5      0.9      0.99     0.999
    odds     0.001    0.0101   0.111    1        9        99       999
             |--------|--------|--------|--------|--------|--------|      about even in logit

The bin is given by the leading bits of the odds p / (1 - p) as a float32 number: the exponent (the
octave) and 12 bits of the mantissa, 4,096 bins per octave. Within an octave the mantissa is linear,
so a bin is about 1.7e-4 wide in logit on average and 2.5e-4 at most. Bins computed in this way are
strictly monotone and the same on every machine. Compared with scikit-learn, with 100 positives in a
million bases of normal logits, average precision is off by 2e-6 in the median and by 8e-5 at most
(40 draws), and by less than 1e-6 where it is 0.9999. With 1,000 bins even in p it is off by 1.5e-3.

Figures at a threshold do not come from these bins. A threshold is in general not the edge of a bin,
and a histogram cannot separate the bases on either side of it within a bin. Thresholds are integer
scores, so `ScoreCounts` chooses them on exact counts per integer score. Bases at or above the
threshold in use are counted exactly beside the histogram (`called` of
`dnabirnn.evaluation.bootstrap.Tally`). Precision, recall, F1 and Matthews correlation at the
threshold are therefore exact, and use the same scores as calls do.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from dnabirnn.motif_classes import MAX_SCORE

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BINS",
    "BestThreshold",
    "Counts",
    "Histogram",
    "PrecisionRecall",
    "ScoreCounts",
    "auroc",
    "average_precision",
    "best_f1",
    "bin_edges",
    "bin_means",
    "bin_of",
    "counts_by_value",
    "ranking_precision",
    "thresholded",
]

Counts: TypeAlias = "NDArray[np.int64] | NDArray[np.float64]"
"""Items per bin (..., K); real numbers if items are weighted."""

_OCTAVE_BITS = 12
_OCTAVES = 64
_LOWEST_EXPONENT = -39
"""The bins begin at odds of 2**-39 (1.8e-12); smaller odds fall into the first bin. The largest
float32 below 1, 1 - 2**-24, has odds just under 2**24, so the octave from 2**24 on holds only
p = 1."""

BINS = _OCTAVES << _OCTAVE_BITS
"""Number of bins of a histogram: 262,144."""

_FLOAT32_MANTISSA_BITS = 23
_FLOAT32_BIAS = 127
_SHIFT = _FLOAT32_MANTISSA_BITS - _OCTAVE_BITS
_OFFSET = (_LOWEST_EXPONENT + _FLOAT32_BIAS) << _OCTAVE_BITS


def bin_of(probabilities: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the bin of each probability; 0 and 1 fall into the bins at the ends.

    Parameters
    ----------
    probabilities : ndarray, (...) float32
        From 0 to 1.

    Returns
    -------
    bins : ndarray, (...) int32
        From 0 to `BINS` - 1, larger for larger probabilities.

    Examples
    --------
    >>> bin_of(np.array([0.0, 0.5, 1.0], dtype=np.float32))
    array([     0, 159744, 262143], dtype=int32)
    """
    p = np.asarray(probabilities, dtype=np.float32)
    with np.errstate(divide="ignore"):
        odds = np.asarray(p / (np.float32(1) - p))
    bins: NDArray[np.int32] = odds.view(np.int32)
    bins >>= _SHIFT
    bins -= _OFFSET
    np.clip(bins, 0, BINS - 1, out=bins)
    return bins


def bin_edges(bins: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the smallest probability of each bin; that of bin `BINS` is 1.

    Examples
    --------
    >>> bin_edges(np.array([0, 159744, BINS - 1, BINS]))
    array([0. , 0.5, 1. , 1. ])
    """
    bits = (np.asarray(bins, dtype=np.int64) + _OFFSET) << _SHIFT
    odds = bits.astype(np.int32).view(np.float32).astype(np.float64)
    edges: NDArray[np.float64] = np.where(bits > 0, odds / (1 + odds), 0.0)
    edges[np.asarray(bins) <= 0] = 0
    edges[np.asarray(bins) >= BINS - (1 << _OCTAVE_BITS)] = 1
    return edges


@cache
def bin_means() -> NDArray[np.float64]:
    """Return the probability that represents each bin: its middle; 0 and 1 at the ends.

    Each p of a bin is within 1.3e-4 p (1 - p) of it, so sums over bins can replace sums over p.
    """
    edges = bin_edges(np.arange(BINS + 1))
    means = (edges[:-1] + edges[1:]) / 2
    means[0] = 0
    means.setflags(write=False)
    return means


def _divide(above: ArrayLike, below: ArrayLike, empty: float = np.nan) -> NDArray[np.float64]:
    """Return the quotients, and `empty` where the divisor is 0."""
    divisor = np.asarray(below)
    quotients = np.full(divisor.shape, empty)
    np.divide(above, divisor, out=quotients, where=divisor != 0)
    return quotients


def average_precision(positives: Counts, negatives: Counts) -> NDArray[np.float64]:
    """Return the average precision: the sum of precision times step of recall over thresholds.

    Parameters
    ----------
    positives, negatives : ndarray, (..., K)
        Items in each bin, in ascending order of score. Items of one bin count as ties.

    Returns
    -------
    average : ndarray, (...) float64
        NaN without positives.

    Notes
    -----
    The sum over thresholds n of (R[n] - R[n-1]) P[n], without interpolation, as
    `sklearn.metrics.average_precision_score` defines it.

    Examples
    --------
    >>> float(average_precision(np.array([0, 1, 1]), np.array([2, 1, 0])))
    0.8333333333333333
    """
    found = np.cumsum(positives[..., ::-1], axis=-1)
    called = found + np.cumsum(negatives[..., ::-1], axis=-1)
    precision = _divide(found, called, empty=0.0)
    return _divide(np.sum(positives[..., ::-1] * precision, axis=-1), found[..., -1])


def ranking_precision(values: NDArray[np.int64], true: NDArray[np.bool_]) -> float:
    """Return the average precision of items that are ranked by a value; equal values are ties.

    Parameters
    ----------
    values : ndarray, (n,) int64
    true : ndarray, (n,) bool

    Examples
    --------
    >>> round(ranking_precision(np.array([9, 7, 7, 1]), np.array([True, True, False, True])), 3)
    0.806
    """
    return float(average_precision(*counts_by_value(values, true)))


def counts_by_value(
    values: NDArray[Any], true: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of positives and negatives by distinct value, in ascending order.

    Parameters
    ----------
    values : ndarray, (n,)
    true : ndarray, (n,) bool

    Examples
    --------
    >>> both = counts_by_value(np.array([0.9, 0.7, 0.7]), np.array([True, True, False]))
    >>> [counts.tolist() for counts in both]
    [[1, 1], [1, 0]]
    """
    kinds, place = np.unique(values, return_inverse=True)
    positives, negatives = (
        np.bincount(place[mask], minlength=len(kinds)) for mask in (true, ~true)
    )
    return positives, negatives


def auroc(positives: Counts, negatives: Counts) -> NDArray[np.float64]:
    """Return the area under the ROC curve.

    It is the share of pairs in which a positive scores higher than a negative; ties count half.

    Parameters
    ----------
    positives, negatives : ndarray, (..., K)

    Returns
    -------
    area : ndarray, (...) float64
        NaN without positives or without negatives.

    Examples
    --------
    >>> float(auroc(np.array([0, 1, 1]), np.array([2, 1, 0])))
    0.9166666666666666
    """
    below = np.cumsum(negatives, axis=-1)
    total = below[..., -1].astype(np.float64)
    # In float64 from the start: the number of pairs of a large genome overflows 64-bit integers.
    won = np.sum(positives * (below - negatives / np.float64(2)), axis=-1)
    return _divide(won, total * np.sum(positives, axis=-1))


def best_f1(positives: Counts, negatives: Counts) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the largest F1 over all thresholds, and the lowest bin called at that threshold.

    Parameters
    ----------
    positives, negatives : ndarray, (..., K)

    Returns
    -------
    f1 : ndarray, (...) float64
        NaN without positives.
    bin : ndarray, (...) int
        Items in this bin and above are called. The highest such bin if several are best.

    Examples
    --------
    >>> f1, lowest = best_f1(np.array([0, 1, 1]), np.array([2, 1, 0]))
    >>> float(f1), int(lowest)
    (0.8, 1)
    """
    found = np.cumsum(positives[..., ::-1], axis=-1)
    called = found + np.cumsum(negatives[..., ::-1], axis=-1)
    f1 = _divide(2 * found, called + found[..., -1:])
    f1[found[..., -1] == 0] = np.nan
    place = np.argmax(f1, axis=-1)
    best = np.take_along_axis(f1, place[..., None], axis=-1)[..., 0]
    return best, f1.shape[-1] - 1 - place


class Thresholded(NamedTuple):
    """Figures at one threshold; NaN where they are 0 / 0."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    mcc: NDArray[np.float64]


def thresholded(found: Counts, called: Counts, positives: Counts, items: Counts) -> Thresholded:
    """Compute precision, recall, F1 and Matthews correlation from counts.

    Parameters
    ----------
    found : ndarray, (...)
        Called positives.
    called, positives, items : ndarray, (...)
        All called items, all positives, all items.

    Returns
    -------
    figures : Thresholded, each (...) float64
        Precision is NaN if no item is called. Recall and F1 are NaN if no item is positive. The
        correlation is 0 if none or all of the items are called, or if none or all are positive.

    Examples
    --------
    >>> counts = (np.array(n) for n in (6, 8, 10, 100))
    >>> [round(float(figure), 3) for figure in thresholded(*counts)]
    [0.75, 0.6, 0.667, 0.639]
    """
    found, called, positives, items = (
        np.asarray(count, dtype=np.float64) for count in (found, called, positives, items)
    )
    f1 = np.where(positives > 0, _divide(2 * found, called + positives), np.nan)
    # Shares instead of counts: the product of four counts of a genome would be very large.
    called_share, positive_share = _divide(called, items), _divide(positives, items)
    covariance = _divide(found, items) - called_share * positive_share
    spread = np.sqrt(called_share * (1 - called_share) * positive_share * (1 - positive_share))
    return Thresholded(
        precision=_divide(found, called),
        recall=_divide(found, positives),
        f1=f1,
        mcc=_divide(covariance, spread, empty=0.0),
    )


class PrecisionRecall(NamedTuple):
    """Points of a precision-recall curve, in descending order of threshold; each (n,) float64."""

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    threshold: NDArray[np.float64]


class Histogram:
    """Counts of positives and negatives by score; its size does not depend on their number.

    Attributes
    ----------
    positives, negatives : ndarray, (BINS,) int64
    """

    def __init__(self, counts: NDArray[np.int64] | None = None) -> None:
        """Start empty, or from `counts` (2, BINS): positives and negatives."""
        held = np.zeros((2, BINS), dtype=np.int64) if counts is None else counts
        self.positives: NDArray[np.int64] = held[0]
        self.negatives: NDArray[np.int64] = held[1]

    def add(self, probabilities: NDArray[np.float32], truth: NDArray[np.bool_]) -> None:
        """Count items: `probabilities` float32 and `truth` bool, of the same shape."""
        bins = bin_of(probabilities)
        self.negatives += np.bincount(bins.ravel(), minlength=BINS)
        if truth.any():
            counts = np.bincount(bins[truth], minlength=BINS)
            self.positives += counts
            self.negatives -= counts

    def average_precision(self) -> float:
        """Return the average precision; NaN without positives."""
        return float(average_precision(self.positives, self.negatives))

    def auroc(self) -> float:
        """Return the area under the ROC curve; NaN without positives or without negatives."""
        return float(auroc(self.positives, self.negatives))

    def best_f1(self) -> tuple[float, float]:
        """Return the largest F1 over all thresholds, and the smallest probability called there."""
        f1, lowest = best_f1(self.positives, self.negatives)
        return float(f1), float(bin_edges(np.array([lowest]))[0])

    def precision_recall(self, points: int = 1000) -> PrecisionRecall:
        """Return at most `points` points of the precision-recall curve, about even in recall.

        Both ends are included. Empty without positives.
        """
        kept = np.flatnonzero(self.positives + self.negatives)[::-1]
        found = np.cumsum(self.positives[kept])
        if not found.size or found[-1] == 0:
            return PrecisionRecall(np.empty(0), np.empty(0), np.empty(0))
        recall = found / found[-1]
        precision = found / np.cumsum((self.positives + self.negatives)[kept])
        last = int(np.argmax(found == found[-1]))
        chosen = np.searchsorted(recall[: last + 1], np.linspace(recall[0], 1, points))
        chosen = np.unique(np.clip(chosen, 0, last))
        return PrecisionRecall(recall[chosen], precision[chosen], bin_edges(kept[chosen]))

    def brier(self) -> float:
        """Return the mean squared error of the probabilities (Brier 1950); NaN without items."""
        means = bin_means()
        error = self.positives @ (1 - means) ** 2 + self.negatives @ means**2
        return float(_divide(error, np.sum(self.positives + self.negatives)))

    def expected_calibration_error(self, slices: int = 20) -> float:
        """Return the mean of |predicted - observed| over slices of p, weighted by their items.

        Slices have equal width. NaN without items.
        """
        used = np.flatnonzero(self.positives + self.negatives)
        means, positives = bin_means()[used], self.positives[used]
        counts = positives + self.negatives[used]
        slice_of = np.minimum((means * slices).astype(np.int64), slices - 1)
        error = np.bincount(slice_of, weights=positives - counts * means, minlength=slices)
        return float(_divide(np.abs(error).sum(), np.sum(counts)))


class BestThreshold(NamedTuple):
    """Smallest integer score at which a base is called, and the F1 of this threshold."""

    threshold: int
    f1: float


class ScoreCounts:
    """Exact counts of positives and negatives by integer score, to choose a threshold.

    Attributes
    ----------
    positives, negatives : ndarray, (1001,) int64
    """

    def __init__(self) -> None:
        self.positives: NDArray[np.int64] = np.zeros(MAX_SCORE + 1, dtype=np.int64)
        self.negatives: NDArray[np.int64] = np.zeros(MAX_SCORE + 1, dtype=np.int64)

    def add(self, scores: NDArray[np.int16], truth: NDArray[np.bool_]) -> None:
        """Count items: scores from 0 to 1000 and their truth, of the same shape."""
        counts = np.bincount(scores.ravel(), minlength=MAX_SCORE + 1)
        positives = np.bincount(scores[truth], minlength=MAX_SCORE + 1)
        self.positives += positives
        self.negatives += counts - positives

    def thinned(self, factor: float) -> ScoreCounts:
        """Return counts of sequence in which the odds of positives are `factor` times lower."""
        thinned = ScoreCounts()
        thinned.positives = self.positives
        thinned.negatives = np.rint(self.negatives * factor).astype(np.int64)
        return thinned

    def best(self) -> BestThreshold:
        """Return the threshold from 1 to 1000 with the largest F1.

        Neighboring thresholds with the same F1 form a stretch, because no item scores between
        them. The middle of the lowest such stretch is taken, since it is the farthest from the
        scores on both sides. Without positives the threshold is 500 and F1 is NaN.
        """
        if not self.positives.any():
            return BestThreshold(MAX_SCORE // 2, float("nan"))
        found = np.cumsum(self.positives[::-1])[::-1]
        called = found + np.cumsum(self.negatives[::-1])[::-1]
        f1 = 2 * found[1:] / (called[1:] + found[0])
        best = np.flatnonzero(f1 == f1.max())
        stretch = best[: int(np.argmax(np.append(np.diff(best) != 1, True))) + 1]
        return BestThreshold(int((stretch[0] + stretch[-1]) // 2) + 1, float(f1.max()))
