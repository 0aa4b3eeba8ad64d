"""Scores of whole sequences: their classes, and where in them the site is.

`dnabirnn.network.sequence_scores` says how the scores of a sequence follow from those of its bases.

The best interval of a class is the stretch of bases of one strand with the largest sum of log-odds,
of at least `site_bp` bases, in the part of the sequence that counts. Bases inside a site have
log-odds above 0, and others below, so that it begins and ends where the site does. In a sequence
without a site it is the stretch that comes closest.

Blocks are taken as they come. Memory is that of a block and of `length_bp` bases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.network import PROBABILITY_BOUNDS, log_odds_of_any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.motif_classes import MotifClass
    from dnabirnn.network import Words
    from dnabirnn.tracks import Block

__all__ = [
    "BestInterval",
    "ScoredSequence",
    "SequenceReader",
    "best_interval",
    "log_odds_of",
    "score_sequences",
]

# Log-odds of a base that is not known: no interval gains from such a base.
_UNKNOWN = -1e6


class BestInterval(NamedTuple):
    """Interval of a sequence with the highest scores, 0-based and half-open.

    Attributes
    ----------
    start, end : int
    strand : str
    score : float
        Mean probability of its bases, which is not calibrated.
    """

    start: int
    end: int
    strand: str
    score: float


class ScoredSequence(NamedTuple):
    """Scores of a sequence.

    Attributes
    ----------
    name : str
    length_bp : int
    log_odds : ndarray, (K,) float64
        Log-odds of each class, with the words, before calibration.
    best : list of BestInterval or None
        Best interval of each class; None for a sequence without a base.
    """

    name: str
    length_bp: int
    log_odds: NDArray[np.float64]
    best: list[BestInterval | None]


def score_sequences(
    blocks: Iterable[Block],
    classes: Sequence[MotifClass],
    site_bp: int,
    length_bp: int,
    words: Words | None,
) -> Iterator[ScoredSequence]:
    """Yield the scores of sequences, in the order of the blocks.

    Parameters
    ----------
    blocks : iterable of Block
    classes : sequence of MotifClass
    site_bp, length_bp, words
        As in `dnabirnn.network.SequenceScores`.
    """
    reader = SequenceReader(classes, site_bp, length_bp, words)
    for block in blocks:
        found = reader.add(block)
        if found is not None:
            yield found


class SequenceReader:
    """Scores of sequences whose blocks come one by one; parameters as for `score_sequences`."""

    def __init__(
        self,
        classes: Sequence[MotifClass],
        site_bp: int,
        length_bp: int,
        words: Words | None = None,
    ) -> None:
        self._settings = (classes, site_bp, length_bp, words)
        self._reading: _Reading | None = None

    def add(self, block: Block) -> ScoredSequence | None:
        """Add a block; return the scores of its sequence if the block is the last one of it."""
        if self._reading is None:
            self._reading = _Reading(block.name, *self._settings)
        self._reading.add(block)
        if not block.last:
            return None
        found, self._reading = self._reading.finish(), None
        return found


class _Reading:
    """A sequence of which some blocks have been read."""

    def __init__(
        self,
        name: str,
        classes: Sequence[MotifClass],
        site_bp: int,
        length_bp: int,
        words: Words | None,
    ) -> None:
        self._name, self._classes, self._words = name, classes, words
        self._site_bp, self._length_bp = site_bp, length_bp
        outputs = sum(1 + stranded for _, stranded in classes)
        # The bases since `_start`, and their log-odds.
        self._codes: Codes = np.empty(0, np.uint8)
        self._rows = np.empty((0, outputs))
        self._start = self._end = 0
        self._highest = np.full(len(classes), -np.inf)
        self._best: list[tuple[int, NDArray[np.float64]]] = [(0, self._rows)] * len(classes)

    def add(self, block: Block) -> None:
        """Add a block, and keep what the next windows need."""
        self._rows = np.concatenate([self._rows, log_odds_of(block)])
        self._codes = np.concatenate([self._codes, block.codes])
        self._end += len(block.codes)
        if len(self._rows) >= self._length_bp:
            self._look()
            kept = self._length_bp - 1
            self._start += len(self._rows) - kept
            self._codes = self._codes[len(self._rows) - kept :]
            self._rows = self._rows[len(self._rows) - kept :]

    def finish(self) -> ScoredSequence:
        """Return the scores of the whole sequence."""
        if self._end < self._length_bp and self._end:
            self._look()
        best: list[BestInterval | None] = [None] * len(self._classes)
        for number, own in enumerate(self._columns()):
            start, rows = self._best[number]
            if len(rows):
                best[number] = _best_of(rows[:, own], start, self._site_bp)
        if not self._end:
            self._highest = log_odds_of_any(np.zeros(len(self._classes)))
        return ScoredSequence(self._name, self._end, self._highest, best)

    def _columns(self) -> Iterator[slice]:
        first = 0
        for _, stranded in self._classes:
            yield slice(first, first + 1 + stranded)
            first += 1 + stranded

    def _look(self) -> None:
        """Find the best window of each class among those that end in the rows."""
        window = min(self._length_bp, len(self._rows))
        site = min(self._site_bp, window)
        sites = np.logaddexp(0, _means(self._rows, site))  # log(1 + exp(z))
        words = None if self._words is None else self._words.sums(self._codes, window)
        for number, own in enumerate(self._columns()):
            log_odds = log_odds_of_any(_sums(sites[:, own].sum(axis=1), window - site + 1))
            if words is not None:
                log_odds = log_odds + words[:, number]
            place = int(np.argmax(log_odds))
            if log_odds[place] > self._highest[number]:
                self._highest[number] = log_odds[place]
                rows = self._rows[place : place + window].copy()
                self._best[number] = (self._start + place, rows)


def log_odds_of(block: Block) -> NDArray[np.float64]:
    """Return the log-odds of the bases of a block, very low ones for code 4: (m, O) float64."""
    p = np.clip(block.probabilities.astype(np.float64), *PROBABILITY_BOUNDS)
    found = np.log(p) - np.log1p(-p)
    found[block.codes >= AMBIGUOUS] = _UNKNOWN
    return np.asarray(found)


def _sums(values: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Return the sums of all runs of `number` values along the first axis.

    Sums of slices, and not differences of running sums: these would lose digits next to an unknown
    base, and would depend on where a block begins.
    """
    runs = np.lib.stride_tricks.sliding_window_view(values, number, axis=0)
    return np.asarray(runs.sum(axis=-1))


