"""Validation sequence and metrics on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.errors import ScoreError, TrainingError
from dnabirnn.evaluation import Histogram, ScoreCounts
from dnabirnn.labels import IGNORE_BIT, class_bits, targets
from dnabirnn.scoring import score
from dnabirnn.tracks import integer_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.engine import Engine
    from dnabirnn.network import ScoringWindow
    from dnabirnn.tracks import Block

__all__ = ["Validation", "ValidationContig", "mean_of"]

_PIECE_BP = 100_000


class ValidationContig(NamedTuple):
    """Stretch of validation sequence that is scored as a separate contig."""

    name: str
    codes: Codes
    labels: NDArray[np.unsignedinteger]


def mean_of(average_precision: Mapping[str, float | None]) -> float | None:
    """Return the mean over the classes with truth; None if no class has truth."""
    values = [value for value in average_precision.values() if value is not None]
    return float(np.mean(values)) if values else None


def _spread(
    intervals: NDArray[np.int64], most_bp: int, piece_bp: int, labels: NDArray[np.unsignedinteger]
) -> NDArray[np.int64]:
    """Return evenly spread pieces, plus one for each label bit they lack."""
    pieces = max(1, most_bp // piece_bp)
    cut = [
        (start, min(start + piece_bp, end))
        for first, end in intervals.tolist()
        for start in range(first, end, piece_bp)
    ]
    present = np.array([np.bitwise_or.reduce(labels[start:end]) for start, end in cut])
    chosen = set(np.linspace(0, len(cut) - 1, pieces).round().astype(int).tolist())
    for bit in range(1, labels.dtype.itemsize * 8):
        having = np.flatnonzero(present & labels.dtype.type(1 << bit))
        if having.size and not chosen & set(having.tolist()):
            chosen.add(int(having[0]))
    return np.array([cut[number] for number in sorted(chosen)], dtype=np.int64)


class Validation:
    """Validation sequence in its natural composition, on which a network is evaluated.

    Parameters
    ----------
    encoded : EncodedSet
    most_bp : int, optional
        Maximum number of bases, about. Longer sequence is reduced to evenly spread pieces.
    piece_bp : int
        Length of these pieces. Longer ones cut fewer of the sites that are long themselves.
    split : str, optional
        By default "val", or "train" where the encoded set has no validation sequence.

    Attributes
    ----------
    split : str
    contigs : list of ValidationContig
    """

    def __init__(
        self,
        encoded: EncodedSet,
        most_bp: int | None = None,
        split: str | None = None,
        piece_bp: int = _PIECE_BP,
    ) -> None:
        self.classes = encoded.classes
        self.split = split or ("val" if len(encoded.split("val")) else "train")
        intervals = encoded.natural().split(self.split)
        if most_bp is not None and (intervals[:, 1] - intervals[:, 0]).sum() > most_bp:
            intervals = _spread(intervals, most_bp, piece_bp, encoded.labels)
        self.contigs = [
            ValidationContig(
                f"{self.split}:{start}-{end}", encoded.codes[start:end], encoded.labels[start:end]
            )
            for start, end in intervals
        ]
        self._by_name = {contig.name: contig for contig in self.contigs}

    def absent(self) -> list[str]:
        """Return the names of the classes without a counted base here."""
        found = np.zeros(len(self.classes), np.bool_)
        for contig in self.contigs:
            labels = np.asarray(contig.labels)
            counted = labels[(contig.codes < AMBIGUOUS) & ((labels & IGNORE_BIT) == 0)]
            present = int(np.bitwise_or.reduce(counted, initial=0))
            for number in range(len(self.classes)):
                found[number] |= bool(present & class_bits(number, "."))
        return [c.name for c, here in zip(self.classes, found, strict=True) if not here]

    def histograms(
        self, engine: Engine, scoring: ScoringWindow, threads: int
    ) -> tuple[dict[str, Histogram], dict[str, ScoreCounts]]:
        """Return the scores of counted bases by class; each base counts once per strand.

        Raises
        ------
        TrainingError
            A probability is not finite.
        """
        histograms = {motif_class.name: Histogram() for motif_class in self.classes}
        counts = {motif_class.name: ScoreCounts() for motif_class in self.classes}
        for probabilities, truth in self.counted(self.blocks(engine, scoring, threads)):
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
        """Return the average precision per class; None without truth.

        Each base counts once per strand.
        """
        histograms, _ = self.histograms(engine, scoring, threads)
        return {
            name: histogram.average_precision() if histogram.positives.any() else None
            for name, histogram in histograms.items()
        }

    def blocks(self, engine: Engine, scoring: ScoringWindow, threads: int) -> Iterator[Block]:
        """Yield the scores of all contigs in blocks.

        Raises
        ------
        TrainingError
            A probability is not finite.
        """
        columns = sum(1 + stranded for _, stranded in self.classes)
        yield from _finite(score(self.contigs, engine, scoring, columns, threads=threads))

    def contig(self, name: str) -> ValidationContig:
        """Return the contig with a name."""
        return self._by_name[name]

    def counted(
        self, blocks: Iterable[Block]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """Yield probabilities (n, columns) and truth (n, O) of the counted bases of each block."""
        for block in blocks:
            counted, truth = self.truth_of(block)
            yield block.probabilities[counted], truth

    def truth_of(self, block: Block) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which bases of a block count (n,), and the truth (counted, O) of these."""
        part = slice(block.start, block.start + len(block.codes))
        labels = np.asarray(self.contig(block.name).labels[part])
        ignored = (labels & labels.dtype.type(IGNORE_BIT)) != 0
        counted = (block.codes < AMBIGUOUS) & ~ignored
        return counted, targets(labels[counted], self.classes)


def _finite(blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield blocks; a score that is not finite raises TrainingError."""
    try:
        yield from blocks
    except ScoreError as error:
        raise TrainingError(f"validation: {error}") from error
