"""Training by compiled kernels: torch's log-odds and gradients, and those of differences."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from random_models import random_codes
from torch.nn.utils import parameters_to_vector

from dnabirnn.alphabet import PADDING
from dnabirnn.engine.differentiable import FusedNetwork, Snapshot
from dnabirnn.engine.kernels.gradients import drop
from dnabirnn.engine.kernels.vectors import LANES
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture, Cell
from dnabirnn.network.torch_network import Dropout, Network
from dnabirnn.training.fit import _summed_loss

STRANDED, BOTH = MotifClass("A", True), MotifClass("B", False)
CELLS = [cell for cell in Cell if cell is not Cell.GRU_LN]  # which only torch trains
SHAPES = list(itertools.product(CELLS, (1, 2, 3), (True, False), (False, True)))


def network_of(architecture: Architecture, dtype: torch.dtype = torch.float32) -> Network:
    torch.manual_seed(len(architecture.outputs))
    network = Network(architecture).to(dtype)
    for name, table in network.named_parameters():  # which is zeros at first
        if "kmer" in name:
            table.data.normal_(0, 0.5)
    return network


def windows(number: int, length: int) -> torch.Tensor:
    """Windows of several lengths, with N, the first one whole."""
    rng = np.random.default_rng(number)
    codes = np.full((number, length), PADDING, np.uint8)
    for row, size in zip(codes, (length, *rng.integers(0, length, number - 1)), strict=True):
        row[:size] = random_codes(rng, int(size))
    codes[0, length // 2] = 4
    return torch.from_numpy(codes)


def batch_of(
    network: Network, number: int, length: int, *, soft: bool = False
) -> tuple[np.ndarray, ...]:
    """Codes, truth and what counts, of windows of several lengths, with N, the first one whole.

    `soft` truth is probabilities, as a teacher gives them.
    """
    architecture = network.architecture
    codes = windows(number, length).numpy()
    rng = np.random.default_rng(3)
    truth = rng.random((*codes.shape, len(architecture.outputs))) < 0.3
    if architecture.exclusive:
        truth &= truth.cumsum(axis=2) == 1
    if soft:
        truth = np.where(truth, 0.7, 0.3 / truth.shape[2]) * rng.random(truth.shape)
        truth = truth.astype(np.float32)
    return codes, truth, (codes < 4) & (rng.random(codes.shape) < 0.9)


def by_torch(network: Network, batch: tuple[np.ndarray, ...], factor: float) -> torch.Tensor:
    codes, *rest = map(torch.from_numpy, batch)
    logits = network(codes)
    return factor * _summed_loss(logits, *rest, network.architecture.exclusive)


def snapshot_of(network: Network) -> tuple[Snapshot, torch.Tensor]:
    """The network for kernels, and the vector of its weights."""
    vector = parameters_to_vector(network.parameters()).detach().requires_grad_()
    return FusedNetwork(network).snapshot(vector), vector


NO_DROPOUT = Dropout(0.0, 0)


@pytest.mark.parametrize(("cell", "layers", "tied", "exclusive"), SHAPES)
def test_agrees_with_torch(cell: Cell, layers: int, tied: bool, exclusive: bool) -> None:
    both = (STRANDED, BOTH)
    for hidden, classes, kmer in (
        (5, both, 1),
        (32, (BOTH,), 1),
        (8, (STRANDED,), 1),
        (5, both, 5),
        (32, (BOTH,), 3),
    ):
        network = network_of(Architecture(classes, cell, hidden, layers, tied, exclusive, kmer))
        batch = batch_of(network, LANES + 3, 41)
        snapshot, vector = snapshot_of(network)
        ours = snapshot.loss(*batch, 0.25, NO_DROPOUT)
        theirs = by_torch(network, batch, 0.25)
        assert ours.item() == pytest.approx(theirs.item(), rel=2e-5)
        expected = torch.autograd.grad(theirs, list(network.parameters()))
        (gradient,) = torch.autograd.grad(ours, vector)
        mine = gradient.split([tensor.numel() for tensor in expected])
        for part, tensor in zip(mine, expected, strict=True):
            scale = float(tensor.abs().max())
            np.testing.assert_allclose(part, tensor.reshape(-1), atol=1e-4 * scale + 1e-5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("dropout", "kmer"), [(0.0, 1), (0.3, 1), (0.3, 3)])
def test_gradients_are_those_of_differences(
    cell: Cell, tied: bool, dropout: float, kmer: int
) -> None:
    architecture = Architecture((STRANDED, BOTH), cell, 3, 2, tied, exclusive=not tied, kmer=kmer)
    network = network_of(architecture, torch.float64)
    fused, batch = FusedNetwork(network), batch_of(network, 5, 19)
    _, vector = snapshot_of(network)

    def loss(weights: torch.Tensor) -> torch.Tensor:
        return fused.snapshot(weights).loss(*batch, 0.5, Dropout(dropout, 5))

    assert torch.autograd.gradcheck(loss, [vector], atol=1e-7)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_any_loss_of_the_log_odds_agrees_with_torch(exclusive: bool, dropout: float) -> None:
    network = network_of(Architecture((STRANDED, BOTH), hidden=5, exclusive=exclusive, kmer=3))
    codes, _, counted = batch_of(network, LANES + 3, 41)
    real = torch.from_numpy(counted)

    def loss(log_odds: torch.Tensor, part: slice) -> torch.Tensor:
        return (log_odds.tanh() ** 2 * real[part, :, None]).sum()

    snapshot, vector = snapshot_of(network)
    ours = snapshot.loss_by(codes, loss, Dropout(dropout, 1))
    (gradient,) = torch.autograd.grad(ours, vector)
    if dropout:  # torch drops other values, so that only repetition can be checked
        again = snapshot.loss_by(codes, loss, Dropout(dropout, 1))
        other = snapshot.loss_by(codes, loss, Dropout(dropout, 2))
        assert ours.item() == again.item() != other.item()
        return
    theirs = loss(network(torch.from_numpy(codes)), slice(0, len(codes)))
    assert ours.item() == pytest.approx(theirs.item(), rel=2e-5)
    expected = torch.autograd.grad(theirs, list(network.parameters()))
    flat = torch.cat([tensor.reshape(-1) for tensor in expected])
    np.testing.assert_allclose(gradient, flat, atol=1e-4 * float(flat.abs().max()) + 1e-5)


def test_gradients_of_any_loss_are_those_of_differences() -> None:
    network = network_of(Architecture((STRANDED, BOTH), hidden=3, kmer=3), torch.float64)
    fused, (codes, _, _) = FusedNetwork(network), batch_of(network, 5, 19)
    _, vector = snapshot_of(network)

    def loss(weights: torch.Tensor) -> torch.Tensor:
        found = fused.snapshot(weights)
        return found.loss_by(codes, lambda x, _: x.sigmoid().square().sum(), Dropout(0.3, 5))

    assert torch.autograd.gradcheck(loss, [vector], atol=1e-7)


@pytest.mark.parametrize("exclusive", [False, True])
def test_agrees_with_torch_on_probabilities(exclusive: bool) -> None:
    """Probabilities of 0 and 1 give the loss of labels."""
    network = network_of(Architecture((STRANDED, BOTH), hidden=5, exclusive=exclusive, kmer=3))
    snapshot, vector = snapshot_of(network)
    batch = batch_of(network, LANES + 3, 41, soft=True)
    ours, theirs = snapshot.loss(*batch, 0.25, NO_DROPOUT), by_torch(network, batch, 0.25)
    assert ours.item() == pytest.approx(theirs.item(), rel=2e-5)
    (gradient,) = torch.autograd.grad(ours, vector)
    expected = torch.autograd.grad(theirs, list(network.parameters()))
    flat = torch.cat([tensor.reshape(-1) for tensor in expected])
    np.testing.assert_allclose(gradient, flat, atol=1e-4 * float(flat.abs().max()) + 1e-5)
    codes, truth, counted = batch_of(network, LANES + 3, 41)
    labels = snapshot.loss(codes, truth, counted, 0.25, NO_DROPOUT)
    one_hot = (codes, truth.astype(np.float32), counted)
    assert snapshot.loss(*one_hot, 0.25, NO_DROPOUT).item() == labels.item()
    assert by_torch(network, one_hot, 0.25).item() == pytest.approx(labels.item(), rel=2e-5)


@pytest.mark.parametrize("exclusive", [False, True])
def test_gradients_by_probabilities_are_those_of_differences(exclusive: bool) -> None:
    architecture = Architecture((STRANDED, BOTH), Cell.GRU, 3, exclusive=exclusive)
    network = network_of(architecture, torch.float64)
    fused, batch = FusedNetwork(network), batch_of(network, 5, 19, soft=True)
    _, vector = snapshot_of(network)

    def loss(weights: torch.Tensor) -> torch.Tensor:
        return fused.snapshot(weights).loss(*batch, 0.5, NO_DROPOUT)

    assert torch.autograd.gradcheck(loss, [vector], atol=1e-7)


def test_large_losses_are_as_exact_as_small_ones() -> None:
    """Thousands of factors make up the product whose logarithm is taken."""
    for exclusive in (False, True):
        network = network_of(Architecture((STRANDED, BOTH), Cell.GRU, 4, exclusive=exclusive))
        with torch.no_grad():
            network.head.bias.mul_(0).add_(torch.arange(len(network.head.bias)) * 9.0 - 9)
        batch = batch_of(network, LANES, 300)
        ours = snapshot_of(network)[0].loss(*batch, 1.0, NO_DROPOUT)
        assert ours.item() == pytest.approx(by_torch(network, batch, 1.0).item(), rel=1e-5)


def test_dropout_is_of_its_seed_and_its_rate() -> None:
    values, out = np.ones(400_000, np.float32), np.empty(400_000, np.float32)
    kept = []
    for seed in range(4):
        first, second = np.random.SeedSequence(seed).generate_state(2, np.uint32)
        least = np.uint32(round(0.4 * 2**16))
        drop(values, first, second, least, np.float32(1 / 0.6), out)
        assert set(np.unique(out)) == {np.float32(0), np.float32(1 / 0.6)}
        kept.append(out > 0)
        assert kept[-1].mean() == pytest.approx(0.6, abs=0.004)
        for step in (1, 32, 1024):  # neighbours, units and bases are dropped on their own
            both = kept[-1][step:] & kept[-1][:-step]
            assert both.mean() == pytest.approx(0.36, abs=0.005)
    assert (kept[0] & kept[1]).mean() == pytest.approx(0.36, abs=0.005)


def test_dropout_changes_the_loss_as_its_seed_says() -> None:
    network = network_of(Architecture((STRANDED,), Cell.GRU, 32, 2))
    snapshot, batch = snapshot_of(network)[0], batch_of(network, LANES, 100)
    losses = [snapshot.loss(*batch, 1.0, Dropout(0.4, seed)).item() for seed in (0, 0, 1, 2)]
    assert losses[0] == losses[1]
    assert len(set(losses)) == 3
    assert snapshot.loss(*batch, 1.0, Dropout(0.0, 5)).item() not in losses


def test_a_batch_has_the_gradients_of_its_windows() -> None:
    network = network_of(Architecture((STRANDED,), Cell.GRU, 8, 2))
    (snapshot, vector), batch = snapshot_of(network), batch_of(network, 2 * LANES + 1, 30)

    def gradient(windows: slice) -> torch.Tensor:
        loss = snapshot.loss(*(array[windows] for array in batch), 1.0, NO_DROPOUT)
        return torch.autograd.grad(loss, vector)[0]

    parts = [gradient(slice(n, n + 1)) for n in range(len(batch[0]))]
    torch.testing.assert_close(
        gradient(slice(None)), torch.stack(parts).sum(dim=0), rtol=1e-3, atol=1e-3
    )


def test_threads_keep_apart() -> None:
    network = network_of(Architecture((STRANDED,), Cell.LSTM, 8))
    snapshot, _ = snapshot_of(network)
    batches = [tuple(np.roll(a, n, axis=0) for a in batch_of(network, 20, 50)) for n in range(20)]
    halves = [tuple(array[:n] for array in batch) for n, batch in enumerate(batches, 1)]

    def run(batch: tuple[np.ndarray, ...]) -> float:
        return snapshot.loss(*batch, 1.0, Dropout(0.1, 1)).item()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, halves)) == list(map(run, halves))
