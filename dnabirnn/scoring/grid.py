"""scoring.grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.network import ScoringWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray


__all__ = ["Window", "lay", "stitch"]


class Window(NamedTuple):
    """A window and the part of it that is kept; 0-based, half-open, on the contig."""

    start: int
    end: int
    keep_start: int
    keep_end: int


def lay(length_bp: int, scoring: ScoringWindow) -> Iterator[Window]:
    """Windows of a contig: those of the left half from left to right, then those of the right.

    Parameters
    ----------
    length_bp : int
        Length of the contig.
    scoring : ScoringWindow

    Yields
    ------
    window : Window
        The kept parts cover the contig. Those of one half are adjacent; around the middle the
        halves overlap by less than two cores.

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
    pairs = _pairs(length_bp, scoring)
    for k in range(pairs):
        yield _left_window(k, scoring)
    for k in reversed(range(pairs)):
        start, end, keep_start, keep_end = _left_window(k, scoring)
        yield Window(
            length_bp - end, length_bp - start, length_bp - keep_end, length_bp - keep_start
        )


def _pairs(length_bp: int, scoring: ScoringWindow) -> int:
    """The fewest mirrored pairs whose left windows keep at least half of the contig."""
    return -(-(length_bp - 2 * scoring.halo_bp) // (2 * scoring.core_bp))


def _left_window(k: int, scoring: ScoringWindow) -> Window:
    start = k * scoring.core_bp
    end = start + scoring.length_bp
    return Window(start, end, start + scoring.halo_bp if k else 0, end - scoring.halo_bp)


def stitch(
    kept: Iterable[NDArray[np.float32]], length_bp: int, scoring: ScoringWindow
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Scores of a contig, each base once, from those that its windows keep.

    Parameters
    ----------
    kept : iterable of ndarray, (keep_end - keep_start, O) float32
        One array a window, in the order of `lay`.
    length_bp : int
        Length of the contig.
    scoring : ScoringWindow

    Yields
    ------
    start : int
        0-based place of the first base of a block; blocks are adjacent.
    scores : ndarray, (m, O) float32
        Where two windows keep the same base, the mean of both.
    """
    windows = zip(lay(length_bp, scoring), kept, strict=True)
    if length_bp <= scoring.length_bp:
        yield from ((window.keep_start, scores) for window, scores in windows)
        return
    pairs = _pairs(length_bp, scoring)
    # The left half keeps [0, end), the right half [start, length): they share [start, end).
    end = pairs * scoring.core_bp + scoring.halo_bp
    start = length_bp - end
    shared: NDArray[np.float32] | None = None
    for number, (window, scores) in enumerate(windows):
        if shared is None:
            shared = np.zeros((end - start, scores.shape[1]), np.float32)
        if window.keep_start < start:
            yield window.keep_start, scores[: start - window.keep_start]
        first, last = max(window.keep_start, start), min(window.keep_end, end)
        if first < last:
            # Halving is exact and addition commutes: the mirrored contig gets the same mean.
            part = scores[first - window.keep_start : last - window.keep_start]
            shared[first - start : last - start] += part / 2
        if number >= pairs and window.keep_end >= end:
            if len(shared):
                yield start, shared
                shared = shared[:0]
            if window.keep_end > end:
                beyond = max(window.keep_start, end)
                yield beyond, scores[beyond - window.keep_start :]
