"""Where in a call the score is highest."""

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
    """Summits of calls: the first base of the highest score in each.

    Rows that touch and reach the threshold are kept as one stretch with its highest score, so
    that memory grows with the stretches that calls are made of. Every call is made of whole
    stretches and what lies between, which is lower.

    Parameters
    ----------
    outputs : sequence of Output
    settings : CallSettings
        Those that the calls are made with.
    """

    def __init__(self, outputs: Sequence[Output], settings: CallSettings) -> None:
        self._thresholds = [
            rule.threshold if (rule := settings.rules.get(output.class_name)) else None
            for output in outputs
        ]
        self._kept: dict[int, list[NDArray[np.int64]]] = {}

    def add(self, rows: Rows) -> None:
        """Take the next rows of scores."""
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
        """Summits of all calls of the contig, (n,); what comes next is another contig.

        Parameters
        ----------
        calls : Rows
            Within an output they ascend.
        """
        summits = np.zeros(calls.start.size, dtype=np.int64)
        for output in np.unique(calls.output).tolist():
            own = np.flatnonzero(calls.output == output)
            place, score = np.concatenate(self._kept[output], axis=1)
            edges = np.stack([calls.start[own], calls.end[own]], axis=1).reshape(-1)
            # From each start to each end, and, passed over, from each end to the next start.
            bounds = np.searchsorted(place, edges)
            inside = np.append(score, -1)  # a bound may lie behind the last
            summits[own] = place[_argmax(inside, bounds, step=2)]
        self._kept.clear()
        return summits


def _argmax(
    values: NDArray[np.integer], first: NDArray[np.intp], step: int = 1
) -> NDArray[np.intp]:
    """Place of the first highest value from each of `first` to the next, of every `step`-th."""
    size = values.size
    # One number that is larger for a larger value and, among equals, for an earlier place.
    keys = values.astype(np.int64) * size + np.arange(size - 1, -1, -1)
    highest = np.maximum.reduceat(keys, first)[::step]
    places: NDArray[np.intp] = size - 1 - highest % size
    return places
