"""The joint fit of exclusive classes: derivatives, calibration, and bases that stand for others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import approx_fprime, minimize

from dnabirnn.evaluation.multinomial import (
    ScoredBases,
    _derivatives,
    _wanted,
    gathered,
    multinomial_fit,
)

OWNERS = [0, 0, 1]
SLOPES, SHIFTS = np.array([1.2, 0.7]), np.array([-5.0, -4.0])


def probabilities(
    scores: NDArray[np.float32], slopes: NDArray[np.float64], shifts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Softmax over a background of logit 0 and the outputs: (O, n)."""
    odds = np.exp(slopes[OWNERS][:, None] * scores + shifts[OWNERS][:, None])
    return np.asarray(odds / (1 + odds.sum(axis=0)))


@pytest.fixture(scope="module")
def drawn() -> ScoredBases:
    """Bases whose labels follow known slopes and shifts."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 3, (3, 60_000)).astype(np.float32)
    ends = probabilities(scores, SLOPES, SHIFTS).cumsum(axis=0)
    draws = rng.random(scores.shape[1])
    labels = np.where(draws < ends[-1], (draws >= ends).sum(axis=0), -1)
    return ScoredBases(scores, labels, np.ones(labels.size))


def test_what_the_labels_were_drawn_from_is_found(drawn: ScoredBases) -> None:
    slopes, shifts = multinomial_fit(drawn, OWNERS, np.ones(2), np.full(2, -1.0))
    np.testing.assert_allclose(slopes, SLOPES, rtol=0.03)
    np.testing.assert_allclose(shifts, SHIFTS, rtol=0.03)
    sums = probabilities(drawn.scores, slopes, shifts).sum(axis=1)
    assert sums[:2].sum() == pytest.approx((drawn.labels // 2 == 0).sum(), rel=2e-3)
    assert sums[2] == pytest.approx((drawn.labels == 2).sum(), rel=2e-3)


def test_it_is_the_minimum_of_the_loss(drawn: ScoredBases) -> None:
    few = ScoredBases(drawn.scores[:, :3_000], drawn.labels[:3_000], drawn.weights[:3_000])
    owner = np.array(OWNERS)
    wanted = _wanted(few, owner, 2)

    def loss(at: NDArray[np.float64]) -> float:
        return _derivatives(few, owner, at, wanted)[0]

    def slope_of(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return _derivatives(few, owner, at, wanted)[1]

    at = np.array([0.8, 0.5, -3.0, -2.0])
    _, gradient, curvature = _derivatives(few, owner, at, wanted)
    np.testing.assert_allclose(approx_fprime(at, loss, 1e-6), gradient, rtol=1e-4)
    np.testing.assert_allclose(approx_fprime(at, slope_of, 1e-6), curvature, rtol=1e-3, atol=1e-2)
    best = minimize(loss, at, method="Nelder-Mead", options={"fatol": 1e-10, "xatol": 1e-8})
    found = np.concatenate(multinomial_fit(few, OWNERS, at[:2], at[2:]))
    np.testing.assert_allclose(found, best.x, atol=1e-4)


def test_weights_are_copies(drawn: ScoredBases) -> None:
    few = slice(0, 500)
    times = np.arange(500) % 3 + 1
    weighted = ScoredBases(drawn.scores[:, few], drawn.labels[few], times.astype(np.float64))
    copied = ScoredBases(
        drawn.scores[:, few].repeat(times, axis=1),
        drawn.labels[few].repeat(times),
        np.ones(times.sum()),
    )
    fits = [multinomial_fit(each, OWNERS, np.ones(2), SHIFTS) for each in (weighted, copied)]
    np.testing.assert_allclose(fits[0], fits[1], rtol=1e-6)


def test_scores_that_separate_all_bases_have_finite_slopes() -> None:
    scores = np.array([[0.0] * 50 + [9] * 50, [0] * 25 + [9] * 25 + [0] * 50], np.float32)
    labels = np.array([-1] * 25 + [1] * 25 + [0] * 50)
    bases = ScoredBases(scores, labels, np.ones(100))
    slopes, shifts = multinomial_fit(bases, [0, 1], np.ones(2), np.full(2, -3.0))
    assert (slopes > 0).all()
    assert (slopes < 5).all()
    assert np.isfinite(shifts).all()


def test_slopes_stay_above_zero() -> None:
    """Scores that are larger without a site."""
    scores = np.array([[0.0, 1, 2, 3] * 25], np.float32)
    labels = np.where(scores[0] < 1, 0, -1)
    slopes, _ = multinomial_fit(
        ScoredBases(scores, labels, np.ones(100)), [0], np.ones(1), np.zeros(1)
    )
    assert slopes[0] > 0


# --- bases that stand for others ------------------------------------------------------------------


def streams_of(
    bases: ScoredBases, size: int
) -> list[list[tuple[NDArray[np.float32], NDArray[np.bool_]]]]:
    truth = bases.labels == np.arange(3)[:, None]
    cuts = range(0, bases.labels.size, size)
    return [
        [(bases.scores[rows, at : at + size], truth[rows, at : at + size]) for at in cuts]
        for rows in (slice(0, 2), slice(2, 3))
    ]


def test_all_bases_are_gathered(drawn: ScoredBases) -> None:
    least = [-1.0, -np.inf]
    found = gathered(streams_of(drawn, 7_000), least, SLOPES, SHIFTS, 1.0)
    np.testing.assert_array_equal(found.labels, drawn.labels)
    np.testing.assert_array_equal(found.weights, 1)
    np.testing.assert_array_equal(found.scores[:2], np.maximum(drawn.scores[:2], -1))
    np.testing.assert_array_equal(found.scores[2], drawn.scores[2])


@pytest.mark.parametrize(("share", "error"), [(0.05, 0.05), (0.3, 0.01)])
def test_a_share_of_the_bases_stands_for_all(
    drawn: ScoredBases, share: float, error: float
) -> None:
    least = [-np.inf, -np.inf]
    found = gathered(streams_of(drawn, 7_000), least, SLOPES, SHIFTS, share)
    assert found.weights.sum() == pytest.approx(drawn.labels.size)
    assert (found.labels >= 0).sum() == (drawn.labels >= 0).sum()
    assert found.labels.size < 0.7 * drawn.labels.size
    exact = probabilities(drawn.scores, SLOPES, SHIFTS).sum(axis=1)
    about = probabilities(found.scores, SLOPES, SHIFTS) @ found.weights
    np.testing.assert_allclose(about, exact, rtol=error)
