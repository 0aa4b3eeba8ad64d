"""Scanner: sites of motifs on both strands, with exact p-values.

The score of a site is the sum, over the columns of the motif, of 100 log2(q / background), rounded
to an integer per column. Integer sums are exact in any order. So a site has the same score on
either strand, and the distribution of scores of random bases, which gives the p-values, can be
computed column by column (`tail_probabilities`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dnabirnn.alphabet import decode
from dnabirnn.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.motifs.motif import Motif

__all__ = ["Hits", "Scanner", "background_of", "score_matrix", "tail_probabilities"]

_PER_BIT = 100
"""Units per bit. Rounding to hundredths of a bit changes the score of a motif of 20 columns by at
most 0.1 bit."""
_CHUNK_BP = 1 << 22
_NEVER = -1e6
"""Score of code 4, so low that the other columns cannot make up for it."""


class Hits(NamedTuple):
    """Sites of motifs on a contig, sorted by start, end, motif and strand (+ before -).

    Attributes
    ----------
    starts, ends : ndarray, (n,) int64
        0-based, half-open.
    motifs : ndarray, (n,) int64
        Index of each site's motif in the list of motifs.
    minus : ndarray, (n,) bool
        True for sites on the minus strand.
    pvalues : ndarray, (n,) float64
        Probability that random bases score at least as high.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    motifs: NDArray[np.int64]
    minus: NDArray[np.bool_]
    pvalues: NDArray[np.float64]


def background_of(gc: float) -> NDArray[np.float64]:
    """Return the shares of A, C, G and T; they are the same on both strands.

    Examples
    --------
    >>> background_of(0.4).tolist()
    [0.3, 0.2, 0.2, 0.3]
    """
    return np.array([1 - gc, gc, gc, 1 - gc]) / 2


def score_matrix(motif: Motif, background: NDArray[np.float64]) -> NDArray[np.int64]:
    """Compute the scores of bases in the columns of a motif, in hundredths of a bit.

    Parameters
    ----------
    motif : Motif
    background : ndarray, (4,) float64
        Shares of A, C, G and T, all above 0.

    Returns
    -------
    scores : ndarray, (W, 4) int64
        `100 log2(q / background)`, rounded, where q is 0.99 times the motif's share plus 0.01
        times the background's.

    Examples
    --------
    >>> from dnabirnn.motifs.motif import Motif
    >>> score_matrix(Motif("m", "m", np.array([[9.0, 0, 0, 0]])), background_of(0.5)).tolist()
    [[199, -664, -664, -664]]
    """
    shares = motif.shares(background)
    scores: NDArray[np.int64] = np.rint(_PER_BIT * np.log2(shares / background)).astype(np.int64)
    return scores


def tail_probabilities(
    scores: NDArray[np.int64], background: NDArray[np.float64]
) -> tuple[int, NDArray[np.float64]]:
    """Compute the probabilities that random bases reach each score, exact up to float64 rounding.

    The distribution of the sum is the convolution of the distributions of the columns.

    Parameters
    ----------
    scores : ndarray, (W, 4) int64
    background : ndarray, (4,) float64

    Returns
    -------
    lowest : int
        Lowest possible score.
    chances : ndarray, (n,) float64
        `chances[k]` is the probability of a score of `lowest + k` or more; the last element is
        that of the highest possible score.

    Examples
    --------
    >>> lowest, chances = tail_probabilities(np.array([[2, 0, 0, -1]] * 2), background_of(0.5))
    >>> lowest, chances.tolist()
    (-2, [1.0, 0.9375, 0.6875, 0.4375, 0.3125, 0.0625, 0.0625])
    """
    chances = np.ones(1)
    for column in scores:
        steps = column - column.min()
        longer = np.zeros(len(chances) + int(steps.max()))
        for step, share in zip(steps.tolist(), background.tolist(), strict=True):
            longer[step : step + len(chances)] += share * chances
        chances = longer
    # Sum from the rare end, so that small numbers are added before large ones.
    return int(scores.min(axis=1).sum()), np.cumsum(chances[::-1])[::-1]


class _Matrix(NamedTuple):
    """Scores of a motif on one strand, also in the form that lightmotif needs."""

    motif: int
    minus: bool
    scores: NDArray[np.int64]  # (W, 4)
    pssm: Any


