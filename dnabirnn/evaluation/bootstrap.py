"""Block bootstrap: intervals of 95 % of the figures per base.

A `Tally` counts one kind of item: the bases of a class, strand-blind or by strand. It keeps a fine
histogram of all items, and a coarse histogram for each group of blocks.

Why blocks. Neighboring bases are not independent: the bases of one site are mostly all right or
all wrong. A bootstrap that draws single bases gives intervals that are far too narrow. The unit of
drawing is therefore a block of 10 kb, at fixed positions of each contig.

Why groups. A histogram per block would need memory in proportion to the genome. Blocks are assigned
to 512 groups in turn, and groups are drawn::

    blocks with a counted base    0    1    2   ...  511  512  513  ...
    group                         0    1    2   ...  511    0    1  ...

With g groups, a replicate draws g of them with replacement. Where groups hold the same number of
independent blocks, the sums over a replicate have the same variance as with drawn blocks.

Why figures are moved. A group has 1,024 bins, so a figure of a replicate is slightly off, and so is
the center of its distribution. The same figure of all groups together shows by how much::

    interval = percentiles(coarse figures of the replicates) + fine figure - coarse figure of all

The result is clipped to the range of the figure. Figures at the threshold of calls come from exact
counts, so for them the difference is 0.
"""

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

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from dnabirnn.evaluation.metrics import PrecisionRecall

__all__ = [
    "BLOCK_BP",
    "COARSE",
    "GROUPS",
    "Curve",
    "Tally",
    "draw",
    "intervals",
    "moved_replicates",
]

BLOCK_BP = 10_000
"""Length of a block of the bootstrap, for bases and for calls."""
GROUPS = 512
"""Maximum number of groups of blocks that the bootstrap draws from."""
COARSE = BINS >> 8
"""Bins of the histogram of a group: 1,024, sixteen per octave of the odds."""
_REPLICATES_AT_ONCE = 250
_WITH_INTERVALS = ("ap", "auroc", "best_f1", "precision", "recall", "f1", "mcc")


class Curve(NamedTuple):
    """Precision-recall and reliability curves of a class, with the numbers of their legend.

    Attributes
    ----------
    class_name : str
    stranded : bool
        True if each base counts once per strand.
    ap, prevalence, expected_over_observed, calibration_slope : float
    precision_recall : PrecisionRecall
        At most 1,000 points.
    reliability : Reliability
    replicates : ndarray, (r,) float64
        Average precision of each bootstrap replicate; empty if the curve was read from a file.
        Another evaluation of the same bases with the same seed draws the same blocks, so that
        differences of two are paired.
    """

    class_name: str
    stranded: bool
    ap: float
    prevalence: float
    expected_over_observed: float
    calibration_slope: float
    precision_recall: PrecisionRecall
    reliability: Reliability
    replicates: NDArray[np.float64] = np.empty(0)

    def plain(self) -> dict[str, Any]:
        """Return the curve as JSON values: names, numbers, and lists of numbers."""
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
    """Counts of one kind of item, over all and by group of blocks.

    Attributes
    ----------
    histogram : Histogram
        All items.
    by_score : ndarray, (GROUPS, 2, COARSE) uint32
        Positives and negatives of each group.
    called : ndarray, (GROUPS, 2) int64
        Called positives, and all called items, of each group.
    """

    def __init__(
        self, by_bin: NDArray[np.int64], by_score: NDArray[np.uint32], called: NDArray[np.int64]
    ) -> None:
        """Keep the counts; `by_bin`, (2, BINS) positives and negatives, becomes the histogram."""
        self.histogram = Histogram(by_bin)
        self.by_score = by_score
        self.called = called

    def figures(self) -> dict[str, float]:
        """Return the figures over all items; NaN where a figure is not defined."""
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
        """Return the curve of the items, of which at least one must be positive.

        `figures` are those of this tally. `weights` are those of the bootstrap, from `draw`.
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
        """Return the figures of each bootstrap replicate, from the coarse histograms.

        Parameters
        ----------
        weights : ndarray, (r, g) float64
            Number of times each replicate draws each of the first g groups.

        Returns
        -------
        figures : dict of ndarray, (r,) float64
        """
        groups = weights.shape[1]
        counts = self.by_score[:groups]
        counts = counts[..., counts.any(axis=(0, 1))]  # (g, 2, k): bins in use
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
    """Yield `weights @ counts`, (r, g) and (g, n), exactly, as slices of rows with their values."""
    # float32 holds integers up to 2**24 exactly, and its product takes half the time.
    largest = weights @ counts.max(axis=1, initial=0).astype(np.float64)
    enough: type[np.floating] = np.float32 if largest.max(initial=0) < 1 << 24 else np.float64
    factors, table = weights.astype(enough), counts.astype(enough)
    for first in range(0, len(weights), _REPLICATES_AT_ONCE):
        piece = slice(first, first + _REPLICATES_AT_ONCE)
        yield piece, (factors[piece] @ table).astype(np.float64)


def _replicates(
    drawn: NDArray[np.float64], at_threshold: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return figures (r,) from counts by bin (r, 2, k) and counts found and called (r, 2)."""
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
    """Draw the groups of each bootstrap replicate.

    Parameters
    ----------
    blocks : int
        Number of blocks counted. If there are more than `GROUPS`, they share groups.
    replicates, seed : int

    Returns
    -------
    weights : ndarray, (replicates, groups) float64
        Number of times each replicate draws each group. Without rows if there are fewer than two
        groups.
    """
    groups = min(blocks, GROUPS)
    if groups < 2:
        return np.empty((0, groups))
    random = np.random.Generator(np.random.PCG64(seed))
    shares = np.full(groups, 1 / groups)
    return random.multinomial(groups, shares, size=replicates).astype(np.float64)


def moved_replicates(
    tally: Tally, figures: Mapping[str, float], weights: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the replicates of each figure, (r,) float64, moved as the module docstring says."""
    coarse = tally.replicates(np.ones((1, weights.shape[1])))
    return {
        name: values + (figures[name] - float(coarse[name][0]))
        for name, values in tally.replicates(weights).items()
    }


def intervals(
    replicates: Mapping[str, NDArray[np.float64]], figures: Mapping[str, float]
) -> dict[str, list[float] | None]:
    """Return the intervals of 95 %, from the moved replicates (r,) of each figure.

    An interval is None if the figure is undefined, or at least half of its replicates are.
    """
    found: dict[str, list[float] | None] = {}
    for name, values in replicates.items():
        defined = values[~np.isnan(values)]
        if np.isnan(figures[name]) or 2 * defined.size <= values.size:
            found[name] = None
            continue
        ends = np.percentile(defined, [2.5, 97.5])
        found[name] = np.clip(ends, -1 if name == "mcc" else 0, 1).tolist()
    return found
