"""Training windows of labels of whole sequences: each window is a sequence, or a part of one.

Of the windows of a batch, `positive_share` are sequences with a class, classes drawn evenly; the
others are sequences without a class, or any sequence if all have one. Each sequence of a class is
drawn with the same probability, whatever its length.

Parts. A window is a random part of its sequence, of `_SHORTEST_PART` to all of its length, and of
at most `window_bp`. It keeps the label of the sequence. A network can thus not learn where in a
sequence sites lie, or to tell sequences apart by their ends. A part of a long sequence may lack the
site. Sites of peaks lie near the summit, so if summits are known, parts of sequences longer than a
window contain the summit.

Sequences of one length are read whole. They are mostly cut around something, such as the start of
transcription, and the place of a site then says much. AUROC on dev splits of GUE, seed 0, for parts
and for whole sequences (means of three seeds for 300 bp)::

    core promoters with TATA, 70 bp     0.844    0.945
    promoters with TATA, 300 bp         0.845    0.836
    tf_3, 101 bp                        0.840    0.835

Pieces. In every fourth batch, windows are cut at random places into pieces, which the network reads
one by one, and the scores of all pieces of a window are pooled. A network that reads a whole window
can score anywhere: it remembers a site for many bases after it. Such a score is lost where a cut
lies between it and the site, and so scores come to lie on the sites. The other batches keep what
the rest of the sequence says.

Batch k depends on the seed and k alone, as in `dnabirnn.training.sampling`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, PADDING, reverse_complement
from dnabirnn.errors import EncodedSetError, OptionError
from dnabirnn.labels import class_bits
from dnabirnn.training.sampling import Prevalence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.encoded import EncodedSet
    from dnabirnn.training.sampling import SamplingSettings

__all__ = ["SequenceBatch", "SequenceSampler", "classes_of"]

_TRAINING_STREAM = 0
_SHORTEST_PART = 0.9
# With this share of training sequences that have the length of a window, all count as alike.
_ALIKE = 0.95
# Pieces of a window: their number is a power of two, so that those of a window are in one block of
# windows that the kernels compute at once, which has 8, 16 or 32.
_SHORTEST_PIECE_BP = 32
_CUT_EVERY = 4
_MOST_PIECES = 8


class SequenceBatch(NamedTuple):
    """Training windows of one step.

    Attributes
    ----------
    codes : ndarray, (B * P, L) uint8
        P consecutive rows are the pieces of a window. Padded on the right.
    truth : ndarray, (B, K) bool
        Classes of each window.
    counted : ndarray, (B * P, L) bool
        False at code 4 and padding.
    pieces : int
        P.
    """

    codes: Codes
    truth: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    pieces: int

    def part(self, windows: slice) -> SequenceBatch:
        """Return a slice of the windows."""
        rows = slice(windows.start * self.pieces, windows.stop * self.pieces)
        return SequenceBatch(self.codes[rows], self.truth[windows], self.counted[rows], self.pieces)


def pieces_of(window_bp: int) -> int:
    """Return the number of pieces that a window is cut into: all but one have a full length.

    Examples
    --------
    >>> [pieces_of(length) for length in (40, 101, 300, 500, 4000)]
    [2, 4, 8, 8, 8]
    """
    pieces = 2
    while pieces < _MOST_PIECES and window_bp / (2 * pieces - 1) >= _SHORTEST_PIECE_BP:
        pieces *= 2
    return pieces


def classes_of(encoded: EncodedSet, spans: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the classes of whole sequences, given their positions in the set: (n, K)."""
    labels = np.asarray(encoded.labels[spans[:, 0]])
    bits = [class_bits(number, ".") for number in range(len(encoded.classes))]
    return np.stack([(labels & labels.dtype.type(bit)) != 0 for bit in bits], axis=1)


