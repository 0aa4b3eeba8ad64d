"""Effects of changes from the states that are kept of the unchanged windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.engine import LANES, Mutants
from dnabirnn.explanation.changes import Changes, check_finite, from_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from dnabirnn.engine import KeptWindow, MutantEngine
    from dnabirnn.explanation.edits import Edits
    from dnabirnn.explanation.layout import Layout, Segment
    from dnabirnn.scoring import Window

__all__ = ["KeptStates"]

_NUMBERS = 6  # of `Mutants.extremes` per output and lane


class KeptStates:
    """Method that computes only what changes within the reach.

    Parameters
    ----------
    engine : MutantEngine
    windows : iterable of (Layout, Window)
        Windows of the changes that will be computed; a window may occur again.
    """

    def __init__(self, engine: MutantEngine, windows: Iterable[tuple[Layout, Window]]) -> None:
        self._engine = engine
        self._mutants: dict[tuple[int, int], Mutants] = {}
        wanted = {(id(layout), *window[:2]): (layout, window) for layout, window in windows}
        self._kept: dict[tuple[int, int, int], KeptWindow] = {}
        keys = list(wanted)
        for first in range(0, len(keys), LANES):
            block = keys[first : first + LANES]
            chosen = [wanted[key] for key in block]
            kept = engine.keep([layout.codes_of(window) for layout, window in chosen])
            for key, one in zip(block, kept, strict=True):
                check_finite(one.log_odds, wanted[key][0].name)
                self._kept[key] = one

    def changes(self, layout: Layout, edits: Edits, reach_bp: int, *, profiles: bool) -> Changes:
        """Compute the changes that edits of a contig cause, see `Changes`."""
        mutants = self._mutants_of(edits.new, reach_bp)
        blocks, outputs = -(-len(edits) // LANES), self._engine.outputs
        numbers = np.empty((blocks, _NUMBERS, outputs, LANES), np.float32)
        columns = 2 * reach_bp + edits.new if profiles else 0
        whole = np.empty((len(edits), columns, outputs), np.float32)
        for block in self._blocks(layout, edits, mutants):
            mutants.extremes(numbers[block].reshape(-1))
            if profiles:
                own = whole[block * LANES : (block + 1) * LANES]
                own[:] = _inner(mutants, mutants.log_odds, len(own))
        found = numbers.transpose(1, 0, 3, 2).reshape(_NUMBERS, blocks * LANES, outputs)
        return from_columns(found[:, : len(edits)], mutants.flank, edits.new, whole)

    def profiles(
        self, layout: Layout, edits: Edits, reach_bp: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute the changes of log-odds and of probabilities, (n, columns, O) float32 each."""
        mutants = self._mutants_of(edits.new, reach_bp)
        shape = (len(edits), 2 * reach_bp + edits.new, self._engine.outputs)
        log_odds, probabilities = np.empty(shape, np.float32), np.empty(shape, np.float32)
        for block in self._blocks(layout, edits, mutants):
            own = slice(block * LANES, (block + 1) * LANES)
            count = len(log_odds[own])
            log_odds[own] = _inner(mutants, mutants.log_odds, count)
            probabilities[own] = _inner(mutants, mutants.probabilities, count)
        return log_odds, probabilities

    def _mutants_of(self, new: int, reach_bp: int) -> Mutants:
        key = new, reach_bp
        if key not in self._mutants:
            self._mutants[key] = Mutants(self._engine, *key)
        return self._mutants[key]

    def _blocks(self, layout: Layout, edits: Edits, mutants: Mutants) -> Iterator[int]:
        """Compute the changes block by block, and yield the number of each block."""
        for block in range(-(-len(edits) // LANES)):
            # A lane without an edit repeats the last one.
            which = np.minimum(np.arange(block * LANES, (block + 1) * LANES), len(edits) - 1)
            mutants.at[:] = edits.at[which] + layout.flank_bp
            mutants.removed[:] = edits.removed[which]
            mutants.codes[:] = edits.codes[which].T
            self._run(layout, mutants)
            yield block

    def _run(self, layout: Layout, mutants: Mutants) -> None:
        """Compute the changes of a block, segment by segment."""
        mutants.begin()
        origin = mutants.at.copy()
        reach = mutants.flank - mutants.margin
        for shift in layout.shifts:
            mutants.at[:] = origin + shift
            first = int(mutants.at.min()) - reach
            last = int((mutants.at + mutants.removed).max()) + reach
            for segment in layout.segments(first, last):
                low = _column(segment.start, mutants)
                high = _column(segment.end, mutants)
                if (low < high).any():
                    mutants.add(self._windows(layout, segment), low, high)

    def _windows(self, layout: Layout, segment: Segment) -> list[tuple[KeptWindow, int]]:
        return [
            (self._kept[id(layout), window.start, window.end], window.start)
            for window in segment.windows
        ]


def _inner(mutants: Mutants, changes: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the changes within the reach of the first lanes: (count, columns, O)."""
    inner = changes[mutants.margin : mutants.columns - mutants.margin]
    return inner[..., :count].transpose(2, 0, 1)


def _column(place: int, mutants: Mutants) -> NDArray[np.int64]:
    """Return the first column of each lane that holds a base at or after a place."""
    new, past = mutants.codes.shape[0], place - mutants.at
    inside = np.clip(past, 0, new)  # bases that are replaced
    beyond = np.maximum(past - mutants.removed, 0)
    column = mutants.flank + np.minimum(past, 0) + inside
    column = np.where(past >= mutants.removed, mutants.flank + new + beyond, column)
    return np.clip(column, mutants.margin, mutants.columns - mutants.margin)
