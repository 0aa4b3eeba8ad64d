"""Summits of calls: the position with the highest score in each call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.network import CallSettings
    from dnabirnn.tracks import Rows

__all__ = ["Summits"]


class Summits:
    """Finder of summits: the first base with the highest score in each call.

    Rows that touch and reach the threshold are kept as one stretch with its highest score, so
    memory grows with the number of stretches and not of rows. This is enough, because a call
    consists of whole stretches and of bases between them that score lower.

    Parameters
    ----------
    outputs : sequence of Output
    settings : CallSettings
        Settings with which the calls are made.
    """

    def __init__(self, outputs: Sequence[Output], settings: CallSettings) -> None:
        self._thresholds = [
            rule.threshold if (rule := settings.rules.get(output.class_name)) else None
            for output in outputs
        ]
        self._kept: dict[int, list[NDArray[np.int64]]] = {}

    def add(self, rows: Rows) -> None:
        """Add the next rows of scores."""
        for output, own in rows.by_output():
            threshold = self._thresholds[output]
            if threshold is None:
                continue
            high = own.at_least(threshold)
            if high.start.size:
                first = np.flatnonzero(np.append(True, high.start[1:] != high.end[:-1]))
                best = _argmax(high.score, first)
                kept = np.stack([high.start[best], high.score[best].astype(np.int64)])
                self._kept.setdefault(output, []).append(kept)

    def of(self, calls: Rows) -> NDArray[np.int64]:
        """Return the summits of all calls of a contig, (n,), and get ready for the next contig.

        Parameters
        ----------
        calls : Rows
            Calls of the contig, in ascending order within each output.
        """
        summits = np.zeros(calls.start.size, dtype=np.int64)
        for output in np.unique(calls.output).tolist():
            own = np.flatnonzero(calls.output == output)
            place, score = np.concatenate(self._kept[output], axis=1)
            edges = np.stack([calls.start[own], calls.end[own]], axis=1).reshape(-1)
            # Ranges from start to end of each call alternate with ranges between two calls; a
            # step of 2 skips the latter.
            bounds = np.searchsorted(place, edges)
            inside = np.append(score, -1)  # `reduceat` needs bounds below the size
            summits[own] = place[_argmax(inside, bounds, step=2)]
        self._kept.clear()
        return summits


def _argmax(
    values: NDArray[np.integer], first: NDArray[np.intp], step: int = 1
) -> NDArray[np.intp]:
    """Index of the first maximum in ranges of `values`.

    Each range runs from one of `first` to the next; of these ranges, every `step`-th is used.
    """
    size = values.size
    # Keys are larger for a larger value and, among equal values, for an earlier index.
    keys = values.astype(np.int64) * size + np.arange(size - 1, -1, -1)
    highest = np.maximum.reduceat(keys, first)[::step]
    places: NDArray[np.intp] = size - 1 - highest % size
    return places
