"""What is for GPUs, as far as a machine without one can tell."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from planted import encoded_set, write_genome
from random_models import random_checkpoint, random_codes

from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import split_plan
from dnabirnn.engine.choose import make_engine, trains_fused
from dnabirnn.engine.devices import bases_that_fit, set_precision
from dnabirnn.engine.fused_engine import FusedEngine
from dnabirnn.engine.torch_engine import TorchEngine
from dnabirnn.errors import OptionError
from dnabirnn.labels.load import load_labels
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture, Cell
from dnabirnn.network.torch_network import Network
from dnabirnn.training.device_batches import Resident
from dnabirnn.training.fit import Fit, FitSettings
from dnabirnn.training.processes import Hardware, launch
from dnabirnn.training.sampling import Sampler, SamplingSettings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    return encoded_set(tmp_path_factory.mktemp("devices"))


def assert_same_batches(sampler: Sampler) -> None:
    resident = Resident(sampler, CPU)
    for step in range(5):
        sampler.flank_bp = 7 * step
        ours, theirs = resident.batch(step), sampler.batch(step)
        for tensor, array in zip(ours, theirs, strict=True):
            assert tensor.numpy().dtype == array.dtype
            np.testing.assert_array_equal(tensor.numpy(), array)
        for tensor, array in zip(ours.part(slice(3, 7)), theirs.part(slice(3, 7)), strict=True):
            np.testing.assert_array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("either_strand", [False, True])
@pytest.mark.parametrize("classes", [1, 4, 31])
@pytest.mark.parametrize("mutation_rate", [0.0, 0.2])
def test_windows_cut_on_a_device_are_those_cut_on_the_host(
    tmp_path: Path, either_strand: bool, classes: int, mutation_rate: float
) -> None:
    """All widths of labels, the highest bit of each included; ignored bases; short contigs."""
    fasta, _ = write_genome(tmp_path, {"a": 4000, "b": 30, "c": 900, "d": 500, "e": 500})
    rng = np.random.default_rng(classes)
    rows = []
    for number in range(classes):
        for strand in "+-":
            start = int(rng.integers(3800))
            rows.append(f"a\t{start}\t{start + 150}\tM{number}\t0\t{strand}\n")
    rows.append("c\t100\t700\tcloudy\t0\t+\nb\t3\t20\tM0\t0\t-\n")
    (tmp_path / "sites.bed").write_text("".join(rows))
    labels = load_labels([tmp_path / "sites.bed"], ignore_classes=["cloudy"])
    split = split_plan(val_chroms=["d"], test_chroms=["e"])
    encoded = encode_genome([fasta], labels, tmp_path / "set", split=split)
    settings = SamplingSettings(60, 40, mutation_rate=mutation_rate)
    sampler = Sampler(encoded, settings, either_strand)
    assert_same_batches(sampler)
    shape = (len(encoded.codes), 2 * classes)
    sampler.answers = rng.integers(0, 1 << 16, shape, dtype=np.uint16)
    assert_same_batches(sampler)


def fit_of(encoded: EncodedSet, **settings: object) -> Fit:
    torch.manual_seed(0)
    network = Network(Architecture(encoded.classes, hidden=8))
    sampler = Sampler(encoded, SamplingSettings(window_bp=60, batch_windows=50))
    fabric = Fabric(accelerator="cpu", devices=1)
    options = FitSettings(bases=60 * 50 * 4, dropout=0.0)
    return Fit(fabric, network, sampler, options, fused=False, **settings)  # type: ignore[arg-type]


def out_of_memory_beyond(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """Let a network fail with more windows than a device has room for; windows it is given."""
    forward, given = Network.forward, []

    def limited(
        network: Network, codes: torch.Tensor, dropout: object = None, flanked: object = None
    ) -> torch.Tensor:
        given.append(len(codes))
        if len(codes) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(network, codes, dropout, flanked)  # type: ignore[arg-type]

    monkeypatch.setattr(Network, "forward", limited)
    return given


def test_training_goes_on_with_fewer_windows_where_memory_runs_out(
    encoded: EncodedSet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = fit_of(encoded)
    expected = [whole.advance() for _ in range(3)]
    fit = fit_of(encoded)
    given = out_of_memory_beyond(monkeypatch, 9)
    with caplog.at_level(logging.WARNING):
        losses = [fit.advance() for _ in range(3)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert max(given[3:]) == 8
    assert [r.message.split("; ")[0] for r in caplog.records] == [
        f"cpu: out of memory with {n} windows at a time" for n in (32, 16)
    ]


def test_training_that_finds_no_memory_at_all_fails(
    encoded: EncodedSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = fit_of(encoded)
    out_of_memory_beyond(monkeypatch, 0)
    with pytest.raises(torch.OutOfMemoryError):
        fit.advance()


def test_scoring_goes_on_with_fewer_windows_where_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = random_checkpoint((MotifClass("A", True),), hidden=16)
    rng = np.random.default_rng(0)
    codes = np.stack([random_codes(rng, 64) for _ in range(48)])
    expected = TorchEngine.of_checkpoint(checkpoint, "cpu").score(codes)
    engine = TorchEngine.of_checkpoint(checkpoint, "cpu")
    given = out_of_memory_beyond(monkeypatch, 13)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(engine.score(codes), expected, atol=1e-5)
        np.testing.assert_allclose(engine.score(codes), expected, atol=1e-5)
    assert given == [48, 24, *[12] * 8]
    assert len(caplog.records) == 2
    out_of_memory_beyond(monkeypatch, 0)
    with pytest.raises(torch.OutOfMemoryError):
        engine.score(codes)


@pytest.mark.parametrize("training", [False, True])
def test_batches_are_made_for_the_memory_there_is(
    monkeypatch: pytest.MonkeyPatch, training: bool
) -> None:
    free = 1 << 34
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    small, large = (Architecture((MotifClass("A", True),), Cell.GRU, n, 2) for n in (32, 512))
    cuda = torch.device("cuda")
    assert bases_that_fit(CPU, small, training=training) > 1 << 40
    some = bases_that_fit(cuda, small, training=training)
    assert some > 8 * bases_that_fit(cuda, large, training=training) > 0
    # States and gates of both directions and layers, each a float32.
    assert some * 2 * 2 * 4 * 32 * 4 < free


def test_reduced_precision_is_close_to_the_full(tmp_path: Path) -> None:
    checkpoint = random_checkpoint((MotifClass("A", True),), hidden=16)
    codes = np.stack([random_codes(np.random.default_rng(0), 64) for _ in range(16)])
    exact = make_engine(checkpoint, device="cpu").score(codes)
    engine = make_engine(checkpoint, "torch", "cpu", "bf16")
    reduced = engine.score(codes)
    assert 1e-5 < np.abs(reduced - exact).max() < 0.03


def test_an_lstm_that_torch_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("could not create a primitive descriptor for the LSTM")

    monkeypatch.setattr(torch.nn.LSTM, "forward", fail)
    lstm = random_checkpoint((MotifClass("A", True),), cell=Cell.LSTM)
    with pytest.raises(OptionError, match=r"--precision bf16: torch has no LSTM in bf16 for this"):
        make_engine(lstm, "torch", "cpu", "bf16")
    make_engine(random_checkpoint((MotifClass("A", True),)), "torch", "cpu", "bf16")
    make_engine(lstm, "torch", device="cpu")


def test_precisions_and_engines_that_do_not_go_together() -> None:
    checkpoint = random_checkpoint((MotifClass("A", True),))
    with pytest.raises(OptionError, match=r"tf32: needs a CUDA device, not cpu; use f32"):
        make_engine(checkpoint, device="cpu", precision="tf32")
    with pytest.raises(OptionError, match=r"precision f16: must be one of f32, tf32, bf16"):
        make_engine(checkpoint, device="cpu", precision="f16")
    with pytest.raises(OptionError, match=r"engine fused: .* f32 or bf16, not on cpu in tf32"):
        make_engine(checkpoint, "fused", "cpu", "tf32")
    with pytest.raises(OptionError, match=r"engine fused: trains on CPUs in f32"):
        trains_fused("fused", "cpu", "bf16")
    with pytest.raises(OptionError, match=r"must be one of auto, fused, torch"):
        trains_fused("fast", "cpu", "f32")
    with pytest.raises(OptionError, match=r"tf32: needs a CUDA device"):
        launch(Hardware("cpu", precision="tf32"))
    assert trains_fused("auto", "cpu", "f32")
    assert not trains_fused("auto", "cuda", "f32")
    assert not trains_fused("torch", "cpu", "f32")
    assert not trains_fused("auto", "cpu", "f32", Cell.GRU_LN)
    with pytest.raises(
        OptionError, match="--engine fused: can score with --cell gru-ln, but cannot"
    ):
        trains_fused("fused", "cpu", "f32", Cell.GRU_LN)
    assert isinstance(make_engine(checkpoint, device="cpu"), FusedEngine)


def test_whoever_computes_sets_the_precision_again(encoded: EncodedSet) -> None:
    """Validation in float32 must not change how a GPU trains, nor the other way round."""
    cuda = torch.device("cuda")
    backend = torch.backends.cuda.matmul
    checkpoint = random_checkpoint((MotifClass("A", True),))
    engine = TorchEngine.of_checkpoint(checkpoint, "cpu")
    fit = fit_of(encoded)
    try:
        for compute in (lambda: engine.score(np.zeros((16, 32), np.uint8)), fit.advance):
            set_precision("tf32", cuda)
            assert backend.allow_tf32
            assert torch.backends.cudnn.allow_tf32
            compute()
            assert not backend.allow_tf32
            assert not torch.backends.cudnn.allow_tf32
    finally:
        set_precision("f32", cuda)
        fit.close()


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_engines_train_alike(encoded: EncodedSet, dropout: float) -> None:
    """The loss falls along one curve: to rounding, or, with dropout of other draws, nearly."""
    curves = []
    for fused in (True, False):
        torch.manual_seed(0)
        network = Network(Architecture(encoded.classes, hidden=8))
        sampler = Sampler(encoded, SamplingSettings(window_bp=60, batch_windows=40))
        settings = FitSettings(bases=60 * 40 * 60, dropout=dropout, learning_rate=1e-2)
        fit = Fit(Fabric(accelerator="cpu", devices=1), network, sampler, settings, fused=fused)
        curves.append([fit.advance() for _ in range(60)])
        fit.close()
    np.testing.assert_allclose(*curves, rtol=1e-3 if dropout == 0 else 0.2)
