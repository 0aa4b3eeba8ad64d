"""Alignments of the sites of a class, from which a position weight matrix is counted.

Each site is read on its own strand. Sites of one length are then already aligned. Sites of
different lengths are aligned at their 5' or at their 3' end, with several widths, and both with and
without refinement. Refinement moves each site by up to a quarter of the width, to where the matrix
of all sites gives it the largest log-odds, and repeats this until no site moves, at most 10 times
(hard expectation maximisation, after Lawrence and Reilly 1990, Proteins 7, 41). Sites of a class
without strands are also reverse-complemented where that makes them more alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, Codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AlignedSites", "Alignment", "alignments"]

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Quantiles of the site lengths; the widths tried are these lengths."""
_MAX_COLUMNS = 64
_SHORT_BP, _FLANKS_BP = 8, (0, 4, 8, 16)
"""Labels up to this length, such as the two bases of a splice site, may get flanking columns."""
_PSEUDOCOUNT = 1.0
"""Pseudocount per column, shared among the four bases as in the background."""
_ROUNDS = 10


class AlignedSites(NamedTuple):
    """Sites of a class; each array (n,) int64.

    Attributes
    ----------
    head, length : ndarray
        Position of the 5' base, and length in bases.
    step : ndarray
        1 on +, -1 on -.
    low, high : ndarray
        Start and end of the sequence that may be read for each site.
    """

    head: NDArray[np.int64]
    length: NDArray[np.int64]
    step: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    def letters(self, codes: Codes, offset: NDArray[np.int64], width: int) -> Codes:
        """Return the codes of each site, read on its strand.

        Parameters
        ----------
        codes : ndarray, (N,) uint8
        offset : ndarray, (n,) int64
            Number of bases after the 5' end at which to begin.
        width : int

        Returns
        -------
        letters : ndarray, (n, width) uint8
            4 outside `low` to `high`.

        Examples
        --------
        >>> from dnabirnn.alphabet import decode, encode
        >>> both = np.array([2, 5]), np.array([3, 3]), np.array([1, -1])
        >>> sites = AlignedSites(*both, np.array([0, 0]), np.array([7, 7]))
        >>> letters = sites.letters(encode("AACGTTA"), np.array([0, -2]), 4)
        >>> [decode(row) for row in letters]
        ['CGTT', 'NTAA']
        """
        places = self.head[:, None] + self.step[:, None] * (offset[:, None] + np.arange(width))
        inside = (places >= self.low[:, None]) & (places < self.high[:, None])
        letters = np.where(inside, codes[np.where(inside, places, 0)], np.uint8(AMBIGUOUS))
        turned = (self.step[:, None] < 0) & (letters < AMBIGUOUS)
        return np.where(turned, 3 - letters, letters).astype(np.uint8)

    def turned(self, chosen: NDArray[np.bool_]) -> AlignedSites:
        """Return the same sites, with the chosen ones (n,) read on the other strand."""
        head = np.where(chosen, self.head + self.step * (self.length - 1), self.head)
        return self._replace(head=head, step=np.where(chosen, -self.step, self.step))


