"""Sites of a class, laid one under the other.

Sites are read on their own strand. Sites of one length need no more than that. Otherwise there is
a choice of widths, of the end at which they are aligned, and of letting each move by a quarter of
the width, to where the matrix that all of them make likes it best, until all rest (hard
expectation maximisation, after Lawrence and Reilly 1990, Proteins 7, 41). Sites without a strand
are turned so that they look alike.
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
"""Of the lengths of sites; these are the widths that are tried."""
_MOST_COLUMNS = 64
_SHORT_BP, _FLANKS_BP = 8, (0, 4, 8, 16)
"""Labels this short, such as the two bases of a splice site, may get columns on both sides."""
_PSEUDOCOUNT = 1.0
"""Shared among the four bases of a column as in the background."""
_ROUNDS = 10


class AlignedSites(NamedTuple):
    """Sites of a class; each array (n,) int64.

    Attributes
    ----------
    head, length : ndarray
        Place of the 5' base, and bases.
    step : ndarray
        1 on +, -1 on -.
    low, high : ndarray
        Ends of the stretch of sequence that may be read for each site.
    """

    head: NDArray[np.int64]
    length: NDArray[np.int64]
    step: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    def letters(self, codes: Codes, offset: NDArray[np.int64], width: int) -> Codes:
        """Codes of each site on its strand.

        Parameters
        ----------
        codes : ndarray, (N,) uint8
        offset : ndarray, (n,) int64
            How many bases after the 5' end to begin.
        width : int

        Returns
        -------
        letters : ndarray, (n, width) uint8
            4 beyond the ends of the stretch.

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
        """The same sites, the chosen ones (n,) read on the other strand."""
        head = np.where(chosen, self.head + self.step * (self.length - 1), self.head)
        return self._replace(head=head, step=np.where(chosen, -self.step, self.step))


class Alignment(NamedTuple):
    """Sites, and which of their bases make the columns of a matrix.

    Attributes
    ----------
    sites : AlignedSites
    offset : ndarray, (n,) int64
        Bases from the 5' end of each site to its first column.
    width : int
        Columns.
    flank_bp : int
        Further columns at either end, beside the sites.
    """

    sites: AlignedSites
    offset: NDArray[np.int64]
    width: int
    flank_bp: int = 0

    def letters(self, codes: Codes, shift_bp: int = 0) -> Codes:
        """Codes of all columns, flanks too: (n, width + 2 flank_bp) uint8."""
        offset = self.offset + (shift_bp - self.flank_bp)
        return self.sites.letters(codes, offset, self.width + 2 * self.flank_bp)

    def log_odds(self, codes: Codes, background: NDArray[np.float64]) -> NDArray[np.float32]:
        """Matrix of the sites.

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
        """The same bases, those of the chosen sites (n,) read on the other strand."""
        mirrored = self.sites.length - self.width - self.offset
        return self._replace(
            sites=self.sites.turned(chosen), offset=np.where(chosen, mirrored, self.offset)
        )

    def all_turned(self) -> Alignment:
        """The same bases, read on the other strand."""
        return self.turned(np.ones(self.offset.size, dtype=np.bool_))


def alignments(
    codes: Codes, sites: AlignedSites, background: NDArray[np.float64], stranded: bool
) -> Iterator[Alignment]:
    """Ways of aligning sites that are worth a try.

    Parameters
    ----------
    codes : ndarray, (N,) uint8
    sites : AlignedSites
        At least one.
    background : ndarray, (4,) float64
    stranded : bool
        False where the strand of a site means nothing: then it may be turned.

    Yields
    ------
    alignment : Alignment
    """
    lengths_differ = bool(np.ptp(sites.length))
    flanks = _FLANKS_BP if sites.length.max() <= _SHORT_BP else (0,)
    shares = np.quantile(sites.length, _QUANTILES, method="nearest")
    for width in np.unique(np.minimum(shares, _MOST_COLUMNS)).tolist():
        for end in (0, 1) if lengths_differ else (0,):
            for flank in flanks:
                alignment = Alignment(sites, end * (sites.length - width), width, flank)
                if not stranded:
                    alignment = _oriented(codes, alignment)
                yield alignment
                if lengths_differ or not stranded:
                    yield _settled(codes, alignment, background, stranded)


def _oriented(codes: Codes, alignment: Alignment) -> Alignment:
    """Turn sites, one by one, so that they look like those before."""
    ways = alignment.letters(codes), alignment.all_turned().letters(codes)
    columns = np.arange(ways[0].shape[1])
    # Code 4 has a count too, which is not looked at.
    counts = np.full((columns.size, AMBIGUOUS + 1), _PSEUDOCOUNT / AMBIGUOUS)
    chosen = np.zeros(alignment.offset.size, dtype=np.bool_)
    for i, both in enumerate(zip(*ways, strict=True)):
        along, turned = (np.log(counts[columns, row])[row < AMBIGUOUS].sum() for row in both)
        chosen[i] = turned > along
        counts[columns, both[int(chosen[i])]] += 1
    return alignment.turned(chosen)


def _settled(
    codes: Codes, alignment: Alignment, background: NDArray[np.float64], stranded: bool
) -> Alignment:
    """Move, and without strands turn, each site to where the matrix of all likes it best."""
    reach = alignment.width // 4 if np.ptp(alignment.sites.length) else 0
    shifts = np.arange(-reach, reach + 1)
    ways = [alignment] if stranded else [alignment, alignment.all_turned()]
    letters = np.stack([way.letters(codes, shift) for way in ways for shift in shifts.tolist()])
    settled, chosen = alignment, np.full(alignment.offset.size, reach)
    for _ in range(_ROUNDS):
        log_odds = np.zeros((letters.shape[2], AMBIGUOUS + 1), dtype=np.float32)
        log_odds[:, :AMBIGUOUS] = settled.log_odds(codes, background)
        liked = log_odds[np.arange(len(log_odds)), letters].sum(axis=2).argmax(axis=0)
        if np.array_equal(liked, chosen):
            break
        chosen = liked
        settled = alignment.turned(chosen >= shifts.size)
        settled = settled._replace(offset=settled.offset + shifts[chosen % shifts.size])
    return settled
