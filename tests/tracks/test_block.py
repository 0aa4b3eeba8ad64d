"""Integer scores, and the probabilities at which they change."""

from __future__ import annotations

import numpy as np

from dnabirnn.tracks.block import integer_scores, lowest_probability


def test_the_lowest_probability_of_each_threshold():
    thresholds = np.arange(1, 1001)
    lowest = np.array([lowest_probability(t) for t in thresholds.tolist()])
    assert lowest.dtype == np.float32
    np.testing.assert_array_equal(integer_scores(lowest), thresholds)
    below = np.nextafter(lowest, np.float32(0))
    np.testing.assert_array_equal(integer_scores(below), thresholds - 1)