class Alignment(NamedTuple):
    """Sites, and the bases of each that form the columns of a matrix.

    Attributes
    ----------
    sites : AlignedSites
    offset : ndarray, (n,) int64
        Bases from the 5' end of each site to its first column.
    width : int
        Number of columns.
    flank_bp : int
        Additional columns on either side of the site.
    """

    sites: AlignedSites
    offset: NDArray[np.int64]
    width: int
    flank_bp: int = 0

    def letters(self, codes: Codes, shift_bp: int = 0) -> Codes:
        """Return the codes of all columns, with flanks: (n, width + 2 flank_bp) uint8."""
        offset = self.offset + (shift_bp - self.flank_bp)
        return self.sites.letters(codes, offset, self.width + 2 * self.flank_bp)

    def log_odds(self, codes: Codes, background: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the log-odds matrix of the sites.

        Parameters
        ----------
        codes : ndarray, (N,) uint8
        background : ndarray, (4,) float64
            Share of each base in the sequence.

        Returns
        -------
        log_odds : ndarray, (width + 2 flank_bp, 4) float32
            Natural logarithms.
        """
        letters = self.letters(codes)
        counts = np.stack([(letters == code).sum(axis=0) for code in range(AMBIGUOUS)], axis=1)
        shares = counts + _PSEUDOCOUNT * background
        shares /= shares.sum(axis=1, keepdims=True)
        log_odds: NDArray[np.float32] = np.log(shares / background).astype(np.float32)
        return log_odds

    def turned(self, chosen: NDArray[np.bool_]) -> Alignment:
        """Return the same bases, with the chosen sites (n,) read on the other strand."""
        mirrored = self.sites.length - self.width - self.offset
        return self._replace(
            sites=self.sites.turned(chosen), offset=np.where(chosen, mirrored, self.offset)
        )

    def all_turned(self) -> Alignment:
        """Return the same bases, with all sites read on the other strand."""
        return self.turned(np.ones(self.offset.size, dtype=np.bool_))


def alignments(
    codes: Codes, sites: AlignedSites, background: NDArray[np.float64], stranded: bool
) -> Iterator[Alignment]:
    """Yield the alignments of sites to try.

    Parameters
    ----------
    codes : ndarray, (N,) uint8
    sites : AlignedSites
        At least one.
    background : ndarray, (4,) float64
    stranded : bool
        False if the class has no strands. Its sites may then be reverse-complemented.

    Yields
    ------
    alignment : Alignment
    """
    lengths_differ = bool(np.ptp(sites.length))
    flanks = _FLANKS_BP if sites.length.max() <= _SHORT_BP else (0,)
    shares = np.quantile(sites.length, _QUANTILES, method="nearest")
    for width in np.unique(np.minimum(shares, _MAX_COLUMNS)).tolist():
        for end in (0, 1) if lengths_differ else (0,):
            for flank in flanks:
                alignment = Alignment(sites, end * (sites.length - width), width, flank)
                if not stranded:
                    alignment = _oriented(codes, alignment)
                yield alignment
                if lengths_differ or not stranded:
                    yield _refined(codes, alignment, background, stranded)


def _oriented(codes: Codes, alignment: Alignment) -> Alignment:
    """Reverse-complement sites, one by one, where that fits the sites before them better."""
    ways = alignment.letters(codes), alignment.all_turned().letters(codes)
    columns = np.arange(ways[0].shape[1])
    # Code 4 has a column of counts too, which is not read.
    counts = np.full((columns.size, AMBIGUOUS + 1), _PSEUDOCOUNT / AMBIGUOUS)
    chosen = np.zeros(alignment.offset.size, dtype=np.bool_)
    for i, both in enumerate(zip(*ways, strict=True)):
        along, turned = (np.log(counts[columns, row])[row < AMBIGUOUS].sum() for row in both)
        chosen[i] = turned > along
        counts[columns, both[int(chosen[i])]] += 1
    return alignment.turned(chosen)


def _refined(
    codes: Codes, alignment: Alignment, background: NDArray[np.float64], stranded: bool
) -> Alignment:
    """Refine an alignment: move (and, if unstranded, turn) each site to its best log-odds."""
    reach = alignment.width // 4 if np.ptp(alignment.sites.length) else 0
    shifts = np.arange(-reach, reach + 1)
    ways = [alignment] if stranded else [alignment, alignment.all_turned()]
    letters = np.stack([way.letters(codes, shift) for way in ways for shift in shifts.tolist()])
    refined, chosen = alignment, np.full(alignment.offset.size, reach)
    for _ in range(_ROUNDS):
        log_odds = np.zeros((letters.shape[2], AMBIGUOUS + 1), dtype=np.float32)
        log_odds[:, :AMBIGUOUS] = refined.log_odds(codes, background)
        best = log_odds[np.arange(len(log_odds)), letters].sum(axis=2).argmax(axis=0)
        if np.array_equal(best, chosen):
            break
        chosen = best
        refined = alignment.turned(chosen >= shifts.size)
        refined = refined._replace(offset=refined.offset + shifts[chosen % shifts.size])
    return refined
