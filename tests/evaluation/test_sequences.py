"""Metrics of whole sequences against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
)

from dnabirnn.evaluation import best_mcc_threshold, sequence_intervals, sequence_metrics
from dnabirnn.evaluation.sequences import matthews


@pytest.fixture(params=[0.5, 0.1])
def data(request):
    rng = np.random.default_rng(1)
    truth = rng.random(500) < request.param
    scores = np.round(rng.normal(truth * 1.5 - 1), 1)  # with ties
    return 1 / (1 + np.exp(-scores)), truth


def test_metrics_are_those_of_scikit_learn(data):
    scores, truth = data
    found = sequence_metrics(scores, truth, 0.6)
    called = scores >= 0.6
    assert found == {
        "sequences": 500,
        "positives": int(truth.sum()),
        "auroc": pytest.approx(roc_auc_score(truth, scores)),
        "ap": pytest.approx(average_precision_score(truth, scores)),
        "mcc": pytest.approx(matthews_corrcoef(truth, called)),
        "precision": pytest.approx(precision_score(truth, called)),
        "recall": pytest.approx(recall_score(truth, called)),
        "f1": pytest.approx(f1_score(truth, called)),
    }


def test_figures_that_are_not_defined():
    none = sequence_metrics(np.array([0.1, 0.2]), np.array([False, False]), 0.5)
    assert {none[key] for key in ("auroc", "ap", "mcc", "precision", "recall", "f1")} == {None}


def test_intervals_hold_the_figures(data):
    scores, truth = data
    figures = sequence_metrics(scores, truth, 0.6)
    intervals = sequence_intervals(scores, truth, 0.6, seed=2, replicates=300)
    for name in ("auroc", "ap", "mcc"):
        low, high = intervals[f"{name}_ci"]
        assert low < figures[name] < high
        assert 0.02 < high - low < 0.5
    assert intervals == sequence_intervals(scores, truth, 0.6, seed=2, replicates=300)


def test_the_threshold_is_about_the_best_on_the_labels():
    rng = np.random.default_rng(3)
    for shift in (0.0, -3.0):
        p = 1 / (1 + np.exp(-rng.normal(shift, 2, 20_000)))
        truth = rng.random(20_000) < p
        threshold = best_mcc_threshold(p)
        tried = [matthews_corrcoef(truth, p >= t) for t in np.linspace(0.05, 0.95, 37)]
        assert matthews_corrcoef(truth, p >= threshold) > max(tried) - 0.005
    assert best_mcc_threshold(np.array([0.3])) == 0.15


def test_matthews_of_arrays():
    found = matthews(*np.array([[6, 0], [1, 0], [2, 3], [3, 4]]))
    assert found[0] == pytest.approx(0.478, abs=1e-3)
    assert np.isnan(found[1])