def _means(rows: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    return _sums(rows, number) / number


def _best_of(rows: NDArray[np.float64], start: int, site_bp: int) -> BestInterval:
    """Return the best interval of rows (m, strands) that begin at `start`."""
    strands = "+-" if rows.shape[1] == 2 else "."
    found = [best_interval(rows[:, column], site_bp) for column in range(rows.shape[1])]
    column = int(np.argmax([rows[a:b, n].sum() for n, (a, b) in enumerate(found)]))
    first, last = found[column]
    score = float(np.mean(1 / (1 + np.exp(-np.maximum(rows[first:last, column], -700)))))
    return BestInterval(start + first, start + last, strands[column], score)


def best_interval(log_odds: NDArray[np.float64], least_bp: int) -> tuple[int, int]:
    """Return the interval of at least `least_bp` bases with the largest sum of log-odds.

    Parameters
    ----------
    log_odds : ndarray, (m,) float64
        At least one.
    least_bp : int
        If there are fewer bases, the interval is all of them.

    Examples
    --------
    >>> best_interval(np.array([-1.0, 2, -1, 2, -3, 1]), 1)
    (1, 4)
    >>> best_interval(np.array([-1.0, 2, -1, 2, -3, 1]), 4)
    (0, 4)
    """
    least = min(least_bp, len(log_odds))
    before = np.concatenate([[0.0], np.cumsum(log_odds)])
    # For each end, the start with the smallest sum before it that is far enough to the left.
    lowest = np.minimum.accumulate(before[: len(before) - least])
    gains = before[least:] - lowest
    end = int(np.argmax(gains))
    start = int(np.argmin(before[: end + 1]))
    return start, end + least
