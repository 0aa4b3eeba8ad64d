"""Importance: sums over each base's own target, the same on both strands."""

import numpy as np
import pytest
from random_models import random_checkpoint, random_codes

from dnabirnn.alphabet import AMBIGUOUS, reverse_complement
from dnabirnn.explanation.importance import importance_blocks, near_targets, site_effects
from dnabirnn.explanation.model import Model
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.sequences.survey import Stretch

REACH = 9
SITES = {0: [[20, 31], [38, 50]], 1: [[35, 36]], 2: []}


def model() -> Model:
    checkpoint = random_checkpoint(scoring=ScoringWindow(60, 10), spread=0.3, kmer=3)
    return Model(checkpoint, device="cpu", engine="fused")


def targets(name: str, output: int) -> np.ndarray:
    return np.array(SITES[output], np.int64).reshape(-1, 2)


def found(codes: np.ndarray, circular: bool = False, of=targets) -> np.ndarray:
    whole = np.full((len(codes), 3), np.nan, np.float32)
    circles = ["x"] if circular else []
    for block in importance_blocks([Stretch("x", codes)], model(), REACH, of, circles):
        whole[block.start : block.start + len(block.importance)] = block.importance
    return whole


def test_each_base_has_its_own_target() -> None:
    codes = random_codes(np.random.default_rng(0), 80)
    importance = found(codes)
    changes = model().effects(codes, reach=REACH, profiles=True).substitutions.profiles
    for output, sites in SITES.items():
        for base in range(80):
            apart = [max(start - base, base - end + 1, 0) for start, end in sites]
            nearest = min(apart, default=99)
            if nearest > REACH or codes[base] == AMBIGUOUS:
                assert np.isnan(importance[base, output])
                continue
            own = [site for site, distance in zip(sites, apart, strict=True) if distance == nearest]
            sums = [
                sum(
                    changes[base, :, t - base + REACH, output].sum(dtype=np.float64)
                    for t in range(max(start, base - REACH), min(end, base + REACH + 1))
                )
                for start, end in own
            ]
            assert importance[base, output] == pytest.approx(-np.mean(sums) / 3, abs=1e-5)
    # Base 34 is as near to one site of output 0 as to the other.
    assert SITES[0][0][1] - 1 + 4 == 34 == SITES[0][1][0] - 4
    assert np.isfinite(importance).sum() > 40


def test_the_opposite_strand_has_the_mirrored_importance() -> None:
    codes = random_codes(np.random.default_rng(1), 80, ambiguous=0)

    def opposite(name: str, output: int) -> np.ndarray:
        return 80 - targets(name, [1, 0, 2][output])[::-1, ::-1]

    for circular in (False, True):
        mirrored = found(reverse_complement(codes), circular, opposite)
        np.testing.assert_array_equal(found(codes, circular), mirrored[::-1][:, [1, 0, 2]])


def test_circular_contigs_have_targets_across_the_origin() -> None:
    codes = random_codes(np.random.default_rng(2), 150, ambiguous=0)

    def at_start(name: str, output: int) -> np.ndarray:
        return np.array([[0, 6]], np.int64)

    def turned_by(turn: int) -> np.ndarray:
        def moved(name: str, output: int) -> np.ndarray:
            return at_start(name, output) + turn

        return np.roll(found(np.roll(codes, turn), True, moved), -turn, axis=0)

    importance = found(codes, True, at_start)
    assert np.isfinite(importance[-REACH:]).all()
    assert np.isnan(importance[6 + REACH : -REACH]).all()
    # Windows lie elsewhere on the turned contig, which matters little.
    np.testing.assert_allclose(importance, turned_by(50), atol=0.2)
    linear = found(codes, False, at_start)
    assert np.isnan(linear[-REACH:]).all()


@pytest.mark.parametrize("circular", [False, True])
def test_near_targets(circular: bool) -> None:
    spans = near_targets("x", 80, targets, 3, REACH, circular)
    near = np.zeros(80, bool)
    for sites in SITES.values():
        for start, end in sites:
            near[max(start - REACH, 0) : end + REACH] = True
    inside = np.zeros(80, bool)
    for start, end in spans:
        assert not inside[start:end].any()
        inside[start:end] = True
    np.testing.assert_array_equal(inside, near)
    assert near_targets("x", 80, lambda *_: np.zeros((0, 2), np.int64), 3, 9, circular).shape == (
        0,
        2,
    )


def test_one_interval() -> None:
    codes = random_codes(np.random.default_rng(3), 100, ambiguous=0)
    importance = model().importance(codes, 40, 52, reach=REACH)
    assert importance.shape == (100, 3)
    inside = np.zeros(100, bool)
    inside[40 - REACH : 52 + REACH] = True
    np.testing.assert_array_equal(np.isfinite(importance).all(axis=1), inside)
    with pytest.raises(ValueError, match="interval 40-101 is not on the sequence"):
        model().importance(codes, 40, 101)


@pytest.mark.parametrize("output", [0, 1, 2])
def test_effects_on_a_site_are_those_of_all_bases_around_it(output: int) -> None:
    codes = random_codes(np.random.default_rng(4), 80)
    found = site_effects(Stretch("x", codes), model(), output, (30, 41), 22, 50)
    assert (found.start, found.output, found.site) == (22, output, (30, 41))
    changes = model().effects(codes, 22, 50, reach=19, profiles=True).substitutions
    for base in range(22, 50):
        columns = slice(30 - base + 19, 41 - base + 19)
        np.testing.assert_allclose(
            found.log_odds[base - 22],
            changes.profiles[base - 22, :, columns, output].sum(axis=1, dtype=np.float64),
            atol=1e-5,
        )
    np.testing.assert_allclose(found.importance, -found.log_odds.sum(axis=1) / 3, atol=1e-5)
    np.testing.assert_array_equal(found.loss, changes.loss[..., output])
    np.testing.assert_array_equal(found.gain, changes.gain[..., output])
    of_model = model().importance(codes, 30, 41, reach=19)[22:50, output]
    np.testing.assert_array_equal(found.importance, of_model)
