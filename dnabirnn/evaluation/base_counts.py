"""Bases counted by score, in one pass over each block of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.compiled import inlined, kernel
from dnabirnn.evaluation.bootstrap import COARSE, GROUPS, Tally
from dnabirnn.evaluation.metrics import BINS
from dnabirnn.labels import output_masks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.motif_classes import MotifClass

__all__ = ["BaseCounter", "ClassTallies"]

_STEP_BASES = 512
"""Bases that are counted at once. 6.1 ns a base of 2 outputs; with 128 6.6, with 1,024 6.0."""

# Compiled code is kept, and would not see another module change: what it needs of `metrics.bin_of`
# and of `tally.COARSE` stands here once more, and is tested to be the same.
_SHIFT = 11
_OFFSET = 88 << 12
_COARSE_SHIFT = 8


class ClassTallies(NamedTuple):
    """Counts of a class.

    Attributes
    ----------
    blind : Tally
        A base's score is the larger of the class's outputs, and it is positive if it is so on
        either strand.
    by_strand : Tally
        Each base counts once an output. For a class without strands the same as `blind`.
    """

    blind: Tally
    by_strand: Tally


class BaseCounter:
    """Counts of bases by score, of every class, strand-blind and by strand.

    Memory does not grow with the bases, and that of groups is taken as they come into use.

    Parameters
    ----------
    classes : sequence of MotifClass
        In the order of the scores' columns and of the labels' bits.
    cuts : sequence of float32
        For each output, the smallest score of a base that is called.
    block_bp : int
        Length of the blocks, at fixed places of each contig. Those that hold a counted base are
        dealt to groups in turn.
    """

    def __init__(
        self, classes: Sequence[MotifClass], cuts: Sequence[np.float32], block_bp: int
    ) -> None:
        self._classes = tuple(classes)
        self._strands = np.array([1 + stranded for _, stranded in classes], dtype=np.int64)
        self._masks = np.array(output_masks(classes), dtype=np.uint64)
        self._cuts = np.array(cuts, dtype=np.float32)
        self._block_bp = block_bp
        # As many kinds of item as outputs: a class's first is by strand, its last strand-blind.
        kinds = self._cuts.size
        self._by_bin = np.zeros((kinds, 2, BINS), dtype=np.int64)
        self._by_group = np.zeros((kinds, GROUPS, 2, COARSE), dtype=np.uint32)
        self._called = np.zeros((kinds, GROUPS, 2), dtype=np.int64)
        self._work = (
            np.empty((2, _STEP_BASES), dtype=np.float32),
            np.empty(_STEP_BASES, dtype=np.float32),
            np.empty(_STEP_BASES, dtype=np.uint32),
        )
        self._blocks = np.array([0, -1], dtype=np.int64)

    @property
    def blocks(self) -> int:
        """Blocks so far that hold a counted base."""
        return int(self._blocks[0])

    def add(
        self,
        start: int,
        scores: NDArray[np.float32],
        labels: NDArray[np.unsignedinteger],
        counted: NDArray[np.bool_],
    ) -> None:
        """Count a stretch of a contig; stretches come in order, and a contig's first starts at 0.

        Parameters
        ----------
        start : int
            0-based place of the first base.
        scores : ndarray, (m, O) float32
        labels : ndarray, (m,) unsigned
            The ignore bit is not looked at.
        counted : ndarray, (m,) bool
            False where a base is left out.
        """
        if start == 0:
            self._blocks[1] = -1
        _count(
            np.ascontiguousarray(scores),
            labels,
            counted,
            start,
            self._block_bp,
            self._masks,
            self._cuts,
            self._strands,
            *self._work,
            self._by_bin,
            self._by_group,
            self._called,
            self._blocks,
        )

    def tallies(self) -> dict[str, ClassTallies]:
        """What was counted of each class."""
        kinds = list(map(Tally, self._by_bin, self._by_group, self._called))
        lasts = (np.cumsum(self._strands) - 1).tolist()
        return {
            name: ClassTallies(kinds[last], kinds[last - stranded])
            for (name, stranded), last in zip(self._classes, lasts, strict=True)
        }


@kernel
def _count(
    scores: NDArray[np.float32],
    labels: NDArray[np.unsignedinteger],
    counted: NDArray[np.bool_],
    start: int,
    block_bp: int,
    masks: NDArray[np.uint64],
    cuts: NDArray[np.float32],
    strands: NDArray[np.int64],
    columns: NDArray[np.float32],
    odds: NDArray[np.float32],
    bins: NDArray[np.uint32],
    by_bin: NDArray[np.int64],
    by_group: NDArray[np.uint32],
    called: NDArray[np.int64],
    blocks: NDArray[np.int64],
) -> None:
    """Add the bases of a stretch to the counts, a run of equal labels at a time.

    Within a run all that depends on labels is settled, and what is left is loops that the compiler
    turns to vectors, and increments. Base by base it takes twice as long.

    Parameters
    ----------
    scores : ndarray, (m, O) float32
    labels : ndarray, (m,) unsigned
    counted : ndarray, (m,) bool
    start, block_bp : int
    masks : ndarray, (O,) uint64
        Bits of each output.
    cuts : ndarray, (O,) float32
        From where each output is called; the same for both strands of a class.
    strands : ndarray, (K,) int64
        Outputs of each class.
    columns, odds, bins : ndarray, (2, n) float32, (n,) float32 and (n,) uint32
        Overwritten; so many bases are counted at once.
    by_bin : ndarray, (O, 2, BINS) int64
    by_group : ndarray, (O, GROUPS, 2, COARSE) uint32
    called : ndarray, (O, GROUPS, 2) int64
        See `Tally`; added to.
    blocks : ndarray, (2,) int64
        How many were begun, and the place of the latest one in its contig, -1 for none; updated.
    """
    size, most, groups = labels.size, odds.size, by_group.shape[1]
    begin = 0
    while True:
        while begin < size and not counted[begin]:
            begin += 1
        if begin == size:
            break
        block = (start + begin) // block_bp
        if block != blocks[1]:
            blocks[0] += 1
            blocks[1] = block
        group = (blocks[0] - 1) % groups
        bits = labels[begin]
        furthest = min(size, begin + most, (block + 1) * block_bp - start)
        end = begin + 1
        while end < furthest and counted[end] and labels[end] == bits:
            end += 1
        n = end - begin
        first = 0
        for k in range(strands.size):
            last = first + strands[k] - 1
            positive_somewhere = False
            for c in range(first, last + 1):
                p = columns[c - first, :n]
                for i in range(n):
                    p[i] = scores[begin + i, c]
                positive = (bits & masks[c]) != 0
                positive_somewhere |= positive
                row = 0 if positive else 1
                cells, coarse = by_bin[first, row], by_group[first, group, row]
                _add(p, cuts[c], positive, odds, bins, cells, coarse, called[first, group])
            if last > first:
                p = columns[0, :n]
                for i in range(n):
                    p[i] = max(p[i], columns[1, i])
                row = 0 if positive_somewhere else 1
                cells, coarse = by_bin[last, row], by_group[last, group, row]
                _add(
                    p,
                    cuts[last],
                    positive_somewhere,
                    odds,
                    bins,
                    cells,
                    coarse,
                    called[last, group],
                )
            first = last + 1
        begin = end


@inlined
def _add(
    p: NDArray[np.float32],
    cut: np.float32,
    positive: bool,
    odds: NDArray[np.float32],
    bins: NDArray[np.uint32],
    cells: NDArray[np.int64],
    coarse: NDArray[np.uint32],
    called: NDArray[np.int64],
) -> None:
    """Add items of one kind, group and truth, (n,), to a row of each histogram."""
    above = 0
    for i in range(p.size):
        odds[i] = p[i] / (np.float32(1) - p[i])
        above += p[i] >= cut
    odds_bits = odds.view(np.int32)
    highest = np.int32(cells.size - 1)
    for i in range(p.size):
        # Each step back to int32, so that a vector holds eight of them.
        place = np.int32(np.int32(odds_bits[i] >> _SHIFT) - _OFFSET)
        place = np.int32(max(place, np.int32(0)))
        bins[i] = np.uint32(min(place, highest))
    for i in range(p.size):
        cells[bins[i]] += 1
        coarse[bins[i] >> np.uint32(_COARSE_SHIFT)] += np.uint32(1)
    called[1] += above
    if positive:
        called[0] += above
