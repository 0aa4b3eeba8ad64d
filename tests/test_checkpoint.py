from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import random_checkpoint
from safetensors.numpy import save_file

from dnabirnn.architecture import Cell, MotifClass
from dnabirnn.checkpoint import load_checkpoint, weight_shapes
from dnabirnn.errors import ModelFileError
from dnabirnn.network import Network, weights_of


@pytest.mark.parametrize("cell", list(Cell))
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("exclusive", [True, False])
def test_weight_shapes_are_those_of_the_network(cell: Cell, tied: bool, exclusive: bool) -> None:
    checkpoint = random_checkpoint(cell=cell, tied=tied, exclusive=exclusive, layers=2)
    weights = weights_of(Network(checkpoint.architecture))
    assert {n: w.shape for n, w in weights.items()} == weight_shapes(checkpoint.architecture)


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 99}, "newer than this dnabirnn"),
        ({"format_version": None}, "damaged"),
        ({"architecture": {}}, "damaged"),
        ({"architecture": None}, "damaged"),
        ({"scoring_window": {"length_bp": 10, "halo_bp": 9}}, "damaged"),
        ({"prior_shift": {"A": "x", "B": 0}}, "damaged"),
        ({"prior_shift": {"A": float("nan"), "B": 0}}, "damaged"),
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
    with pytest.raises(ModelFileError, match="no dnabirnn model"):
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
