"""Shares of bases in the score of a sequence: derivatives of the score itself."""

from dataclasses import replace

import numpy as np
import pytest
from random_models import random_checkpoint, random_codes

from dnabirnn.alphabet import reverse_complement
from dnabirnn.discovery.contributions import explain_targets
from dnabirnn.discovery.model import Model
from dnabirnn.discovery.pooled import pooled_shares, shares_of_bases
from dnabirnn.discovery.targets import Target
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.network.sequence_scores import SequenceRule, SequenceScores, log_odds_of_any
from dnabirnn.sequences.survey import Stretch


def pooled(log_odds: np.ndarray, site_bp: int) -> float:
    view = np.lib.stride_tricks.sliding_window_view(log_odds, site_bp, axis=0)
    return float(log_odds_of_any(np.logaddexp(0, view.mean(axis=-1)).sum()))


@pytest.mark.parametrize(("length", "site_bp", "shift"), [(30, 8, 0), (8, 8, 3), (20, 1, -9)])
def test_shares_are_derivatives_of_the_score(length: int, site_bp: int, shift: float) -> None:
    rng = np.random.default_rng(0)
    log_odds = rng.normal(shift, 2, (length, 2))
    shares = shares_of_bases(log_odds, site_bp)
    for base in range(length):
        for strand in range(2):
            step = np.zeros_like(log_odds)
            step[base, strand] = 1e-5
            slope = (pooled(log_odds + step, site_bp) - pooled(log_odds - step, site_bp)) / 2e-5
            assert shares[base, strand] == pytest.approx(slope, abs=1e-6)
    mirrored = shares_of_bases(np.ascontiguousarray(log_odds[::-1, ::-1]), site_bp)
    assert mirrored.tolist() == shares[::-1, ::-1].tolist()
    assert shares_of_bases(log_odds[:3], site_bp).shape == (3, 2)


def model() -> Model:
    classes = (MotifClass("A", True), MotifClass("B", True))
    checkpoint = random_checkpoint(classes, scoring=ScoringWindow(60, 10), spread=0.05, kmer=3)
    rules = {name: SequenceRule(LogOddsMap(1.0, 0.0), 0.5) for name in "AB"}
    scores = SequenceScores(5, 40, rules)
    return Model(replace(checkpoint, sequences=scores), device="cpu", engine="fused")


def test_contributions_are_those_to_the_score_of_the_sequence() -> None:
    reader = model()
    codes = random_codes(np.random.default_rng(1), 40, ambiguous=0)

    def score(of: np.ndarray) -> float:
        p = reader.score(of)[:, 2:].astype(np.float64)
        return pooled(np.log(p) - np.log1p(-p), 5)

    targets, contigs = [Target("x", 0, 40, 2)], [Stretch("x", codes)]
    shares = pooled_shares(contigs, reader, targets)
    (one,) = explain_targets(contigs, reader, targets, 59, shares=shares)
    found = one.contributions[59:-59]
    exact = np.zeros((40, 4))
    for base in range(40):
        for letter in range(4):
            changed = codes.copy()
            changed[base] = letter
            exact[base, letter] = score(changed) - score(codes)
    exact = (exact - exact.mean(axis=1, keepdims=True)) * 4 / 3
    # Changes are small, so that the first order is most of them.
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.99
    assert np.abs(found - exact).max() < 0.2 * np.abs(exact).max()

    # On the opposite strand, the output of the other strand is the target.
    turned = [Stretch("x", reverse_complement(codes))]
    opposite = [Target("x", 0, 40, 3)]
    shares = pooled_shares(turned, reader, opposite)
    (other,) = explain_targets(turned, reader, opposite, 59, shares=shares)
    assert other.turned
    assert other.codes.tolist() == one.codes.tolist()
    assert other.contributions.tolist() == one.contributions.tolist()
