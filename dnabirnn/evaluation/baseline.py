"""The position weight matrix to compare with, learned from the same training sites.

The sites of a class are aligned (`dnabirnn.evaluation.baseline_alignment`) and counted column by
column. Of several alignments, the one whose matrix finds the training sites best is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, Codes
from dnabirnn.errors import EncodedSetError
from dnabirnn.evaluation.baseline_alignment import AlignedSites, alignments
from dnabirnn.evaluation.baseline_matrix import Matrix, scan
from dnabirnn.evaluation.metrics import ScoreCounts, average_precision
from dnabirnn.evaluation.reliability import logistic_fit
from dnabirnn.labels import IGNORE_BIT, class_bits, intervals_of, targets
from dnabirnn.tracks import Block, integer_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.motif_classes import MotifClass
    from dnabirnn.sequences import Contig

__all__ = ["Baseline", "learn_baseline"]

logger = logging.getLogger(__name__)

_CHUNK_BASES = 1 << 17
"""Bases scanned at once: what each needs stays in the cache."""
_MOST_BASES = 10_000_000
"""Of the training split, to choose and calibrate by; chunks spread evenly over it."""
_MOST_SITES = 5_000
_BINS = 4096


class Baseline:
    """A matrix a class, in the place of a network.

    Parameters
    ----------
    classes : sequence of MotifClass
    matrices : sequence of Matrix
        One a class.
    """

    def __init__(self, classes: Sequence[MotifClass], matrices: Sequence[Matrix]) -> None:
        self.classes = tuple(classes)
        self.matrices = tuple(matrices)

    @property
    def thresholds(self) -> dict[str, int]:
        """For each class, the integer score from which bases are called."""
        pairs = zip(self.classes, self.matrices, strict=True)
        return {motif_class.name: matrix.threshold for motif_class, matrix in pairs}

    def probabilities(self, codes: Codes) -> NDArray[np.float32]:
        """Probabilities of a sequence: (L, O) float32, columns as a network's outputs."""
        columns: list[NDArray[np.float32]] = []
        for (_, stranded), matrix in zip(self.classes, self.matrices, strict=True):
            columns += _columns(codes, matrix, stranded)
        scores = np.stack(columns, axis=1)  # (L, O)
        scores[codes >= AMBIGUOUS] = 0
        return scores

    def blocks(
        self,
        contigs: Iterable[Contig],
        wanted: Callable[[str], NDArray[np.int64]] | None = None,
    ) -> Iterator[Block]:
        """Scores of contigs as a stream, as `dnabirnn.scoring.stream.score` gives a network's.

        Parameters
        ----------
        contigs : iterable of Contig
        wanted : callable, name -> ndarray (n, 2) int64, optional
            Intervals of a contig outside which scores are not asked for; they may be 0 there.
        """
        reach = max(len(matrix.log_odds) for matrix in self.matrices) - 1
        outputs = sum(1 + stranded for _, stranded in self.classes)
        for contig in contigs:
            codes, length = contig.codes, len(contig.codes)
            intervals = None if wanted is None else wanted(contig.name)
            for start in range(0, max(length, 1), _CHUNK_BASES):
                end = min(start + _CHUNK_BASES, length)
                inner = codes[start:end]
                if intervals is not None and not _touch(intervals, start, end):
                    scores = np.zeros((end - start, outputs), dtype=np.float32)
                else:
                    first = max(0, start - reach)
                    scores = self.probabilities(codes[first : end + reach])
                    scores = scores[start - first :][: end - start]
                yield Block(contig.name, start, scores, inner, end == length)


def _columns(codes: Codes, matrix: Matrix, stranded: bool) -> list[NDArray[np.float32]]:
    """Probabilities on each strand of a class, or on the better one."""
    scores = scan(codes, matrix.log_odds, matrix.flank_bp)
    if not stranded:
        scores = scores.max(axis=0, keepdims=True)
    return list(matrix.probabilities(scores))


def _touch(intervals: NDArray[np.int64], start: int, end: int) -> bool:
    return bool(((intervals[:, 0] < end) & (intervals[:, 1] > start)).any())


def learn_baseline(encoded: EncodedSet, classes: Sequence[MotifClass]) -> Baseline:
    """Learn a matrix a class from the training split.

    Parameters
    ----------
    encoded : EncodedSet
    classes : sequence of MotifClass
        Classes to learn, such as a model's; the encoded set has them.

    Returns
    -------
    baseline : Baseline
        Thresholds are those with the best F1 on the validation split, or where that lacks the
        class, on the training split.

    Raises
    ------
    EncodedSetError
        A class that the set lacks, or has with other strands, or without a training site.
    """
    matrices = []
    for motif_class in classes:
        if motif_class not in encoded.classes:
            known = ", ".join(_shown(each) for each in encoded.classes)
            raise EncodedSetError(
                f"{encoded.path}: no class {_shown(motif_class)}; it has {known}; give the "
                "encoded set that the model was trained on"
            )
        matrices.append(_Learner(encoded, motif_class).learn())
    return Baseline(classes, matrices)


