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
        (length * nats, mean, length, true)
        for count, length, mean, nats, true in groups
        for _ in range(count)
    ]
    total, mean, length_bp, true = (np.array(column) for column in zip(*rows, strict=True))
    return RankedCalls(total, mean, length_bp, true.astype(np.bool_))


def test_long_false_calls_are_ranked_last_by_the_mean() -> None:
    found = calls((9, 40, 900, 6000, True), (9, 200, 300, 3000, False))
    assert ranking_precision(found.total, found.true) < 0.6
    pooling = chosen_pooling("A", found, PRIOR, 40)
    assert pooling == Pooling(PoolingKind.MEAN, length_bp=40)
    values = pooling.evidence(found.total, found.mean, found.length_bp, PRIOR)
    assert ranking_precision(values, found.true) == 1


def test_short_false_calls_are_ranked_last_by_the_sum() -> None:
    found = calls((9, 1000, 800, 5000, True), (9, 30, 950, 7000, False))
    assert chosen_pooling("A", found, PRIOR, 1000) == Pooling(length_bp=1000)


def test_a_power_is_taken_if_neither_sum_nor_mean_is_good() -> None:
    found = calls((9, 100, 900, 6000, True), (9, 20, 950, 7000, False), (9, 400, 200, 2000, False))
    pooling = chosen_pooling("A", found, PRIOR, 100)
    assert pooling == Pooling(PoolingKind.SUM, 0.25, 100)


@pytest.mark.parametrize("few", [True, False])
def test_the_sum_is_kept_with_few_calls(few: bool) -> None:
    found = calls((2, 40, 900, 6000, few), (9, 200, 300, 3000, not few))
    assert chosen_pooling("A", found, PRIOR, 40) == Pooling()


def test_equal_rankings_are_those_of_the_mean() -> None:
    found = calls((9, 40, 900, 6000, True), (9, 40, 300, 3000, False))
    assert chosen_pooling("A", found, PRIOR, 40).kind is PoolingKind.MEAN
