"""Contributions from gradients: finite differences, completeness, mirror images."""

import itertools

import numpy as np
import pytest
import torch
from random_models import CELLS, combined, random_checkpoint, random_codes

from dnabirnn.alphabet import AMBIGUOUS, COMPLEMENT, ONE_HOT, reverse_complement
from dnabirnn.engine.torch_engine import torch_network
from dnabirnn.explanation.gradients import _baseline, contribution_blocks
from dnabirnn.explanation.model import Model
from dnabirnn.explanation.options import ImportanceMethod
from dnabirnn.network.architecture import MatrixShape
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.network.torch_network import kmer_shares
from dnabirnn.scoring.grid import lay
from dnabirnn.sequences.survey import Stretch

SHAPES = {
    **{str(cell.value): {"cell": cell, "kmer": 3} for cell in CELLS},
    "bases alone": {},
    "two layers": {"layers": 2, "kmer": 3},
    "untied": {"tied": False},
    "exclusive": {"exclusive": True, "kmer": 3},
    "matrix": {"matrices": (MatrixShape(7, 1), None), "kmer": 3},
}
WINDOW, LONG = ScoringWindow(40, 6), ScoringWindow(100, 10)
SITE = {0: [[20, 31]], 1: [[50, 56]], 2: [[26, 40], [44, 47]]}


def of_contig(name, output):
    return np.array(SITE[output], np.int64)


def make_model(checkpoint, engine="torch"):
    return Model(checkpoint, device="cpu", engine=engine)


def found(model, codes, method, of=of_contig, reach=99, circular=()):
    blocks = list(contribution_blocks([Stretch("x", codes)], model, method, reach, of, circular))
    whole = np.full((len(codes), 4, 3), np.nan, np.float32)
    for block in blocks:
        whole[block.start : block.start + len(block.letters)] = block.letters
    return whole, max(block.residual for block in blocks)


