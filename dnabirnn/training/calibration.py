"""What is set once a network is fitted: prior, scoring window, thresholds, call lengths."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.evaluation import Histogram, bin_means, logistic_fit
from dnabirnn.network import MAX_WINDOW_BP, CallRule, LogOddsMap, ScoringWindow
from dnabirnn.training.validation import Validation, mean_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dnabirnn.engine import Engine

__all__ = ["call_defaults", "choose_scoring_window", "fitted_map", "scoring_windows"]

logger = logging.getLogger(__name__)

_SCORING_WINDOWS_BP = (4000, 2000, 1000)
_AP_LOSS = 0.002
_SHORT_SITE_QUANTILE = 0.05
_LONGEST_DEFAULT_BP = 100
_LONGEST_DEFAULT_GAP_BP = 500
# With fewer positive bases than this, validation sequence says too little of how many there are.
_ENOUGH_POSITIVES = 100
# What lies below or above says no more to a fit than that it does.
_LEAST_PROBABILITY = 1e-9
_LEAST_SLOPE = 0.1


def fitted_map(histogram: Histogram) -> LogOddsMap:
    """What makes of a class's log-odds the best probabilities that two numbers can give.

    Background near sites is drawn as often as the sites, background far from them is not, so
    that the prior alone does not tell the shift; and a network that has seen each site many times
    is surer than it should be, which the slope mends.

    Parameters
    ----------
    histogram : Histogram
        Of validation sequence as it is.

    Returns
    -------
    map : LogOddsMap
        The identity where there are fewer than 100 positives or no negatives.
    """
    used = np.flatnonzero(histogram.positives + histogram.negatives)
    positives, negatives = histogram.positives[used], histogram.negatives[used]
    if positives.sum() < _ENOUGH_POSITIVES or not negatives.any():
        return LogOddsMap(1.0, 0.0)
    middles = np.clip(bin_means()[used], _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    slope, shift = logistic_fit(np.log(middles) - np.log1p(-middles), positives, negatives)
    if _LEAST_SLOPE <= slope <= 1 / _LEAST_SLOPE:
        return LogOddsMap(slope, shift)
    return LogOddsMap(1.0, 0.0)


def scoring_windows(training_window_bp: int) -> list[ScoringWindow]:
    """Scoring windows to choose from, longest first; all longer than the training window."""
    halo = max(1, training_window_bp * 3 // 4)
    lengths = [length for length in _SCORING_WINDOWS_BP if length >= 4 * training_window_bp]
    lengths = lengths or [4 * training_window_bp]
    return [ScoringWindow(min(length, MAX_WINDOW_BP), halo) for length in lengths]


def call_defaults(
    thresholds: Mapping[str, int], site_lengths_bp: Mapping[str, NDArray[np.int64]]
) -> dict[str, CallRule]:
    """How calls of each class are made unless the user says otherwise.

    Parameters
    ----------
    thresholds : mapping of class name to int
    site_lengths_bp : mapping of class name to ndarray, (n,) int64
        Lengths of the training sites: a call may be half as short as all but the shortest
        twentieth of them, and may bridge gaps of the same length. Lengths are not over 100 bp,
        since a long array may be cut short by the end of a contig; gaps are not over 500 bp.

    Examples
    --------
    >>> call_defaults({"REP": 640}, {"REP": np.array([30, 31, 33, 34])})
    {'REP': CallRule(threshold=640, min_length_bp=15, merge_gap_bp=15)}
    """
    defaults = {}
    for name, threshold in thresholds.items():
        short = float(np.quantile(site_lengths_bp[name], _SHORT_SITE_QUANTILE)) / 2
        length = max(1, min(int(short), _LONGEST_DEFAULT_BP))
        gap = min(int(short), _LONGEST_DEFAULT_GAP_BP)
        defaults[name] = CallRule(threshold, length, gap)
    return defaults


def choose_scoring_window(
    validation: Validation, engine: Engine, training_window_bp: int, threads: int
) -> ScoringWindow:
    """The longest scoring window with which no class's average precision loses over 0.002.

    The longer the window, the smaller the share of its bases that is thrown away; but a network
    reads further than it was trained to, and on sequence that it was not trained on its memory
    may lead it astray. Without validation sequence, the shortest window is taken.
    """
    windows = scoring_windows(training_window_bp)
    if validation.split != "val":
        return windows[-1]
    found = [validation.average_precision(engine, window, threads) for window in windows]
    for window, precision in zip(windows, found, strict=True):
        logger.info(
            "scoring window of %d bp: validation AP %.4f",
            window.length_bp,
            mean_of(precision) or 0.0,
        )
    best = {name: max(ap[name] or 0.0 for ap in found) for name in found[0]}
    return next(
        window
        for window, precision in zip(windows, found, strict=True)
        if all((ap or 0.0) >= best[name] - _AP_LOSS for name, ap in precision.items())
        or window is windows[-1]
    )
