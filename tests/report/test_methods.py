"""Text to paste: a paragraph that says what the model says, and a citation."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

import pytest
from commands import make_material

from dnabirnn.report.material import Material
from dnabirnn.report.methods import citation, methods_text


def test_a_citation_names_the_version() -> None:
    assert citation().startswith("@software{dnabirnn,\n  title = {dnabirnn: Per-base")
    assert f"version = {{{version('dnabirnn')}}}" in citation()


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = make_material(tmp_path_factory.mktemp("methods"))
    (folder / "calls.bed").write_text("a\t0\t10\tM\t900\t+\n")
    (folder / "a.sizes").write_text("a\t2000\nb\t1000\n")
    return Material.read(
        model=folder / "m.safetensors",
        assemblies=[folder / "calls.bed"],
        sizes=[folder / "a.sizes"],
    )


def test_a_paragraph_about_a_model(material: Material) -> None:
    assert material.model is not None
    text = methods_text(material)
    assert f"dnabirnn {version('dnabirnn')}" in text
    assert f"m.safetensors (SHA-256 {material.model.sha256[:16]}) is a bidirectional" in text
    assert "M: probability of 0.500 or more, at least" in text
    assert "The assemblies scored were calls (3,000 bases)." in text
    assert "trained" not in text  # these weights are random
    entry = {"ap": 0.912, "ap_ci": [0.9, 0.925], "bases": 12345}
    metrics = {"run": {"splits": ["test"], "classes": {"M": entry, "N": None}}}
    told = methods_text(replace(material, metrics=metrics))
    assert (
        "On the test split, its average precision for M is 0.912 (95 % interval 0.900 to 0.925), "
        "over 12,345 bases." in told
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "30 Mb of"),
        ({"trained_bases": [18_000_000]}, "18 Mb of"),
        ({"trained_bases": [18_000_000, 30_000_123]}, "18 and 30 Mb of"),
    ],
)
def test_a_paragraph_about_training(
    material: Material, more: dict[str, list[int]], words: str
) -> None:
    assert material.model is not None
    training = {
        "fit": {"bases": 30_000_000},
        "sampling": {"window_bp": 200, "seed": 7},
        "inputs": {"fasta": [{"name": "a.fa"}, {"name": "b.fa"}], "labels": [{"name": "s.bed"}]},
        "versions": {"dnabirnn": "0.0.9"},
    }
    training |= more
    checkpoint = replace(material.model.checkpoint, training=training)
    text = methods_text(replace(material, model=material.model._replace(checkpoint=checkpoint)))
    assert (
        f"It was trained with dnabirnn 0.0.9 on {words} windows of 200 bp from a.fa and b.fa "
        "(fasta) and s.bed (labels), with seed 7." in text
    )
