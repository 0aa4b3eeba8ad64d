"""Counts by group, thresholds as probabilities, and the bootstrap's draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabirnn.scoring import integer_scores
from dnabirnn.tally import COARSE, GROUPS, Chunk, Tally, draw, intervals, lowest_probability


def test_the_lowest_probability_of_each_threshold():
    thresholds = np.arange(1, 1001)
    lowest = np.array([lowest_probability(t) for t in thresholds.tolist()])
    assert lowest.dtype == np.float32
    np.testing.assert_array_equal(integer_scores(lowest), thresholds)
    below = np.nextafter(lowest, np.float32(0))
    np.testing.assert_array_equal(integer_scores(below), thresholds - 1)


@given(st.integers(2, 600), st.integers(1, 5), st.integers(0, 9))
def test_every_draw_takes_as_many_groups_as_there_are(blocks, replicates, seed):
    weights = draw(blocks, replicates, seed)
    groups = min(blocks, GROUPS)
    assert weights.shape == (replicates, groups)
    assert np.all(weights.sum(axis=1) == groups)
    np.testing.assert_array_equal(weights, draw(blocks, replicates, seed))


@pytest.mark.parametrize("blocks", [0, 1])
def test_nothing_is_drawn_from_fewer_than_two_groups(blocks):
    assert draw(blocks, 10, 0).shape == (0, blocks)


def test_groups_hold_what_was_counted():
    rng = np.random.default_rng(1)
    tally, items = Tally(), []
    for first in (0, 2, 510):  # the last piece goes round to group 0
        groups = (first + np.arange(3)) % GROUPS
        row = np.sort(rng.integers(0, 3, 500)).astype(np.int32)
        bins = rng.integers(0, 262144, 500).astype(np.int32)
        called, truth = rng.random((2, 500)) < 0.3
        tally.add(bins, called, truth, Chunk(row * COARSE, groups))
        items.append((groups[row], bins, called, truth))
    group, bins, called, truth = map(np.concatenate, zip(*items, strict=True))
    for number in (0, 1, 2, 3, 4, 5, 510, 511):
        here = group == number
        assert tally.called[number].tolist() == [
            np.sum(here & called & truth),
            np.sum(here & called),
        ]
        for kind, chosen in enumerate((here & truth, here & ~truth)):
            expected = np.bincount(bins[chosen] >> 8, minlength=COARSE)
            np.testing.assert_array_equal(tally.by_score[number, kind], expected)
    assert tally.histogram.positives.sum() == truth.sum()
    assert tally.by_score.sum() == tally.histogram.positives.sum() + tally.histogram.negatives.sum()


def one_positive_group(groups):
    """A positive in group 0 only, found at the top; every group has a negative."""
    tally = Tally()
    for number in range(groups):
        truth = np.array([number == 0, False])
        bins = np.array([180000 if number == 0 else 200, 100], dtype=np.int32)
        chunk = Chunk(np.zeros(2, dtype=np.int32), np.array([number]))
        tally.add(bins, truth, truth, chunk)
    return tally


def test_replicates_without_positives_are_left_out():
    tally = one_positive_group(20)
    found = intervals(tally, tally.figures(), draw(20, 500, 0))  # 36 % of draws miss group 0
    assert found["ap"] == found["recall"] == [1, 1]


def test_no_interval_where_most_replicates_are_undefined():
    tally = one_positive_group(4)
    weights = np.array([[0, 2, 1, 1], [0, 1, 2, 1], [1, 1, 1, 1]], dtype=np.float64)
    found = intervals(tally, tally.figures(), weights)
    assert found["ap"] is found["recall"] is found["precision"] is None


def test_intervals_stay_within_what_is_possible():
    rng = np.random.default_rng(0)
    tally = Tally()
    for number in range(30):
        truth = rng.random(200) < 0.1
        bins = np.where(truth, 180000, 120000) + rng.integers(0, 9000, 200)
        chunk = Chunk(np.zeros(200, dtype=np.int32), np.array([number]))
        tally.add(bins.astype(np.int32), bins > 160000, truth, chunk)
    figures = tally.figures()
    for name, (low, high) in intervals(tally, figures, draw(30, 200, 0)).items():
        assert 0 <= low <= figures[name] <= high <= 1
