"""Markov chains: random sequence with the base composition of a genome and no other feature of it.

With n(w), the count of word w on both strands, the probability of base b after context c is::

    P(b | c) = (n(cb) + f(b)) / (n(c) + 1)

where f(b) is the overall frequency of b. This pseudocount gives every context a successor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, Codes, reverse_complement
from dnabirnn.errors import OptionError
from dnabirnn.sequences.read import read_fasta

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.files import PathLike

__all__ = [
    "BUILT_IN_ORDER",
    "MAX_ORDER",
    "Background",
    "Stretches",
    "background_of_gc",
    "built_in_background",
    "learn_background",
]

MAX_ORDER = 8
"""Largest order. Each of the 65,536 contexts of eight bases occurs about 70 times in a bacterial
genome."""

BUILT_IN_ORDER = 3
_BUILT_IN = """
70767 50477 45989 51593 43674 40859 48632 32073 34151 39663 27208 26059 41877 41780 43470 39318
33365 21816 33319 28561 47907 24444 49956 26954 28893 52207 36270 29102 13251 19435 40933 26059
36835 20960 21470 32877 45857 35277 53428 26680 22296 33647 18203 26954 21229 18917 27459 32073
44109 26503 18642 37768 55174 36437 48622 32877 41725 43446 39591 28561 38163 34718 41971 51593
48584 43767 19330 41971 25834 46762 32869 27459 43356 74048 49470 40933 26613 52712 30528 43470
27149 36888 68043 39591 27009 17586 32524 18203 31992 57096 48622 36270 8245 16177 49470 27208
38648 34540 20920 48622 50851 69673 56452 53428 33977 57523 32524 49956 28438 36533 32869 48632
15035 18577 1770 18642 23706 19153 20920 21470 49030 57415 68043 33319 19827 41935 19330 45989
54810 35946 41935 34718 26271 27290 36533 18917 23328 26309 16177 19435 40370 38248 52712 41780
54367 36113 57415 43446 62985 31062 57523 33647 50921 70180 57096 52207 21221 26309 74048 39663
40163 16520 19153 36437 55097 25170 69673 35277 22230 31062 17586 24444 34350 27290 46762 40859
36141 24078 18577 26503 36991 16520 34540 20960 38107 36113 36888 21816 35048 35946 43767 50477
44665 35048 19827 38163 21282 34350 28438 21229 11307 21221 8245 13251 18162 40370 26613 41877
38771 38107 49030 41725 33770 22230 33977 22296 30924 50921 31992 28893 11307 23328 43356 34151
51762 36991 23706 55174 39536 55097 50851 45857 33770 62985 27009 47907 21282 26271 25834 43674
42418 36141 15035 44109 51762 40163 38648 36835 38771 54367 27149 33365 44665 54810 48584 70767
"""
"""Count of each word of four bases, AAAA to TTTT, in Escherichia coli K-12 MG1655 (NC_000913.3),
both strands together. NCBI RefSeq data are free of restrictions on use."""

# Words counted and bases drawn per step, which bounds the memory of both.
_WORDS_AT_ONCE = 1 << 22
_BASES_AT_ONCE = 1 << 16
_STRETCH_BP = 20_000


class Background:
    """A Markov chain of bases, the same on both strands.

    Parameters
    ----------
    words : ndarray, (4 ** (order + 1),) int64
        Count of each word of `order` + 1 bases, in alphabetical order; at least one is not 0. One
        pseudocount per context, split by the base frequencies, is added to them.

    Attributes
    ----------
    order : int
        Number of preceding bases that the next base depends on.
    frequencies : ndarray, (4,) float64
        Frequencies of A, C, G and T.
    """

    def __init__(self, words: NDArray[np.int64]) -> None:
        self.order = int(np.log2(words.size)) // 2 - 1
        counts = words.reshape(-1, 4).astype(np.float64)
        self.frequencies = counts.sum(axis=0) / counts.sum()
        contexts = np.cumsum(counts.sum(axis=1))
        self._first = contexts / contexts[-1]
        counts += self.frequencies
        # Per context, three cuts split the interval from 0 to 1 into the shares of A, C, G and T:
        #   0 -- A -- cut -- C -- cut -- G -- cut -- T -- 1
        shares = (np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True))[:, :3]
        self._cuts = [tuple(row) for row in shares.tolist()]

    def sequence(
        self,
        length: int,
        random: np.random.Generator,
        progress: Callable[[int], object] = lambda bases: None,
    ) -> Codes:
        """Draw a sequence.

        Parameters
        ----------
        length : int
        random : numpy.random.Generator
            One number is drawn for the initial context, then one per base.
        progress : callable
            Called with the size of each finished piece, in bases.

        Returns
        -------
        codes : ndarray, (length,) uint8
            Codes 0 to 3.
        """
        last = len(self._cuts) - 1
        context = min(int(np.searchsorted(self._first, random.random(), side="right")), last)
        codes, cuts = bytearray(), self._cuts
        while len(codes) < length:
            draws = random.random(min(_BASES_AT_ONCE, length - len(codes))).tolist()
            for draw in draws:
                a, c, g = cuts[context]
                code = (0 if draw < a else 1) if draw < c else (2 if draw < g else 3)
                codes.append(code)
                context = (context << 2 | code) & last
            progress(len(draws))
        return np.frombuffer(codes, dtype=np.uint8)


class Stretches:
    """Sequence drawn from known sequence, in stretches of up to 20,000 bases from random places.

    Parameters
    ----------
    codes : ndarray, (N,) uint8
        At least one base.
    """

    def __init__(self, codes: Codes) -> None:
        self._codes = codes

    def sequence(
        self,
        length: int,
        random: np.random.Generator,
        progress: Callable[[int], object] = lambda bases: None,
    ) -> Codes:
        """Draw a sequence: (length,) uint8, with codes 0 to 4."""
        pieces, left = [], length
        while left > 0:
            size = min(left, _STRETCH_BP, self._codes.size)
            first = int(random.random() * (self._codes.size - size + 1))
            pieces.append(self._codes[first : first + size])
            left -= size
            progress(size)
        return np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)


def _count_words(codes: Codes, size: int) -> NDArray[np.int64]:
    """Count each word of `size` bases without code 4: (4 ** size,) int64.

    Examples
    --------
    >>> from dnabirnn.alphabet import encode
    >>> _count_words(encode("ACNAC"), 2).nonzero()[0].tolist()
    [1]
    """
    counts = np.zeros(4**size, dtype=np.int64)
    for first in range(0, codes.size - size + 1, _WORDS_AT_ONCE):
        piece = codes[first : first + _WORDS_AT_ONCE + size - 1]
        words = np.zeros(piece.size - size + 1, dtype=np.int64)
        known = np.ones(words.size, dtype=np.bool_)
        for place in range(size):
            letters = piece[place : place + words.size]
            words = words << 2 | letters
            known &= letters < AMBIGUOUS
        counts += np.bincount(words[known], minlength=counts.size)
    return counts


def learn_background(
    paths: Iterable[PathLike],
    order: int,
    progress: Callable[[int], object] = lambda bases: None,
) -> Background:
    """Learn a Markov chain from FASTA files, both strands together.

    Parameters
    ----------
    paths : iterable of str or PathLike
    order : int
        From 0 to `MAX_ORDER`.
    progress : callable
        Called with the length of each contig that was read, in bases.

    Raises
    ------
    FastaError
        A file that cannot be read.
    OptionError
        An order out of range, or too little sequence for it.
    """
    if not 0 <= order <= MAX_ORDER:
        raise OptionError(f"--order {order}: must be 0 to {MAX_ORDER}")
    files = list(paths)
    words = np.zeros(4 ** (order + 1), dtype=np.int64)
    for record in read_fasta(*files):
        for codes in (record.codes, reverse_complement(record.codes)):
            words += _count_words(codes, order + 1)
        progress(len(record.codes))
    if not words.any():
        names = ", ".join(str(path) for path in files)
        raise OptionError(
            f"{names}: no stretch of {order + 1} known bases to learn from; give longer sequences"
        )
    return Background(words)


@lru_cache
def built_in_background(order: int = BUILT_IN_ORDER) -> Background:
    """Return the Markov chain with the composition of Escherichia coli K-12.

    Parameters
    ----------
    order : int
        From 0 to 3.

    Raises
    ------
    OptionError
        A higher order, which must be learned from a genome.

    Examples
    --------
    >>> built_in_background(0).frequencies.round(3).tolist()
    [0.246, 0.254, 0.254, 0.246]
    """
    if not 0 <= order <= BUILT_IN_ORDER:
        raise OptionError(
            f"--order {order}: the built-in composition has orders 0 to {BUILT_IN_ORDER}; "
            "give a genome to learn from with --background"
        )
    words = np.array(_BUILT_IN.split(), dtype=np.int64)
    return Background(words.reshape(-1, 4 ** (order + 1)).sum(axis=0))


@lru_cache
def background_of_gc(gc: float) -> Background:
    """Return the chain of order 3 of Escherichia coli K-12, tilted to another GC content.

    Each sequence counts t times per G or C in it, with the t that gives the wanted GC content. Both
    strands remain the same.

    Parameters
    ----------
    gc : float
        GC content, above 0 and below 1.

    Examples
    --------
    >>> codes = background_of_gc(0.3).sequence(100_000, np.random.default_rng(0))
    >>> round(float(np.isin(codes, [1, 2]).mean()), 2)
    0.3
    """
    words = np.array(_BUILT_IN.split(), dtype=np.float64).reshape(-1, 4)
    steps = words / words.sum(axis=1, keepdims=True)
    low, high = -20.0, 20.0  # logarithm of t
    for _ in range(40):
        middle = (low + high) / 2
        weights = _tilted(steps, float(np.exp(middle)))
        low, high = (middle, high) if weights[:, 1:3].sum() < gc else (low, middle)
    return Background(np.rint(weights.ravel() * words.sum()).astype(np.int64))


def _tilted(steps: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Return the frequencies of words in long sequence, each weighed by `factor` per G or C.

    The weight of a word is that of its own step, times those of all that can come before and after.
    These are the eigenvectors of the matrix of steps to the largest eigenvalue. A high power of the
    matrix is their outer product.

    Parameters
    ----------
    steps : ndarray, (contexts, 4) float64
        Probability of each base after each context.
    factor : float

    Returns
    -------
    words : ndarray, (contexts, 4) float64
        They add up to 1.
    """
    weights = steps * np.array([1.0, factor, factor, 1.0])
    contexts = np.arange(len(steps))
    following = (contexts[:, None] << 2 | np.arange(4)) % len(steps)  # (contexts, 4)
    power = np.zeros((len(steps), len(steps)))
    power[contexts[:, None], following] = weights
    for _ in range(12):
        power = power @ power
        power /= power.max()
    words = power[0][:, None] * weights * power[:, 0][following]
    return np.asarray(words / words.sum())
