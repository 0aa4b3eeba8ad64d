"""Runs of neighbouring bases with equal integer score, the rows of a BED6 track."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.tracks import Rows, integer_scores, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dnabirnn.tracks import Block

__all__ = ["find_runs"]

_ABSENT = -1
# Number of scores processed at a time, so that intermediate arrays stay in the L2 cache.
_SLICE_SCORES = 1 << 17


def find_runs(
    blocks: Iterable[Block],
    *,
    min_score: int,
    single_base: bool = False,
    regions: Callable[[str], NDArray[np.int64]] | None = None,
) -> Iterator[Rows]:
    """Yield runs of neighbouring bases with the same integer score of one output.

    Parameters
    ----------
    blocks : iterable of Block
    min_score : int
        Lower scores give no row. 0 keeps all scores. Bases of code 4 never have a row.
    single_base : bool
        Yield one row per base instead.
    regions : function from a contig's name to (n, 2) int64, optional
        Sorted, disjoint intervals; bases outside them have no row.

    Yields
    ------
    rows : Rows
        Together the same rows, however the contig is cut into blocks. Each contig ends with
        rows that have `last` set.
    """
    pending = _Pending(0)
    for block in blocks:
        n_outputs = block.probabilities.shape[1]
        if pending.score.size != n_outputs:
            pending = _Pending(n_outputs)
        inside = None if regions is None else regions(block.name)
        step = max(1, _SLICE_SCORES // n_outputs)
        for begin in range(0, max(1, block.codes.size), step):
            end = min(begin + step, block.codes.size)
            scores = _scores(block, begin, end, min_score, inside)
            last = block.last and end == block.codes.size
            rows = _runs(block.name, scores, block.start + begin, single_base)
            yield rows._replace(last=last) if single_base else pending.join(rows, last)


def _scores(
    block: Block, begin: int, end: int, min_score: int, inside: NDArray[np.int64] | None
) -> NDArray[np.int16]:
    """Return the integer scores of a part of a block; -1 where a base has no row."""
    scores = np.ascontiguousarray(integer_scores(block.probabilities[begin:end]).T)  # (O, m)
    if min_score > 0:
        scores[scores < min_score] = _ABSENT
    absent = block.codes[begin:end] == AMBIGUOUS
    if inside is not None:
        absent |= ~_covered(inside, block.start + begin, end - begin)
    if absent.any():
        scores[:, absent] = _ABSENT
    return scores


def _covered(intervals: NDArray[np.int64], start: int, size: int) -> NDArray[np.bool_]:
    """Mask of the bases in [start, start + size) that lie in the intervals."""
    first = np.searchsorted(intervals[:, 1], start, "right")
    stop = np.searchsorted(intervals[:, 0], start + size, "left")
    near = np.clip(intervals[first:stop] - start, 0, size)
    edges = np.zeros(size + 1, dtype=np.int64)
    np.add.at(edges, near[:, 0], 1)
    np.add.at(edges, near[:, 1], -1)
    return np.cumsum(edges[:size]) > 0


def _runs(chrom: str, scores: NDArray[np.int16], start: int, single_base: bool) -> Rows:
    """Return the runs in an array of scores, (O, m); runs end at the ends of the array."""
    size = scores.shape[1]
    begins = np.ones(scores.shape, dtype=np.bool_)
    if not single_base:
        np.not_equal(scores[:, 1:], scores[:, :-1], out=begins[:, 1:])
    at = np.flatnonzero(begins)
    score = scores.reshape(-1)[at]
    length = np.diff(at, append=scores.size)
    present = score != _ABSENT
    output, offset = np.divmod(at[present], max(1, size))
    begin = start + offset.astype(np.int64)
    end = begin + length[present]
    return Rows(chrom, output.astype(np.uint8), begin, end, score[present], start + size, False)


class _Pending:
    """For each output, the run that touches the end of the bases read so far, if there is one."""

    def __init__(self, n_outputs: int) -> None:
        self.score = np.full(n_outputs, _ABSENT, dtype=np.int16)
        self.start = np.zeros(n_outputs, dtype=np.int64)
        self.end = 0

    def join(self, rows: Rows, last: bool) -> Rows:
        """Add the runs of the next piece, and return the completed runs.

        The `frontier` of `rows` is the end of the piece.
        """
        piece_end = rows.frontier
        waits = self.score != _ABSENT
        if waits.any():
            rows = self._continue(rows, waits)
        self.end = piece_end
        opened = (rows.end == piece_end) & (not last)
        self.score[:] = _ABSENT
        self.score[rows.output[opened]] = rows.score[opened]
        self.start[rows.output[opened]] = rows.start[opened]
        frontier = int(rows.start[opened].min(initial=piece_end))
        return rows.take(~opened)._replace(frontier=frontier, last=last)

    def _continue(self, rows: Rows, waits: NDArray[np.bool_]) -> Rows:
        """Extend pending runs that go on in `rows`, and add the pending runs that have ended."""
        heads = np.flatnonzero(rows.start == self.end)
        heads = heads[self.score[rows.output[heads]] == rows.score[heads]]
        rows.start[heads] = self.start[rows.output[heads]]
        waits[rows.output[heads]] = False
        over = np.flatnonzero(waits)
        ended = Rows(
            rows.chrom,
            over.astype(np.uint8),
            self.start[over],
            np.full(over.size, self.end, dtype=np.int64),
            self.score[over],
            rows.frontier,
            rows.last,
        )
        return joined([ended, rows])
