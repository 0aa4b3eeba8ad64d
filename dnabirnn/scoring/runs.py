"""Runs of neighbouring bases with equal integer score, the rows of a BED6 track.

Most bases of a genome have scores below `min_score`, and so no row. So the highest probability of
each stretch of some bases is computed first (`highest_of`), by the threads that compute the
probabilities. Then one compiled pass makes integer scores and finds the runs, and passes over
stretches without a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.compiled import kernel
from dnabirnn.tracks import Rows, lowest_probability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dnabirnn.tracks import Block

__all__ = ["find_runs", "highest_of"]

_ABSENT = -1
# Number of scores per call of the kernel. Its arrays of rows then stay in the L2 cache.
_SLICE_SCORES = 1 << 15
# Number of scores per stretch, which is passed over if it has no row.
_STRETCH_SCORES = 256
_ALL_PRESENT = np.zeros(0, np.bool_)


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
    runs = _Runs(0, min_score, single_base)
    for block in blocks:
        n_outputs = block.probabilities.shape[1]
        if runs.outputs != n_outputs:
            runs = _Runs(n_outputs, min_score, single_base)
        highest = highest_of(block.probabilities) if block.highest is None else block.highest
        if not runs.may_begin(highest):
            yield runs.none(block)
            continue
        inside = None if regions is None else regions(block.name)
        for begin in range(0, max(1, block.codes.size), runs.slice_bp):
            end = min(begin + runs.slice_bp, block.codes.size)
            present = _present(block, begin, end, min_score, inside)
            yield runs.add(block, begin, end, present, highest)


def highest_of(probabilities: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return the bits of the highest probability of each stretch of bases, for `Block.highest`.

    Bits of floating-point numbers from 0 on have the order of the numbers, and bits of NaN are
    above those of all numbers.

    Parameters
    ----------
    probabilities : ndarray, (m, O) float32
        From 0 to 1, or NaN.
    """
    bases, outputs = probabilities.shape
    stretch = _stretch_bp(outputs)
    highest = np.empty(-(-bases // stretch), np.uint32)
    bits = np.ascontiguousarray(probabilities).view(np.uint32).reshape(-1)
    _find_highest(bits, stretch * outputs, highest)
    return highest


def _stretch_bp(outputs: int) -> int:
    return max(1, _STRETCH_SCORES // max(1, outputs))


def _present(
    block: Block, begin: int, end: int, min_score: int, inside: NDArray[np.int64] | None
) -> NDArray[np.bool_]:
    """Mask of the bases that may have a row; empty if all may."""
    if min_score > 0 and inside is None:
        return _ALL_PRESENT  # bases of code 4 have a score of 0
    present: NDArray[np.bool_] = block.codes[begin:end] != AMBIGUOUS
    if inside is not None:
        present &= _covered(inside, block.start + begin, end - begin)
    return present


def _covered(intervals: NDArray[np.int64], start: int, size: int) -> NDArray[np.bool_]:
    """Mask of the bases in [start, start + size) that lie in the intervals."""
    first = np.searchsorted(intervals[:, 1], start, "right")
    stop = np.searchsorted(intervals[:, 0], start + size, "left")
    near = np.clip(intervals[first:stop] - start, 0, size)
    edges = np.zeros(size + 1, dtype=np.int64)
    np.add.at(edges, near[:, 0], 1)
    np.add.at(edges, near[:, 1], -1)
    return np.cumsum(edges[:size]) > 0


class _Runs:
    """Finder of runs in the slices of a contig, with the run of each output that is still open."""

    def __init__(self, outputs: int, min_score: int, single_base: bool) -> None:
        self.outputs = outputs
        self._single_base = single_base
        # No probability is below 0, so 0 keeps all of them.
        self._least = np.maximum(lowest_probability(min_score), np.float32(0)).view(np.uint32)
        self._stretch = _stretch_bp(outputs)
        self.slice_bp = max(1, _SLICE_SCORES // (self._stretch * max(1, outputs))) * self._stretch
        self._score = np.full(outputs, _ABSENT, dtype=np.int16)
        self._start = np.zeros(outputs, dtype=np.int64)
        # Each output can end one run more than the slice has bases.
        most = (self.slice_bp + 1) * outputs
        self._rows = (
            np.empty(most, np.uint8),
            np.empty(most, np.int64),
            np.empty(most, np.int64),
            np.empty(most, np.int16),
        )

    def may_begin(self, highest: NDArray[np.uint32]) -> bool:
        """Return whether a block with these probabilities may end or begin a run."""
        return bool(highest.max(initial=0) >= self._least or (self._score != _ABSENT).any())

    def none(self, block: Block) -> Rows:
        """Return the rows of a block without runs: none."""
        output, start, stop, score = self._rows
        end = block.start + block.codes.size
        return Rows(block.name, output[:0], start[:0], stop[:0], score[:0], end, block.last)

    def add(
        self,
        block: Block,
        begin: int,
        end: int,
        present: NDArray[np.bool_],
        highest: NDArray[np.uint32],
    ) -> Rows:
        """Return the runs that end within bases `begin` to `end` of a block."""
        last = block.last and end == block.codes.size
        count = _find(
            np.ascontiguousarray(block.probabilities[begin:end]).view(np.uint32).reshape(-1),
            self._least,
            present,
            block.start + begin,
            self._single_base,
            last,
            self._stretch,
            highest[begin // self._stretch :],
            self._score,
            self._start,
            *self._rows,
        )
        place = block.start + end
        opened = self._start[self._score != _ABSENT]
        frontier = int(opened.min(initial=place))
        output, start, stop, score = self._rows
        return Rows(
            block.name,
            output[:count].copy(),
            start[:count].copy(),
            stop[:count].copy(),
            score[:count].copy(),
            frontier,
            last,
        )


@kernel
def _find_highest(bits: NDArray[np.uint32], scores: int, highest: NDArray[np.uint32]) -> None:
    """Find the highest number of each stretch of `scores` numbers."""
    for k in range(highest.size):
        most = np.uint32(0)
        for n in range(k * scores, min((k + 1) * scores, bits.size)):
            most = max(most, bits[n])
        highest[k] = most


@kernel
def _find(
    bits: NDArray[np.uint32],
    least: np.uint32,
    present: NDArray[np.bool_],
    first: int,
    single_base: bool,
    last: bool,
    stretch: int,
    highest: NDArray[np.uint32],
    open_score: NDArray[np.int16],
    open_start: NDArray[np.int64],
    output: NDArray[np.uint8],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    score: NDArray[np.int16],
) -> int:
    """Find the runs that end within a slice of a contig.

    Parameters
    ----------
    bits : ndarray, (m * O,) uint32
        Bits of probabilities (m, O) in float32. As integers they have the same order.
    least : uint32
        Bits of the lowest probability that has a row.
    present : ndarray, (m,) bool
        Mask of the bases that may have a row; empty if all may.
    first : int
        Position of the first base.
    single_base : bool
        Whether each base is a run of its own.
    last : bool
        Whether the contig ends after this slice, and all open runs with it.
    stretch : int
        Bases per stretch.
    highest : ndarray, uint32
        Highest number of each stretch; those without a run are passed over.
    open_score, open_start : ndarray, (O,) int16 and int64
        Score and start of each output's open run; the score is -1 without one. They are updated.
    output, start, end, score : ndarray
        Output: columns of the rows.

    Returns
    -------
    count : int
        Number of rows.
    """
    outputs, count = open_score.size, 0
    bases = bits.size // outputs
    stretches = -(-bases // stretch)
    values = bits.view(np.float32)
    for o in range(outputs):
        now, since = open_score[o], open_start[o]
        for k in range(stretches):
            if now == _ABSENT and highest[k] < least:
                continue
            for i in range(k * stretch, min((k + 1) * stretch, bases)):
                n, found = i * outputs + o, np.int16(_ABSENT)
                if bits[n] >= least and (present.size == 0 or present[i]):
                    found = np.int16(np.float64(values[n]) * 1000.0 + 0.5)
                if found == now and not single_base:
                    continue
                if now != _ABSENT:
                    output[count], score[count] = o, now
                    start[count], end[count] = since, first + i
                    count += 1
                now, since = found, first + i
        if now != _ABSENT and (last or single_base):
            output[count], score[count] = o, now
            start[count], end[count] = since, first + bases
            count += 1
            now = np.int16(_ABSENT)
        open_score[o], open_start[o] = now, since
    return count
