"""Gradients by letters, by compiled kernels: those of torch, mirror images, independence."""

import numpy as np
import pytest
import torch
from random_models import combined, random_checkpoint, random_codes

from dnabirnn.alphabet import AMBIGUOUS, COMPLEMENT, ONE_HOT, reverse_complement
from dnabirnn.engine.choose import make_engine
from dnabirnn.engine.input_gradients import InputGradients, make_input_gradients
from dnabirnn.engine.kernels.vectors import LANES
from dnabirnn.engine.mixture_path import MixturePath
from dnabirnn.engine.torch_engine import torch_network
from dnabirnn.engine.torch_gradients import TorchGradients
from dnabirnn.network.architecture import Cell, MatrixShape

TRAINED = [cell for cell in Cell if cell.trains_compiled]
SHAPES = {
    **{f"{cell.value} {kmer}": {"cell": cell, "kmer": kmer} for cell in TRAINED for kmer in (1, 5)},
    "3-mers": {"kmer": 3},
    "7-mers": {"kmer": 7},
    "13 units": {"hidden": 13, "kmer": 3},
    "two layers": {"layers": 2, "kmer": 3},
    "three layers": {"layers": 3},
    "untied": {"tied": False, "kmer": 3},
    "exclusive": {"exclusive": True, "kmer": 3},
    "matrix": {"matrices": (MatrixShape(7, 1), None), "kmer": 3},
}
LENGTH = 37  # more than two times `STEPS`, and not a multiple of it


def checkpoint_of(shape):
    return random_checkpoint(spread=0.3, **shape)


def windows_of(number, length=LENGTH, ambiguous=0.03):
    """Codes, shares that are 0 at code 4, and outputs."""
    rng = np.random.default_rng(number)
    codes = np.stack([random_codes(rng, length, ambiguous) for _ in range(number)])
    shares = np.where(codes < AMBIGUOUS, rng.random(codes.shape), 0).astype(np.float32)
    return codes, shares, rng.integers(0, 3, number)


def by_torch(checkpoint, codes, mixtures, shares, outputs):
    """Targets and gradients, in double precision."""
    network = torch_network(checkpoint, "cpu").requires_grad_(False).double()
    batch = torch.from_numpy(mixtures.astype(np.float64)).requires_grad_()
    logits = network(torch.from_numpy(codes), mixtures=batch)
    if checkpoint.architecture.exclusive:
        logits = logits[..., 1:] - logits[..., :1]
    own = logits[np.arange(len(codes)), :, outputs]
    values = (own * torch.from_numpy(shares)).sum(dim=1)
    (gradients,) = torch.autograd.grad(values.sum(), batch)
    return values.detach().numpy(), gradients.numpy()


def centred(gradients, codes):
    """Gradients along mixtures, whose shares add up to 1, at known bases."""
    known = (codes < AMBIGUOUS)[..., None]
    return (gradients - gradients.mean(axis=2, keepdims=True)) * known


def agree(found, expected, codes):
    found, expected = centred(found, codes), centred(expected, codes)
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradients_are_those_of_torch(shape):
    checkpoint = checkpoint_of(shape)
    codes, shares, outputs = windows_of(LANES + 3)
    gradients = InputGradients(checkpoint)
    found = gradients.at_sequences(codes, shares, outputs)
    _, expected = by_torch(checkpoint, codes, ONE_HOT[codes], shares, outputs)
    agree(found, expected, codes)
    assert (found[codes == AMBIGUOUS] == 0).all()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradients_along_a_path_are_those_of_torch(shape):
    checkpoint = checkpoint_of(shape)
    codes, shares, _ = windows_of(1)
    codes, shares = codes[0], shares[0]
    codes[20] = AMBIGUOUS
    rng = np.random.default_rng(0)
    baseline = rng.dirichlet(np.ones(4), LENGTH) * (codes < AMBIGUOUS)[:, None]
    baseline = baseline.astype(np.float32)
    places, weights = rng.random(LANES + 3), rng.random(LANES + 3)
    places[:2], weights[:2] = (0, 1), 0
    path = MixturePath(codes, baseline, shares, 1, places, weights)
    values, found = InputGradients(checkpoint).along_path(path)
    many = np.tile(codes, (len(places), 1))
    mixtures = baseline + places[:, None, None] * (ONE_HOT[codes] - baseline)
    expected_values, gradients = by_torch(
        checkpoint, many, mixtures, np.tile(shares, (len(places), 1)), np.ones(len(places), int)
    )
    agree(found[None], np.tensordot(weights, gradients, axes=1)[None], codes[None])
    # Without the biases, which are the same everywhere.
    np.testing.assert_allclose(values - values[0], expected_values - expected_values[0], atol=1e-4)
    theirs = TorchGradients(checkpoint, "cpu").along_path(path)
    np.testing.assert_allclose(theirs[0], expected_values, atol=1e-4)
    agree(theirs[1][None], found[None], codes[None])


