"""Position weight matrices learned from the training sites, as a baseline for the network.

The sites of a class are aligned (`dnabirnn.evaluation.baseline_alignment`) and counted column by
column. Several alignments are tried. The one whose matrix has the largest average precision on the
training split is kept.
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
from dnabirnn.evaluation.multinomial import gathered, multinomial_fit
from dnabirnn.evaluation.reliability import logistic_fit
from dnabirnn.labels import IGNORE_BIT, class_bits, intervals_of
from dnabirnn.tracks import Block, integer_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.encoded import EncodedSet
    from dnabirnn.motif_classes import MotifClass
    from dnabirnn.motifs import ClassMotifs
    from dnabirnn.sequences import Contig

__all__ = ["Baseline", "FittedMatrix", "fit_jointly", "fit_matrices", "learn_baseline"]

logger = logging.getLogger(__name__)

_CHUNK_BASES = 1 << 17
"""Bases scanned at once, few enough for the work arrays to stay in the CPU cache."""
_MAX_BASES = 10_000_000
"""Bases that are scored to choose and calibrate a matrix, about; in evenly spread chunks."""
_MAX_SITES = 5_000
"""Sites that are aligned, at most; evenly spread."""
_BINS = 4096
_JOINT_SCORES = 1 << 24
"""Scores, of one base and output each, that exclusive classes are fitted on together, about."""
_RARE = -5.0
"""Log-odds of a class without a matrix, to start a fit from."""
_POSITIVE, _UNCOUNTED = 0, 2
"""Kinds of bases by strand; 1 is a base that does not belong to the class."""
_BELOW = np.array([0, 0.2, 0.5, 0.8, 0.9, 0.97, 0.99, 0.997, 0.999])
"""Shares of the bases without a site whose scores a lower limit may hide."""
_LEAST_AP, _LEAST_GAIN = 0.02, 3
"""A matrix is used if its average precision on the training split is at least 0.02, and three times
the share of the bases that belong to a site."""


class Baseline:
    """One position weight matrix per class, with the interface of a scoring model.

    Parameters
    ----------
    classes : sequence of MotifClass
    matrices : sequence of Matrix
        One per class.
    """

    def __init__(self, classes: Sequence[MotifClass], matrices: Sequence[Matrix]) -> None:
        self.classes = tuple(classes)
        self.matrices = tuple(matrices)

    @property
    def thresholds(self) -> dict[str, int]:
        """For each class, the smallest integer score at which a base is called."""
        pairs = zip(self.classes, self.matrices, strict=True)
        return {motif_class.name: matrix.threshold for motif_class, matrix in pairs}

    def probabilities(self, codes: Codes) -> NDArray[np.float32]:
        """Return the probabilities (L, O) float32 of a sequence, columns as a network's outputs."""
        columns: list[NDArray[np.float32]] = []
        for (_, stranded), matrix in zip(self.classes, self.matrices, strict=True):
            columns += _columns(codes, matrix, stranded)
        scores = np.stack(columns, axis=1)  # (L, O)
        scores[codes >= AMBIGUOUS] = 0
        return scores

    @property
    def reach_bp(self) -> int:
        """Distance of the bases that decide the score of a base."""
        return max(len(matrix.log_odds) for matrix in self.matrices) - 1

    def blocks(
        self,
        contigs: Iterable[Contig],
        wanted: Callable[[str], NDArray[np.int64]] | None = None,
    ) -> Iterator[Block]:
        """Yield the scores of contigs in blocks, as `dnabirnn.scoring.stream.score` does.

        Parameters
        ----------
        contigs : iterable of Contig
        wanted : callable, name -> ndarray (n, 2) int64, optional
            Intervals of a contig outside which scores are not needed; they may be 0 there.
        """
        reach = self.reach_bp
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
    """Return the probabilities on each strand of a class, or on the better one if unstranded."""
    scores = scan(codes, matrix.log_odds, matrix.flank_bp)
    if not stranded:
        scores = scores.max(axis=0, keepdims=True)
    return list(matrix.probabilities(scores))


