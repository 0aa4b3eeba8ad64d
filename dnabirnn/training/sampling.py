"""Training windows, drawn at random from the train split of an encoded set.

What a window is drawn from. Sites are rare: windows drawn evenly from a genome would hardly ever
contain one. A fixed share of the windows of each batch (`positive_share`) is therefore drawn around
a positive base, and the others around any base of the split::

    batch
    |-- positive_share: positive windows
    |     class: each class with the same probability, however rare it is
    |     |-- half: first or last base of a labelled run, each run with the same probability
    |     |-- half: any labelled base, each with the same probability
    |-- rest: any base of the split, each with the same probability

Classes are drawn evenly so that a rare class gets as many windows as a common one. The ends of runs
are drawn more often because they decide the boundaries of calls, and because few bases of a long
run are near an end. The drawn base lies at a uniformly random offset in its window. If needed, the
window is shifted so that it stays within the interval of the split.

Prevalence. Windows drawn in this way hold a larger share q of positive bases than the sequence,
where the share is p. A network fitted on them learns log-odds for the prior q. By Bayes' rule, with
the same likelihoods, the log-odds for the prior p are::

    log-odds(p) = log-odds(q) + log(p / (1 - p)) - log(q / (1 - q))

`Sampler.prevalence` counts p in the train split without the contigs of `encode --background`, where
sites are more frequent than in a genome, and estimates q from 512 batches. The head starts
at the log-odds of q (`dnabirnn.training.start`). `dnabirnn.network.prior_shift` computes the shift.
For exclusive classes the background takes the place of 1 - p and 1 - q. The shift is not enough by
itself, so the log-odds are then calibrated (`dnabirnn.training.finishing.calibration`).

Mutations. A share of the bases (`mutation_rate`) is replaced by another base, so that the network
does not learn the few training sites by heart. One mutation can turn a short site into none, though
its label says that it is one. So inside sites of a class whose median length is n < 40 bp, the rate
is n / 40 times the full one. Average precision by strand on validation sequence, seed 0::

    mutated                   0.02   0.1    0.1, fewer in short sites
    fly acceptor              0.325  0.488  0.490
    fly donor                 0.299  0.428  0.427
    fly start codon           0.048  0.140  0.161
    yeast, mean of 8 factors  0.570  0.578  0.595
    REP                       0.913  0.901  0.916

Teachers. With the answers of a teacher (`dnabirnn.training.teacher`), a base has a probability in
place of a label: `LABEL_SHARE` of its label, and the rest of the answer. An ignored base has no
label, so that its probability is the answer, and it counts. A mutated base keeps the answer of the
sequence that was not mutated, as it keeps its label: the teacher sees clean sequence, and the
network learns to say the same of a variant.

Batch k depends on the seed and k alone. The random generator of each batch is made from
(seed, stream, k), and no state is carried from batch to batch. A run that resumes at step k draws
the same windows as one that was never stopped, without drawing those before. Every process, any
number of threads, and the version on a device (`device_batches`) see the same batch. Streams keep
the numbers for training, for the estimate of q and for dropout independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, PADDING, reverse_complement
from dnabirnn.errors import EncodedSetError, OptionError
from dnabirnn.labels import IGNORE_BIT, class_bits, opposite_outputs, runs, targets
from dnabirnn.network import MAX_WINDOW_BP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.encoded import EncodedSet

__all__ = ["LABEL_SHARE", "Places", "Prevalence", "Sampler", "SamplingSettings", "TrainingBatch"]

LABEL_SHARE = 0.5
"""Share of the label in what a base is taught as, if there is a teacher; the rest is its answer.

