"""Figures from histograms against scikit-learn and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from dnabirnn.evaluation.metrics import (
    BINS,
    Histogram,
    ScoreCounts,
    auroc,
    average_precision,
    best_f1,
    bin_edges,
    bin_of,
    thresholded,
)

BELOW_ONE = np.float32(1 - 2**-24)
ABOVE_ZERO = np.float32(2**-149)


def sigmoid(logits):
    return (1 / (1 + np.exp(-np.asarray(logits, dtype=np.float64)))).astype(np.float32)


def normal_logits(prevalence, positive, negative, items=1_000_000, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random(items) < prevalence
    logits = np.where(truth, rng.normal(*positive, items), rng.normal(*negative, items))
    return sigmoid(logits), truth


def saturated(items=500_000, seed=1):
    """A class of which the network is certain, rightly for the most part."""
    rng = np.random.default_rng(seed)
    truth = rng.random(items) < 0.01
    ends = np.array([0, 1e-11, 1e-8, 6e-8, 0.5, 1 - 1e-7, BELOW_ONE, 1], dtype=np.float32)
    likely = rng.choice(8, items, p=[0.01, 0.01, 0.01, 0.02, 0.05, 0.1, 0.3, 0.5])
    unlikely = rng.choice(8, items, p=[0.5, 0.3, 0.1, 0.095, 0.003, 0.001, 0.0005, 0.0005])
    return ends[np.where(truth, likely, unlikely)], truth


SAMPLES = {
    "prevalence 1e-4, good": lambda: normal_logits(1e-4, (0, 3), (-8, 2)),
    "prevalence 1e-4, poor": lambda: normal_logits(1e-4, (-5, 1), (-7, 1)),
    "prevalence 1e-4, near perfect": lambda: normal_logits(1e-4, (9, 2), (-9, 2)),
    "average precision 0.9999": lambda: normal_logits(0.05, (6, 2.1), (-7, 2.1)),
    "prevalence 0.3": lambda: normal_logits(0.3, (1, 2), (-1, 2)),
    "saturated at 0 and 1": saturated,
    "half at exactly 1": lambda: (
        np.repeat(np.float32([1, BELOW_ONE]), 1000),
        np.arange(2000) % 7 < np.repeat([5, 2], 1000),
    ),
    "all tied": lambda: (np.full(999, 0.3, dtype=np.float32), np.arange(999) % 3 == 0),
}


def histogram(probabilities, truth):
    counts = Histogram()
    counts.add(probabilities, truth)
    return counts


@pytest.fixture(scope="module", params=SAMPLES, ids=lambda name: name.replace(" ", "-"))
def sample(request):
    probabilities, truth = SAMPLES[request.param]()
    return probabilities, truth, histogram(probabilities, truth)


# --- bins ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.0, 0),
        (-0.0, 0),  # the sign bit must not make it small
        (ABOVE_ZERO, 0),
        (2.0**-39, 0),
        (2.0**-38, 4096),
        (0.5, 39 * 4096),
        (BELOW_ONE, 63 * 4096 - 1),
        (1.0, BINS - 1),
    ],
)
def test_bins_at_the_ends(probability, expected):
    assert bin_of(np.array([probability], dtype=np.float32)).tolist() == [expected]


def test_neighbouring_floats_near_one_have_bins_of_their_own():
    near_one = np.array([1 - 3 * 2**-24, 1 - 2**-23, BELOW_ONE, 1], dtype=np.float32)
    assert np.all(np.diff(bin_of(near_one)) > 0)


def test_bins_are_even_in_logit():
    edges = bin_edges(np.arange(1, 63 * 4096))
    logits = np.log(edges) - np.log1p(-edges)
    widths = np.diff(logits)
    assert widths.max() < 2.5e-4
    assert widths.min() > 1.2e-4


@given(hnp.arrays(np.float32, st.integers(1, 50), elements=st.floats(0, 1, width=32)))
def test_bins_never_fall_as_probabilities_rise(probabilities):
    assert np.all(np.diff(bin_of(np.sort(probabilities))) >= 0)


@given(st.floats(2.0**-39, 1 - 2**-24, width=32))
def test_a_probability_lies_between_the_edges_of_its_bin(probability):
    place = bin_of(np.array([probability], dtype=np.float32))
    lower, upper = bin_edges(np.append(place, place + 1))
    # The odds are rounded to float32 once.
    assert lower * (1 - 1e-7) <= probability <= upper * (1 + 1e-7)


def test_bins_keep_the_shape_and_the_input():
    probabilities = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)[:, ::2]
    before = probabilities.copy()
    bins = bin_of(probabilities)
    assert bins.shape == (3, 2)
    assert bins.dtype == np.int32
    np.testing.assert_array_equal(probabilities, before)
    np.testing.assert_array_equal(bins.ravel(), bin_of(before.ravel()))


# --- against scikit-learn ------------------------------------------------------------------------


def test_average_precision(sample):
    probabilities, truth, counts = sample
    expected = sk.average_precision_score(truth, probabilities)
    assert counts.average_precision() == pytest.approx(expected, abs=1e-4)


def test_the_sample_of_average_precision_0_9999_is_one():
    probabilities, truth = SAMPLES["average precision 0.9999"]()
    expected = sk.average_precision_score(truth, probabilities)
    assert expected == pytest.approx(0.9999, abs=5e-5)
    assert histogram(probabilities, truth).average_precision() == pytest.approx(expected, abs=2e-6)


def test_auroc(sample):
    probabilities, truth, counts = sample
    assert counts.auroc() == pytest.approx(sk.roc_auc_score(truth, probabilities), abs=1e-5)


def test_best_f1_and_its_threshold(sample):
    probabilities, truth, counts = sample
    precision, recall, _ = sk.precision_recall_curve(truth, probabilities)
    total = precision + recall
    expected = np.max(2 * precision * recall / np.where(total > 0, total, 1))
    found, threshold = counts.best_f1()
    assert found == pytest.approx(expected, abs=2e-3 if truth.sum() < 1000 else 1e-4)
    assert sk.f1_score(truth, bin_edges(bin_of(probabilities)) >= threshold) == pytest.approx(found)


def test_brier(sample):
    probabilities, truth, counts = sample
    expected = sk.brier_score_loss(truth, probabilities.astype(np.float64))
    assert counts.brier() == pytest.approx(expected, rel=1e-4, abs=1e-12)


def test_calibration_error_is_that_of_a_plain_loop(sample):
    probabilities, truth, counts = sample
    exact = probabilities.astype(np.float64)
    place = np.minimum((exact * 20).astype(int), 19)
    expected = 0.0
    for i in range(20):
        if np.any(chosen := place == i):
            expected += chosen.mean() * abs(exact[chosen].mean() - truth[chosen].mean())
    assert counts.expected_calibration_error() == pytest.approx(expected, abs=3e-5)


def test_precision_recall_points_lie_on_the_curve(sample):
    probabilities, truth, counts = sample
    recall, precision, threshold = counts.precision_recall(points=50)
    assert 1 <= len(recall) <= 50
    assert recall[-1] == 1
    assert np.all(np.diff(recall) > 0)
    assert np.all(np.diff(threshold) < 0)
    for r, p, t in zip(recall[::7], precision[::7], threshold[::7], strict=True):
        called = bin_edges(bin_of(probabilities)) >= t
        assert r == pytest.approx(truth[called].sum() / truth.sum())
        assert p == pytest.approx(truth[called].mean())


def test_thresholded_figures(sample):
    probabilities, truth, _ = sample
    called = probabilities >= 0.4
    figures = thresholded(
        np.sum(called & truth), np.sum(called), np.sum(truth), np.array(truth.size)
    )
    if called.any():
        assert float(figures.precision) == pytest.approx(sk.precision_score(truth, called))
    else:
        assert np.isnan(figures.precision)
    assert float(figures.recall) == pytest.approx(sk.recall_score(truth, called))
    assert float(figures.f1) == pytest.approx(sk.f1_score(truth, called))
    assert float(figures.mcc) == pytest.approx(sk.matthews_corrcoef(truth, called), abs=1e-9)


# --- small counts, exactly -----------------------------------------------------------------------

small_counts = hnp.arrays(np.int64, 6, elements=st.integers(0, 4))


def items_of(positives, negatives):
    scores = np.concatenate(
        [np.repeat(np.arange(6), positives), np.repeat(np.arange(6), negatives)]
    )
    return scores, np.arange(scores.size) < positives.sum()


@given(small_counts, small_counts)
def test_curves_of_small_counts_are_exact(positives, negatives):
    scores, truth = items_of(positives, negatives)
    if not truth.any():
        assert np.isnan(average_precision(positives, negatives))
        assert np.isnan(best_f1(positives, negatives)[0])
        assert np.isnan(auroc(positives, negatives))
        return
    assert average_precision(positives, negatives) == pytest.approx(
        sk.average_precision_score(truth, scores)
    )
    f1 = {t: sk.f1_score(truth, scores >= t, zero_division=0) for t in range(6)}
    best, lowest = best_f1(positives, negatives)
    assert best == pytest.approx(max(f1.values()))
    assert f1[int(lowest)] == pytest.approx(max(f1.values()))
    if truth.all():
        assert np.isnan(auroc(positives, negatives))
    else:
        assert auroc(positives, negatives) == pytest.approx(sk.roc_auc_score(truth, scores))


def test_curves_take_many_histograms_at_once():
    rng = np.random.default_rng(3)
    positives, negatives = rng.integers(0, 9, (2, 5, 4, 30))
    for function in (average_precision, auroc, lambda p, n: best_f1(p, n)[0]):
        together = function(positives.astype(np.float64), negatives.astype(np.float64))
        assert together.shape == (5, 4)
        for i in range(5):
            for j in range(4):
                assert together[i, j] == pytest.approx(function(positives[i, j], negatives[i, j]))


def test_counts_of_a_large_genome_do_not_overflow():
    positives = np.array([0, 4 * 10**9, 10**10], dtype=np.int64)
    negatives = np.array([2 * 10**10, 10**10, 0], dtype=np.int64)
    scaled = (positives // 10**9, negatives // 10**9)
    assert auroc(positives, negatives) == pytest.approx(float(auroc(*scaled)))
    big = thresholded(*(np.array(n * 10**9) for n in (10, 14, 14, 44)))
    small = thresholded(*(np.array(n) for n in (10, 14, 14, 44)))
    assert float(big.mcc) == pytest.approx(float(small.mcc))


@pytest.mark.parametrize(
    ("found", "called", "positives", "items", "expected"),
    [
        (0, 0, 5, 10, (None, 0, 0, 0)),
        (0, 5, 0, 10, (0, None, None, 0)),
        (0, 0, 0, 10, (None, None, None, 0)),
        (10, 10, 10, 10, (1, 1, 1, 0)),
        (5, 5, 5, 10, (1, 1, 1, 1)),
        (0, 5, 5, 10, (0, 0, 0, -1)),
        (0, 0, 0, 0, (None, None, None, None)),
    ],
)
def test_thresholded_figures_at_the_edges(found, called, positives, items, expected):
    figures = thresholded(*(np.array(n) for n in (found, called, positives, items)))
    values = tuple(None if np.isnan(x) else round(float(x), 12) for x in figures)
    assert values == expected


def test_an_empty_histogram():
    counts = Histogram()
    assert np.isnan(counts.average_precision())
    assert np.isnan(counts.auroc())
    assert np.isnan(counts.best_f1()[0])
    assert np.isnan(counts.brier())
    assert np.isnan(counts.expected_calibration_error())
    assert all(part.size == 0 for part in counts.precision_recall())


def test_a_histogram_does_not_depend_on_the_pieces():
    probabilities, truth = normal_logits(0.1, (1, 1), (-1, 1), items=5000)
    whole = histogram(probabilities, truth)
    pieces = Histogram()
    for part in np.array_split(np.arange(5000), 7):
        pieces.add(probabilities[part].reshape(-1, 1), truth[part].reshape(-1, 1))
    np.testing.assert_array_equal(pieces.positives, whole.positives)
    np.testing.assert_array_equal(pieces.negatives, whole.negatives)


# --- thresholds on integer scores ----------------------------------------------------------------


@settings(max_examples=50)
@given(st.data())
def test_best_threshold_is_that_of_a_plain_loop(data):
    size = data.draw(st.integers(1, 40))
    scores = data.draw(hnp.arrays(np.int16, size, elements=st.integers(0, 1000)))
    truth = data.draw(hnp.arrays(np.bool_, size))
    counts = ScoreCounts()
    counts.add(scores, truth)
    best = counts.best()
    if not truth.any():
        assert best.threshold == 500
        assert np.isnan(best.f1)
        return
    f1 = [
        2 * np.sum(truth & (scores >= t)) / (truth.sum() + np.sum(scores >= t)) for t in range(1001)
    ]
    assert best.f1 == max(f1[1:])
    assert f1[best.threshold] == best.f1
    assert 1 <= best.threshold <= 1000


@pytest.mark.parametrize(
    ("positives", "negatives", "threshold", "f1"),
    [
        ([900, 950], [100, 0], 500, 1.0),  # 101 to 900 do equally well
        ([1000], [999], 1000, 1.0),
        ([1], [0], 1, 1.0),
        ([400, 800], [600], 200, 0.8),
        ([800, 800, 300], [500], 150, 6 / 7),  # above 500 only 4/5
        ([0], [1000], 500, 0.0),
    ],
)
def test_best_threshold_table(positives, negatives, threshold, f1):
    counts = ScoreCounts()
    counts.add(
        np.array(positives + negatives, dtype=np.int16),
        np.arange(len(positives) + len(negatives)) < len(positives),
    )
    assert counts.best() == (threshold, pytest.approx(f1))
