from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from random_models import random_checkpoint, random_codes
from safetensors.numpy import save_file

from dnabirnn.errors import ModelFileError, OptionError
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Cell
from dnabirnn.network.call_rules import CallLengths, CallRule
from dnabirnn.network.checkpoint import mapped_weights, weight_shapes
from dnabirnn.network.evidence import EvidenceScale, Pooling, PoolingKind, millinats
from dnabirnn.network.log_odds import LogOddsMap
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.network.torch_network import Network, load_weights, weights_of
from dnabirnn.scoring.model import Model


@pytest.mark.parametrize("cell", list(Cell))
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("exclusive", [True, False])
def test_weight_shapes_are_those_of_the_network(cell: Cell, tied: bool, exclusive: bool) -> None:
    checkpoint = random_checkpoint(cell=cell, tied=tied, exclusive=exclusive, layers=2)
    weights = weights_of(Network(checkpoint.architecture))
    assert {n: w.shape for n, w in weights.items()} == weight_shapes(checkpoint.architecture)


def test_models_with_kmers_have_a_format_of_their_own(tmp_path: Path) -> None:
    """Earlier versions refuse them as newer, and read all others."""
    plain, kmers = random_checkpoint(), random_checkpoint(kmer=3, tied=False)
    assert (plain.description()["format_version"], kmers.description()["format_version"]) == (1, 2)
    assert "kmer" not in plain.description()["architecture"]
    assert kmers.weights["recurrent.1.weight_kmer_l0"].shape == (64, 24)
    kmers.save(tmp_path / "m.safetensors")
    loaded = load_checkpoint(tmp_path / "m.safetensors")
    assert loaded.architecture == kmers.architecture
    assert loaded.to_bytes() == kmers.to_bytes()
    assert weight_shapes(loaded.architecture) == {n: w.shape for n, w in loaded.weights.items()}


@pytest.mark.parametrize("kmer", [-1, 0, 2, 4, 9])
def test_kmers_have_an_odd_length(kmer: int) -> None:
    with pytest.raises(OptionError, match=f"--kmer {kmer}: must be an odd number from 1 to 7"):
        random_checkpoint(kmer=kmer)


def test_round_trip(tmp_path: Path) -> None:
    checkpoint = random_checkpoint(tied=False, layers=2, exclusive=True)
    checkpoint.save(tmp_path / "m.safetensors")
    loaded = load_checkpoint(tmp_path / "m.safetensors")
    assert loaded.description() == checkpoint.description()
    for name, array in checkpoint.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], array)
    assert loaded.to_bytes() == checkpoint.to_bytes()


def test_metadata_is_one_key_of_sorted_json(tmp_path: Path) -> None:
    data = random_checkpoint().to_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert list(header["__metadata__"]) == ["dnabirnn"]
    text = header["__metadata__"]["dnabirnn"]
    assert text == json.dumps(json.loads(text), sort_keys=True)


def broken(path: Path, **changes: object) -> Path:
    """A model file whose description is changed."""
    checkpoint = random_checkpoint()
    plain = checkpoint.description() | changes
    save_file(dict(checkpoint.weights), path, {"dnabirnn": json.dumps(plain)})
    return path


