"""Comparison of calls with truth, contig by contig: matches and false discoveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.evaluation.bootstrap import BLOCK_BP, GROUPS, draw
from dnabirnn.evaluation.matching import CallMatches, counted_intervals, interval
from dnabirnn.labels import intervals_of, output_masks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.evaluation.matching import Intervals
    from dnabirnn.evaluation.truth import Truth
    from dnabirnn.motif_classes import MotifClass

__all__ = ["CallEvaluation", "FalseCalls"]


class FalseCalls:
    """Counts of the calls of one class, and of the false ones among them.

    A call is false if fewer than half of its counted bases carry the label of its class and strand.
    """

    def __init__(self) -> None:
        self._calls: NDArray[np.int64] = np.zeros((GROUPS, 2), dtype=np.int64)
        self._blocks = 0

    def add(self, starts: NDArray[np.int64], false: NDArray[np.bool_]) -> None:
        """Count the calls of one contig, given their starts and which are false."""
        blocks, number = np.unique(starts // BLOCK_BP, return_inverse=True)
        group = (self._blocks + number) % GROUPS
        np.add.at(self._calls, (group, false.astype(np.int64)), 1)
        self._blocks += blocks.size

    def finish(self, replicates: int, seed: int) -> dict[str, Any]:
        """Return the share of false calls and its interval; see `CallMatches.finish`."""
        weights = draw(self._blocks, replicates, seed)
        drawn = weights @ self._calls[: weights.shape[1]].astype(np.float64)
        key = "false_discovery_rate"
        return {
            key: None if not self._calls.any() else float(_false_share(self._calls.sum(axis=0))),
            f"{key}_ci": interval(_false_share(drawn)),
        }


def _false_share(calls: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(calls[..., 1] / calls.sum(axis=-1), dtype=np.float64)


class CallEvaluation:
    """Comparison of calls with truth for every class, contig by contig.

    Parameters
    ----------
    classes : sequence of MotifClass
        In the order of the network's outputs and of the labels' bits.
    """

    def __init__(self, classes: Sequence[MotifClass]) -> None:
        self._masks = output_masks(classes)
        self._matches = {name: CallMatches() for name, _ in classes}
        self._false = {name: FalseCalls() for name, _ in classes}
        self._class_of = [name for name, stranded in classes for _ in range(1 + stranded)]

    def add(
        self,
        calls: Sequence[Intervals],
        truth: Truth,
    ) -> None:
        """Match the calls of a contig; each output is matched with the truth of its strand.

        Parameters
        ----------
        calls : sequence of ndarray, (n, 2) int64
            One array per output; sorted, not overlapping.
        truth : Truth
            Calls and true intervals with fewer than half of their bases counted are left out.
        """
        by_class: dict[str, tuple[list[Intervals], list[Intervals]]] = {
            name: ([], []) for name in self._matches
        }
        shares: dict[str, list[NDArray[np.float64]]] = {name: [] for name in self._matches}
        labels, counted = truth.labels, truth.counted
        for name, mask, found in zip(self._class_of, self._masks, calls, strict=True):
            kept = counted_intervals(found, counted)
            by_class[name][0].append(kept)
            by_class[name][1].append(counted_intervals(intervals_of(labels, mask), counted))
            shares[name].append(truth.share(mask, kept[:, 0], kept[:, 1]))
        for name, strands in by_class.items():
            self._matches[name].add(*strands)
            starts = np.concatenate([kept[:, 0] for kept in strands[0]])
            self._false[name].add(starts, np.concatenate(shares[name]) < 0.5)

    def finish(self, replicates: int = 1000, seed: int = 0) -> dict[str, dict[str, Any] | None]:
        """Return the figures of each class, None without truth; see `CallMatches.finish`."""
        figures = {name: found.finish(replicates, seed) for name, found in self._matches.items()}
        return {
            name: entry and entry | self._false[name].finish(replicates, seed)
            for name, entry in figures.items()
        }

    def count(self, class_name: str) -> int:
        """Return the number of counted calls of a class."""
        return self._matches[class_name].calls
