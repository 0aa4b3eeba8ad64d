"""Scans with position weight matrices: one sequence, blocks of windows, and torch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from random_models import random_checkpoint, random_codes

from dnabirnn.alphabet import AMBIGUOUS, PADDING, reverse_complement
from dnabirnn.engine.differentiable import FusedNetwork
from dnabirnn.engine.fused_engine import FusedEngine
from dnabirnn.engine.kernels.matrix_scan import best_scores
from dnabirnn.engine.torch_engine import TorchEngine
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture, MatrixShape
from dnabirnn.network.torch_network import Dropout, Network
from dnabirnn.training.fit import _summed_loss

STRANDED, BOTH = MotifClass("A", True), MotifClass("B", False)
SHAPES = (MatrixShape(9, 2), MatrixShape(40, 0))


def best_by_definition(
    codes: np.ndarray, log_odds: np.ndarray, flank: int, least: float
) -> np.ndarray:
    """The definition, base by base and site by site."""
    width = len(log_odds)
    with_n = np.concatenate([log_odds, np.zeros((width, 1))], axis=1)
    scores = np.full((2, codes.size), least)
    for start in range(codes.size - width + 1):
        site = codes[start : start + width]
        for strand, read in enumerate((site, reverse_complement(site))):
            score = with_n[np.arange(width), read].sum()
            covered = scores[strand, start + flank : start + width - flank]
            np.maximum(covered, score, out=covered)
    return scores


@pytest.mark.parametrize(("width", "flank"), [(1, 0), (3, 1), (9, 0), (35, 0), (64, 16)])
@pytest.mark.parametrize("length", [0, 1, 8, 35, 70, 300])
def test_the_best_site_that_covers_each_base(width: int, flank: int, length: int) -> None:
    rng = np.random.default_rng(width + length)
    codes = random_codes(rng, length, ambiguous=0.05)
    log_odds = rng.normal(size=(width, 4)).astype(np.float32)
    found = best_scores(codes, log_odds, flank, -3.0)
    expected = best_by_definition(codes, log_odds, flank, -3.0)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    turned = best_scores(reverse_complement(codes), log_odds, flank, -3.0)
    np.testing.assert_array_equal(turned[::-1, ::-1], found)


def windows(rng: np.random.Generator) -> np.ndarray:
    """Windows of all lengths, the first one whole."""
    batch = np.full((37, 90), PADDING, np.uint8)
    for row, size in zip(batch, (90, *rng.integers(1, 90, 36)), strict=True):
        row[:size] = random_codes(rng, int(size))
    return batch


@pytest.mark.parametrize(("tied", "exclusive"), list(itertools.product((True, False), repeat=2)))
@pytest.mark.parametrize("matrices", [SHAPES, (None, SHAPES[0]), (SHAPES[1], None)])
def test_both_engines_add_the_scores_of_the_matrices(
    tied: bool, exclusive: bool, matrices: tuple[MatrixShape | None, ...]
) -> None:
    checkpoint = random_checkpoint(tied=tied, exclusive=exclusive, matrices=matrices)
    without = random_checkpoint(tied=tied, exclusive=exclusive)
    batch = windows(np.random.default_rng(1))
    real = batch != PADDING
    ours = FusedEngine.of_checkpoint(checkpoint).score(batch)
    theirs = TorchEngine.of_checkpoint(checkpoint, "cpu").score(batch)
    np.testing.assert_allclose(ours[real], theirs[real], atol=1e-5)
    plain = FusedEngine.of_checkpoint(without).score(batch)
    assert np.abs(ours - plain)[batch < AMBIGUOUS].max() > 0.01
    # Each window alone, without padding, has the same scores.
    engine = FusedEngine.of_checkpoint(checkpoint)
    for row, scores in zip(batch[:6], ours, strict=False):
        size = int((row != PADDING).sum())
        np.testing.assert_array_equal(engine.score(row[None, :size])[0], scores[:size])


def test_scores_of_the_opposite_strand_are_the_mirror_image() -> None:
    checkpoint = random_checkpoint(matrices=SHAPES)
    engine = FusedEngine.of_checkpoint(checkpoint)
    codes = random_codes(np.random.default_rng(2), 400)[None]
    turned = engine.score(reverse_complement(codes))
    np.testing.assert_array_equal(turned[0, ::-1][:, [1, 0, 2]], engine.score(codes)[0])


@pytest.mark.parametrize("exclusive", [False, True])
def test_training_reads_flanks_and_agrees_with_torch(exclusive: bool) -> None:
    architecture = Architecture((STRANDED, BOTH), hidden=8, exclusive=exclusive, matrices=SHAPES)
    torch.manual_seed(0)
    network = Network(architecture)
    rng = np.random.default_rng(3)
    for score in network.matrix.values():
        score.log_odds.normal_()
        score.map.copy_(torch.tensor([0.7, -2.0, 0.3]))
    flank = architecture.matrix_reach_bp
    flanked = np.stack([random_codes(rng, 50 + 2 * flank) for _ in range(20)])
    flanked[1, : flank // 2] = PADDING  # outside the interval of a split
    codes = np.ascontiguousarray(flanked[:, flank:-flank])
    truth = rng.random((20, 50, 3)) < 0.2
    if exclusive:
        truth &= truth.cumsum(axis=2) == 1
    counted = codes < AMBIGUOUS
    logits = network(torch.from_numpy(codes), None, torch.from_numpy(flanked))
    expected = _summed_loss(logits, *map(torch.from_numpy, (truth, counted)), exclusive)
    vector = torch.nn.utils.parameters_to_vector(network.parameters()).detach().requires_grad_()
    snapshot = FusedNetwork(network).snapshot(vector)
    found = snapshot.loss(codes, truth, counted, 1.0, Dropout(0, 0), flanked)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-4)
    (gradient,) = torch.autograd.grad(found, [vector])
    theirs = torch.autograd.grad(expected, list(network.parameters()))
    flat = torch.cat([part.reshape(-1) for part in theirs])
    torch.testing.assert_close(gradient, flat, rtol=1e-3, atol=1e-3)
    # Without flanks, sites at the ends of a window are not whole, and the loss is another.
    cut = snapshot.loss(codes, truth, counted, 1.0, Dropout(0, 0))
    assert abs(float(cut.detach() - found.detach())) > 0.1