class SequenceSampler:
    """Sampler of training windows from an encoded set of whole sequences.

    Parameters
    ----------
    encoded : EncodedSet
    settings : SamplingSettings
    either_strand : bool
        Read half of the windows, drawn at random, as their reverse complement; for untied networks.

    Attributes
    ----------
    flank_bp : int
        0: a window has no flanks, because it is all that its label is about.

    Raises
    ------
    EncodedSetError
        The train split has no sequence with a class, or none without it.
    OptionError
        The window is longer than every sequence of the train split.
    """

    def __init__(
        self, encoded: EncodedSet, settings: SamplingSettings, either_strand: bool = False
    ) -> None:
        self.encoded, self.settings = encoded, settings
        self._either_strand = either_strand
        self.flank_bp = 0
        self._spans = encoded.split("train")
        if not len(self._spans):
            raise EncodedSetError(f"{encoded.path}: the train split is empty; encode again")
        longest = int((self._spans[:, 1] - self._spans[:, 0]).max())
        if longest < settings.window_bp:
            raise OptionError(
                f"--window {settings.window_bp}: longer than every sequence of the train split "
                f"(the longest has {longest} bp); choose a shorter window"
            )
        self._truth = classes_of(encoded, self._spans)
        for (name, _), own in zip(encoded.classes, self._truth.T, strict=True):
            if own.all() or not own.any():
                raise EncodedSetError(
                    f"{encoded.path}: the train split has no sequence "
                    f"{'without' if own.all() else 'with'} class {name}; encode again"
                )
        lengths = self._spans[:, 1] - self._spans[:, 0]
        alike = (lengths == settings.window_bp).mean() >= _ALIKE
        self._shortest_part = 1.0 if alike else _SHORTEST_PART
        self._having = [np.flatnonzero(own) for own in self._truth.T]
        without = np.flatnonzero(~self._truth.any(axis=1))
        self._others = without if without.size else np.arange(len(self._truth))
        self._summits = self._of_summits()

    def _of_summits(self) -> NDArray[np.int64]:
        """Return the position of each sequence's summit in the set, or -1: (n,)."""
        offsets = {name: offset for name, offset, _ in self.encoded.contigs}
        places = {offsets[name]: offsets[name] + at for name, at in self.encoded.summits.items()}
        return np.array([places.get(start, -1) for start in self._spans[:, 0].tolist()], np.int64)

    def batch(self, step: int) -> SequenceBatch:
        """Return the windows of step `step`; they depend on the seed and the step alone."""
        settings = self.settings
        key = np.random.SeedSequence([settings.seed, _TRAINING_STREAM, step])
        rng = np.random.Generator(np.random.Philox(key))
        drawn = rng.permutation(self._drawn(rng))
        starts, ends = self._parts(drawn, rng)
        places = starts[:, None] + np.arange(settings.window_bp)  # (B, L)
        real = places < ends[:, None]
        codes = self.encoded.codes[np.where(real, places, starts[:, None])]
        codes = np.where(real, codes, np.uint8(PADDING))
        if settings.mutation_rate:
            mutated = rng.random(codes.shape) < settings.mutation_rate
            added = np.where(mutated, rng.integers(1, 4, codes.shape, dtype=np.uint8), 0)
            codes = np.where(codes < AMBIGUOUS, (codes + added) & 3, codes).astype(np.uint8)
        if self._either_strand:
            for row in np.flatnonzero(rng.random(len(codes)) < 0.5):
                size = ends[row] - starts[row]
                codes[row, :size] = reverse_complement(codes[row, :size])
        pieces = 1
        if step % _CUT_EVERY == _CUT_EVERY - 1:
            pieces = pieces_of(settings.window_bp)
            codes = _cut(codes, pieces, rng)
        return SequenceBatch(codes, self._truth[drawn], codes < AMBIGUOUS, pieces)

    def prevalence(self) -> Prevalence:
        """Return shares of bases as if each positive window had one positive base on one strand.

        The scores of a new network begin there: those of sequences are then neither all high nor
        all low.
        """
        share = self.settings.positive_share or 0.5
        shares = np.full(len(self._having), share / len(self._having) / self.settings.window_bp / 2)
        return Prevalence(shares, shares)

    def _drawn(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the sequences of a batch: (B,)."""
        settings = self.settings
        wanted = settings.batch_windows * settings.positive_share
        positive = max(round(wanted), int(wanted > 0))
        which_class = rng.integers(len(self._having), size=positive)
        share = rng.random(positive)
        positives = np.empty(positive, np.int64)
        for number, own in enumerate(self._having):
            mine = which_class == number
            positives[mine] = own[(share[mine] * len(own)).astype(np.int64)]
        others = rng.integers(len(self._others), size=settings.batch_windows - positive)
        return np.concatenate([positives, self._others[others]])

    def _parts(
        self, drawn: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return a part of each sequence."""
        first, last = self._spans[drawn].T
        most = np.minimum(last - first, self.settings.window_bp)
        share = 1 - (1 - self._shortest_part) * rng.random(len(drawn))
        sizes = np.maximum(np.rint(share * most).astype(np.int64), 1)
        # The range of starts; with a summit, of those with which the part contains it.
        lowest, highest = first, last - sizes
        summits = self._summits[drawn]
        known = (summits >= 0) & (last - first > self.settings.window_bp)
        lowest = np.where(known, np.maximum(lowest, summits - sizes + 1), lowest)
        highest = np.where(known, np.minimum(highest, summits), highest)
        starts = lowest + (rng.random(len(drawn)) * (highest - lowest + 1)).astype(np.int64)
        return starts, starts + sizes


def _cut(codes: Codes, pieces: int, rng: np.random.Generator) -> Codes:
    """Cut windows (B, L) into pieces (B * P, S): each but the first and last has S bases."""
    windows, length = codes.shape
    size = -(-length // (pieces - 1))
    # The first piece has 1 to S bases, so that each base is equally likely to begin a piece.
    before = rng.integers(size, size=windows)
    places = np.arange(pieces * size) - before[:, None]  # (B, P * S)
    inside = (places >= 0) & (places < length)
    places = np.where(inside, places, 0)
    cut = np.where(inside, np.take_along_axis(codes, places, axis=1), np.uint8(PADDING))
    cut = cut.reshape(windows * pieces, size)
    # Padding goes to the right: that of the first piece of a window is on its left.
    for row, left in zip(range(0, len(cut), pieces), before.tolist(), strict=True):
        cut[row] = np.roll(cut[row], -left)
    return np.ascontiguousarray(cut)