IDENTITY = {"slope": 1, "shift": 0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 99}, "newer than format"),
        ({"format_version": None}, "damaged"),
        ({"architecture": {}}, "damaged"),
        ({"architecture": None}, "damaged"),
        ({"scoring_window": {"length_bp": 10, "halo_bp": 9}}, "damaged"),
        ({"log_odds": {"A": {"slope": 1, "shift": "x"}, "B": IDENTITY}}, "damaged"),
        ({"log_odds": {"A": {"slope": 1, "shift": float("nan")}, "B": IDENTITY}}, "damaged"),
        ({"log_odds": {"A": {"slope": 0, "shift": 0}, "B": IDENTITY}}, "damaged"),
        ({"log_odds": {"A": IDENTITY}}, "damaged"),
        ({"discoveries": {"A": {"bases": {"0.05": 0}, "calls": {}}}}, "damaged"),
        ({"discoveries": {"A": {"bases": {"0.05": 1.5}, "calls": {}}}}, "damaged"),
        ({"discoveries": {"A": {"bases": {}}}}, "damaged"),
        ({"calls": {}}, "damaged"),
        (
            {"calls": {n: {"threshold": 0, "min_length_bp": 1, "merge_gap_bp": 0} for n in "AB"}},
            "damaged",
        ),
        ({"mask": "some"}, "damaged"),
        ({"metrics": 3}, "damaged"),
    ],
)
def test_damaged_descriptions_are_told(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = broken(tmp_path / "m.safetensors", **changes)
    with pytest.raises(ModelFileError, match=message) as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_models_are_told(tmp_path: Path) -> None:
    cases = {
        "text": b">chr1\nACGT\n",
        "empty": b"",
        "huge": (1 << 60).to_bytes(8, "little") + b"{}",
        "cut": random_checkpoint().to_bytes()[:-10],
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelFileError, match=name):
            load_checkpoint(tmp_path / name)
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "foreign")
    with pytest.raises(ModelFileError, match="not a dnabirnn model"):
        load_checkpoint(tmp_path / "foreign")
    with pytest.raises(ModelFileError, match="no such file"):
        load_checkpoint(tmp_path / "missing")
    with pytest.raises(ModelFileError, match="folder"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("change", ["shape", "dtype", "nan", "missing", "extra"])
def test_weights_are_checked(tmp_path: Path, change: str) -> None:
    checkpoint = random_checkpoint()
    weights = dict(checkpoint.weights)
    bias = weights["head.bias"]
    weights["head.bias"] = {
        "shape": bias[:1],
        "dtype": bias.astype(np.float64),
        "nan": np.full_like(bias, np.nan),
    }.get(change, bias)
    if change == "missing":
        del weights["head.bias"]
    if change == "extra":
        weights["other"] = bias
    dataclasses.replace(checkpoint, weights=weights).save(tmp_path / "m")
    with pytest.raises(ModelFileError, match="other" if change == "extra" else "head.bias"):
        load_checkpoint(tmp_path / "m")


def test_class_names_of_any_letters_survive(tmp_path: Path) -> None:
    checkpoint = random_checkpoint((MotifClass('é/1 "x"', True),))
    checkpoint.save(tmp_path / "m")
    assert load_checkpoint(tmp_path / "m").architecture == checkpoint.architecture


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("exclusive", [True, False])
def test_mapped_weights_map_the_log_odds(tied: bool, exclusive: bool) -> None:
    classes = (MotifClass("A", True), MotifClass("B", False), MotifClass("C", True))
    checkpoint = random_checkpoint(classes, tied=tied, exclusive=exclusive)
    maps = (LogOddsMap(0.5, -1.0), LogOddsMap(2.0, 0.25), LogOddsMap(1.0, 3.0))
    columns = np.array([maps[k] for k in (0, 0, 1, 2, 2)])
    codes = torch.randint(0, 5, (3, 40), dtype=torch.uint8)
    before, after = Network(checkpoint.architecture), Network(checkpoint.architecture)
    load_weights(before, checkpoint.weights)
    load_weights(after, mapped_weights(checkpoint.architecture, checkpoint.weights, maps))
    with torch.no_grad():
        plain, mapped = before(codes).numpy(), after(codes).numpy()
    if exclusive:
        np.testing.assert_allclose(mapped[..., 0], 0, atol=1e-6)
        plain, mapped = plain[..., 1:] - plain[..., :1], mapped[..., 1:]
    expected = columns[:, 0] * plain + columns[:, 1]
    np.testing.assert_allclose(mapped, expected, atol=1e-4, rtol=1e-4)


def test_a_prior_moves_the_odds_as_bayes_says() -> None:
    checkpoint = random_checkpoint()
    training = {"prevalence": {"A": {"sequence": 0.1, "sampled": 0.5, "calibrated": 0.2}}}
    checkpoint = dataclasses.replace(checkpoint, training=training)
    codes = random_codes(np.random.default_rng(2), 60, ambiguous=0)  # one window
    before = Model(checkpoint, device="cpu").score(codes).astype(np.float64)
    rarer = checkpoint.with_prior({"A": 0.01})
    after = Model(rarer, device="cpu").score(codes)
    odds = before[:, :2] / (1 - before[:, :2]) * (0.01 / 0.99) / (0.2 / 0.8)
    np.testing.assert_allclose(after[:, :2], np.clip(odds / (1 + odds), 1e-6, 1), atol=1e-5)
    np.testing.assert_allclose(after[:, 2], before[:, 2], atol=1e-6)
    same = checkpoint.with_prior({"A": 0.2})
    np.testing.assert_allclose(Model(same, device="cpu").score(codes), before, atol=1e-6)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"Z": 0.1}, r"--prior Z=0.1: the model has no such class; it has A, B"),
        ({"A": 0.0}, r"--prior A=0: must be more than 0 and less than 1"),
        ({"A": float("nan")}, r"--prior A=nan: must be more than 0"),
        ({"B": 0.1}, r"--prior B: the model file does not have the share of B"),
    ],
)
def test_priors_that_make_no_sense(shares: dict[str, float], message: str) -> None:
    training = {"prevalence": {"A": {"sequence": 0.1, "sampled": 0.5, "calibrated": 0.2}}}
    checkpoint = dataclasses.replace(random_checkpoint(), training=training)
    with pytest.raises(OptionError, match=message):
        checkpoint.with_prior(shares)