def _touch(intervals: NDArray[np.int64], start: int, end: int) -> bool:
    """Return whether an interval overlaps [start, end)."""
    return bool(((intervals[:, 0] < end) & (intervals[:, 1] > start)).any())


def learn_baseline(encoded: EncodedSet, classes: Sequence[MotifClass]) -> Baseline:
    """Learn one matrix per class from the training split.

    Parameters
    ----------
    encoded : EncodedSet
    classes : sequence of MotifClass
        Classes to learn, such as those of a model. The encoded set must have them.

    Returns
    -------
    baseline : Baseline
        Thresholds have the best F1 on the validation split, or on the training split if the
        validation split lacks the class.

    Raises
    ------
    EncodedSetError
        The set lacks a class, has it with other strands, or has no training site of it; or its
        labels are those of whole sequences.
    """
    if encoded.whole_sequences:
        raise EncodedSetError(
            f"{encoded.path}: has labels of whole sequences, so that no matrix can be made; give a "
            "set with sites"
        )
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


class FittedMatrix(NamedTuple):
    """Matrix of a class for a network, whose log-odds are slope * max(score, least) + shift.

    Attributes
    ----------
    log_odds : ndarray, (W, 4) float32
    flank_bp : int
    slope, least, shift : float
    sites, bases : int
        Number of training sites of the class, which it was made from or judged by, and of their
        bases.
    """

    log_odds: NDArray[np.float32]
    flank_bp: int
    slope: float
    least: float
    shift: float
    sites: int
    bases: int


def fit_matrices(
    encoded: EncodedSet, motifs: ClassMotifs | None = None
) -> list[FittedMatrix | None]:
    """Fit one matrix per class to the training split.

    Parameters
    ----------
    encoded : EncodedSet
    motifs : ClassMotifs, optional
        Motifs whose matrices are used instead of those of the training sites.

    Returns
    -------
    matrices : list of FittedMatrix or None
        None for a class without a motif, or where the matrix of the sites finds too few of them.
    """
    names = [name for name, _ in encoded.classes]
    if motifs is not None:
        names = [name for name, motif in zip(names, motifs.motifs, strict=True) if motif]
    logger.info(
        "fitting position weight matrices to the training sequence: %d of %d classes",
        len(names),
        len(encoded.classes),
    )
    found: list[FittedMatrix | None] = []
    for number, motif_class in enumerate(encoded.classes):
        if motif_class.name not in names:
            found.append(None)
            continue
        learner = _Learner(encoded, motif_class)
        log_odds = None if motifs is None else motifs.log_odds(number, learner.background)
        found.append(learner.fit() if log_odds is None else learner.fit_given(log_odds))
    return found


def fit_jointly(
    encoded: EncodedSet, matrices: Sequence[FittedMatrix | None]
) -> list[FittedMatrix | None]:
    """Fit slopes and shifts again, for classes of which a base can have only one.

    Probabilities then come from one softmax over the background and all classes. Fits of one class
    at a time do not know of the others: where several matrices fit, their probabilities would be
    too large or too small. A class without a matrix counts with a constant.

    Parameters
    ----------
    encoded : EncodedSet
        No base has two labels.
    matrices : sequence of FittedMatrix or None
        One per class.
    """
    fitted = list(matrices)
    if not any(fitted):
        return fitted
    learners = [_Learner(encoded, motif_class) for motif_class in encoded.classes]
    owners = [number for number, one in enumerate(learners) for _ in one.bits]
    slopes = np.array([one.slope if one else 1.0 for one in fitted])
    shifts = np.array([one.shift if one else _RARE for one in fitted])
    nothing = Matrix(np.zeros((1, 4), np.float32))  # its scores are 0 everywhere
    streams = [
        learner._scored(learner.train, Matrix(one.log_odds, one.flank_bp) if one else nothing)
        for learner, one in zip(learners, fitted, strict=True)
    ]
    sizes = learners[0].train[:, 1] - learners[0].train[:, 0]
    total = min(int(sizes.sum()), _MAX_BASES) * len(owners)
    least = [one.least if one else -np.inf for one in fitted]
    bases = gathered(streams, least, slopes, shifts, _JOINT_SCORES / total)
    slopes, shifts = multinomial_fit(bases, owners, slopes, shifts)
    return [
        one and one._replace(slope=slope, shift=shift)
        for one, slope, shift in zip(fitted, slopes.tolist(), shifts.tolist(), strict=True)
    ]


