"""How the evidence of calls is pooled from their bases, chosen by how well it ranks calls.

The calls of a class on validation sequence are true or false: true if they match a site one to one
at 50 % reciprocal overlap. Each pooling (`dnabirnn.network.Pooling`) orders them, and the average
precision says how far the true ones come first.

The mean score ranks most classes well. The sum counts length too much for some, such as promoters,
of which false calls are long. So the evidence of a class follows from the mean score, unless the
sum gains more than 0.01 of average precision over it, and more than two standard errors of the
difference. The errors come from a bootstrap of the calls. Smaller gains are chance: a class has a
few hundred calls on validation sequence, and often a few tens.

With fewer than three true or three false calls, nothing is known. A class with ten training sites
or more, of about one length, then follows from the mean, since length says little about it. Other
classes keep the sum: these are mostly classes of arrays, of which the long ones are certain.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.evaluation import ranking_precision
from dnabirnn.network import Pooling, PoolingKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RankedCalls", "chosen_pooling"]

logger = logging.getLogger(__name__)

_FEWEST = 3
_FEWEST_SITES = 10
_LENGTH_QUANTILES = (0.05, 0.95)
_ALIKE = 2
_MARGIN = 0.01
_ERRORS = 2
_REPLICATES = 200


class RankedCalls(NamedTuple):
    """Calls of a class with what their evidence can be made from; all (n,).

    Attributes
    ----------
    total : ndarray, int64
        Sums of the evidence of their bases, in millinats.
    mean : ndarray, int64
        Mean scores.
    true : ndarray, bool
        Whether each call matches a site.
    """

    total: NDArray[np.int64]
    mean: NDArray[np.int64]
    true: NDArray[np.bool_]


def chosen_pooling(
    name: str, calls: RankedCalls, prior: int, lengths_bp: NDArray[np.int64]
) -> Pooling:
    """Return the pooling of a class, given its calls on validation sequence.

    Parameters
    ----------
    name : str
        The class, for the log.
    calls : RankedCalls
    prior : int
        Log-odds of the share of the class, in millinats.
    lengths_bp : ndarray, (n,) int64
        Lengths of the training sites.
    """
    by_mean = Pooling(PoolingKind.MEAN, max(round(float(np.median(lengths_bp))), 1))
    count = int(calls.true.sum())
    if min(count, calls.true.size - count) < _FEWEST:
        short, long = np.quantile(lengths_bp, _LENGTH_QUANTILES)
        alike = lengths_bp.size >= _FEWEST_SITES and long <= _ALIKE * short
        return by_mean if alike else Pooling()

    values = by_mean.evidence(calls.total, calls.mean, prior)
    of_sum, of_mean = (ranking_precision(value, calls.true) for value in (calls.total, values))
    gain = of_sum - of_mean
    better = gain > _MARGIN and gain > _ERRORS * _error(calls.total, values, calls.true)
    chosen = Pooling() if better else by_mean
    logger.info(
        "%s: average precision of %d calls on validation sequence, of which %d are true: %.3f "
        "ranked by the sum of evidence, %.3f by the mean score; ranked by the %s",
        name,
        calls.true.size,
        count,
        of_sum,
        of_mean,
        "sum" if better else "mean score",
    )
    return chosen


def _error(total: NDArray[np.int64], values: NDArray[np.int64], true: NDArray[np.bool_]) -> float:
    """Return the standard error of the difference in average precision of two rankings."""
    random = np.random.default_rng(0)
    differences = []
    for _ in range(_REPLICATES):
        drawn = random.integers(true.size, size=true.size)
        if true[drawn].any():
            of_total, of_values = (
                ranking_precision(ranked[drawn], true[drawn]) for ranked in (total, values)
            )
            differences.append(of_total - of_values)
    return float(np.std(differences))