def naive_target(network, codes, mixtures, output, start, end, exclusive, scoring=WINDOW):
    """Sum of the log-odds over a site, in double precision, window by window."""
    total = 0.0
    sums, counts = np.zeros(len(codes)), np.zeros(len(codes))
    for window in lay(len(codes), scoring):
        inside = slice(window.start, window.end)
        with torch.no_grad():
            logits = network(
                torch.from_numpy(codes[inside])[None],
                mixtures=torch.from_numpy(mixtures[inside])[None],
            )[0].numpy()
        own = logits[:, 1 + output] - logits[:, 0] if exclusive else logits[:, output]
        kept = slice(window.keep_start, window.keep_end)
        sums[kept] += own[kept.start - window.start : kept.stop - window.start]
        counts[kept] += 1
    for base in range(start, end):
        total += (codes[base] < AMBIGUOUS) * sums[base] / counts[base]
    return total


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_mixtures_of_one_base_are_the_network(shape):
    network = torch_network(random_checkpoint(**shape), "cpu")
    codes = torch.from_numpy(
        np.stack([random_codes(np.random.default_rng(seed), 30) for seed in range(2)])
    )
    codes[1, 25:] = 5
    one_hot = torch.from_numpy(ONE_HOT.copy())[codes.long()]
    with torch.no_grad():
        expected, mixed = network(codes), network(codes, mixtures=one_hot)
    torch.testing.assert_close(mixed[0], expected[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mixed[1, :25], expected[1, :25], atol=1e-5, rtol=1e-5)


def test_shares_of_kmers_are_products():
    mixtures = np.random.default_rng(0).dirichlet(np.ones(4), (1, 6)).astype(np.float32)
    mixtures[0, 4] = 0  # an unknown base
    shares = kmer_shares(torch.from_numpy(mixtures), 3)[0].numpy()
    for base in range(6):
        for number, word in enumerate(itertools.product(range(4), repeat=3)):
            places = range(base - 1, base + 2)
            inside = all(0 <= place < 6 for place in places)
            share = (
                np.prod([mixtures[0, place, c] for place, c in zip(places, word, strict=True)])
                if inside
                else 0
            )
            assert shares[base, number] == pytest.approx(share, abs=1e-7)


@pytest.mark.parametrize("engine", ["torch", "fused"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradients_are_those_of_finite_differences(shape, engine):
    checkpoint = random_checkpoint(scoring=WINDOW, spread=0.3, **shape)
    codes = random_codes(np.random.default_rng(1), 90)
    letters, residual = found(make_model(checkpoint, engine), codes, ImportanceMethod.GRADIENT)
    assert residual == 0
    network = torch_network(checkpoint, "cpu").double()
    one_hot, step = ONE_HOT[codes].astype(np.float64), 1e-6
    exclusive = checkpoint.architecture.exclusive
    for output, base in itertools.product((0, 1), (15, 25, 31, 44, 53)):
        start, end = SITE[output][0]
        differences = np.zeros(4)
        for letter in range(4):
            values = []
            for sign in (1, -1):
                moved = one_hot.copy()
                moved[base, letter] += sign * step
                values.append(naive_target(network, codes, moved, output, start, end, exclusive))
            differences[letter] = (values[0] - values[1]) / (2 * step)
        expected = differences - differences.mean()
        if codes[base] < AMBIGUOUS:
            # The score of a matrix has kinks, where a difference to the left is another.
            np.testing.assert_allclose(letters[base, :, output], expected, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("engine", ["torch", "fused"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_integrated_gradients_are_complete(shape, engine):
    checkpoint = random_checkpoint(scoring=LONG, spread=0.3, **shape)
    codes = random_codes(np.random.default_rng(2), 90)
    letters, residual = found(
        make_model(checkpoint, engine), codes, ImportanceMethod.INTEGRATED_GRADIENTS
    )
    assert residual <= 0.01
    network = torch_network(checkpoint, "cpu").double()
    exclusive = checkpoint.architecture.exclusive
    base = codes.clip(max=3).astype(np.int64)
    own = np.take_along_axis(letters, base[:, None, None], axis=1)[:, 0]
    for output in (0, 1):
        start, end = SITE[output][0]
        difference = [
            naive_target(network, codes, mixed, output, start, end, exclusive, LONG)
            for mixed in (ONE_HOT[codes].astype(np.float64), _baseline(codes))
        ]
        expected = difference[0] - difference[1]
        assert np.nansum(own[:, output]) == pytest.approx(expected, rel=0.011, abs=1e-3)


@pytest.mark.parametrize("method", [*ImportanceMethod][1:])
def test_the_opposite_strand_has_the_mirrored_contributions(method):
    model = make_model(random_checkpoint(scoring=WINDOW, spread=0.3, kmer=3))
    codes = random_codes(np.random.default_rng(3), 90)
    letters, _ = found(model, codes, method)

    def mirrored(name, output):
        own = of_contig(name, (1, 0, 2)[output])
        return (len(codes) - own[:, ::-1])[::-1]

    opposite, _ = found(model, reverse_complement(codes), method, mirrored)
    turned = opposite[::-1][:, COMPLEMENT[:4]][..., [1, 0, 2]]
    np.testing.assert_allclose(turned, letters, atol=1e-4, rtol=1e-3)


def test_each_base_has_its_own_target_within_the_reach():
    model = make_model(random_checkpoint(scoring=WINDOW, spread=0.3, kmer=3))
    codes = random_codes(np.random.default_rng(4), 90, ambiguous=0)
    near, _ = found(model, codes, ImportanceMethod.GRADIENT, reach=5)
    alone = [
        found(
            model,
            codes,
            ImportanceMethod.GRADIENT,
            lambda name, output, n=n: np.array([SITE[2][n]]),
        )
        for n in range(2)
    ]
    first, second = (letters[..., 2] for letters, _ in alone)
    np.testing.assert_allclose(near[21:42, :, 2], first[21:42], atol=1e-6)
    np.testing.assert_allclose(near[42:52, :, 2], second[42:52], atol=1e-6)
    assert np.isfinite(near[..., 2]).all(axis=1).nonzero()[0].tolist() == list(range(21, 52))


def test_an_ensemble_and_a_circular_contig():
    checkpoints = [
        random_checkpoint(seed=seed, scoring=WINDOW, spread=0.3, kmer=kmer)
        for seed, kmer in enumerate((1, 3))
    ]
    codes = random_codes(np.random.default_rng(5), 200, ambiguous=0)
    model = make_model(combined(checkpoints))
    apart = [found(make_model(one), codes, ImportanceMethod.GRADIENT)[0] for one in checkpoints]
    together, _ = found(model, codes, ImportanceMethod.GRADIENT)
    np.testing.assert_allclose(together, (apart[0] + apart[1]) / 2, atol=1e-4)

    # A site at the origin gets contributions from both sides of it.
    def at_origin(name, output):
        return np.array([[0, 5]])

    circle, _ = found(model, codes, ImportanceMethod.GRADIENT, at_origin, 20, ["x"])
    assert np.isfinite(circle[:25]).all()
    assert np.abs(circle[-6:]).max() > 0.01
    linear, _ = found(model, codes, ImportanceMethod.GRADIENT, at_origin, 20)
    assert np.isnan(linear[-20:]).all()