def _shown(motif_class: MotifClass) -> str:
    return f"{motif_class.name} ({'stranded' if motif_class.stranded else 'unstranded'})"


class _Learner:
    """Learner of the matrix of one class."""

    def __init__(self, encoded: EncodedSet, motif_class: MotifClass) -> None:
        self.codes, self.labels = encoded.codes, encoded.labels
        self.motif_class = motif_class
        self.train, self.val = encoded.natural().split("train"), encoded.split("val")
        number = encoded.classes.index(motif_class)
        self.bits = [class_bits(number, s) for s in ("+-" if motif_class.stranded else ".")]
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
        """Align the sites, choose the best matrix and calibrate it."""
        best = self._best()
        slope, intercept = logistic_fit(*best.counts)
        matrix = best.matrix._replace(slope=slope, intercept=intercept)
        return matrix._replace(threshold=self._threshold(matrix))

    def fit(self) -> FittedMatrix | None:
        """Align the sites, choose the best matrix, and calibrate it above a lower limit."""
        best = self._best()
        return self._calibrated(best) if best.is_useful else None

    def fit_given(self, log_odds: NDArray[np.float32]) -> FittedMatrix:
        """Calibrate a matrix (W, 4) from elsewhere.

        The labels may name the strands the other way round. The opposite strand of the matrix is
        used where it finds the training sites better.
        """
        ways = [log_odds]
        if self.motif_class.stranded:
            ways.append(np.ascontiguousarray(log_odds[::-1, ::-1]))
        best = max((self._judged(Matrix(way)) for way in ways), key=lambda judged: judged.ap)
        turned = best.matrix.log_odds is not log_odds
        logger.info(
            "%s: given matrix of %d columns%s, AP %.4f on %d training sites",
            self.motif_class.name,
            len(log_odds),
            ", read on its opposite strand as the labels are" if turned else "",
            best.ap,
            self.sites.head.size,
        )
        if not best.is_useful:
            logger.warning(
                "%s: the given matrix finds few of the training sites (AP %.4f); check that it is "
                "the motif of this class",
                self.motif_class.name,
                best.ap,
            )
        return self._calibrated(best)

    def _calibrated(self, best: _Judged) -> FittedMatrix:
        """Fit slope, lower limit and shift."""
        scores, positives, negatives = best.counts
        items = positives + negatives
        # Below some score, all bases are alike. Try limits that leave more and more bases below.
        ranks = np.searchsorted(np.cumsum(negatives), _BELOW * negatives.sum())
        lowest, found = np.inf, None
        for least in scores[np.unique(np.minimum(ranks, scores.size - 1))].tolist():
            limited = np.maximum(scores, least)
            slope, shift = logistic_fit(limited, positives, negatives)
            odds = slope * limited + shift
            loss = float(items @ np.logaddexp(0, odds) - positives @ odds)
            if loss < lowest:
                lowest, found = loss, (float(slope), float(least), float(shift))
        assert found is not None, "there is at least one limit"
        sites, bases = self.sites.head.size, int(self.sites.length.sum())
        return FittedMatrix(best.matrix.log_odds, best.matrix.flank_bp, *found, sites, bases)

    def _best(self) -> _Judged:
        """Return the matrix of the sites with the largest average precision on them."""
        stranded = self.motif_class.stranded
        best = max(
            (
                self._judged(Matrix(each.log_odds(self.codes, self.background), each.flank_bp))
                for each in alignments(self.codes, self.sites, self.background, stranded)
            ),
            key=lambda judged: judged.ap,
        )
        logger.info(
            "%s: matrix of %d columns from %d training sites, AP %.4f on them",
            self.motif_class.name,
            len(best.matrix.log_odds),
            self.sites.head.size,
            best.ap,
        )
        return best

    def _judged(self, matrix: Matrix) -> _Judged:
        counts = self._histogram(matrix)
        # NaN if none of the scored chunks has a site.
        ap = float(np.nan_to_num(average_precision(counts.positives, counts.negatives)))
        return _Judged(matrix, counts, ap)

    def _sites(self) -> AlignedSites:
        rows = []
        for low, high in self.train.tolist():
            for strand, bits in enumerate(self.bits):
                for start, end in (intervals_of(self.labels[low:high], bits) + low).tolist():
                    head, step = (end - 1, -1) if strand else (start, 1)
                    rows.append((head, end - start, step, low, high))
        table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 5)
        return AlignedSites(*table[:: -(-len(table) // _MAX_SITES) or 1].T)

    def _scored(
        self, spans: NDArray[np.int64], matrix: Matrix
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """Yield scores and truth of the counted bases of a split, both (strands, n)."""
        for scores, kinds in self._kinds(spans, matrix):
            counted = kinds[0] != _UNCOUNTED
            yield scores[:, counted], kinds[:, counted] == _POSITIVE

    def _kinds(
        self, spans: NDArray[np.int64], matrix: Matrix
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
        """Yield scores and kinds of all bases of a split, both (strands, n)."""
        reach = len(matrix.log_odds) - 1
        chunks = [
            (low, high, start, min(start + _CHUNK_BASES, high))
            for low, high in spans.tolist()
            for start in range(low, high, _CHUNK_BASES)
        ]
        total = int((spans[:, 1] - spans[:, 0]).sum())
        for low, high, start, end in chunks[:: -(-total // _MAX_BASES) or 1]:
            first, last = max(low, start - reach), min(high, end + reach)
            scores = scan(self.codes[first:last], matrix.log_odds, matrix.flank_bp)
            scores = scores[:, start - first : end - first]
            if not self.motif_class.stranded:
                scores = scores.max(axis=0, keepdims=True)
            labels = np.asarray(self.labels[start:end])
            kinds = np.empty(scores.shape, np.uint8)
            for strand, bits in zip(kinds, self.bits, strict=True):
                np.equal(labels & labels.dtype.type(bits), 0, out=strand, casting="unsafe")
            ignored = (labels & labels.dtype.type(IGNORE_BIT)) != 0
            kinds[:, ignored | (self.codes[start:end] >= AMBIGUOUS)] = _UNCOUNTED
            yield scores, kinds

    def _histogram(self, matrix: Matrix) -> _WidthHistogram:
        lowest = float(matrix.log_odds.min(axis=1).sum())
        scale = _BINS / max(float(matrix.log_odds.max(axis=1).sum()) - lowest, 1e-6)
        counts = np.zeros(3 * _BINS, dtype=np.int64)
        for scores, kinds in self._kinds(self.train, matrix):
            bins = np.clip((scores - np.float32(lowest)) * scale, 0, _BINS - 1).astype(np.int64)
            bins += np.multiply(kinds, _BINS, dtype=np.int64)
            counts += np.bincount(bins.ravel(), minlength=counts.size)
        positives, negatives, _ = counts.reshape(3, _BINS)
        middles = np.asarray(lowest + (np.arange(_BINS) + 0.5) / scale, dtype=np.float64)
        return _WidthHistogram(middles, positives, negatives)

    def _threshold(self, matrix: Matrix) -> int:
        for spans in (self.val, self.train):
            counts = ScoreCounts()
            for scores, truth in self._scored(spans, matrix):
                counts.add(integer_scores(matrix.probabilities(scores)), truth)
            if counts.positives.any():
                break
        return counts.best().threshold


class _WidthHistogram(NamedTuple):
    """Counts of bases by score, in bins of equal width; each array (_BINS,)."""

    middles: NDArray[np.float64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]


class _Judged(NamedTuple):
    """A matrix, its scores of the training split, and its average precision on them."""

    matrix: Matrix
    counts: _WidthHistogram
    ap: float

    @property
    def is_useful(self) -> bool:
        """Whether it finds enough of the sites for a network to start from it."""
        positives, negatives = self.counts.positives.sum(), self.counts.negatives.sum()
        share = positives / max(positives + negatives, 1)
        return bool(self.ap >= max(_LEAST_AP, _LEAST_GAIN * share))
