"""Models of several networks: their file, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import succeed
from random_models import combined, random_checkpoint
from safetensors.numpy import save_file

from dnabirnn.errors import ModelFileError
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.architecture import Architecture, Cell, Ensemble
from dnabirnn.network.checkpoint import Checkpoint, weight_shapes
from dnabirnn.network.read_checkpoint import load_checkpoint
from dnabirnn.network.torch_ensemble import EnsembleNetwork
from dnabirnn.network.torch_network import weights_of

A, B = MotifClass("A", True), MotifClass("B", False)


def apart() -> Checkpoint:
    members = random_checkpoint((A,), kmer=3, hidden=5), random_checkpoint((B,), cell=Cell.LSTM)
    return combined(members, (A, B))


def test_round_trip(tmp_path: Path) -> None:
    checkpoint = apart()
    checkpoint.save(tmp_path / "m.safetensors")
    loaded = load_checkpoint(tmp_path / "m.safetensors")
    assert loaded.description()["format_version"] == 3
    assert loaded.architecture == checkpoint.architecture
    assert loaded.architecture.outputs == Architecture((A, B)).outputs
    assert loaded.to_bytes() == checkpoint.to_bytes()
    for (shape, weights), own in zip(loaded.members, checkpoint.members, strict=True):
        assert shape == own.architecture
        assert {n: w.shape for n, w in weights.items()} == weight_shapes(shape)
        np.testing.assert_array_equal(weights["head.weight"], own.weights["head.weight"])


def test_weight_shapes_are_those_of_the_networks() -> None:
    shape = apart().architecture
    assert isinstance(shape, Ensemble)
    found = {name: w.shape for name, w in weights_of(EnsembleNetwork(shape)).items()}
    assert found == weight_shapes(shape)


def test_one_network_has_the_format_that_it_had() -> None:
    assert random_checkpoint().description()["format_version"] == 1
    assert random_checkpoint(kmer=3).description()["format_version"] == 2
    assert len(random_checkpoint().members) == 1


def change(path: Path, edit: Any) -> None:
    """Save a model whose architecture in the file is edited."""
    checkpoint = apart()
    plain = checkpoint.description()
    edit(plain["architecture"])
    save_file(dict(checkpoint.weights), path, {"dnabirnn": json.dumps(plain)})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda shape: shape["members"].pop(), "at least 2 networks"),
        (lambda shape: shape["members"].append(shape["members"][0]), "head.bias has shape None"),
        (lambda shape: shape["members"][0].update(classes=[]), "0 classes"),
        (lambda shape: shape["members"].__setitem__(1, shape["members"][0]), "no member has class"),
        (lambda shape: shape["members"][1].update(exclusive=True), "some members have exclusive"),
        (lambda shape: shape["members"][1].update(layers=1 << 40), "layers, but the file has"),
        (lambda shape: shape["classes"][0].update(stranded=False), "damaged"),
        (lambda shape: shape.update(members=3), "damaged"),
        (lambda shape: [m.update(exclusive=True) for m in shape["members"]], "lacks a class"),
    ],
)
def test_damaged_descriptions_are_told(tmp_path: Path, edit: Any, message: str) -> None:
    path = tmp_path / "m.safetensors"
    change(path, edit)
    with pytest.raises(ModelFileError, match=message) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_info_has_a_line_per_network(tmp_path: Path) -> None:
    apart().save(tmp_path / "m.safetensors")
    text = succeed("info", tmp_path / "m.safetensors").stdout
    assert "networks         2, log-odds averaged, overlapping classes\n" in text
    assert (
        "network 1        gru, 1 layer of 5 hidden units per direction, strand-tied, of A, 3-mers"
        in text
    )
    assert (
        "network 2        lstm, 1 layer of 8 hidden units per direction, strand-tied, of B" in text
    )
    assert "outputs          A +, A -, B ." in text
