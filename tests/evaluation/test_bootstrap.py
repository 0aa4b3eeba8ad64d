"""Counts by group, thresholds as probabilities, and the bootstrap's draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.evaluation.bootstrap import (
    COARSE,
    GROUPS,
    Tally,
    draw,
    intervals,
    moved_replicates,
)
from dnabirnn.evaluation.metrics import BINS, auroc, average_precision, best_f1, thresholded


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


def tally_of(group, bins, called, truth):
    """Counts of items, each (n,), base by base."""
    by_bin = np.zeros((2, BINS), dtype=np.int64)
    by_score = np.zeros((GROUPS, 2, COARSE), dtype=np.uint32)
    counts = np.zeros((GROUPS, 2), dtype=np.int64)
    np.add.at(by_bin, (np.where(truth, 0, 1), bins), 1)
    np.add.at(by_score, (group, np.where(truth, 0, 1), bins >> 8), 1)
    np.add.at(counts, (group, 0), called & truth)
    np.add.at(counts, (group, 1), called)
    return Tally(by_bin, by_score, counts)


def one_positive_group(groups):
    """A positive in group 0 only, found at the top; every group has a negative."""
    group = np.repeat(np.arange(groups), 2)
    truth = np.arange(2 * groups) == 0
    bins = np.where(truth, 180000, np.tile([200, 100], groups))
    return tally_of(group, bins, truth, truth)


def intervals_of(tally, weights):
    figures = tally.figures()
    return intervals(moved_replicates(tally, figures, weights), figures)


def test_replicates_without_positives_are_left_out():
    tally = one_positive_group(20)
    found = intervals_of(tally, draw(20, 500, 0))  # 36 % of draws miss group 0
    assert found["ap"] == found["recall"] == [1, 1]


def test_no_interval_where_most_replicates_are_undefined():
    tally = one_positive_group(4)
    weights = np.array([[0, 2, 1, 1], [0, 1, 2, 1], [1, 1, 1, 1]], dtype=np.float64)
    found = intervals_of(tally, weights)
    assert found["ap"] is found["recall"] is found["precision"] is None


def test_replicates_of_two_scorers_are_paired():
    """Where one scorer is better in each block, its replicates are better one by one."""
    rng = np.random.default_rng(1)
    group, truth = np.repeat(np.arange(30), 200), rng.random(6000) < 0.1
    noise = rng.integers(0, 60_000, 6000)
    worse = tally_of(group, np.where(truth, 140_000, 120_000) + noise, truth, truth)
    better = tally_of(group, np.where(truth, 170_000, 120_000) + noise, truth, truth)
    weights = draw(30, 200, 0)
    ap = [moved_replicates(t, t.figures(), weights)["ap"] for t in (worse, better)]
    difference = ap[1] - ap[0]
    assert (difference > 0).all()
    assert difference.mean() == pytest.approx(
        better.figures()["ap"] - worse.figures()["ap"], abs=3 * difference.std()
    )


def test_intervals_stay_within_what_is_possible():
    rng = np.random.default_rng(0)
    truth = rng.random(6000) < 0.1
    bins = np.where(truth, 180000, 120000) + rng.integers(0, 9000, 6000)
    tally = tally_of(np.repeat(np.arange(30), 200), bins, bins > 160000, truth)
    figures = tally.figures()
    for name, (low, high) in intervals_of(tally, draw(30, 200, 0)).items():
        assert 0 <= low <= figures[name] <= high <= 1


@pytest.mark.parametrize("size", [1000, 1 << 22], ids=["float32", "float64"])
def test_replicates_are_those_of_plain_sums(size):
    rng = np.random.default_rng(2)
    tally = tally_of(*np.zeros((4, 0), dtype=np.int64))
    bins = rng.permutation(COARSE)[:60]
    tally.by_score[:40, :, bins] = rng.integers(0, size, (40, 2, 60))
    tally.called[:40] = np.sort(rng.integers(0, 60 * size, (40, 2)), axis=1)
    weights = draw(40, 300, 1)
    found = tally.replicates(weights)
    for number in (0, 249, 250, 299):
        groups = np.repeat(np.arange(40), weights[number].astype(np.int64))
        positives, negatives = tally.by_score[groups].sum(axis=0, dtype=np.int64)
        items = positives.sum() + negatives.sum()
        at_threshold = thresholded(*tally.called[groups].sum(axis=0), positives.sum(), items)
        expected = {
            "ap": average_precision(positives, negatives),
            "auroc": auroc(positives, negatives),
            "best_f1": best_f1(positives, negatives)[0],
            **at_threshold._asdict(),
        }
        for name, value in expected.items():
            assert found[name][number] == pytest.approx(value, rel=1e-9), name
