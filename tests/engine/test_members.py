"""Models of several networks: the mean of their log-odds, in both engines, mirrored exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from random_models import combined, random_checkpoint, random_codes

from dnabirnn.alphabet import AMBIGUOUS, PADDING, reverse_complement
from dnabirnn.engine.fused_engine import FusedEngine
from dnabirnn.engine.kernels.vectors import LANES
from dnabirnn.engine.torch_engine import TorchEngine
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Cell, MatrixShape
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.scoring.model import Model
from dnabirnn.scoring.self_check import selfcheck

A, B, C = MotifClass("A", True), MotifClass("B", False), MotifClass("C", True)
MATRICES = (None, MatrixShape(7, 1))


def unlike(exclusive: bool, tied: bool = True) -> Checkpoint:
    """Three members that differ in cell, sizes, k-mers and matrices, all with both classes."""
    shapes = (
        {"hidden": 5, "kmer": 3},
        {"cell": Cell.LSTM, "hidden": 8, "layers": 2},
        {"hidden": 3, "matrices": MATRICES},
    )
    common = {"exclusive": exclusive, "tied": tied, "spread": 0.3}
    return combined(
        [random_checkpoint((A, B), seed=s, **common, **shape) for s, shape in enumerate(shapes)]
    )


def apart() -> Checkpoint:
    """Classes A and C in one member each, and B and C in another."""
    groups = (A,), (B, C), (C,)
    members = [random_checkpoint(g, seed=s, hidden=4 + s) for s, g in enumerate(groups)]
    return combined(members, (A, B, C))


def batch_of(windows: int, length: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    batch = np.full((windows, length), PADDING, np.uint8)
    for row, size in zip(batch, (length, *rng.integers(1, length, windows - 1)), strict=True):
        row[:size] = random_codes(rng, int(size))
    return batch


def log_odds(p: np.ndarray) -> np.ndarray:
    p = p.astype(np.float64)
    return np.log(p) - np.log1p(-p)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("tied", [True, False])
def test_engines_agree(exclusive: bool, tied: bool) -> None:
    for checkpoint in (unlike(exclusive, tied), *([] if exclusive else [apart()])):
        batch = batch_of(LANES + 3, 61)
        ours = FusedEngine.of_checkpoint(checkpoint).score(batch)
        theirs = TorchEngine.of_checkpoint(checkpoint, "cpu").score(batch)
        real = batch != PADDING
        assert theirs[real].std(axis=0).min() > 1e-3
        np.testing.assert_allclose(ours[real], theirs[real], atol=1e-5)
        assert (ours[batch == AMBIGUOUS] == 0).all()


@pytest.mark.parametrize("engine", [FusedEngine, TorchEngine])
def test_log_odds_are_the_mean_of_those_of_the_members(engine: type) -> None:
    rng = np.random.default_rng(0)
    maps = (LogOddsMap(0.7, -0.5), LogOddsMap(1.4, 0.3))
    alone = [random_checkpoint((A, B), seed=s, spread=0.2) for s in range(3)]
    alone = [with_maps(one, maps) for one in alone]
    codes = random_codes(rng, 90, ambiguous=0)[None]
    found = log_odds(engine.of_checkpoint(combined(alone)).score(codes))
    mean = np.mean([log_odds(engine.of_checkpoint(one).score(codes)) for one in alone], axis=0)
    assert mean.std() > 0.1
    near = np.abs(mean) < 6
    np.testing.assert_allclose(found[near], mean[near], atol=1e-3)


def test_exclusive_log_odds_are_averaged_against_the_background() -> None:
    rng = np.random.default_rng(1)
    alone = [
        with_maps(random_checkpoint((A, B), seed=s, spread=0.2, exclusive=True), NO_MAPS)
        for s in range(2)
    ]
    codes = random_codes(rng, 90, ambiguous=0)[None]
    parts = []
    for one in alone:
        p = FusedEngine.of_checkpoint(one).score(codes).astype(np.float64)
        parts.append(np.log(p) - np.log(1 - p.sum(axis=2, keepdims=True)))
    odds = np.exp(np.mean(parts, axis=0))
    expected = odds / (1 + odds.sum(axis=2, keepdims=True))
    found = FusedEngine.of_checkpoint(combined(alone)).score(codes)
    middle = (expected > 1e-4).all(axis=2) & (expected.sum(axis=2) < 1 - 1e-4)
    assert middle.sum() > 30
    np.testing.assert_allclose(found[middle], expected[middle], atol=1e-4)


NO_MAPS = (LogOddsMap(1.0, 0.0), LogOddsMap(1.0, 0.0))


def with_maps(checkpoint: Checkpoint, maps: tuple[LogOddsMap, ...]) -> Checkpoint:
    return replace(checkpoint, maps=maps)


def test_a_class_apart_scores_as_its_own_network() -> None:
    alone = [random_checkpoint((one,), seed=s, hidden=6) for s, one in enumerate((A, B, C))]
    codes = batch_of(LANES, 50)
    found = FusedEngine.of_checkpoint(combined(alone, (A, B, C))).score(codes)
    own = [FusedEngine.of_checkpoint(one).score(codes) for one in alone]
    real = codes != PADDING
    np.testing.assert_array_equal(found[real], np.concatenate(own, axis=2)[real])


@pytest.mark.parametrize("exclusive", [False, True])
def test_the_opposite_strand_is_the_exact_mirror(exclusive: bool) -> None:
    codes = random_codes(np.random.default_rng(5), 777)
    model = Model(unlike(exclusive), device="cpu")
    mirrored = model.score(reverse_complement(codes))[::-1][:, [1, 0, 2]]
    np.testing.assert_array_equal(model.score(codes), mirrored)


def test_a_window_scores_the_same_wherever_it_stands() -> None:
    engine = FusedEngine.of_checkpoint(apart())
    batch = batch_of(3 * LANES, 50)
    scores = engine.score(batch)
    order = np.random.default_rng(1).permutation(len(batch))
    np.testing.assert_array_equal(engine.score(batch[order]), scores[order])
    size = int((batch[5] != PADDING).sum())
    np.testing.assert_array_equal(engine.score(batch[5:6, :size])[0], scores[5, :size])


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_the_self_check_passes(engine: str) -> None:
    for checkpoint in (apart(), unlike(exclusive=True)):
        checks = list(selfcheck(checkpoint, device="cpu", engine=engine))
        assert len(checks) > 6
        assert all(check.holds for check in checks)


def test_memory_is_the_sum_of_the_members() -> None:
    def more(checkpoint: Checkpoint) -> int:
        engine = FusedEngine.of_checkpoint(checkpoint)
        return engine.memory_bytes(1000, 2) - engine.memory_bytes(1000, 0)

    alone = [random_checkpoint((A, B), seed=s, layers=2, kmer=3) for s in range(3)]
    assert more(combined(alone)) >= 3 * more(alone[0])
