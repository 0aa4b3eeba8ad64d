"""Priors, against Bayes' rule by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture
from dnabirnn.network.log_odds import LogOddsMap, prior_shift


def test_the_prior_moves_log_odds_as_bayes_says() -> None:
    overlapping = Architecture((MotifClass("A", True),))
    expected = np.log(0.01 / 0.99) - np.log(0.2 / 0.8)
    assert prior_shift(overlapping, [0.2], [0.01]) == (LogOddsMap(1.0, pytest.approx(expected)),)
    exclusive = Architecture((MotifClass("A", True),), exclusive=True)
    expected = np.log(0.01 / 0.98) - np.log(0.2 / 0.6)
    assert prior_shift(exclusive, [0.2], [0.01]) == (LogOddsMap(1.0, pytest.approx(expected)),)


def test_one_class_that_grows_rarer_leaves_more_background_to_the_others() -> None:
    exclusive = Architecture((MotifClass("A", True), MotifClass("B", False)), exclusive=True)
    a, b = prior_shift(exclusive, [0.2, 0.1], [0.1, 0.1])
    assert a.shift == pytest.approx(np.log(0.1 / 0.7) - np.log(0.2 / 0.5))
    assert b.shift == pytest.approx(np.log(0.5 / 0.7))


def test_maps_follow_one_another() -> None:
    first, then = LogOddsMap(2.0, 1.0), LogOddsMap(0.5, -3.0)
    assert then.after(first) == LogOddsMap(1.0, -2.5)
