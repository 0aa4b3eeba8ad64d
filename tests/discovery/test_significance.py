"""Tails and q-values against direct sums and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.discovery.significance import false_discovery_rates, poisson_tail


@given(st.integers(0, 60), st.floats(1e-3, 40))
def test_tail_of_poisson(count, mean):
    below = math.fsum(
        math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(count)
    )
    above = math.fsum(
        math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(count, count + 400)
    )
    assert poisson_tail(count, mean) == pytest.approx(above, rel=1e-6)
    assert poisson_tail(count, mean) == pytest.approx(1 - below, abs=1e-12)


def test_false_discovery_rates_follow_scikit_learn():
    selection = pytest.importorskip("sklearn.feature_selection")
    pvalues = np.random.default_rng(0).beta(0.3, 2, 200)
    rates = false_discovery_rates(pvalues, len(pvalues))
    for level in (0.01, 0.05, 0.2):
        chosen = selection.SelectFdr(lambda x, y: (x[0], x[0]), alpha=level)
        chosen.fit(np.stack([pvalues, pvalues]), [0, 1])
        np.testing.assert_array_equal(chosen.get_support(), rates <= level)
