"""Prior of a class in a genome without labels: the share of its bases, estimated from scores.

A model is calibrated for sequence in which a class has a share p of the bases. In a genome with
another share q, its probabilities are off by a shift of the log-odds. The shift can be undone once
q is known (`score --prior`). By Bayes' rule, a probability x for the share p says how much more
likely the sequence around the base is with the class than without it::

    r = x / (1 - x) * (1 - p) / p

**Estimate.** The bases of the genome are a mixture: a share q with the class, the rest without.
The logarithm of its likelihood, relative to that of no base with the class, is::

    L(q) = sum over bases of log(1 - q + q r)

Saerens et al. (2002), Adjusting the outputs of a classifier to new a priori probabilities, find its
maximum by expectation maximization: they set q to the mean of the probabilities for the share q,
until it stays. L is concave, so bisection of its derivative finds the same q, also near 0, where
steps of expectation maximization are tiny. The scores are in a histogram of 16 bins per octave of
the odds, so a step costs nothing.

**Background.** The method takes r for the same in both genomes. In a genome of another composition
it is not: a model of promoters that was trained on AT-rich sequence gives all AT-rich sequence
larger scores. Without sites, the mean of r is 1 by definition. The genome is therefore shuffled,
scored again, and r is divided by its mean m over the shuffle, if that is above 1. The shuffle has
the same words of four bases in each stretch of 10 kb, so only what is more frequent than these
explain counts as a site. The shift of log-odds that this makes is part of the prior for `score`::

    prior / (1 - prior) = q / (1 - q) / m

With it, the mean of the scores is q.

**Interval.** Bases are not independent. Blocks of 10 kb are drawn with replacement, in 512 groups,
as for the intervals of metrics (`dnabirnn.evaluation.bootstrap`). m stays as it is.

**Absence.** 2 L(q) is no chi-squared variable, since neighboring bases score alike. It is compared
with itself under exchanges of blocks of the genome with their shuffles: without sites, and in
sequence that its words of four bases describe, it makes no difference which of the two is called
the genome. The p-value is the share of random exchanges with at least the same 2 L(q). Blocks have
1 kb here: sites that all lie within n of them cannot give a p-value below 2 ** -n.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.errors import OptionError
from dnabirnn.evaluation.base_counts import BaseCounter
from dnabirnn.evaluation.bootstrap import BLOCK_BP, COARSE, GROUPS, draw
from dnabirnn.evaluation.metrics import BINS, bin_means
from dnabirnn.labels import label_dtype
from dnabirnn.sequences import Record, shuffled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import MotifClass
    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig
    from dnabirnn.tracks import Block

__all__ = ["SIGNIFICANT", "ClassPrior", "estimate_priors", "presence", "share_of"]

SIGNIFICANT = 0.05
"""Largest p-value at which a class counts as present."""

_ORDER = 3
"""Contexts of the shuffle, in bases. Pairs of neighbors are not enough: on random sequence with the
words of four bases of E. coli, a model of terminators scored the genome above such a shuffle."""
_TEST_BLOCK_BP = 1_000
_REPLICATES = 1_000
_EXCHANGES, _AT_ONCE = 2_000, 250
_HALVINGS = 50
_LARGEST_ODDS = 2.0**24


class ClassPrior(NamedTuple):
    """Estimated prior of a class.

    Attributes
    ----------
    calibrated : float
        Share of the bases of a strand that the model was calibrated for.
    share : float
        Estimated share in the genome.
    interval : tuple of float, or None
        95 % confidence interval; None with fewer than two blocks of 10 kb.
    prior : float
        Share to give to `score --prior`. It is smaller than `share` if the model gives sequence of
        this composition larger scores without sites.
    p_value : float
        Of no more sites than in the shuffled genome.
    """

    calibrated: float
    share: float
    interval: tuple[float, float] | None
    prior: float
    p_value: float

    @property
    def present(self) -> bool:
        """Whether the genome has more of the class than its shuffle."""
        return self.share > 0 and self.p_value <= SIGNIFICANT


def estimate_priors(
    model: Model,
    fasta: Sequence[PathLike],
    *,
    seed: int = 0,
    progress: Callable[[int], object] = lambda bases: None,
) -> dict[str, ClassPrior]:
    """Estimate the prior of each class of a model in FASTA files.

    Each contig is scored, and so is its shuffle; the files are read once.

    Parameters
    ----------
    model : Model
        Without other priors than those that it was calibrated for.
    fasta : sequence of str or PathLike
    seed : int
        Seed of the shuffle, the bootstrap and the exchanges.
    progress : callable
        Called with the size of each finished block, in bases; shuffled blocks included.

    Returns
    -------
    priors : dict of str to ClassPrior

    Raises
    ------
    OptionError
        If the model file lacks the share of a class that it was calibrated for, or the model
        learned labels of whole sequences.
    FastaError
        A file cannot be read, or has no known base.
    """
    checkpoint = model.checkpoint
    if checkpoint.sequences is not None:
        raise OptionError(
            "the model learned labels of whole sequences, so that its scores of bases are not "
            "calibrated; give a model that learned labels of bases"
        )
    classes, calibrated = checkpoint.architecture.classes, checkpoint.calibrated_shares()
    for name, _ in classes:
        if not 0 < calibrated.get(name, 0) < 1:
            raise OptionError(
                f"the model file does not have the share of {name} that it was calibrated for; "
                "train the model again"
            )
    wide, genome, shuffle = (_counter(classes, bp) for bp in (BLOCK_BP, *[_TEST_BLOCK_BP] * 2))
    blocks = model.blocks(_with_shuffles(model.contigs(*fasta), seed))
    for is_shuffle, block in _alternating(blocks):
        for counter in [shuffle] if is_shuffle else [genome, wide]:
            _count(counter, block, len(classes))
        progress(len(block.codes))
    if not genome.blocks:
        raise OptionError(f"{fasta[0]}: no known base to estimate from; give longer sequences")
    found = {}
    for name, _ in classes:
        by_wide, by_block, by_shuffle = (_histograms(c, name) for c in (wide, genome, shuffle))
        p = calibrated[name]
        mean = float(_background(by_shuffle.sum(axis=0), _ratios(p)))
        ratios = _ratios(p) / mean
        share = float(share_of(by_block.sum(axis=0), ratios))
        odds = share / max(1 - share, 1 / _LARGEST_ODDS) / mean
        interval = _interval(by_wide, ratios, seed)
        p_value = presence(by_block, by_shuffle, _ratios(p), seed)
        found[name] = ClassPrior(p, share, interval, odds / (1 + odds), p_value)
    return found


def _counter(classes: Sequence[MotifClass], block_bp: int) -> BaseCounter:
    outputs = sum(1 + stranded for _, stranded in classes)
    return BaseCounter(classes, [np.float32(1)] * outputs, block_bp)


def _with_shuffles(contigs: Iterable[Contig], seed: int) -> Iterator[Contig]:
    """Yield each contig, then its shuffle, in stretches of 10 kb. N stays in place."""
    for number, contig in enumerate(contigs):
        yield contig
        random = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, number))))
        pieces = [
            shuffled(contig.codes[first : first + BLOCK_BP], int(random.random() * 2**53), _ORDER)
            for first in range(0, len(contig.codes), BLOCK_BP)
        ]
        codes = np.concatenate([np.zeros(0, np.uint8), *pieces])
        yield Record(contig.name, codes, None)


def _alternating(blocks: Iterable[Block]) -> Iterator[tuple[bool, Block]]:
    """Yield blocks, and whether they are of a shuffle: that of every other contig."""
    is_shuffle = False
    for block in blocks:
        yield is_shuffle, block
        is_shuffle ^= block.last


def _count(counter: BaseCounter, block: Block, classes: int) -> None:
    nothing = np.zeros(len(block.codes), dtype=label_dtype(classes))
    counter.add(block.start, block.probabilities, nothing, block.codes < AMBIGUOUS)


def _histograms(counter: BaseCounter, name: str) -> NDArray[np.float64]:
    """Return the counts by group and bin, (groups, COARSE). A base counts once per strand."""
    groups = min(counter.blocks, GROUPS)
    counts: NDArray[np.float64] = (
        counter.tallies()[name].by_strand.by_score[:groups, 1].astype(float)
    )
    return counts


def _ratios(calibrated: float) -> NDArray[np.float64]:
    """Return the ratio r of each bin, (COARSE,) float64."""
    p = bin_means()[BINS // COARSE // 2 :: BINS // COARSE]
    with np.errstate(divide="ignore"):
        odds = np.minimum(p / (1 - p), _LARGEST_ODDS)
    return np.asarray(odds * (1 - calibrated) / calibrated)


def _background(shuffle: NDArray[np.float64], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return m, the mean of r over shuffles (..., K), at least 1: (...) float64."""
    return np.asarray(np.maximum((shuffle @ ratios) / shuffle.sum(axis=-1), 1.0))