0.5 is as good as 0 on validation sequence (docs/adr/0034-distillation.md).
"""

# Stream 2 is used for dropout (`dnabirnn.training.fit`).
_TRAINING_STREAM, _PREVALENCE_STREAM = 0, 1
_MAX_MUTATION_RATE = 0.75  # all four bases are then equally likely
_PREVALENCE_BATCHES = 512
# Sites of this length or longer are mutated at the full rate.
_LONG_SITE_BP = 40
_CHUNK_BP = 1 << 18


@dataclass(frozen=True)
class SamplingSettings:
    """Settings of the drawing of training windows.

    Attributes
    ----------
    window_bp : int
        Length of a window.
    batch_windows : int
        Number of windows per batch.
    positive_share : float
        Share of the windows that are drawn around a positive base; classes are drawn evenly.
    seed : int
    mutation_rate : float
        Share of the bases that are replaced by another base at random, so that the network also
        sees variants of the training sites. It is lower inside short sites; see the module
        docstring.
    """

    window_bp: int = 200
    batch_windows: int = 64
    positive_share: float = 0.5
    seed: int = 0
    mutation_rate: float = 0.1

    def __post_init__(self) -> None:
        if self.window_bp < 1:
            raise OptionError(f"--window {self.window_bp}: must be 1 bp or more")
        if self.batch_windows < 1:
            raise OptionError(f"--batch {self.batch_windows}: must be 1 window or more")
        if self.window_bp > MAX_WINDOW_BP // 4:
            raise OptionError(
                f"--window {self.window_bp}: must be {MAX_WINDOW_BP // 4} bp or less, since "
                f"scoring windows are four times as long and cannot be over {MAX_WINDOW_BP} bp"
            )
        if not 0 <= self.positive_share <= 1:
            raise OptionError(f"--positive-share {self.positive_share}: must be 0 to 1")
        if not 0 <= self.mutation_rate <= _MAX_MUTATION_RATE:
            raise OptionError(
                f"--mutate {self.mutation_rate}: must be 0 to {_MAX_MUTATION_RATE}, at which a "
                "base is random"
            )


class TrainingBatch(NamedTuple):
    """Training windows of one step.

    Attributes
    ----------
    codes : ndarray, (B, L) uint8
        Windows from intervals shorter than a window are padded on the right.
    truth : ndarray, (B, L, O) bool or float32
        With a teacher, the probability of each output.
    counted : ndarray, (B, L) bool
        False at code 4, ignored bases and padding, which are left out of the loss. With a teacher,
        ignored bases count.
    flanked : ndarray, (B, F + L + F) uint8
        The windows with flanks, which matrices read. Padding outside the interval of the split.
    """

    codes: Codes
    truth: NDArray[np.bool_] | NDArray[np.float32]
    counted: NDArray[np.bool_]
    flanked: Codes

    def part(self, windows: slice) -> TrainingBatch:
        """Return a slice of the windows."""
        return TrainingBatch(
            self.codes[windows], self.truth[windows], self.counted[windows], self.flanked[windows]
        )


class Places(NamedTuple):
    """Positions of the windows of a step in the encoded set.

    Attributes
    ----------
    starts, ends : ndarray, (B,) int64
        A window is shorter than `window_bp` if the interval of the split is.
    turned : ndarray, (B,) bool
        Windows that are read as their reverse complement, unless they are padded.
    mutations : ndarray, (B, L) uint8, or None
        Number that is added to the code of each base, modulo 4.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    turned: NDArray[np.bool_]
    mutations: Codes | None


class Prevalence(NamedTuple):
    """Share of positive bases of each class, averaged over strands, in order of the classes.

    Attributes
    ----------
    sequence : ndarray, (classes,) float64
        In the train split.
    sampled : ndarray, (classes,) float64
        In training windows.
    """

    sequence: NDArray[np.float64]
    sampled: NDArray[np.float64]


