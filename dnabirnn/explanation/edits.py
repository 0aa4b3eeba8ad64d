"""Changes of a sequence: substitutions and deletions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dnabirnn.alphabet import AMBIGUOUS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes

__all__ = ["Edits", "deletions", "substitutions"]


class Edits(NamedTuple):
    """Changes of a contig, each by itself. All have the same number of new bases.

    Attributes
    ----------
    at : ndarray, (n,) int64
        First base that is replaced, 0-based. Ascends.
    removed : ndarray, (n,) int64
        Number of bases that are replaced.
    codes : ndarray, (n, new) uint8
        New bases.
    """

    at: NDArray[np.int64]
    removed: NDArray[np.int64]
    codes: Codes

    @property
    def new(self) -> int:
        """Number of new bases of each change."""
        return int(self.codes.shape[1])

    def __len__(self) -> int:  # of the changes, not of the tuple
        return len(self.at)

    def part(self, which: slice | NDArray[np.int64]) -> Edits:
        """Return some of the changes."""
        return Edits(self.at[which], self.removed[which], self.codes[which])


def substitutions(codes: Codes, start: int, end: int) -> Edits:
    """Return all substitutions of the bases of an interval, by position and then by new base.

    Bases of code 4 have none.

    Examples
    --------
    >>> edits = substitutions(np.array([2, 4, 3], np.uint8), 0, 3)
    >>> edits.at.tolist(), edits.codes[:, 0].tolist()
    ([0, 0, 0, 2, 2, 2], [0, 1, 3, 0, 1, 2])
    """
    bases = codes[start:end]
    place, code = np.nonzero(
        (np.arange(4) != bases[:, None]) & (bases < AMBIGUOUS)[:, None]
    )  # (n,)
    return Edits(place + start, np.ones(place.size, np.int64), code.astype(np.uint8)[:, None])


def deletions(codes: Codes, start: int, end: int, size_bp: int) -> Edits:
    """Return all deletions of `size_bp` bases that begin in an interval.

    A deletion of a base of code 4, or past the end of the contig, does not count.

    Examples
    --------
    >>> edits = deletions(np.array([2, 1, 3, 4, 3, 0], np.uint8), 0, 6, 2)
    >>> edits.at.tolist(), edits.codes.shape
    ([0, 1, 4], (3, 0))
    """
    bases = codes[start : end + size_bp - 1]
    if len(bases) < size_bp:
        at = np.zeros(0, np.int64)
    else:
        at = np.flatnonzero((sliding_window_view(bases, size_bp) < AMBIGUOUS).all(axis=1)) + start
    return Edits(at, np.full(at.size, size_bp, np.int64), np.zeros((at.size, 0), np.uint8))
