"""The pooled loss: a naive oracle, the pooling of scores, and both engines."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from random_models import random_codes
from torch.nn.utils import parameters_to_vector

from dnabirnn.alphabet import PADDING
from dnabirnn.engine import FusedNetwork
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network import Architecture, Dropout, Network
from dnabirnn.scoring import score_sequences
from dnabirnn.tracks import Block
from dnabirnn.training.sequences.loss import SITE_BP, pooled_log_odds, pooled_loss
from dnabirnn.training.sequences.sampling import _cut

CLASSES = (MotifClass("A", True), MotifClass("B", False))


def naive(log_odds: np.ndarray, counted: np.ndarray, site_bp: int) -> list[float]:
    """Log-odds of A (columns 0 and 1) and B (column 2) of a sequence: 1 - prod(1 - p)."""
    none = {"A": 1.0, "B": 1.0}
    for start in range(len(counted) - site_bp + 1):
        if counted[start : start + site_bp].all():
            for column, name in enumerate("AAB"):
                z = log_odds[start : start + site_bp, column].mean()
                none[name] *= 1 - 1 / (1 + math.exp(-z))
    return [math.log((1 - p) / p) for p in none.values()]


@pytest.mark.parametrize("site_bp", [1, 5])
def test_a_sequence_has_a_class_if_a_site_does(site_bp):
    rng = np.random.default_rng(0)
    log_odds = rng.normal(-4, 2, (6, 20, 3))
    counted = rng.random((6, 20)) < 0.9
    found = pooled_log_odds(torch.tensor(log_odds), torch.tensor(counted), CLASSES, site_bp)
    expected = [naive(*one, site_bp) for one in zip(log_odds, counted, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_extremes_are_finite():
    for value in (-1e4, 1e4):
        log_odds = torch.full((2, 20, 3), value, requires_grad=True)
        truth, counted = torch.tensor([[True, False]] * 2), torch.ones((2, 20), dtype=torch.bool)
        loss = pooled_loss(log_odds, truth, counted, CLASSES)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(log_odds.grad).all()
    nothing = pooled_log_odds(torch.zeros((1, 20, 3)), torch.zeros((1, 20)) > 0, CLASSES)
    assert torch.isfinite(nothing).all()
    assert (nothing < -20).all()


def test_pieces_of_a_sequence_are_pooled():
    rng = np.random.default_rng(1)
    log_odds = torch.tensor(rng.normal(-4, 2, (8, 12, 3)))
    counted = torch.ones((8, 12), dtype=torch.bool)
    found = pooled_log_odds(log_odds, counted, CLASSES, 3, pieces=4)
    assert found.shape == (2, 2)
    whole = [naive(log_odds[n].numpy(), counted[n].numpy(), 3) for n in range(4)]
    odds = [sum(math.log1p(math.exp(x)) for x in of) for of in zip(*whole, strict=True)]
    np.testing.assert_allclose(found[0], [math.log(math.expm1(t)) for t in odds], rtol=1e-6)


def test_training_and_scoring_pool_alike():
    rng = np.random.default_rng(2)
    p = rng.uniform(0.001, 0.3, (3, 40, 3)).astype(np.float32)
    codes = np.stack([random_codes(rng, 40) for _ in range(3)])
    log_odds = torch.logit(torch.tensor(p, dtype=torch.float64))
    trained = pooled_log_odds(log_odds, torch.tensor(codes < 4), CLASSES)
    blocks = [Block(str(n), 0, p[n], codes[n], last=True) for n in range(3)]
    scored = [one.log_odds for one in score_sequences(blocks, CLASSES, SITE_BP, 40, None)]
    np.testing.assert_allclose(trained, scored, rtol=1e-6)


@pytest.mark.parametrize("pieces", [1, 4])
def test_kernels_agree_with_torch(pieces):
    rng = np.random.default_rng(3)
    architecture = Architecture(CLASSES, hidden=8, kmer=3)
    torch.manual_seed(0)
    network = Network(architecture)
    codes = np.full((40, 60), PADDING, np.uint8)
    for row, size in zip(codes, rng.integers(20, 61, 40), strict=True):
        row[:size] = random_codes(rng, int(size))
    rows = _cut(codes, pieces, rng) if pieces > 1 else codes
    truth = torch.tensor(rng.random((40, 2)) < 0.5)
    counted = torch.tensor(rows < 4)

    def loss(log_odds: torch.Tensor, part: slice) -> torch.Tensor:
        windows = slice(part.start // pieces, part.stop // pieces)
        return pooled_loss(log_odds, truth[windows], counted[part], CLASSES, pieces)

    vector = parameters_to_vector(network.parameters()).detach().requires_grad_()
    ours = FusedNetwork(network).snapshot(vector).loss_by(rows, loss, Dropout(0.0, 0))
    theirs = loss(network(torch.from_numpy(rows)), slice(0, len(rows)))
    assert ours.item() == pytest.approx(theirs.item(), rel=2e-5)
    (mine,) = torch.autograd.grad(ours, vector)
    expected = torch.autograd.grad(theirs, list(network.parameters()))
    flat = torch.cat([tensor.reshape(-1) for tensor in expected])
    np.testing.assert_allclose(mine, flat, atol=1e-4 * float(flat.abs().max()) + 1e-5)
