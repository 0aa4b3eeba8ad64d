"""What is set once a network is fitted: prior, scoring window, thresholds, call lengths."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.bits import IGNORE_BIT, class_bits, targets
from dnabirnn.errors import ScoreError, TrainingError
from dnabirnn.logodds import LogOddsMap
from dnabirnn.metrics import Histogram, ScoreCounts, bin_means
from dnabirnn.rules import CallRule
from dnabirnn.scoring import integer_scores, score
from dnabirnn.windows import MAX_WINDOW_BP, ScoringWindow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.engine import Engine
    from dnabirnn.scoring import Block

__all__ = [
    "Piece",
    "Validation",
    "call_defaults",
    "choose_scoring_window",
    "fitted_map",
    "logistic_fit",
    "mean_of",
    "scoring_windows",
]

logger = logging.getLogger(__name__)

_SCORING_WINDOWS_BP = (4000, 2000, 1000)
_AP_LOSS = 0.002
_PIECE_BP = 100_000
_SHORT_SITE_QUANTILE = 0.05
_LONGEST_DEFAULT_BP = 100
_LONGEST_DEFAULT_GAP_BP = 500
# With fewer positive bases than this, validation sequence says too little of how many there are.
_ENOUGH_POSITIVES = 100
# What lies below or above says no more to a fit than that it does.
_LEAST_PROBABILITY = 1e-9
_LEAST_SLOPE = 0.1


class Piece(NamedTuple):
    """A stretch of validation sequence, scored as a contig of its own."""

    name: str
    codes: Codes
    labels: NDArray[np.unsignedinteger]


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


def logistic_fit(
    scores: NDArray[np.float64], positives: NDArray[np.int64], negatives: NDArray[np.int64]
) -> tuple[float, float]:
    """Slope and intercept of the logistic function that fits best; the slope is above 0.

    Newton's method on Platt's targets, which keep the slope finite where scores part the classes
    (Platt 1999, Probabilistic outputs for support vector machines, section 2.2).

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


def mean_of(average_precision: Mapping[str, float | None]) -> float | None:
    """Mean over the classes that have truth; None where none has."""
    values = [value for value in average_precision.values() if value is not None]
    return float(np.mean(values)) if values else None


def _spread(
    intervals: NDArray[np.int64], pieces: int, labels: NDArray[np.unsignedinteger]
) -> NDArray[np.int64]:
    """So many pieces of at most 100 kb, spread evenly, and one of each class these lack."""
    cut = [
        (start, min(start + _PIECE_BP, end))
        for first, end in intervals.tolist()
        for start in range(first, end, _PIECE_BP)
    ]
    present = np.array([np.bitwise_or.reduce(labels[start:end]) for start, end in cut])
    chosen = set(np.linspace(0, len(cut) - 1, pieces).round().astype(int).tolist())
    for bit in range(1, labels.dtype.itemsize * 8):
        having = np.flatnonzero(present & labels.dtype.type(1 << bit))
        if having.size and not chosen & set(having.tolist()):
            chosen.add(int(having[0]))
    return np.array([cut[number] for number in sorted(chosen)], dtype=np.int64)


class Validation:
    """Validation sequence as it is, to hold a network against.

    Parameters
    ----------
    encoded : EncodedSet
    most_bp : int, optional
        No more than about so many bases, in pieces spread evenly.
    split : str, optional
        By default "val", or "train" where the encoded set has no validation sequence.

    Attributes
    ----------
    split : str
    pieces : list of Piece
    """

    def __init__(
        self, encoded: EncodedSet, most_bp: int | None = None, split: str | None = None
    ) -> None:
        self.classes = encoded.classes
        self.split = split or ("val" if len(encoded.split("val")) else "train")
        intervals = encoded.split(self.split)
        if most_bp is not None and (intervals[:, 1] - intervals[:, 0]).sum() > most_bp:
            intervals = _spread(intervals, max(1, most_bp // _PIECE_BP), encoded.labels)
        self.pieces = [
            Piece(
                f"{self.split}:{start}-{end}", encoded.codes[start:end], encoded.labels[start:end]
            )
            for start, end in intervals
        ]
        self._by_name = {piece.name: piece for piece in self.pieces}

    def absent(self) -> list[str]:
        """Names of the classes that have no counted base here."""
        found = np.zeros(len(self.classes), np.bool_)
        for piece in self.pieces:
            labels = np.asarray(piece.labels)
            counted = labels[(piece.codes < AMBIGUOUS) & ((labels & IGNORE_BIT) == 0)]
            present = int(np.bitwise_or.reduce(counted, initial=0))
            for number in range(len(self.classes)):
                found[number] |= bool(present & class_bits(number, "."))
        return [c.name for c, here in zip(self.classes, found, strict=True) if not here]

    def histograms(
        self, engine: Engine, scoring: ScoringWindow, threads: int
    ) -> tuple[dict[str, Histogram], dict[str, ScoreCounts]]:
        """Scores of counted bases a class, each strand's bases as their own.

        Raises
        ------
        TrainingError
            A probability that is not finite.
        """
        histograms = {motif_class.name: Histogram() for motif_class in self.classes}
        counts = {motif_class.name: ScoreCounts() for motif_class in self.classes}
        for probabilities, truth in self._scored(engine, scoring, threads):
            column = 0
            for name, stranded in self.classes:
                mine = slice(column, column + 1 + stranded)
                column = mine.stop
                histograms[name].add(probabilities[:, mine], truth[:, mine])
                counts[name].add(integer_scores(probabilities[:, mine]), truth[:, mine])
        return histograms, counts

    def average_precision(
        self, engine: Engine, scoring: ScoringWindow, threads: int
    ) -> dict[str, float | None]:
        """Average precision a class, each strand's bases as their own; None without truth."""
        histograms, _ = self.histograms(engine, scoring, threads)
        return {
            name: histogram.average_precision() if histogram.positives.any() else None
            for name, histogram in histograms.items()
        }

    def blocks(self, engine: Engine, scoring: ScoringWindow, threads: int) -> Iterator[Block]:
        """Scores of all pieces, each as a contig.

        Raises
        ------
        TrainingError
            A probability that is not finite.
        """
        columns = sum(1 + stranded for _, stranded in self.classes)
        yield from _finite(score(self.pieces, engine, scoring, columns, threads=threads))

    def piece(self, name: str) -> Piece:
        """The piece of a name."""
        return self._by_name[name]

    def _scored(
        self, engine: Engine, scoring: ScoringWindow, threads: int
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        for block in self.blocks(engine, scoring, threads):
            part = slice(block.start, block.start + len(block.codes))
            labels = np.asarray(self.piece(block.name).labels[part])
            ignored = (labels & labels.dtype.type(IGNORE_BIT)) != 0
            counted = (block.codes < AMBIGUOUS) & ~ignored
            yield block.probabilities[counted], targets(labels[counted], self.classes)


def _finite(blocks: Iterator[Block]) -> Iterator[Block]:
    """Blocks of a network that is being trained; what is not finite ends the training."""
    try:
        yield from blocks
    except ScoreError as error:
        raise TrainingError(f"validation: {error}") from error
