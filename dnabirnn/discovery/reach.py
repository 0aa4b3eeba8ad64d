"""The reach of a search: how far from a target bases matter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.discovery.contributions import explain_targets
from dnabirnn.discovery.targets import choose_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from numpy.typing import NDArray

    from dnabirnn.scoring import Model
    from dnabirnn.sequences import Contig

__all__ = ["measure_context"]

_SAMPLE = 30
"""Targets of each class."""
_LONGEST_BP = 200
_SEQUENCE_BP = 100
_SHARE = 0.99
_STEP_BP = 10


def measure_context(
    contigs: Callable[[], Iterable[Contig]],
    model: Model,
    intervals: Callable[[str, int], NDArray[np.int64]],
    circular: Container[str] = (),
) -> int:
    """Return the distance from targets within which nearly all importance lies.

    It is measured on a sample of targets, up to 200 bases: the shortest distance, in tens of bases,
    that has 99 % of the importance there, without signs. If the model learned labels of whole
    sequences, it is the length of these, up to 100 bases: bases matter inside the targets.

    Parameters
    ----------
    contigs : callable
        Returns the contigs. Called twice.
    model : Model
    intervals : callable, (contig, output) -> ndarray (n, 2) int64
    circular : container of str
        Names of circular contigs.

    Returns
    -------
    reach_bp : int
    """
    if model.checkpoint.sequences is not None:
        return min(_SEQUENCE_BP, model.checkpoint.sequences.length_bp)
    longest = max(1, min(_LONGEST_BP, model.checkpoint.scoring_window.length_bp - 1))
    sample, _ = choose_targets(contigs(), intervals, model.outputs, longest, _SAMPLE, circular)
    by_distance: list[list[float]] = [[] for _ in range(longest + 1)]
    for one in explain_targets(contigs(), model, sample, longest, circular):
        sizes = np.abs(one.contributions).sum(axis=1).tolist()
        width = len(sizes) - 2 * longest
        for place, size in enumerate(sizes):
            by_distance[max(longest - place, place - longest - width + 1, 0)].append(size)
    # The sums do not depend on the order of the targets.
    sums = np.array([math.fsum(own) for own in by_distance])
    within = int(np.argmax(np.cumsum(sums) >= _SHARE * sums.sum()))
    return min(longest, max(_STEP_BP, -(-within // _STEP_BP) * _STEP_BP))
