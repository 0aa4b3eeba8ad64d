"""Count bases by score, in one pass over each block of a stream."""

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

__all__ = ["BaseCounter", "ClassTallies", "count_in_intervals"]

_STEP_BASES = 512
"""Bases counted at once. 6.1 ns per base of 2 outputs; 6.6 ns with 128, 6.0 ns with 1,024."""

# Compiled code is cached by its own source file and would not notice a change in another module.
# The constants of `metrics.bin_of` and `bootstrap.COARSE` are therefore repeated here. Tests check
# that they agree.
_SHIFT = 11
_OFFSET = 88 << 12
_COARSE_SHIFT = 8


class ClassTallies(NamedTuple):
    """Counts of one class.

    Attributes
    ----------
    blind : Tally
        Strand-blind. The score of a base is the larger one of the class's outputs. The base is
        positive if it is positive on either strand.
    by_strand : Tally
        Each base counts once per output. For a class without strands the same as `blind`.
    """

    blind: Tally
    by_strand: Tally


class BaseCounter:
    """Counts of bases by score for every class, strand-blind and by strand.

    Memory does not grow with the number of bases. The pages of a group's counts take memory only
    once the group is used.

    Parameters
    ----------
    classes : sequence of MotifClass
        In the order of the scores' columns and of the labels' bits.
    cuts : sequence of float32
        For each output, the smallest score at which a base is called.
    block_bp : int
        Length of the blocks, which start at multiples of it on each contig. Blocks with a counted
        base are assigned to groups in turn; see `dnabirnn.evaluation.bootstrap`.
    """

    def __init__(
        self, classes: Sequence[MotifClass], cuts: Sequence[np.float32], block_bp: int
    ) -> None:
        self._classes = tuple(classes)
        self._strands = np.array([1 + stranded for _, stranded in classes], dtype=np.int64)
        self._masks = np.array(output_masks(classes), dtype=np.uint64)
        self._cuts = np.array(cuts, dtype=np.float32)
        self._block_bp = block_bp
        # One kind of count per output. Of a stranded class, the first holds the counts by strand
        # and the last the strand-blind ones.
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
        """Number of blocks with a counted base so far."""
        return int(self._blocks[0])

    def add(
        self,
        start: int,
        scores: NDArray[np.float32],
        labels: NDArray[np.unsignedinteger],
        counted: NDArray[np.bool_],
    ) -> None:
        """Count a stretch of a contig.

        Stretches come in order. The first one of a contig starts at 0.

        Parameters
        ----------
        start : int
            0-based position of the first base.
        scores : ndarray, (m, O) float32
        labels : ndarray, (m,) unsigned
            The ignore bit is not read.
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
        """Return the counts of each class."""
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
    """Add the bases of a stretch to the counts, one run of equal labels at a time.

    Within a run, everything that depends on the labels is constant. The remaining loops are ones
    that the compiler vectorizes, and increments. Counting base by base takes twice as long.

    Parameters
    ----------
    scores : ndarray, (m, O) float32
    labels : ndarray, (m,) unsigned
    counted : ndarray, (m,) bool
    start, block_bp : int
    masks : ndarray, (O,) uint64
        Bits of each output.
    cuts : ndarray, (O,) float32
        Smallest called score of each output; the same for both strands of a class.
    strands : ndarray, (K,) int64
        Number of outputs of each class.
    columns, odds, bins : ndarray, (2, n) float32, (n,) float32 and (n,) uint32
        Work space, overwritten; n is the number of bases counted at once.
    by_bin : ndarray, (O, 2, BINS) int64
    by_group : ndarray, (O, GROUPS, 2, COARSE) uint32
    called : ndarray, (O, GROUPS, 2) int64
        See `Tally`. The counts are added to these.
    blocks : ndarray, (2,) int64
        Number of blocks started, and index of the latest one on its contig (-1 for none); updated.
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
    """Add scores (n,) of one kind, group and truth to a row of each histogram."""
    above = 0
    for i in range(p.size):
        odds[i] = p[i] / (np.float32(1) - p[i])
        above += p[i] >= cut
    odds_bits = odds.view(np.int32)
    highest = np.int32(cells.size - 1)
    for i in range(p.size):
        # Convert to int32 after each step, so that a vector holds eight of them.
        place = np.int32(np.int32(odds_bits[i] >> _SHIFT) - _OFFSET)
        place = np.int32(max(place, np.int32(0)))
        bins[i] = np.uint32(min(place, highest))
    for i in range(p.size):
        cells[bins[i]] += 1
        coarse[bins[i] >> np.uint32(_COARSE_SHIFT)] += np.uint32(1)
    called[1] += above
    if positive:
        called[0] += above


def count_in_intervals(
    labels: NDArray[np.unsignedinteger],
    counted: NDArray[np.bool_],
    mask: int,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each interval, its counted bases, and those whose labels have a bit of `mask`."""
    inside = np.zeros(start.size, dtype=np.int64)
    positive = np.zeros(start.size, dtype=np.int64)
    _count_in_intervals(labels, counted, labels.dtype.type(mask), start, end, inside, positive)
    return inside, positive


@kernel
def _count_in_intervals(
    labels: NDArray[np.unsignedinteger],
    counted: NDArray[np.bool_],
    mask: np.unsignedinteger,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    inside: NDArray[np.int64],
    positive: NDArray[np.int64],
) -> None:
    for k in range(start.size):
        of_interval, of_mask = 0, 0
        for i in range(start[k], end[k]):
            of_interval += counted[i]
            of_mask += counted[i] & ((labels[i] & mask) != 0)
        inside[k], positive[k] = of_interval, of_mask