def test_gradients_of_an_ensemble_are_those_of_torch():
    checkpoint = combined(
        [
            random_checkpoint(seed=seed, spread=0.3, kmer=kmer, cell=cell)
            for seed, (kmer, cell) in enumerate(((1, Cell.LSTM), (3, Cell.GRU)))
        ]
    )
    codes, shares, outputs = windows_of(5)
    found = InputGradients(checkpoint).at_sequences(codes, shares, outputs)
    _, expected = by_torch(checkpoint, codes, ONE_HOT[codes], shares, outputs)
    agree(found, expected, codes)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 16, 17])
def test_short_windows(length):
    checkpoint = checkpoint_of({"kmer": 5})
    codes, shares, outputs = windows_of(4, length, 0.2)
    found = InputGradients(checkpoint).at_sequences(codes, shares, outputs)
    _, expected = by_torch(checkpoint, codes, ONE_HOT[codes], shares, outputs)
    agree(found, expected, codes)


@pytest.mark.parametrize(
    "shape", [*map(SHAPES.get, ("gru 1", "gru 5", "lstm 5", "rnn 5", "exclusive", "two layers"))]
)
def test_the_opposite_strand_has_the_mirrored_gradients_to_the_last_bit(shape):
    gradients = InputGradients(checkpoint_of(shape))
    codes, shares, outputs = windows_of(LANES)
    found = gradients.at_sequences(codes, shares, outputs)
    opposite = np.stack([reverse_complement(one) for one in codes])
    swapped = np.array([1, 0, 2])[outputs]
    mirrored = gradients.at_sequences(opposite, np.ascontiguousarray(shares[:, ::-1]), swapped)
    np.testing.assert_array_equal(mirrored[:, ::-1, COMPLEMENT[:4]], found)


@pytest.mark.parametrize("name", ["gru 1", "gru 5", "matrix"])
def test_gradients_do_not_depend_on_other_windows(name):
    gradients = InputGradients(checkpoint_of(SHAPES[name]))
    batch = windows_of(LANES + 3)
    together = gradients.at_sequences(*batch)
    for some in (slice(0, 1), slice(5, 9), slice(30, 35)):
        alone = gradients.at_sequences(*(array[some] for array in batch))
        np.testing.assert_array_equal(alone, together[some])


@pytest.mark.parametrize("name", ["gru 5", "lstm 1", "rnn 5", "two layers"])
def test_a_part_of_a_window_has_the_gradients_of_the_whole_window(name):
    gradients = InputGradients(checkpoint_of(SHAPES[name]))
    codes, shares, outputs = windows_of(LANES + 3, 150)
    rng = np.random.default_rng(0)
    wanted = np.sort(rng.integers(0, 151, (len(codes), 2)), axis=1)
    sites = np.sort(rng.integers(0, 151, (len(codes), 2)), axis=1)
    places = np.arange(150)
    shares *= (places >= sites[:, :1]) & (places < sites[:, 1:])
    whole = gradients.at_sequences(codes, shares, outputs)
    part = gradients.at_sequences(codes, shares, outputs, wanted)
    inside = (places >= wanted[:, :1]) & (places < wanted[:, 1:])
    np.testing.assert_array_equal(part[inside], whole[inside])


@pytest.mark.parametrize(
    ("shape", "engine", "expected"),
    [
        ({}, "fused", InputGradients),
        ({}, "torch", TorchGradients),
        ({"cell": Cell.GRU_LN}, "fused", TorchGradients),
    ],
)
def test_torch_computes_what_kernels_cannot(shape, engine, expected):
    checkpoint = checkpoint_of(shape)
    made = make_input_gradients(checkpoint, make_engine(checkpoint, engine, "cpu"))
    assert type(made) is expected
    codes, shares, outputs = windows_of(3)
    found = made.at_sequences(codes, shares, outputs)
    agree(found, by_torch(checkpoint, codes, ONE_HOT[codes], shares, outputs)[1], codes)
