"""Calls against truth by class and strand, and false discoveries against counts by hand."""

from __future__ import annotations

import numpy as np

from dnabirnn.evaluation.calls import CallEvaluation, FalseCalls
from dnabirnn.evaluation.truth import Truth
from dnabirnn.motif_classes import MotifClass


def intervals(*pairs):
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def test_each_strand_has_its_own_truth():
    classes = (MotifClass("a", True), MotifClass("b", False), MotifClass("c", True))
    labels = np.zeros(40, dtype=np.uint8)
    labels[0:10] = 2  # a+
    labels[10:20] = 4  # a-
    labels[20:30] = 8 | 16  # b
    evaluation = CallEvaluation(classes)
    calls = [intervals((0, 10), (10, 20)), intervals((10, 20)), intervals((20, 29))]
    calls += [intervals(), intervals((3, 5))]
    counted = np.ones(40, dtype=np.bool_)
    evaluation.add(calls, Truth(labels, counted))
    figures = evaluation.finish()
    assert (figures["a"]["calls"], figures["a"]["truth"], figures["a"]["matched"]) == (3, 2, 2)
    assert (figures["b"]["calls"], figures["b"]["truth"], figures["b"]["matched"]) == (1, 1, 1)
    assert figures["c"] is None
    assert evaluation.count("c") == 1


def test_bases_that_do_not_count_take_calls_and_truth_with_them():
    evaluation = CallEvaluation((MotifClass("a", False),))
    labels = np.zeros(40, dtype=np.uint8)
    labels[5:15] = labels[20:30] = 6
    counted = np.ones(40, dtype=np.bool_)
    counted[:12] = False
    evaluation.add([intervals((4, 14), (20, 30))], Truth(labels, counted))
    figures = evaluation.finish()["a"]
    assert (figures["calls"], figures["truth"], figures["matched"]) == (1, 1, 1)


def test_a_call_is_false_if_under_half_of_its_counted_bases_is_true():
    evaluation = CallEvaluation((MotifClass("a", True),))
    labels = np.zeros(100, dtype=np.uint8)
    labels[0:5] = labels[20:24] = labels[60:70] = 2  # +
    labels[40:50] = 4  # -
    counted = np.ones(100, dtype=np.bool_)
    counted[24:26] = False
    # Half of it; 4 of the 8 that count; 0, of the other strand; 9 of 10.
    plus = intervals((0, 10), (20, 30), (40, 50), (61, 71))
    evaluation.add([plus, intervals((60, 70))], Truth(labels, counted))
    figures = evaluation.finish()["a"]
    assert figures["calls"] == 5
    assert figures["false_discovery_rate"] == 2 / 5


def test_intervals_of_the_false_discovery_rate_come_from_blocks():
    rng = np.random.default_rng(0)
    calls = FalseCalls()
    starts, false = np.arange(0, 4_000_000, 10_000), rng.random(400) < 0.1
    calls.add(starts[:200], false[:200])
    calls.add(starts[:200], false[200:])
    figures = calls.finish(1000, 0)
    assert figures["false_discovery_rate"] == false.mean()
    low, high = figures["false_discovery_rate_ci"]
    # The binomial interval, to within what 1,000 replicates leave open.
    spread = 1.96 * np.sqrt(false.mean() * (1 - false.mean()) / 400)
    assert abs(low - (false.mean() - spread)) < 0.01
    assert abs(high - (false.mean() + spread)) < 0.01


def test_without_calls_there_is_no_rate():
    calls = FalseCalls()
    calls.add(np.empty(0, np.int64), np.empty(0, np.bool_))
    assert calls.finish(100, 0) == {"false_discovery_rate": None, "false_discovery_rate_ci": None}