class Scanner:
    """Scanner for sites of motifs on both strands.

    Stretches with code 4 are never sites. The threshold of a motif is the lowest score whose
    p-value is at most `pvalue`.

    Parameters
    ----------
    motifs : sequence of Motif
    pvalue : float
        Largest p-value of a site, for each motif and strand.
    gc : float
        Share of G and C in the random bases that define p-values.

    Raises
    ------
    OptionError
        If the package lightmotif is missing, or `pvalue` or `gc` is not between 0 and 1.
    """

    def __init__(self, motifs: Sequence[Motif], pvalue: float, gc: float) -> None:
        if not 0 < pvalue < 1:
            raise OptionError(f"--pvalue {pvalue:g}: must be more than 0 and less than 1")
        if not 0 < gc < 1:
            raise OptionError(
                f"--gc {gc:g}: p-values need a share of G and C of more than 0 and less than 1; "
                "give one with --gc"
            )
        self._lightmotif = _lightmotif()
        background = background_of(gc)
        self._matrices: list[_Matrix] = []
        self._tails: list[tuple[int, NDArray[np.float64]]] = []
        self._thresholds: list[int] = []
        for number, motif in enumerate(motifs):
            scores = score_matrix(motif, background)
            lowest, chances = tail_probabilities(scores, background)
            self._tails.append((lowest, chances))
            # The tolerance is for rounding, where the sum should equal `pvalue`.
            rarer = np.flatnonzero(chances <= pvalue * (1 + 1e-9))
            self._thresholds.append(lowest + int(rarer[0]) if rarer.size else lowest + len(chances))
            for minus in (False, True):
                strand = scores[::-1, ::-1] if minus else scores
                self._matrices.append(_Matrix(number, minus, strand, self._pssm(strand)))

    def best_pvalue(self, motif: int) -> float:
        """Return the smallest p-value that a site of the motif can have."""
        return float(self._tails[motif][1][-1])

    def _pssm(self, scores: NDArray[np.int64]) -> Any:
        columns = {base: scores[:, code].tolist() for code, base in enumerate("ACGT")}
        return self._lightmotif.ScoringMatrix(columns | {"N": [_NEVER] * len(scores)})

    def scan(self, codes: Codes) -> Hits:
        """Find all sites on a contig.

        Parameters
        ----------
        codes : ndarray, (L,) uint8
            Codes 0 to 4.
        """
        found = [hits for chunk in self._chunks(codes) for hits in chunk]
        columns: list[Any] = [np.concatenate(column) for column in zip(*found, strict=True)]
        hits = Hits(*columns)
        order = np.lexsort((hits.minus, hits.motifs, hits.ends, hits.starts))
        columns = [column[order] for column in hits]
        return Hits(*columns)

    def _chunks(self, codes: Codes) -> Iterator[Iterator[Hits]]:
        """Yield the hits of each chunk; they start in the first `_CHUNK_BP` bases of the chunk."""
        widest = max((len(matrix.scores) for matrix in self._matrices), default=1)
        for start in range(0, max(len(codes), 1), _CHUNK_BP):
            chunk = codes[start : start + _CHUNK_BP + widest - 1]
            striped = self._lightmotif.stripe(decode(chunk))
            yield (self._hits(matrix, chunk, striped, start) for matrix in self._matrices)

    def _hits(self, matrix: _Matrix, chunk: Codes, striped: Any, offset: int) -> Hits:
        width = len(matrix.scores)
        threshold = self._thresholds[matrix.motif]
        scan = self._lightmotif.scan(matrix.pssm, striped, threshold=threshold)
        places = np.fromiter((hit.position for hit in scan), np.int64)
        places = places[places < _CHUNK_BP]  # later sites belong to the next chunk
        sites = chunk[places[:, None] + np.arange(width)]
        scores = matrix.scores[np.arange(width), sites].sum(axis=1)
        lowest, chances = self._tails[matrix.motif]
        return Hits(
            places + offset,
            places + (offset + width),
            np.full(len(places), matrix.motif, np.int64),
            np.full(len(places), matrix.minus),
            chances[scores - lowest],
        )


def _lightmotif() -> Any:
    try:
        import lightmotif
    except ModuleNotFoundError as error:
        raise OptionError(
            "scanning for motifs needs the package lightmotif, which is not installed; install it "
            'with `pip install "dnabirnn[motifs]"`'
        ) from error
    return lightmotif