def _shown(motif_class: MotifClass) -> str:
    return f"{motif_class.name} ({'stranded' if motif_class.stranded else 'unstranded'})"


class _Learner:
    """Learns one class's matrix."""

    def __init__(self, encoded: EncodedSet, motif_class: MotifClass) -> None:
        self.codes, self.labels = encoded.codes, encoded.labels
        self.classes, self.motif_class = encoded.classes, motif_class
        self.train, self.val = encoded.split("train"), encoded.split("val")
        number = encoded.classes.index(motif_class)
        self.bits = [class_bits(number, s) for s in ("+-" if motif_class.stranded else ".")]
        owners = [owner for owner, (_, s) in enumerate(encoded.classes) for _ in range(1 + s)]
        self.columns = [column for column, owner in enumerate(owners) if owner == number]
        counts = sum(
            np.bincount(self.codes[low:high], minlength=AMBIGUOUS + 1)[:AMBIGUOUS]
            for low, high in self.train
        )
        both = counts + np.asarray(counts)[::-1] + 1
        self.background: NDArray[np.float64] = both / both.sum()
        self.sites = self._sites()
        if not self.sites.head.size:
            raise EncodedSetError(
                f"{encoded.path}: no site of class {motif_class.name!r} in the training split"
            )

    def learn(self) -> Matrix:
        """Choose, align and calibrate."""
        best, best_ap = None, -1.0
        stranded = self.motif_class.stranded
        for aligned in alignments(self.codes, self.sites, self.background, stranded):
            log_odds = aligned.log_odds(self.codes, self.background)
            matrix = Matrix(log_odds, aligned.flank_bp)
            _, *counts = self._histogram(matrix)
            # No site may be among the bases that are looked at.
            ap = float(np.nan_to_num(average_precision(*counts)))
            if ap > best_ap:
                best, best_ap = matrix, ap
        assert best is not None, "there is a candidate for every class"
        logger.info(
            "%s: matrix of %d columns from %d training sites, AP %.4f on them",
            self.motif_class.name,
            len(best.log_odds),
            self.sites.head.size,
            best_ap,
        )
        slope, intercept = logistic_fit(*self._histogram(best))
        best = best._replace(slope=slope, intercept=intercept)
        return best._replace(threshold=self._threshold(best))

    def _sites(self) -> AlignedSites:
        rows = []
        for low, high in self.train.tolist():
            for strand, bits in enumerate(self.bits):
                for start, end in (intervals_of(self.labels[low:high], bits) + low).tolist():
                    head, step = (end - 1, -1) if strand else (start, 1)
                    rows.append((head, end - start, step, low, high))
        table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 5)
        return AlignedSites(*table[:: -(-len(table) // _MOST_SITES) or 1].T)

    def _scored(
        self, spans: NDArray[np.int64], matrix: Matrix
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """Scores and truth of the bases of a split that count; both (strands, n)."""
        reach = len(matrix.log_odds) - 1
        chunks = [
            (low, high, start, min(start + _CHUNK_BASES, high))
            for low, high in spans.tolist()
            for start in range(low, high, _CHUNK_BASES)
        ]
        total = int((spans[:, 1] - spans[:, 0]).sum())
        for low, high, start, end in chunks[:: -(-total // _MOST_BASES) or 1]:
            first, last = max(low, start - reach), min(high, end + reach)
            scores = scan(self.codes[first:last], matrix.log_odds, matrix.flank_bp)
            scores = scores[:, start - first : end - first]
            if not self.motif_class.stranded:
                scores = scores.max(axis=0, keepdims=True)
            labels = self.labels[start:end]
            counted = (labels & labels.dtype.type(IGNORE_BIT)) == 0
            counted &= self.codes[start:end] < AMBIGUOUS
            truth = targets(labels[counted], self.classes)[:, self.columns]
            yield scores[:, counted], truth.T

    def _histogram(self, matrix: Matrix) -> _WidthHistogram:
        lowest = float(matrix.log_odds.min(axis=1).sum())
        scale = _BINS / max(float(matrix.log_odds.max(axis=1).sum()) - lowest, 1e-6)
        counts = np.zeros((2, _BINS), dtype=np.int64)
        for scores, truth in self._scored(self.train, matrix):
            bins = np.clip((scores - np.float32(lowest)) * scale, 0, _BINS - 1).astype(np.int64)
            for number, wanted in enumerate((truth, ~truth)):
                counts[number] += np.bincount(bins[wanted], minlength=_BINS)
        middles = np.asarray(lowest + (np.arange(_BINS) + 0.5) / scale, dtype=np.float64)
        return _WidthHistogram(middles, counts[0], counts[1])

    def _threshold(self, matrix: Matrix) -> int:
        for spans in (self.val, self.train):
            counts = ScoreCounts()
            for scores, truth in self._scored(spans, matrix):
                counts.add(integer_scores(matrix.probabilities(scores)), truth)
            if counts.positives.any():
                break
        return counts.best().threshold


class _WidthHistogram(NamedTuple):
    """Bases by score, in bins of even width; each array (_BINS,)."""

    middles: NDArray[np.float64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
