"""Poolings of evidence: which one is chosen, given calls that are true or false."""

from __future__ import annotations

import numpy as np
import pytest

from dnabirnn.evaluation.metrics import ranking_precision
from dnabirnn.network.evidence import Pooling, PoolingKind
from dnabirnn.training.finishing.pooling import RankedCalls, chosen_pooling

PRIOR = -4000


def calls(*groups: tuple[int, int, int, int, bool]) -> RankedCalls:
    """Return calls of groups: how many, length, mean score, evidence per base, whether true."""
    rows = [
        (length * nats, mean, true)
        for count, length, mean, nats, true in groups
        for _ in range(count)
    ]
    total, mean, true = (np.array(column) for column in zip(*rows, strict=True))
    return RankedCalls(total, mean, true.astype(np.bool_))


def sites(length_bp: int, longest_bp: int = 0) -> np.ndarray:
    """Return lengths of training sites."""
    return np.array([length_bp] * 9 + [longest_bp or length_bp] * 2)


def test_long_false_calls_are_ranked_last_by_the_mean() -> None:
    found = calls((9, 40, 900, 6000, True), (9, 200, 300, 3000, False))
    assert ranking_precision(found.total, found.true) < 0.6
    pooling = chosen_pooling("A", found, PRIOR, sites(40))
    assert pooling == Pooling(PoolingKind.MEAN, 40)
    values = pooling.evidence(found.total, found.mean, PRIOR)
    assert ranking_precision(values, found.true) == 1


def test_short_false_calls_are_ranked_last_by_the_sum() -> None:
    found = calls((9, 1000, 800, 5000, True), (9, 30, 950, 7000, False))
    assert chosen_pooling("A", found, PRIOR, sites(1000)) == Pooling()


def test_a_gain_of_the_sum_that_may_be_chance_is_not_taken() -> None:
    # One short false call with a high mean score, before some of the true calls.
    found = calls((8, 50, 900, 6000, True), (2, 50, 700, 4000, False), (1, 20, 950, 7000, False))
    of_sum, of_mean = (ranking_precision(of, found.true) for of in (found.total, found.mean))
    assert of_sum > of_mean + 0.05
    assert chosen_pooling("A", found, PRIOR, sites(50)).kind is PoolingKind.MEAN
    more = RankedCalls(*(np.repeat(column, 20) for column in found))
    assert chosen_pooling("A", more, PRIOR, sites(50)) == Pooling()


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize(("longest_bp", "kind"), [(80, "mean"), (81, "sum"), (9000, "sum")])
def test_with_few_calls_the_lengths_of_sites_decide(few: bool, longest_bp: int, kind: str) -> None:
    found = calls((2, 40, 900, 6000, few), (9, 200, 300, 3000, not few))
    pooling = chosen_pooling("A", found, PRIOR, sites(40, longest_bp))
    assert pooling == (Pooling(PoolingKind.MEAN, 40) if kind == "mean" else Pooling())
    # A few sites may have one length by chance.
    assert chosen_pooling("A", found, PRIOR, np.array([40] * 9)) == Pooling()


def test_equal_rankings_are_those_of_the_mean() -> None:
    found = calls((9, 40, 900, 6000, True), (9, 40, 300, 3000, False))
    assert chosen_pooling("A", found, PRIOR, sites(40)).kind is PoolingKind.MEAN
