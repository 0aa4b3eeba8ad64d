"""The scanner: where sequences match motifs, on both strands, and how surprising that is.

Scores are whole numbers, so that sums are exact in any order, p-values are exact, and a site has
the same score on either strand.
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
"""Scores are hundredths of a bit: a motif of 20 columns is off by 0.1 bit at the very most."""
_BACKGROUND_SHARE = 0.01
"""Of each column, what is as the background: a base that a motif never has costs 6.6 bits, however
many sites it was made of, since formats and tools do not agree on telling their number."""
_CHUNK_BP = 1 << 22
_NEVER = -1e6
"""Score of code 4 in the scanner, far below what others can make up for."""


class Hits(NamedTuple):
    """Sites of motifs on a contig, by start, end, motif, + before -.

    Attributes
    ----------
    starts, ends : ndarray, (n,) int64
        0-based, half-open.
    motifs : ndarray, (n,) int64
        Place of each one's motif among those scanned for.
    minus : ndarray, (n,) bool
    pvalues : ndarray, (n,) float64
        Chance that a site of random bases scores as high.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    motifs: NDArray[np.int64]
    minus: NDArray[np.bool_]
    pvalues: NDArray[np.float64]


def background_of(gc: float) -> NDArray[np.float64]:
    """Shares of A, C, G and T, the same on both strands.

    Examples
    --------
    >>> background_of(0.4).tolist()
    [0.3, 0.2, 0.2, 0.3]
    """
    return np.array([1 - gc, gc, gc, 1 - gc]) / 2


def score_matrix(motif: Motif, background: NDArray[np.float64]) -> NDArray[np.int64]:
    """Scores of bases in the columns of a motif, in hundredths of a bit.

    Parameters
    ----------
    motif : Motif
    background : ndarray, (4,) float64
        Shares of A, C, G and T, all above 0.

    Returns
    -------
    scores : ndarray, (W, 4) int64
        `100 log2(q / background)`, rounded, where q is 0.99 of the motif's share and 0.01 of the
        background's.

    Examples
    --------
    >>> from dnabirnn.motifs.motif import Motif
    >>> score_matrix(Motif("m", "m", np.array([[9.0, 0, 0, 0]])), background_of(0.5)).tolist()
    [[199, -664, -664, -664]]
    """
    shares = (1 - _BACKGROUND_SHARE) * motif.frequencies + _BACKGROUND_SHARE * background
    scores: NDArray[np.int64] = np.rint(_PER_BIT * np.log2(shares / background)).astype(np.int64)
    return scores


def tail_probabilities(
    scores: NDArray[np.int64], background: NDArray[np.float64]
) -> tuple[int, NDArray[np.float64]]:
    """Chances that random bases score so much or more: exact, but for float64.

    Parameters
    ----------
    scores : ndarray, (W, 4) int64
    background : ndarray, (4,) float64

    Returns
    -------
    lowest : int
        The lowest score that there is.
    chances : ndarray, (n,) float64
        Number k is the chance of `lowest + k` or more; the last is that of the highest score.

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
    # From the rare end: small numbers are added before large ones.
    return int(scores.min(axis=1).sum()), np.cumsum(chances[::-1])[::-1]


class _Matrix(NamedTuple):
    """A motif on one strand, as the scanner takes it."""

    motif: int
    minus: bool
    scores: NDArray[np.int64]  # (W, 4)
    pssm: Any


class Scanner:
    """Finds the sites of motifs on both strands.

    A site that holds code 4 is none. The threshold of a motif is the lowest score whose p-value
    does not exceed what is given.

    Parameters
    ----------
    motifs : sequence of Motif
    pvalue : float
        Chance that a site of random bases is found, a motif and a strand.
    gc : float
        Share of G and C of those random bases.

    Raises
    ------
    OptionError
        The package lightmotif is missing; or a p-value or share that is none.
    """

    def __init__(self, motifs: Sequence[Motif], pvalue: float, gc: float) -> None:
        if not 0 < pvalue < 1:
            raise OptionError(f"--pvalue {pvalue:g}: must be more than 0 and less than 1")
        if not 0 < gc < 1:
            raise OptionError(
                f"--gc {gc:g}: p-values need a share of more than 0 and less than 1; give one"
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
            # A hair's breadth for the rounding of sums that are as high as the p-value itself.
            rarer = np.flatnonzero(chances <= pvalue * (1 + 1e-9))
            self._thresholds.append(lowest + int(rarer[0]) if rarer.size else lowest + len(chances))
            for minus in (False, True):
                strand = scores[::-1, ::-1] if minus else scores
                self._matrices.append(_Matrix(number, minus, strand, self._pssm(strand)))

    def best_pvalue(self, motif: int) -> float:
        """P-value of the best site that a motif can have."""
        return float(self._tails[motif][1][-1])

    def _pssm(self, scores: NDArray[np.int64]) -> Any:
        columns = {base: scores[:, code].tolist() for code, base in enumerate("ACGT")}
        return self._lightmotif.ScoringMatrix(columns | {"N": [_NEVER] * len(scores)})

    def scan(self, codes: Codes) -> Hits:
        """All sites of a contig.

        Parameters
        ----------
        codes : ndarray, (L,) uint8
            0 to 4.
        """
        found = [hits for chunk in self._chunks(codes) for hits in chunk]
        columns: list[Any] = [np.concatenate(column) for column in zip(*found, strict=True)]
        hits = Hits(*columns)
        order = np.lexsort((hits.minus, hits.motifs, hits.ends, hits.starts))
        columns = [column[order] for column in hits]
        return Hits(*columns)

    def _chunks(self, codes: Codes) -> Iterator[Iterator[Hits]]:
        """Hits of pieces of a contig; a piece has those that start in its first `_CHUNK_BP`."""
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
        places = places[places < _CHUNK_BP]  # later ones are the next chunk's
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
            "motifs are scanned for with the package lightmotif, which is not installed; install "
            "it with `pip install 'dnabirnn[motifs]'`"
        ) from error
    return lightmotif