def share_of(counts: NDArray[np.float64], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of bases of a class that is most likely.

    Parameters
    ----------
    counts : ndarray, (..., K) float64
        Bases by bin, of any number of sequences.
    ratios : ndarray, (K,) or (..., K) float64
        Likelihood ratio of each bin.

    Returns
    -------
    shares : ndarray, (...) float64

    Examples
    --------
    A model that is always sure, and a quarter of the bases:

    >>> share_of(np.array([300.0, 100.0]), np.array([0.0, 1e6])).round(6).tolist()
    0.249999
    """
    excess = ratios - 1
    low, high = np.zeros(counts.shape[:-1]), np.ones(counts.shape[:-1])
    # The slope of L falls with the share. It is not above 0 anywhere if it is not at 0.
    none = (counts * excess).sum(axis=-1) <= 0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        slope = (counts * (excess / (1 + middle[..., None] * excess))).sum(axis=-1)
        low, high = np.where(slope > 0, middle, low), np.where(slope > 0, high, middle)
    return np.where(none, 0.0, (low + high) / 2)


def presence(
    genome: NDArray[np.float64],
    shuffle: NDArray[np.float64],
    ratios: NDArray[np.float64],
    seed: int,
) -> float:
    """Return the p-value of the genome having no more sites than its shuffle.

    Parameters
    ----------
    genome, shuffle : ndarray, (G, K) float64
        Bases by group of blocks and bin; group g of one is the shuffle of group g of the other.
    ratios : ndarray, (K,) float64
        r of each bin.
    seed : int
        Seed of the exchanges.
    """
    used = (genome + shuffle).any(axis=0)
    genome, shuffle, ratios = genome[:, used], shuffle[:, used], ratios[used]

    def likelihood(kept: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 2 L at the most likely share, for the groups (r, G) that are not exchanged."""
        counts, other = kept @ genome + (1 - kept) @ shuffle, kept @ shuffle + (1 - kept) @ genome
        own = ratios / _background(other, ratios)[:, None]
        shares = share_of(counts, own)[:, None]
        return np.asarray(2 * (counts * np.log1p(shares * (own - 1))).sum(axis=-1))

    observed = likelihood(np.ones((1, len(genome))))[0]
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = [observed]
    for _ in range(0, _EXCHANGES, _AT_ONCE):
        drawn += likelihood((random.random((_AT_ONCE, len(genome))) < 0.5).astype(float)).tolist()
    # Sums of the same counts may differ in the last bits.
    return float(np.mean(np.array(drawn) >= observed - 1e-9 * abs(observed)))


def _interval(
    counts: NDArray[np.float64], ratios: NDArray[np.float64], seed: int
) -> tuple[float, float] | None:
    weights = draw(len(counts), _REPLICATES, seed)
    if not len(weights):
        return None
    low, high = np.percentile(share_of(weights @ counts, ratios), [2.5, 97.5]).tolist()
    return low, high
