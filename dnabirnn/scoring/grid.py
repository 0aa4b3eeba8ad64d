"""Mirror-exact grid of scoring windows: cut a contig into windows, and join their scores.

The network reads a contig in windows, and the scores of a halo at either end of a window are
dropped. A recurrent network remembers past any halo, so the score of a base still depends a little
on where its window begins. Both strands of a contig therefore get equal scores only if the grid of
windows is its own mirror image. Windows laid from the left end alone are not: on the reverse
complement they begin at other bases.

Windows of one length are laid inward from both ends of the contig, as mirrored pairs. The first
window has no left halo, and the last no right one. There are as few pairs as cover the contig.
With windows of 8 bases and a halo of 1, a contig of 24 bases gets two pairs ("#" is a base whose
score is kept, "." a base of a halo):

    contig      012345678901234567890123
    left 0      #######.
    left 1            .######.
    right 1               .######.
    right 0                     .#######
    kept twice             ==

Bases in the middle that both halves keep get the mean of the two scores. The mean is the same on
both strands to the last bit, because halving is exact and addition commutes.

With W = `length_bp`, h = `halo_bp`, core c = W - 2h and a contig of L bases, there is one window if
L <= W, and ceil((L - 2h) / 2c) pairs otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.network import ScoringWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray


__all__ = ["Piece", "Window", "lay", "pairs_of", "stitch", "windows_keeping"]


class Window(NamedTuple):
    """A window and the part of it whose scores are kept; 0-based, half-open, on the contig."""

    start: int
    end: int
    keep_start: int
    keep_end: int


class Piece(NamedTuple):
    """Scores of neighbouring bases of a contig.

    Attributes
    ----------
    start : int
        0-based position of the first base.
    scores : ndarray, (m, O) float32
    highest : ndarray, uint32, or None
        As `dnabirnn.tracks.Block.highest`.
    """

    start: int
    scores: NDArray[np.float32]
    highest: NDArray[np.uint32] | None = None

    @property
    def end(self) -> int:
        """Position after the last base."""
        return self.start + len(self.scores)

    def part(self, start: int, end: int) -> Piece:
        """Return the bases of a stretch of the contig; those outside the piece are left out."""
        first, last = max(start, self.start), min(end, self.end)
        if (first, last) == (self.start, self.end):
            return self
        # Stretches are counted from the first base.
        highest = self.highest if first == self.start else None
        return Piece(first, self.scores[first - self.start : last - self.start], highest)


def lay(length_bp: int, scoring: ScoringWindow) -> Iterator[Window]:
    """Yield the windows of a contig, first those of the left half, then those of the right half.

    Within each half, windows go from left to right.

    Parameters
    ----------
    length_bp : int
        Length of the contig.
    scoring : ScoringWindow

    Yields
    ------
    window : Window
        The kept parts cover the contig. The parts of one half are adjacent; around the middle,
        the two halves overlap by less than two cores.

    Examples
    --------
    >>> for window in lay(20, ScoringWindow(length_bp=8, halo_bp=1)):
    ...     print(tuple(window))
    (0, 8, 0, 7)
    (6, 14, 7, 13)
    (6, 14, 7, 13)
    (12, 20, 13, 20)
    """
    if length_bp <= scoring.length_bp:
        if length_bp > 0:
            yield Window(0, length_bp, 0, length_bp)
        return
    pairs = pairs_of(length_bp, scoring)
    for k in range(pairs):
        yield _left_window(k, scoring)
    for k in reversed(range(pairs)):
        yield _mirrored(_left_window(k, scoring), length_bp)


def windows_keeping(
    start: int, end: int, length_bp: int, scoring: ScoringWindow
) -> Iterator[Window]:
    """Yield the windows of `lay` that keep a base of an interval, in the same order.

    Parameters
    ----------
    start, end : int
        Interval on the contig.
    length_bp : int
        Length of the contig.
    scoring : ScoringWindow

    Examples
    --------
    >>> for window in windows_keeping(12, 14, 20, ScoringWindow(length_bp=8, halo_bp=1)):
    ...     print(tuple(window))
    (6, 14, 7, 13)
    (6, 14, 7, 13)
    (12, 20, 13, 20)
    """
    start, end = max(start, 0), min(end, length_bp)
    if start >= end:
        return
    if length_bp <= scoring.length_bp:
        yield from lay(length_bp, scoring)
        return
    pairs = pairs_of(length_bp, scoring)

    def numbers(first: int, last: int) -> range:
        """Return the numbers of the left windows that keep one of the bases first to last."""
        lowest = max(first - scoring.halo_bp, 0) // scoring.core_bp
        highest = max(last - scoring.halo_bp, 0) // scoring.core_bp
        return range(lowest, min(highest + 1, pairs))

    for k in numbers(start, end - 1):
        yield _left_window(k, scoring)
    for k in reversed(numbers(length_bp - end, length_bp - 1 - start)):
        yield _mirrored(_left_window(k, scoring), length_bp)


def _mirrored(window: Window, length_bp: int) -> Window:
    start, end, keep_start, keep_end = window
    return Window(length_bp - end, length_bp - start, length_bp - keep_end, length_bp - keep_start)


def pairs_of(length_bp: int, scoring: ScoringWindow) -> int:
    """Smallest number of mirrored pairs whose left windows keep at least half of the contig."""
    return -(-(length_bp - 2 * scoring.halo_bp) // (2 * scoring.core_bp))


def _left_window(k: int, scoring: ScoringWindow) -> Window:
    start = k * scoring.core_bp
    end = start + scoring.length_bp
    return Window(start, end, start + scoring.halo_bp if k else 0, end - scoring.halo_bp)


def stitch(kept: Iterable[Piece], length_bp: int, scoring: ScoringWindow) -> Iterator[Piece]:
    """Join the scores that the windows of a contig keep, so that each base has one score.

    Parameters
    ----------
    kept : iterable of Piece
        What windows keep, in the order of `lay`; each of one window, or of several where the kept
        parts are adjacent.
    length_bp : int
        Length of the contig.
    scoring : ScoringWindow

    Yields
    ------
    piece : Piece
        Adjacent pieces; scores are the mean where two windows keep the same base.
    """
    if length_bp <= scoring.length_bp:
        yield from kept
        return
    # The left half keeps [0, end) and the right half [start, length), so they share [start, end).
    end = pairs_of(length_bp, scoring) * scoring.core_bp + scoring.halo_bp
    start = length_bp - end
    shared: NDArray[np.float32] | None = None
    to_come = 2 * (end - start)
    for piece in kept:
        if shared is None:
            shared = np.zeros((end - start, piece.scores.shape[1]), np.float32)
        if piece.start < start:
            yield piece.part(0, start)
        if max(piece.start, start) < min(piece.end, end):
            part = piece.part(start, end)
            # Halving is exact and addition commutes, so the mirrored contig gets the same mean.
            shared[part.start - start : part.end - start] += part.scores / 2
            to_come -= len(part.scores)
            if not to_come:
                yield Piece(start, shared)
        if piece.end > end:
            yield piece.part(end, length_bp)
