from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from planted import encoded_set
from scipy.special import logit

from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.engine.choose import engine_of
from dnabirnn.evaluation.baseline import fit_matrices
from dnabirnn.evaluation.baseline_matrix import scan
from dnabirnn.network.architecture import Architecture
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.network.torch_network import Network
from dnabirnn.training.finishing.stacking import Candidate, choose, stacked
from dnabirnn.training.validation import Validation

_WINDOW = ScoringWindow(1000, 150)
_AS_TRAINED = Candidate(1.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("stacking"))


def counts_of(
    of_network: float, of_matrix: float, bases: int = 4_000
) -> tuple[np.ndarray, np.ndarray]:
    """Bases by two noisy scores, whose means in sites are the given numbers, and 0 elsewhere."""
    rng = np.random.default_rng(0)
    found = []
    for mean in (1, 0):
        x, y = (rng.normal(mean * size, 1.0, bases) for size in (of_network, of_matrix))
        bins = [np.clip((z + 16) * 5, 0, 159).astype(int) for z in (x, y)]
        counts = np.zeros((160, 160), np.int64)
        np.add.at(counts, tuple(bins), 1)
        found.append(counts)
    return found[0], found[1]


def test_each_of_two_scores_that_tell_something_gets_a_weight() -> None:
    candidate, gain = choose(*counts_of(2, 1), _AS_TRAINED)
    assert gain > 0.005
    # Of normal scores of equal variance, the best weights are the means.
    assert candidate.network == pytest.approx(2, rel=0.1)
    assert candidate.matrix == pytest.approx(1, rel=0.1)
    assert candidate.constant == pytest.approx(-(2**2 + 1**2) / 2, rel=0.1)


@pytest.mark.parametrize(
    ("counts", "before", "after"),
    [
        (counts_of(3, 0), _AS_TRAINED, _AS_TRAINED),  # the matrix tells nothing
        (counts_of(2, 1, bases=90), _AS_TRAINED, _AS_TRAINED),  # too few sites to fit
        (counts_of(-1, 3), Candidate(1, 1, 0), Candidate(0, 1, 0)),  # the network does harm
    ],
)
def test_the_network_stays_or_gives_way(
    counts: tuple[np.ndarray, np.ndarray], before: Candidate, after: Candidate
) -> None:
    assert choose(*counts, before)[0] == after


def test_scores_are_the_weighted_sum(encoded: EncodedSet) -> None:
    architecture = Architecture(encoded.classes, hidden=4)
    torch.manual_seed(0)
    network = Network(architecture).eval()
    maps = [LogOddsMap(1.0, -3.0)]
    fitted = fit_matrices(encoded)
    validation = Validation(encoded)
    made = stacked(network, maps, fitted, validation, _WINDOW, threads=1)
    assert made is not network
    codes = np.asarray(encoded.codes[60_000:60_900])
    before, after = (
        logit(engine_of(each, maps).score(codes[None])[0].astype(np.float64))
        for each in (network, made)
    )
    matrix = fitted[0]
    assert matrix is not None
    best = scan(codes, matrix.log_odds, matrix.flank_bp).T
    terms = matrix.slope * np.maximum(best, matrix.least) + matrix.shift
    design = np.stack([before.ravel(), terms.ravel(), np.ones(before.size)], axis=1)
    weights, *_ = np.linalg.lstsq(design, after.ravel(), rcond=None)
    np.testing.assert_allclose(design @ weights, after.ravel(), atol=1e-3)
    assert weights[1] > 0.5
    precision = [
        validation.average_precision(engine_of(each, maps), _WINDOW, 1)["M"] or 0.0
        for each in (network, made)
    ]
    assert precision[0] < 0.2
    assert precision[1] > 0.98


def test_softmax_and_training_sequence_leave_the_network_as_it_is(
    encoded: EncodedSet, tmp_path: Path
) -> None:
    fitted, maps = fit_matrices(encoded), [LogOddsMap(1.0, 0.0)]
    network = Network(Architecture(encoded.classes, hidden=4)).eval()
    train = Validation(encoded, split="train")
    assert stacked(network, maps, fitted, train, _WINDOW, 1) is network
    architecture = replace(network.architecture, exclusive=True)
    network = Network(architecture).eval()
    assert stacked(network, maps, fitted, Validation(encoded), _WINDOW, 1) is network
