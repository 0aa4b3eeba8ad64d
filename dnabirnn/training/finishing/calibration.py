"""What is set after fitting: calibration of log-odds, scoring window, rules for calls.

Calibration. A fitted network gives log-odds x. They are off for two reasons:

- Training windows hold more positive bases than the sequence (`dnabirnn.training.sampling`). Bayes'
  rule gives the shift that corrects for the ratio of the two shares. It assumes that the background
  of the windows looks like that of the sequence. It does not: half of the windows lie at sites, so
  the flanks of sites are drawn far more often than other background.
- A network that has seen each site many times is too sure of itself: its log-odds are too large on
  both sides.

Each class therefore gets two numbers, a slope a and a shift b, fitted on validation sequence in its
natural composition::

    calibrated log-odds = a x + b        probability = 1 / (1 + exp(-(a x + b)))

The shift corrects the number of positive bases: after the fit, the probabilities sum to about that
number. The slope corrects the confidence: a < 1 pulls probabilities away from 0 and 1. They are the
maximum of the likelihood, with Platt's targets (`dnabirnn.evaluation.logistic_fit`). As a > 0, the
order of the scores of a class does not change, and neither does its average precision, except that
classes of an exclusive network share one softmax.

Scoring window. The scores in a halo at either end of a window are thrown away, so longer windows
waste less. The halo is 3/4 of the training window, or as far as a matrix reaches if that is
further. Windows of 4,000, 2,000 and 1,000 bp are tried, of which only those at least four times as
long as the training window are used. If none is, the window has four times its length. The longest
window is chosen with which every class stays within 0.002 of its best average precision on
validation sequence. The check is needed because a network reads further in scoring than it did in
training.

Classes that are not learned. A class gets no threshold, and so no calls, in two cases:

- its average precision is about that of chance: its odds are below 3 times those of the class's
  share of the bases. Chance gives the share itself. Odds are compared because 3 times a share above
  1/3 could not be reached.
- its best F1 is below 0.1. Precision and recall are then not both above 0.1 at any threshold, so
  that most calls are false or most sites are missed. A best F1 of 0.1 implies an average precision
  of about 0.005 or more, so a rare class needs no other limit.

Length and gap of calls. Both come from the lengths of the labelled runs of the training split::

    half = 5 % quantile of the lengths / 2, rounded down
    minimum length = half, but 1 to 100 bp        gap = half, but at most 500 bp

A low quantile is used instead of the minimum so that a single odd label does not decide. Half of it
is used so that a true site that is found only in part is kept.

Sites of one length. A call that is shorter than all sites is more often false: on start codons of
the fly (3 bases), F1 of calls on validation sequence was 0.21 from 1 base on, and 0.26 with 3. But
a threshold may also cut the ends of true calls. On promoters of 40 bp, F1 fell from 0.11 to 0.07 if
all 40 bases were required, and on yeast factors (7 to 13 bases) all but one was mostly best, with
up to 0.05 more F1 than half. So three lengths are tried: half, all but one, and all. The one with
the best F1 of calls on validation sequence is the minimum length.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.evaluation import CallEvaluation, Histogram, Truth, bin_means, logistic_fit
from dnabirnn.network import MAX_WINDOW_BP, CallRule, CallSettings, LogOddsMap, ScoringWindow
from dnabirnn.scoring import find_calls, find_runs
from dnabirnn.training.finishing.false_discovery import by_contig
from dnabirnn.training.validation import Validation, mean_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dnabirnn.engine import Engine
    from dnabirnn.motif_classes import Output
    from dnabirnn.tracks import Rows

__all__ = [
    "call_defaults",
    "choose_scoring_window",
    "fitted_map",
    "fixed_length",
    "is_learned",
    "scoring_windows",
    "shortest_calls",
]

logger = logging.getLogger(__name__)

_SCORING_WINDOWS_BP = (4000, 2000, 1000)
_AP_LOSS = 0.002
_SHORT_SITE_QUANTILE = 0.05
_ONE_LENGTH_QUANTILES = (0.05, 0.95)
_LONGEST_DEFAULT_BP = 100
_LONGEST_DEFAULT_GAP_BP = 500
_CHANCE = 3.0
_LEAST_F1 = 0.1
# With fewer positive bases, the shift and the slope would be too uncertain.
_ENOUGH_POSITIVES = 100
# Probabilities are clipped to this and to 1 minus this before the fit, so that log-odds are finite.
_MIN_PROBABILITY = 1e-9
# A slope below this, or above its reciprocal, is a sign that the fit has failed.
_MIN_SLOPE = 0.1


def fitted_map(histogram: Histogram) -> LogOddsMap:
    """Fit the slope and the shift that calibrate the log-odds of a class.

    See the module docstring for what the two numbers correct.

    Parameters
    ----------
    histogram : Histogram
        Scores of the class on validation sequence in its natural composition.

    Returns
    -------
    map : LogOddsMap
        The identity with fewer than 100 positives, without negatives, or if the fitted slope is not
        from 0.1 to 10.
    """
    used = np.flatnonzero(histogram.positives + histogram.negatives)
    positives, negatives = histogram.positives[used], histogram.negatives[used]
    if positives.sum() < _ENOUGH_POSITIVES or not negatives.any():
        return LogOddsMap(1.0, 0.0)
    middles = np.clip(bin_means()[used], _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    slope, shift = logistic_fit(np.log(middles) - np.log1p(-middles), positives, negatives)
    if _MIN_SLOPE <= slope <= 1 / _MIN_SLOPE:
        return LogOddsMap(slope, shift)
    return LogOddsMap(1.0, 0.0)


def scoring_windows(training_window_bp: int, reach_bp: int = 0) -> list[ScoringWindow]:
    """Return the scoring windows to choose from, longest first.

    Each is at least four times as long as the training window. A matrix reaches `reach_bp` bases to
    either side of a base, all of which are in the window.
    """
    halo = max(1, training_window_bp * 3 // 4, reach_bp)
    lengths = [length for length in _SCORING_WINDOWS_BP if length >= 4 * training_window_bp]
    lengths = lengths or [4 * training_window_bp]
    return [ScoringWindow(min(length, MAX_WINDOW_BP), halo) for length in lengths]


def is_learned(average_precision: float, best_f1: float, share: float) -> bool:
    """Return whether a class is found well enough to be called; see the module docstring.

    Parameters
    ----------
    average_precision, best_f1 : float
        On validation sequence; NaN counts as not learned.
    share : float
        Share of the bases there that belong to the class.

    Examples
    --------
    >>> is_learned(0.5, 0.5, 0.01), is_learned(0.02, 0.09, 0.001), is_learned(0.5, 0.6, 0.4)
    (True, False, False)
    """
    # Odds multiplied out: nothing is divided by 0.
    by_chance = average_precision * (1 - share) < _CHANCE * share * (1 - average_precision)
    return best_f1 >= _LEAST_F1 and not by_chance


def call_defaults(
    thresholds: Mapping[str, int], site_lengths_bp: Mapping[str, NDArray[np.int64]]
) -> dict[str, CallRule]:
    """Return the default rule for calls of each class.

    Parameters
    ----------
    thresholds : mapping of class name to int
    site_lengths_bp : mapping of class name to ndarray, (n,) int64
        Lengths of the training sites. The minimum length of a call, and the longest gap that it
        bridges, are half of their 5 % quantile, rounded down. The minimum length is at least 1 and
        at most 100 bp, because the end of a contig may cut a long array short. The gap is at most
        500 bp.

    Examples
    --------
    >>> call_defaults({"REP": 640}, {"REP": np.array([30, 31, 33, 34])})["REP"] == CallRule(
    ...     threshold=640, min_length_bp=15, merge_gap_bp=15
    ... )
    True
    """
    defaults = {}
    for name, threshold in thresholds.items():
        short = float(np.quantile(site_lengths_bp[name], _SHORT_SITE_QUANTILE)) / 2
        length = max(1, min(int(short), _LONGEST_DEFAULT_BP))
        gap = min(int(short), _LONGEST_DEFAULT_GAP_BP)
        defaults[name] = CallRule(threshold, length, gap)
    return defaults


def choose_scoring_window(
    validation: Validation, engine: Engine, windows: Sequence[ScoringWindow], threads: int
) -> ScoringWindow:
    """Choose the longest scoring window that costs no class more than 0.002 of average precision.

    The longer the window, the smaller the share of its bases that is thrown away. But a network
    then reads further than in training. On some satellites, windows of 4,000 bp lost a third of the
    average precision of windows of 1,000 bp. Without validation sequence the shortest window is
    taken, since the training sequence would not show such a loss. `windows` are those of
    `scoring_windows`.
    """
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


def fixed_length(lengths_bp: NDArray[np.int64]) -> int | None:
    """Return the length of the sites of a class, if nearly all have one.

    None if the 5 % and the 95 % quantile differ, or for sites of over 100 bp.

    Examples
    --------
    >>> fixed_length(np.array([3] * 50 + [7])), fixed_length(np.array([3, 4, 3, 4]))
    (3, None)
    """
    low, high = np.quantile(lengths_bp, _ONE_LENGTH_QUANTILES).tolist()
    return int(low) if low == high <= _LONGEST_DEFAULT_BP else None


def shortest_calls(
    validation: Validation,
    engine: Engine,
    window: ScoringWindow,
    outputs: Sequence[Output],
    rules: Mapping[str, CallRule],
    fixed_bp: Mapping[str, int],
    threads: int,
) -> dict[str, int]:
    """Return the shortest call of classes with sites of one length, in bases.

    Parameters
    ----------
    validation : Validation
    engine : Engine
    window : ScoringWindow
    outputs : sequence of Output
    rules : mapping of class name to CallRule
        Default rules, with half of the length.
    fixed_bp : mapping of class name to int
        Lengths of the sites of these classes.
    threads : int
    """
    tried = {
        name: sorted({rules[name].min_length_bp, max(length - 1, 1), length})
        for name, length in fixed_bp.items()
    }
    rounds = max(map(len, tried.values()), default=0)
    if not rounds:
        return {}
    settings = [
        CallSettings(
            {
                name: replace(rules[name], min_length_bp=lengths[min(number, len(lengths) - 1)])
                for name, lengths in tried.items()
            }
        )
        for number in range(rounds)
    ]
    found = [CallEvaluation(validation.classes) for _ in settings]
    lowest = min(rules[name].threshold for name in tried)
    rows = find_runs(validation.blocks(engine, window, threads), min_score=lowest)
    for of_contig in by_contig(rows):
        contig = validation.contig(of_contig[0].chrom)
        truth = Truth.of(np.asarray(contig.labels), codes=np.asarray(contig.codes))
        for evaluation, setting in zip(found, settings, strict=True):
            for calls in find_calls(of_contig, outputs, setting):
                evaluation.add(_spans(calls, len(outputs)), truth)
    figures = [evaluation.finish(replicates=0) for evaluation in found]
    chosen = {}
    for name, lengths in tried.items():
        f1 = [(of[name] or {}).get("f1") or 0.0 for of in figures[: len(lengths)]]
        chosen[name] = lengths[int(np.argmax(f1))]  # the shortest of several that are best
        pairs = ", ".join(f"{bp} bp {value:.3f}" for bp, value in zip(lengths, f1, strict=True))
        logger.info("%s: F1 of calls on validation sequence by shortest call: %s", name, pairs)
    return chosen


def _spans(calls: Rows, outputs: int) -> list[NDArray[np.int64]]:
    """Return the calls of each output, (n, 2)."""
    spans = np.column_stack((calls.start, calls.end))
    return [spans[calls.output == output] for output in range(outputs)]
