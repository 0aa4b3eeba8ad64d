"""evaluation.truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.labels import output_masks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.motif_classes import MotifClass

__all__ = ["Truth"]


class Truth:
    """How much of intervals is of an output, among the bases that count.

    Parameters
    ----------
    labels : ndarray, (L,) unsigned
    counted : ndarray, (L,) bool
    classes : sequence of MotifClass
        In the order of the labels' bits.
    """

    def __init__(
        self,
        labels: NDArray[np.unsignedinteger],
        counted: NDArray[np.bool_],
        classes: Sequence[MotifClass],
    ) -> None:
        self._labels = labels
        self._masks = output_masks(classes)
        self._counts = counted
        self._counted = _sums(counted)
        self._positive: dict[int, NDArray[np.int64]] = {}

    def share(
        self, column: int, start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Share of the counted bases of each interval; NaN where none counts."""
        if column not in self._positive:
            mask = self._labels.dtype.type(self._masks[column])
            self._positive[column] = _sums(((self._labels & mask) != 0) & self._counts)
        positive = self._positive[column][end] - self._positive[column][start]
        counted = self._counted[end] - self._counted[start]
        share = np.full(start.size, np.nan)
        np.divide(positive, counted, out=share, where=counted > 0)
        return share


def _sums(of_base: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(of_base, dtype=np.int64)])