class _ClassSites(NamedTuple):
    """Labelled runs of one class, as positions in the encoded set; strands are separate."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    cumulative_bases: NDArray[np.int64]
    median_bp: float


class Sampler:
    """Sampler of training windows from the train split of an encoded set.

    See the module docstring for how windows are drawn. A window never crosses the end of an
    interval of the split.

    Parameters
    ----------
    encoded : EncodedSet
    settings : SamplingSettings
    either_strand : bool
        Read half of the windows, drawn at random, as their reverse complement; for untied networks.

    Attributes
    ----------
    flank_bp : int
        Length of the flanks of `TrainingBatch.flanked`; 0 at first.
    answers : ndarray, (N, O) uint16, or None
        Probabilities of a teacher, 65,535 for 1, for every base of the encoded set; None at first.

    Raises
    ------
    EncodedSetError
        The train split has no interval, or a class has no labelled base there.
    OptionError
        The window is longer than every interval of the train split.
    """

    def __init__(
        self, encoded: EncodedSet, settings: SamplingSettings, either_strand: bool = False
    ) -> None:
        self.encoded = encoded
        self.settings = settings
        self._either_strand = either_strand
        self.flank_bp = 0
        self.answers: NDArray[np.uint16] | None = None
        self._intervals = encoded.split("train")
        self._natural = encoded.natural().split("train")
        if not len(self._intervals):
            raise EncodedSetError(f"{encoded.path}: the train split is empty; encode again")
        lengths = self._intervals[:, 1] - self._intervals[:, 0]
        if lengths.max() < settings.window_bp:
            raise OptionError(
                f"--window {settings.window_bp}: longer than every sequence of the train split "
                f"(the longest has {lengths.max()} bp); choose a shorter window"
            )
        self._cumulative_bases = np.cumsum(lengths)
        self._sites = [self._sites_of(number) for number in range(len(encoded.classes))]

    def batch(self, step: int) -> TrainingBatch:
        """Return the windows of step `step`; they depend on the seed and the step alone."""
        return self._cut(self.places(step), self.answers)

    def places(self, step: int) -> Places:
        """Return the positions of the windows of step `step`."""
        return self._draw(_TRAINING_STREAM, step)

    def prevalence(self) -> Prevalence:
        """Return the shares of positive bases in sequence (counted) and in windows (estimated)."""
        classes = self.encoded.classes
        sequence = np.zeros(len(classes) + 1)
        for start, end in self._natural:
            for chunk in range(start, end, _CHUNK_BP):
                piece = slice(chunk, min(end, chunk + _CHUNK_BP))
                labels = np.asarray(self.encoded.labels[piece])
                counted = _counted(np.asarray(self.encoded.codes[piece]), labels)
                sequence += self._positives(targets(labels, classes), counted)
        if not sequence[-1]:
            raise EncodedSetError(
                f"{self.encoded.path}: every base of the train split is ignored or ambiguous; "
                "encode again with fewer --ignore-classes or another --mask"
            )
        in_sequence = sequence[:-1] / sequence[-1]
        if not self._positive_windows():
            return Prevalence(in_sequence, in_sequence)
        sampled = np.zeros(len(classes) + 1)
        for step in range(_PREVALENCE_BATCHES):
            batch = self._cut(self._draw(_PREVALENCE_STREAM, step))
            sampled += self._positives(batch.truth, batch.counted)
        in_windows = sampled[:-1] / max(sampled[-1], 1.0)
        return Prevalence(in_sequence, np.where(in_windows > 0, in_windows, in_sequence))

    def site_lengths_bp(self) -> dict[str, NDArray[np.int64]]:
        """Return the lengths of the labelled runs of each class in the train split: (n,) int64.

        Contigs of `encode --background` come last and do not count: they have parts of long sites.
        """
        last = self._natural[-1, 1]
        return {
            motif_class.name: (sites.ends - sites.starts)[sites.starts < last]
            for motif_class, sites in zip(self.encoded.classes, self._sites, strict=True)
        }

    def _positives(self, truth: NDArray[Any], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the positive bases of each class (mean of strands), then the counted bases."""
        by_output = truth[counted].sum(axis=0)
        totals, column = [], 0
        for motif_class in self.encoded.classes:
            strands = 2 if motif_class.stranded else 1
            totals.append(by_output[column : column + strands].mean())
            column += strands
        return np.array([*totals, counted.sum()], dtype=np.float64)

    def _sites_of(self, number: int) -> _ClassSites:
        motif_class = self.encoded.classes[number]
        strands = "+-" if motif_class.stranded else "."
        found = [
            self._runs(start, end, class_bits(number, strand))
            for start, end in self._intervals
            for strand in strands
        ]
        sites = np.concatenate(found)
        if not len(sites):
            raise EncodedSetError(
                f"{self.encoded.path}: class {motif_class.name} has no labelled base in the train "
                "split; change the split, or leave the class out with --classes"
            )
        lengths = sites[:, 1] - sites[:, 0]
        median = float(np.median(lengths))
        return _ClassSites(sites[:, 0], sites[:, 1], np.cumsum(lengths), median)

    def _runs(self, start: int, end: int, bits: int) -> NDArray[np.int64]:
        """Return the runs (n, 2) of bases of an interval that have one of `bits` and count."""
        found = []
        for chunk in range(start, end, _CHUNK_BP):
            labels = np.asarray(self.encoded.labels[chunk : min(end, chunk + _CHUNK_BP)])
            ignored = (labels & labels.dtype.type(IGNORE_BIT)) != 0
            found.append(runs(((labels & labels.dtype.type(bits)) != 0) & ~ignored) + chunk)
        sites = np.concatenate(found)
        # Runs that touch are parts of one run, cut by the end of a chunk.
        apart = sites[1:, 0] > sites[:-1, 1]
        return (
            np.stack([sites[np.append(True, apart), 0], sites[np.append(apart, True), 1]], axis=1)
            if len(sites)
            else sites
        )

    def _draw(self, stream: int, step: int) -> Places:
        settings = self.settings
        key = np.random.SeedSequence([settings.seed, stream, step])
        rng = np.random.Generator(np.random.Philox(key))
        positive = self._positive_windows()
        bases = self._positive_bases(rng, positive)
        others = self._any_bases(rng, settings.batch_windows - positive)
        # Random order, so that all slices of the batch have about the same share of positive ones.
        starts, ends = self._around(rng.permutation(np.concatenate([bases, others])), rng)
        turned = np.zeros(settings.batch_windows, np.bool_)
        if self._either_strand:
            turned = rng.random(settings.batch_windows) < 0.5
        return Places(starts, ends, turned, self._mutations(rng, starts, ends))

    def _mutations(
        self, rng: np.random.Generator, starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> Codes | None:
        settings = self.settings
        if not settings.mutation_rate:
            return None
        # 16 random bits per base. Bits below 1/3, 2/3 or 3/3 of the rate add 3, 2 or 1 to the code,
        # so that each of the other three bases is equally likely.
        shape = (settings.batch_windows, settings.window_bp)
        bits = rng.integers(1 << 16, size=shape, dtype=np.uint16)
        mutations = _added(bits, settings.mutation_rate)
        shares = [min(1.0, sites.median_bp / _LONG_SITE_BP) for sites in self._sites]
        if min(shares) < 1:
            rates = self._mutation_rates(starts, ends, shares)
            lower = rates < settings.mutation_rate
            mutations[lower] = _added(bits[lower], rates[lower])
        return mutations

    def _mutation_rates(
        self, starts: NDArray[np.int64], ends: NDArray[np.int64], shares: list[float]
    ) -> NDArray[np.float64]:
        """Return the probability of a mutation of each base of windows: (B, L).

        `shares` are those of the full rate inside sites of each class.
        """
        places = starts[:, None] + np.arange(self.settings.window_bp)
        labels = self.encoded.labels[np.minimum(places, ends[:, None] - 1)]
        rates = np.full(labels.shape, self.settings.mutation_rate)
        for number, share in enumerate(shares):
            if share < 1:
                inside = (labels & labels.dtype.type(class_bits(number, "."))) != 0
                rates[inside] = np.minimum(rates[inside], share * self.settings.mutation_rate)
        return rates

    def _positive_windows(self) -> int:
        """Return the number of positive windows per batch: at least 1 if the share is above 0."""
        settings = self.settings
        wanted = settings.batch_windows * settings.positive_share
        return max(round(wanted), int(wanted > 0))

    def _any_bases(self, rng: np.random.Generator, number: int) -> NDArray[np.int64]:
        rank = rng.integers(self._cumulative_bases[-1], size=number)
        interval = np.searchsorted(self._cumulative_bases, rank, side="right")
        return np.asarray(self._intervals[interval, 1] - self._cumulative_bases[interval] + rank)

    def _positive_bases(self, rng: np.random.Generator, number: int) -> NDArray[np.int64]:
        which_class = rng.integers(len(self._sites), size=number)
        at_an_end = rng.random(number) < 0.5
        first = rng.random(number) < 0.5
        share = rng.random(number)
        bases = np.empty(number, dtype=np.int64)
        for class_number, sites in enumerate(self._sites):
            mine = which_class == class_number
            site = (share[mine] * len(sites.starts)).astype(np.int64)
            edges = np.where(first[mine], sites.starts[site], sites.ends[site] - 1)
            rank = (share[mine] * sites.cumulative_bases[-1]).astype(np.int64)
            site = np.searchsorted(sites.cumulative_bases, rank, side="right")
            inner = sites.ends[site] - sites.cumulative_bases[site] + rank
            bases[mine] = np.where(at_an_end[mine], edges, inner)
        return bases

    def _around(
        self, bases: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return windows that contain the bases and stay within the interval of the split."""
        window = self.settings.window_bp
        interval = np.searchsorted(self._intervals[:, 0], bases, side="right") - 1
        first, last = self._intervals[interval, 0], self._intervals[interval, 1]
        starts = bases - rng.integers(window, size=len(bases))
        starts = np.maximum(np.minimum(starts, last - window), first)
        return starts, np.minimum(starts + window, last)

    def _cut(self, drawn: Places, answers: NDArray[np.uint16] | None = None) -> TrainingBatch:
        starts, ends, turned, mutations = drawn
        places = starts[:, None] + np.arange(self.settings.window_bp)  # (B, L)
        if (ends - starts == self.settings.window_bp).all():
            codes = self.encoded.codes[places]
        else:
            real = places < ends[:, None]
            places = np.where(real, places, starts[:, None])
            codes = np.where(real, self.encoded.codes[places], np.uint8(PADDING))
        if mutations is not None:
            codes = np.where(codes < AMBIGUOUS, (codes + mutations) & 3, codes)
        labels = self.encoded.labels[places]
        truth, counted = targets(labels, self.encoded.classes), _counted(codes, labels)
        flanked = self._flanked(starts, codes)
        batch = TrainingBatch(codes, truth, counted, flanked)
        if answers is not None:
            taught = _mixed(answers[places], truth, counted)
            batch = batch._replace(truth=taught, counted=codes < AMBIGUOUS)
        return self._turned(batch, turned) if turned.any() else batch

    def _flanked(self, starts: NDArray[np.int64], codes: Codes) -> Codes:
        """Return windows (B, L) with flanks, which are not mutated: (B, F + L + F)."""
        flank = self.flank_bp
        if not flank:
            return codes
        interval = np.searchsorted(self._intervals[:, 0], starts, side="right") - 1
        first, last = self._intervals[interval].T
        places = starts[:, None] + np.arange(-flank, codes.shape[1] + flank)
        inside = (places >= first[:, None]) & (places < last[:, None])
        places = np.where(inside, places, starts[:, None])
        flanked = np.where(inside, self.encoded.codes[places], np.uint8(PADDING))
        flanked[:, flank:-flank] = codes
        return flanked

    def _turned(self, batch: TrainingBatch, chosen: NDArray[np.bool_]) -> TrainingBatch:
        """Reverse-complement the chosen windows; padded ones stay unchanged."""
        chosen = chosen & (batch.codes[:, -1] != PADDING)
        columns = opposite_outputs(self.encoded.classes)
        codes, truth, counted = batch.codes.copy(), batch.truth.copy(), batch.counted.copy()
        codes[chosen] = reverse_complement(codes[chosen])
        truth[chosen] = truth[chosen][:, ::-1][..., columns]
        counted[chosen] = counted[chosen][:, ::-1]
        flanked = batch.flanked.copy()
        flanked[chosen] = reverse_complement(flanked[chosen])
        return TrainingBatch(codes, truth, counted, flanked)


def _added(bits: NDArray[np.uint16], rate: float | NDArray[np.float64]) -> Codes:
    """Return what mutations add to codes, given 16 random bits and the rate of each base."""
    added = np.zeros(bits.shape, np.uint8)
    for share in (1 / 3, 2 / 3, 1):
        added += bits < np.rint(share * np.asarray(rate) * (1 << 16)).astype(np.uint16)
    return added


def _mixed(
    answers: NDArray[np.uint16], truth: NDArray[np.bool_], counted: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the probabilities (B, L, O) that windows are taught as."""
    labelled = LABEL_SHARE * counted[..., None].astype(np.float32)
    return (1 - labelled) * (answers.astype(np.float32) / 65_535) + labelled * truth


def _counted(codes: Codes, labels: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
    ignored = (labels & labels.dtype.type(IGNORE_BIT)) != 0
    return np.asarray((codes < AMBIGUOUS) & ~ignored)
