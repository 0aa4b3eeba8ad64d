"""Effects of changes by scoring whole windows again, for any network and any engine.

It is slow: every change costs one or more windows. It serves networks of several layers, untied
networks of dna-brnn's cell, GPUs, and circular contigs that are shorter than two windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, PADDING
from dnabirnn.explanation.changes import Changes, check_finite, extremes_of, from_columns
from dnabirnn.network import PROBABILITY_BOUNDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.engine import Engine
    from dnabirnn.explanation.edits import Edits
    from dnabirnn.explanation.layout import Layout, Segment
    from dnabirnn.network import Architecture, Ensemble
    from dnabirnn.scoring import Window

__all__ = ["WholeWindows", "probabilities_of"]

# Changes whose profiles are held at a time.
_EDITS = 64


class _Edit(NamedTuple):
    """A change of the extended contig: the places of all copies of its first base."""

    copies: list[int]
    removed: int
    codes: Codes


class _Part(NamedTuple):
    """Bases of a segment within reach of a copy of an edit."""

    edit: int
    segment: Segment
    columns: NDArray[np.int64]  # in the profile of the edit
    places: NDArray[np.int64]  # on the extended contig


class WholeWindows:
    """Method that scores every window that holds a change, as a whole.

    Parameters
    ----------
    engine : Engine
    architecture : Architecture or Ensemble
    length_bp : int
        Length of a scoring window.
    """

    def __init__(
        self, engine: Engine, architecture: Architecture | Ensemble, length_bp: int
    ) -> None:
        self._engine = engine
        self._length_bp = length_bp
        self._outputs = len(architecture.outputs)
        self._exclusive = architecture.exclusive
        self._strands = [1 + stranded for _, stranded in architecture.classes]
        self._unchanged: dict[tuple[int, int, int], NDArray[np.float32]] = {}

    def changes(self, layout: Layout, edits: Edits, reach_bp: int, *, profiles: bool) -> Changes:
        """Compute the changes that edits of a contig cause, see `Changes`."""
        columns = 2 * reach_bp + edits.new if profiles else 0
        whole = np.empty((len(edits), columns, self._outputs), np.float32)
        numbers = np.empty((6, len(edits), self._outputs), np.float32)
        for first in range(0, len(edits), _EDITS):
            some = slice(first, first + _EDITS)
            log_odds, probabilities = self._profiles(layout, edits.part(some), reach_bp)
            numbers[:, some] = extremes_of(log_odds, probabilities, edits.new)
            if profiles:
                whole[some] = log_odds
        return from_columns(numbers, reach_bp, edits.new, whole)

    def _profiles(
        self, layout: Layout, edits: Edits, reach_bp: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the changes of log-odds and probabilities: (n, columns, O) each."""
        copied = [
            _Edit([int(at) + layout.flank_bp + n for n in layout.shifts], int(removed), codes)
            for at, removed, codes in zip(*edits, strict=True)
        ]
        parts = [
            part
            for number, edit in enumerate(copied)
            for part in _parts(number, edit, layout, reach_bp)
        ]
        jobs = list(
            dict.fromkeys(
                (part.edit, window[:2]) for part in parts for window in part.segment.windows
            )
        )
        texts = [_changed(layout.extended, copied[edit], *window) for edit, window in jobs]
        after = dict(zip(jobs, self._log_odds(texts, layout), strict=True))
        self._score_unchanged(layout, [window for part in parts for window in part.segment.windows])
        shape = (len(edits), 2 * reach_bp + edits.new, self._outputs)
        log_odds, probabilities = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for part in parts:
            before_it, after_it = [], []
            for window in part.segment.windows:
                before = self._unchanged[id(layout), window.start, window.end]
                now = after[part.edit, window[:2]]
                before_it.append(before[part.places - window.start])
                after_it.append(now[_moved(part.places, copied[part.edit], *window[:2])])
            change, of_p = self._difference(before_it, after_it)
            log_odds[part.edit, part.columns] = change
            probabilities[part.edit, part.columns] = of_p
        return log_odds, probabilities

    def _score_unchanged(self, layout: Layout, windows: Sequence[Window]) -> None:
        """Score windows that were not needed before."""
        keys = dict.fromkeys((id(layout), *window[:2]) for window in windows)
        new = [key for key in keys if key not in self._unchanged]
        texts = [layout.extended[start:end] for _, start, end in new]
        for key, log_odds in zip(new, self._log_odds(texts, layout), strict=True):
            check_finite(log_odds[: key[2] - key[1]], layout.name)
            self._unchanged[key] = log_odds

    def _log_odds(self, texts: list[Codes], layout: Layout) -> Iterator[NDArray[np.float32]]:
        """Yield the log-odds (L, M) of windows, scored in batches of one shape."""
        longest = min(self._length_bp, len(layout.extended))
        longest = -(-longest // 16) * 16
        size = self._engine.batch_windows(longest)
        for first in range(0, len(texts), size):
            some = texts[first : first + size]
            batch = np.full((size, longest), PADDING, np.uint8)
            for row, text in zip(batch, some, strict=False):
                row[: len(text)] = text
            yield from self._engine.log_odds(batch)[: len(some)]

    def _difference(
        self, before: list[NDArray[np.float32]], after: list[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the changes of log-odds and probabilities, (n, O) each.

        A base that two windows keep has the mean of their probabilities.
        """
        first = int(self._exclusive)
        p, against = zip(*map(self._probabilities, [*before, *after]), strict=True)
        clipped = [one.clip(*PROBABILITY_BOUNDS) for one in p]
        if len(before) == 1:
            change = (after[0] - before[0])[:, first:]
            return change, (clipped[1] - clipped[0]).astype(np.float32)
        then = np.log(p[0] + p[1]) - np.log(against[0] + against[1])
        now = np.log(p[2] + p[3]) - np.log(against[2] + against[3])
        of_p = (clipped[2] + clipped[3] - clipped[0] - clipped[1]) / 2
        return (now - then).astype(np.float32), of_p.astype(np.float32)

    def _probabilities(
        self, log_odds: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return probabilities_of(log_odds, self._strands, exclusive=self._exclusive)


def probabilities_of(
    log_odds: NDArray[np.float32], strands: Sequence[int], *, exclusive: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probabilities (n, O), and those of what the log-odds are relative to.

    Parameters
    ----------
    log_odds : ndarray, (n, M) float32
        As from `Engine.log_odds`.
    strands : sequence of int
        Number of outputs per class.
    exclusive : bool
        Whether classes exclude each other.
    """
    wide = log_odds.astype(np.float64)
    if not exclusive:
        return np.exp(-np.logaddexp(0, -wide)), np.exp(-np.logaddexp(0, wide))
    odds = np.exp(wide - wide.max(axis=1, keepdims=True))
    total, column = odds[:, 0], 1
    for count in strands:
        # Both strands of a class first, so that the opposite strand has the same total.
        total = total + odds[:, column : column + count].sum(axis=1)
        column += count
    p = odds / total[:, None]
    return p[:, 1:], p[:, :1]


def _parts(number: int, edit: _Edit, layout: Layout, reach_bp: int) -> Iterator[_Part]:
    """Yield the bases within reach of an edit, by segment; bases of code 4 are left out."""
    new = len(edit.codes)
    for at in edit.copies:
        for segment in layout.segments(at - reach_bp, at + edit.removed + reach_bp):
            places = np.arange(segment.start, segment.end)
            columns = places - at + reach_bp
            past = places >= at + edit.removed
            columns = np.where(past, columns - edit.removed + new, columns)
            replaced = (places >= at) & ~past
            there = ~replaced | (places - at < new)
            known = (layout.extended[places] < AMBIGUOUS) | replaced
            yield _Part(number, segment, columns[there & known], places[there & known])


def _changed(codes: Codes, edit: _Edit, start: int, end: int) -> Codes:
    """Return a window of the extended contig, with all copies of an edit in it."""
    pieces, place = [], start
    for at in edit.copies:  # ascends
        begin, after = min(max(at, place), end), min(max(at + edit.removed, place), end)
        pieces.append(codes[place:begin])
        if start <= at < end:
            pieces.append(edit.codes)
        place = after
    return np.concatenate([*pieces, codes[place:end]])


def _moved(places: NDArray[np.int64], edit: _Edit, start: int, end: int) -> NDArray[np.int64]:
    """Return where the bases of the contig are in the changed window."""
    moved = places - start
    for at in edit.copies:
        taken = min(max(at + edit.removed, start), end) - min(max(at, start), end)
        given = len(edit.codes) if start <= at < end else 0
        moved += np.where(places >= at + edit.removed, given - taken, 0)
    return moved
