"""Observed against predicted, in slices as full as one another."""

from __future__ import annotations

import numpy as np
import pytest

from dnabirnn.evaluation.bootstrap import COARSE, draw
from dnabirnn.evaluation.metrics import BINS, Histogram, bin_of
from dnabirnn.evaluation.reliability import MIN_SHOWN, calibration_figures, reliability


def sample(
    slope: float = 1.0, shift: float = 0.0, groups: int = 40
) -> tuple[np.ndarray, np.ndarray, Histogram, np.ndarray]:
    """Probabilities whose log-odds are off by a slope and a shift; truth; counts of both kinds."""
    rng = np.random.default_rng(3)
    log_odds = rng.normal(-3, 2.5, 200_000)
    truth = rng.random(log_odds.size) < 1 / (1 + np.exp(-log_odds))
    p = (1 / (1 + np.exp(-(log_odds - shift) / slope))).astype(np.float32)
    histogram = Histogram()
    histogram.add(p, truth)
    by_group = np.zeros((groups, 2, COARSE), np.uint32)
    group = np.arange(p.size) * groups // p.size
    np.add.at(by_group, (group, (~truth).astype(int), bin_of(p) // (BINS // COARSE)), 1)
    return p, truth, histogram, by_group


def test_slices_hold_as_many_bases_each_and_all_of_them() -> None:
    p, truth, histogram, by_group = sample()
    found = reliability(histogram, by_group, draw(40, 200, 0))
    # The coarse bin that the least probability lies in is left out.
    width = BINS // COARSE
    kept = bin_of(p) // width > int(bin_of(np.array(MIN_SHOWN, np.float32))) // width
    assert p[kept].min() == pytest.approx(MIN_SHOWN, rel=0.05)
    assert found.items.sum() == pytest.approx(kept.sum(), rel=0.01)
    assert found.items == pytest.approx(kept.sum() / 10, rel=0.15)
    assert np.all(np.diff(found.predicted) > 0)
    assert found.items @ found.predicted == pytest.approx(p[kept].sum(), rel=0.01)
    assert found.items @ found.observed == pytest.approx(truth[kept].sum(), rel=0.01)


def test_intervals_hold_what_is_true() -> None:
    _, _, histogram, by_group = sample()
    found = reliability(histogram, by_group, draw(40, 400, 0))
    assert np.all(found.low < found.observed)
    assert np.all(found.observed < found.high)
    inside = (found.low <= found.predicted) & (found.predicted <= found.high)
    assert inside.sum() >= 8
    binomial = 1.96 * np.sqrt(found.observed * (1 - found.observed) / found.items)
    assert (found.high - found.low) / 2 == pytest.approx(binomial, rel=0.5)


def test_without_blocks_to_draw_from_there_are_no_intervals() -> None:
    _, _, histogram, by_group = sample(groups=1)
    found = reliability(histogram, by_group, draw(1, 100, 0))
    assert found.items.sum() > 0
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()


def test_without_sure_bases_there_are_no_slices() -> None:
    histogram = Histogram()
    histogram.add(np.full(1000, 0.01, np.float32), np.arange(1000) < 10)
    by_group = np.zeros((3, 2, COARSE), np.uint32)
    found = reliability(histogram, by_group, draw(3, 10, 0))
    assert all(part.size == 0 for part in found)


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.5, 0.0), (2.0, -1.0)])
def test_figures_say_what_the_log_odds_lack(slope: float, shift: float) -> None:
    p, truth, histogram, _ = sample(slope, shift)
    found = calibration_figures(histogram)
    assert found["calibration_slope"] == pytest.approx(slope, rel=0.05)
    assert found["calibration_intercept"] == pytest.approx(shift, abs=0.1)
    expected = p.sum(dtype=np.float64) / truth.sum()
    assert found["expected_over_observed"] == pytest.approx(expected, rel=1e-3)


def test_figures_without_truth_are_not_defined() -> None:
    histogram = Histogram()
    histogram.add(np.full(10, 0.5, np.float32), np.zeros(10, np.bool_))
    assert all(np.isnan(value) for value in calibration_figures(histogram).values())