def test_priors_of_classes_that_exclude_one_another_leave_room_for_background() -> None:
    checkpoint = random_checkpoint(exclusive=True)
    told = {"A": {"calibrated": 0.2}, "B": {"calibrated": 0.1}}
    checkpoint = dataclasses.replace(checkpoint, training={"prevalence": told})
    with pytest.raises(OptionError, match=r"leave no background"):
        checkpoint.with_prior({"A": 0.45, "B": 0.2})
    half = dataclasses.replace(checkpoint, training={"prevalence": {"A": told["A"]}})
    with pytest.raises(OptionError, match=r"does not have the share of B"):
        half.with_prior({"A": 0.1})


def test_a_class_without_a_threshold_has_a_format_of_its_own(tmp_path: Path) -> None:
    """Earlier versions refuse such a model as newer; all others keep their format."""
    every = random_checkpoint(kmer=3)
    some = dataclasses.replace(
        every, calls={"B": CallRule(300, 2, 1)}, unlearned={"A": CallLengths(7, 5)}
    )
    assert (every.description()["format_version"], some.description()["format_version"]) == (2, 3)
    expected = {"threshold": None, "min_length_bp": 7, "merge_gap_bp": 5}
    assert some.description()["calls"]["A"] == expected
    some.save(tmp_path / "m.safetensors")
    loaded = load_checkpoint(tmp_path / "m.safetensors")
    assert (loaded.calls, loaded.unlearned) == (some.calls, some.unlearned)
    assert loaded.to_bytes() == some.to_bytes()
    for name, value in (("min_length_bp", -1), ("merge_gap_bp", None)):
        plain = some.description()
        plain["calls"]["A"][name] = value
        save_file(dict(some.weights), tmp_path / "d.safetensors", {"dnabirnn": json.dumps(plain)})
        with pytest.raises(ModelFileError, match="description is damaged"):
            load_checkpoint(tmp_path / "d.safetensors")


def test_a_class_called_by_evidence_has_a_format_of_its_own(tmp_path: Path) -> None:
    rules = {"A": CallRule(300, 2, 1, least_evidence=7000), "B": CallRule(400)}
    told = {"A": {"sequence": 0.1, "sampled": 0.5, "calibrated": 0.2}, "B": {"calibrated": 1.5}}
    checkpoint = dataclasses.replace(
        random_checkpoint(),
        calls=rules,
        absent={"A": -1500},
        poolings={"A": Pooling(length_bp=40), "B": Pooling(PoolingKind.MEAN, 7)},
        training={"prevalence": told},
    )
    plain = checkpoint.description()
    assert plain["format_version"] == 4
    assert plain["calls"]["A"] == {
        "threshold": 300, "min_length_bp": 2, "merge_gap_bp": 1, "least_evidence": 7000,
        "absent": -1500, "evidence": {"kind": "sum", "length_bp": 40},
    }  # fmt: skip
    assert plain["calls"]["B"] == {
        "threshold": 400, "min_length_bp": 1, "merge_gap_bp": 0,
        "evidence": {"kind": "mean", "length_bp": 7},
    }  # fmt: skip
    checkpoint.save(tmp_path / "m.safetensors")
    loaded = load_checkpoint(tmp_path / "m.safetensors")
    assert (loaded.calls, loaded.absent) == (rules, {"A": -1500})
    assert loaded.poolings == checkpoint.poolings
    assert loaded.to_bytes() == checkpoint.to_bytes()
    # the share of B is no share, and is as if it were missing
    assert loaded.evidence_scales() == {
        "A": EvidenceScale(millinats(0.2), -1500, 100, Pooling(length_bp=40))
    }
    moved = loaded.with_prior({"A": 0.01})
    assert moved.evidence_scales()["A"].prior == millinats(0.01)
    assert loaded.training["prevalence"]["A"]["calibrated"] == 0.2
    for name, value in (
        ("least_evidence", -1),
        ("absent", 1e9),
        ("absent", "low"),
        ("evidence", "sum"),
        ("evidence", {"kind": "middle", "length_bp": 7}),
        ("evidence", {"kind": "sum"}),
        ("evidence", {"kind": "mean", "length_bp": 0}),
        ("evidence", {"kind": "mean", "length_bp": "7"}),
    ):
        damaged = checkpoint.description()
        damaged["calls"]["A"] = {**plain["calls"]["A"], name: value}
        text = {"dnabirnn": json.dumps(damaged)}
        save_file(dict(checkpoint.weights), tmp_path / "d.safetensors", text)
        with pytest.raises(ModelFileError, match="description is damaged"):
            load_checkpoint(tmp_path / "d.safetensors")
