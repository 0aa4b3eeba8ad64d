"""p-values of counts, and q-values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["false_discovery_rates", "poisson_tail"]


def poisson_tail(count: int, mean: float) -> float:
    """Return the probability that a Poisson variable is `count` or larger.

    Examples
    --------
    >>> round(poisson_tail(1, 0.5), 6), round(poisson_tail(3, 0.01) * 1e6, 6)
    (0.393469, 0.165422)
    """
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if count <= mean:  # the lower tail is the shorter sum
        term = math.exp(-mean + (count - 1) * math.log(mean) - math.lgamma(count))
        return max(0.0, 1 - _sum(term, (n / mean for n in range(count - 1, 0, -1))))
    term = math.exp(-mean + count * math.log(mean) - math.lgamma(count + 1))
    return min(1.0, _sum(term, (mean / n for n in range(count + 1, count + 10_000_000))))


def _sum(term: float, ratios: Iterator[float]) -> float:
    total = term
    for ratio in ratios:
        term *= ratio
        total += term
        if term <= total * 1e-17:
            break
    return total


def false_discovery_rates(pvalues: NDArray[np.float64], tests: int) -> NDArray[np.float64]:
    """Return the q-values of Benjamini and Hochberg.

    Parameters
    ----------
    pvalues : ndarray, (n,) float64
    tests : int
        Number of tests, of which the p-values are the smallest; those of the others are 1.

    Examples
    --------
    >>> false_discovery_rates(np.array([0.04, 0.001, 0.01]), 10).round(6).tolist()
    [0.133333, 0.01, 0.05]
    """
    order = np.argsort(pvalues, kind="stable")
    scaled = pvalues[order] * tests / np.arange(1, len(pvalues) + 1)
    rates = np.empty(len(pvalues))
    rates[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return rates
