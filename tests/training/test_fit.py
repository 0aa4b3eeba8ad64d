from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from planted import encoded_set

from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.errors import OptionError, TrainingError
from dnabirnn.network.architecture import Architecture, Cell
from dnabirnn.network.torch_network import Network, weights_of
from dnabirnn.training.fit import Fit, FitSettings
from dnabirnn.training.sampling import Prevalence, Sampler, SamplingSettings
from dnabirnn.training.start import set_biases


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("fitting"))


def fit_of(encoded: EncodedSet, threads: int = 1, windows: int = 64, **settings: object) -> Fit:
    torch.manual_seed(0)
    network = Network(Architecture(encoded.classes, hidden=8, layers=2))
    sampler = Sampler(encoded, SamplingSettings(window_bp=60, batch_windows=windows))
    options = {"bases": 60 * windows * 12, "dropout": 0.0} | settings
    fabric = Fabric(accelerator="cpu", devices=1)
    return Fit(fabric, network, sampler, FitSettings(**options), threads)  # type: ignore[arg-type]


def weights_after(fit: Fit, steps: int) -> dict[str, np.ndarray]:
    for _ in range(steps):
        fit.advance()
    fit.close()
    return weights_of(fit.network)


def assert_equal(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_threads_change_no_bit(encoded: EncodedSet, dropout: float) -> None:
    one = weights_after(fit_of(encoded, 1, 100, dropout=dropout), 6)
    several = weights_after(fit_of(encoded, 4, 100, dropout=dropout), 6)
    assert_equal(one, several)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_restored_fit_goes_on_as_if_it_had_never_stopped(
    encoded: EncodedSet, dropout: float
) -> None:
    whole = weights_after(fit_of(encoded, dropout=dropout), 9)
    first = fit_of(encoded, dropout=dropout)
    weights_after(first, 4)
    second = fit_of(encoded, dropout=dropout)
    second.restore(first.state(), first.step)
    assert second.step == 4
    assert_equal(whole, weights_after(second, 5))


def test_gradient_of_slices_is_the_gradient_of_the_batch(encoded: EncodedSet) -> None:
    fit = fit_of(encoded, windows=100)
    gradient, loss = fit._gradient()
    batch = fit._sampler.batch(0)
    logits = fit.network(torch.from_numpy(batch.codes))[torch.from_numpy(batch.counted)]
    truth = torch.from_numpy(batch.truth[batch.counted]).float()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    parts = torch.autograd.grad(expected, list(fit.network.parameters()))
    torch.testing.assert_close(
        gradient, torch.cat([part.reshape(-1) for part in parts]), rtol=1e-3, atol=1e-6
    )
    fit.close()


def test_the_loss_falls(encoded: EncodedSet) -> None:
    fit = fit_of(encoded, bases=60 * 64 * 150, learning_rate=2e-2)
    losses = [fit.advance() for _ in range(150)]
    fit.close()
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("exclusive", [True, False])
def test_biases_start_at_the_share_of_the_windows(
    encoded: EncodedSet, tied: bool, exclusive: bool
) -> None:
    architecture = Architecture(encoded.classes, Cell.GRU, tied=tied, exclusive=exclusive)
    network = Network(architecture)
    set_biases(network, Prevalence(np.array([0.01]), np.array([0.1])))
    network.head.weight.data.zero_()
    logits = network(torch.zeros((1, 5), dtype=torch.uint8))
    p = torch.softmax(logits, -1)[..., 1:] if exclusive else torch.sigmoid(logits)
    assert p.detach().numpy() == pytest.approx(0.1, rel=1e-4)


def test_a_loss_that_is_not_finite_stops_the_fit(encoded: EncodedSet) -> None:
    fit = fit_of(encoded)
    fit.network.head.bias.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"step 1 of 12.*lower --lr"):
        fit.advance()
    fit.close()


def test_a_weight_that_is_not_finite_fails_the_fit(encoded: EncodedSet) -> None:
    fit = fit_of(encoded, bases=1)
    # A gate that is always open, which no loss tells.
    fit.network.recurrent[0].bias_ih_l0.data[0] = float("inf")
    with pytest.raises(TrainingError, match=r"step 1 of 1: a weight is not finite; .*lower --lr"):
        fit.advance()
    fit.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"bases": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": 1.1},
        {"clip_norm": -1.0},
        {"clip_norm": 1.1e6},
        {"dropout": 1.0},
        {"weight_decay": -0.1},
        {"weight_decay": 101.0},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        FitSettings(**wrong)  # type: ignore[arg-type]


def test_the_largest_settings_overflow_nothing(encoded: EncodedSet) -> None:
    fit = fit_of(encoded, learning_rate=1.0, weight_decay=100.0, clip_norm=1e6)
    weights = weights_after(fit, 3)
    assert all(np.isfinite(array).all() for array in weights.values())


def test_state_files_hold_everything(encoded: EncodedSet) -> None:
    fit = fit_of(encoded)
    fit.advance()
    state = fit.state()
    assert set(state) == {"weights", "exp_avg", "exp_avg_sq"}
    weights = [array.reshape(-1) for array in weights_of(fit.network).values()]
    np.testing.assert_array_equal(state["weights"], np.concatenate(weights))
    fit.close()
