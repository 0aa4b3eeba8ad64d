"""How the evidence of calls is pooled from their bases, chosen by how well it ranks calls.

The calls of a class on validation sequence are true or false: true if they match a site one to one
at 50 % reciprocal overlap. Each pooling (`dnabirnn.network.Pooling`) orders them, and the average
precision says how far the true ones come first.

The mean score ranks most classes well, and the sum counts length too much for some of them, such as
promoters, of which false calls are long. The sum is better for others: of arrays, the long ones are
true, and a short call of a terminator is often false. So the order of the mean scores is kept
unless a sum gains more than 0.01 of average precision over it. Of the sums that are about as good
as the best, the one with the smallest power is taken, which is closest to the plain sum.

With fewer than three true or three false calls, nothing is known, and the plain sum is kept.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.evaluation import ranking_precision
from dnabirnn.network import POWERS, Pooling, PoolingKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RankedCalls", "chosen_pooling"]

logger = logging.getLogger(__name__)

_FEWEST = 3
_MARGIN = 0.01
_SAME = 0.005


class RankedCalls(NamedTuple):
    """Calls of a class with what their evidence can be made from; all (n,).

    Attributes
    ----------
    total : ndarray, int64
        Sums of the evidence of their bases, in millinats.
    mean : ndarray, int64
        Mean scores.
    length_bp : ndarray, int64
    true : ndarray, bool
        Whether each call matches a site.
    """

    total: NDArray[np.int64]
    mean: NDArray[np.int64]
    length_bp: NDArray[np.int64]
    true: NDArray[np.bool_]


def chosen_pooling(name: str, calls: RankedCalls, prior: int, length_bp: int) -> Pooling:
    """Return the pooling of a class, given its calls on validation sequence.

    Parameters
    ----------
    name : str
        The class, for the log.
    calls : RankedCalls
    prior : int
        Log-odds of the share of the class, in millinats.
    length_bp : int
        Length of a typical site.
    """
    count = int(calls.true.sum())
    if min(count, calls.true.size - count) < _FEWEST:
        return Pooling()

    def precision(pooling: Pooling) -> float:
        values = pooling.evidence(calls.total, calls.mean, calls.length_bp, prior)
        return ranking_precision(values, calls.true)

    by_mean = Pooling(PoolingKind.MEAN, length_bp=length_bp)
    sums = [Pooling(PoolingKind.SUM, power, length_bp) for power in POWERS]
    of_mean, of_sums = precision(by_mean), np.array([precision(pooling) for pooling in sums])
    best = float(of_sums.max())
    chosen = by_mean
    if best > of_mean + _MARGIN:
        chosen = sums[int(np.argmax(of_sums >= best - _SAME))]
    logger.info(
        "%s: average precision of %d calls on validation sequence, of which %d are true: %.3f "
        "ranked by the sum of evidence, %.3f by the mean score, %.3f by evidence pooled as %s",
        name,
        calls.true.size,
        count,
        of_sums[0],
        of_mean,
        precision(chosen),
        "mean" if chosen is by_mean else f"sum over lengths to the power of {chosen.power:g}",
    )
    return chosen
