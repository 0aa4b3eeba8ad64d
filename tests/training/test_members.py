"""Runs that train several networks for one model."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from planted import write_genome
from random_models import combined, random_checkpoint, random_codes

from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.encoded_set import EncodedSet
from dnabirnn.encoded.splits import split_plan
from dnabirnn.errors import OptionError
from dnabirnn.labels.load import load_labels
from dnabirnn.network.architecture import Architecture, Ensemble
from dnabirnn.network.checkpoint import Checkpoint
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.scoring.model import Model
from dnabirnn.training.fit import FitSettings
from dnabirnn.training.members import planned_members, train_members
from dnabirnn.training.plan import TrainingPlan
from dnabirnn.training.processes import Hardware
from dnabirnn.training.sampling import SamplingSettings
from dnabirnn.training.training_run import TrainingProgress, train

SAMPLING = SamplingSettings(window_bp=80, batch_windows=48, seed=3)
STEPS = 12
QUICK = FitSettings(bases=80 * 48 * STEPS, learning_rate=2e-2)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedSet:
    """A set of two classes: every third site is of class N, without strands."""
    folder = tmp_path_factory.mktemp("members")
    fasta, bed = write_genome(folder, {"a": 60_000, "b": 20_000, "c": 6_000})
    rows = [row.split("\t") for row in bed.read_text().splitlines()]
    for row in rows[::3]:
        row[3] = "N"
    bed.write_text("".join("\t".join(row) + "\n" for row in rows))
    labels = load_labels([bed], unstranded=["N"])
    split = split_plan(val_chroms=["b"], test_chroms=["c"])
    return encode_genome([fasta], labels, folder / "set", split=split)


def shape_of(encoded: EncodedSet) -> Architecture:
    return Architecture(encoded.classes, hidden=6, kmer=3)


def quick(encoded: EncodedSet, path: Path, **options: object) -> Checkpoint:
    given = {"validations": 2, "log_path": path.with_suffix(".csv")} | options
    return train_members(encoded, path, shape_of(encoded), SAMPLING, QUICK, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pair(encoded: EncodedSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pair") / "m.safetensors"
    quick(encoded, path, ensemble=2)
    return path


def test_members_have_seeds_and_classes_of_their_own(encoded: EncodedSet) -> None:
    planned = planned_members(encoded, shape_of(encoded), SAMPLING, 2, separate=True)
    assert [(*(c.name for c in p.architecture.classes), p.sampling.seed) for p in planned] == [
        ("M", 3),
        ("M", 4),
        ("N", 3),
        ("N", 4),
    ]
    assert all(p.encoded.classes == p.architecture.classes for p in planned)
    together = planned_members(encoded, shape_of(encoded), SAMPLING, 2, separate=False)
    assert [p.sampling.seed for p in together] == [3, 4]


def test_an_ensemble_is_one_model(encoded: EncodedSet, pair: Path) -> None:
    checkpoint = load_checkpoint(pair)
    assert isinstance(checkpoint.architecture, Ensemble)
    assert checkpoint.architecture.classes == encoded.classes
    one, other = (weights["head.weight"] for _, weights in checkpoint.members)
    assert np.abs(one - other).max() > 1e-3
    assert checkpoint.training["ensemble"] == 2
    assert checkpoint.metrics["classes"].keys() == {"M", "N"}
    assert not Path(f"{pair}.resume").exists()
    with pair.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    assert steps == sorted(set(steps))
    assert steps[-1] == 2 * STEPS
    assert int(rows[-1]["bases"]) == 2 * QUICK.bases


def test_threads_do_not_change_the_bytes(encoded: EncodedSet, pair: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    quick(encoded, path, ensemble=2, hardware=Hardware(threads=2))
    torch.testing.assert_close(torch.rand(3), expected)
    assert path.read_bytes() == pair.read_bytes()


@pytest.mark.parametrize("reports", [1, STEPS, STEPS + 1, 2 * STEPS])
def test_a_stopped_run_ends_in_the_bytes_of_the_whole_one(
    encoded: EncodedSet, pair: Path, tmp_path: Path, reports: int
) -> None:
    path, seen = tmp_path / "m.safetensors", []

    def stop(now: TrainingProgress) -> None:
        seen.append(now.bases)
        if len(seen) == reports:
            raise KeyboardInterrupt

    number = 1 if reports <= STEPS else 2
    with pytest.raises(KeyboardInterrupt) as caught:
        quick(encoded, path, ensemble=2, report=stop)
    assert caught.value.__notes__[-1].startswith(f"network {number} of 2: interrupted at step ")
    assert "nothing is kept" not in caught.value.__notes__[-1] or number == 1
    assert not path.exists()
    seen.clear()
    quick(encoded, path, ensemble=2, report=lambda now: seen.append(now.bases))
    assert path.read_bytes() == pair.read_bytes()
    assert len(seen) <= 2 * STEPS
    assert number == 1 or min(seen, default=2 * QUICK.bases) > QUICK.bases
    assert not Path(f"{path}.resume").exists()


def test_one_network_is_that_of_train(encoded: EncodedSet, tmp_path: Path) -> None:
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    quick(encoded, one)
    train(encoded, other, shape_of(encoded), SAMPLING, QUICK, validations=2)
    assert one.read_bytes() == other.read_bytes()


def test_a_class_apart_is_its_own_network(encoded: EncodedSet, tmp_path: Path) -> None:
    """Its log-odds are those of the network trained alone, up to a slope and a shift."""
    apart = quick(encoded, tmp_path / "apart.safetensors", separate=True, matrix=False)
    codes = random_codes(np.random.default_rng(0), 3000, ambiguous=0)
    for name in ("M", "N"):
        alone = encoded.only(name)
        own = quick(alone, tmp_path / f"{name}.safetensors", matrix=False)
        columns = apart.architecture.columns(name)
        x, y = (
            np.log(p) - np.log1p(-p)
            for p in (
                Model(own, device="cpu").score(codes).astype(np.float64).ravel(),
                Model(apart, device="cpu").score(codes)[:, columns].astype(np.float64).ravel(),
            )
        )
        slope, shift = np.polyfit(x, y, 1)
        assert x.std() > 0.01
        assert slope > 0
        np.testing.assert_allclose(slope * x + shift, y, atol=1e-3)
        assert apart.metrics["classes"][name]["ap_stranded"] == pytest.approx(
            own.metrics["classes"][name]["ap_stranded"], abs=2e-3
        )


def test_exclusive_classes_are_averaged_but_not_trained_apart(
    encoded: EncodedSet, tmp_path: Path
) -> None:
    shape = Architecture(encoded.classes, hidden=4, exclusive=True)
    path = tmp_path / "m.safetensors"
    settings = FitSettings(bases=80 * 48 * 2)
    made = train_members(encoded, path, shape, SAMPLING, settings, ensemble=2, validations=1)
    assert made.architecture.exclusive
    scores = Model(made, device="cpu").score(random_codes(np.random.default_rng(0), 300))
    assert scores.sum(axis=1).max() <= 1 + 1e-5
    with pytest.raises(OptionError, match="--separate: --exclusive"):
        train_members(encoded, path, shape, SAMPLING, settings, separate=True)


def test_a_model_of_several_networks_is_no_start(encoded: EncodedSet, tmp_path: Path) -> None:
    initial = combined([random_checkpoint(encoded.classes, seed=s) for s in range(2)])
    with pytest.raises(OptionError, match="--init: a model of 2 networks"):
        quick(encoded, tmp_path / "m.safetensors", initial=initial)


def test_an_estimate_counts_all_networks(encoded: EncodedSet, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    parts = (encoded, path, shape_of(encoded), SAMPLING, QUICK, Hardware())
    one, five = (sum(TrainingPlan(*parts, ensemble=n).bound().disk_bytes.values()) for n in (1, 5))
    assert five == 5 * one


STEP_BP = 80 * 48


def ungiven(encoded: EncodedSet, path: Path, **options: object) -> Checkpoint:
    """A run without a number of bases, whose validation does not improve."""
    settings = FitSettings(learning_rate=1e-9)
    given = {"log_path": path.with_suffix(".csv")} | options
    return train_members(encoded, path, shape_of(encoded), SAMPLING, settings, **given)  # type: ignore[arg-type]


def test_each_network_ends_early(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnabirnn.training.fit.default_bases", lambda classes: 40 * STEP_BP)
    seen: list[TrainingProgress] = []
    path = tmp_path / "m.safetensors"
    made = ungiven(encoded, path, ensemble=2, report=seen.append)
    assert made.training["trained_bases"] == [20 * STEP_BP] * 2
    assert seen[0].total_bases == 80 * STEP_BP
    assert seen[-1].bases == seen[-1].total_bases == 40 * STEP_BP
    assert [now.bases for now in seen] == sorted(now.bases for now in seen)
    with path.with_suffix(".csv").open() as file:
        assert int(list(csv.DictReader(file))[-1]["step"]) == 40
    # Interrupted in the second network, after both have begun to end.
    monkeypatch.setattr("dnabirnn.training.training_run._SECONDS_BETWEEN_STATES", 0.0)
    bytes_of, again = path.read_bytes(), tmp_path / "again.safetensors"

    def stop(now: TrainingProgress) -> None:
        if now.bases == 38 * STEP_BP:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        ungiven(encoded, again, ensemble=2, report=stop)
    left: list[TrainingProgress] = []
    ungiven(encoded, again, ensemble=2, report=left.append)
    assert left[0].bases == 38 * STEP_BP
    assert again.read_bytes() == bytes_of


def test_the_number_of_bases_follows_the_classes_of_a_network(
    encoded: EncodedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnabirnn.training.fit.default_bases", lambda classes: classes * STEP_BP)
    for separate, bases in ((False, [2]), (True, [1, 1])):
        path = tmp_path / f"{separate}.safetensors"
        made = ungiven(encoded, path, separate=separate)
        assert made.training["trained_bases"] == [steps * STEP_BP for steps in bases]
        assert made.training["fit"]["bases"] == bases[0] * STEP_BP
        settings = FitSettings(scale=2)
        plan = TrainingPlan(
            encoded, path, shape_of(encoded), SAMPLING, settings, Hardware(), separate=separate
        )
        assert plan.total_bases() == 4 * STEP_BP
