"""Motifs of classes: found by name, turned into log-odds, and written from a model."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from Bio import motifs as bio
from commands import content, run, succeed, write_model
from numpy.typing import NDArray
from random_models import random_checkpoint

from dnabirnn.errors import ModelFileError, MotifError
from dnabirnn.motif_classes import MotifClass
from dnabirnn.motifs.class_motifs import ClassMotifs, model_motifs, read_class_motifs
from dnabirnn.motifs.motif import BACKGROUND_SHARE, Motif, read_motifs
from dnabirnn.motifs.scanner import background_of
from dnabirnn.network.architecture import MAX_COLUMNS, MatrixShape
from dnabirnn.network.checkpoint import Checkpoint

CLASSES = (MotifClass("Reb1", True), MotifClass("two words", False), MotifClass("Rap1", True))
JASPAR = """\
>MA0363.1 REB1
A [ 0 3 79 ]
C [94 75 4 ]
G [ 1 0 3 ]
T [ 2 19 11 ]
>Rap1 other
A [ 1 0 0 0 ]
C [ 1 4 0 0 ]
G [ 1 0 4 0 ]
T [ 1 0 0 4 ]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "motifs.jaspar"
    path.write_text(text)
    return path


def wide(width: int) -> str:
    return "".join(f"{base} [{' 1' * width} ]\n" for base in "ACGT")


def model_of(given: ClassMotifs, gc: float, training: dict[str, object]) -> Checkpoint:
    """A random model with the log-odds of motifs."""
    shapes = tuple(motif and MatrixShape(motif.width_bp, 0) for motif in given.motifs)
    checkpoint = random_checkpoint(CLASSES, matrices=shapes)
    weights = dict(checkpoint.weights)
    for number in range(len(CLASSES)):
        log_odds = given.log_odds(number, background_of(gc))
        if log_odds is not None:
            weights[f"matrix.{number}.log_odds"] = log_odds
    return replace(checkpoint, weights=weights, training={**checkpoint.training, **training})


# --- found by name --------------------------------------------------------------------------------


def test_classes_are_found_by_identifier_or_name_in_any_case(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="dnabirnn"):
        path = written(tmp_path, JASPAR)
        found = read_class_motifs(path, ["reb1", "RAP1", "MA0363.1", "Abf1"])
    assert [motif and motif.identifier for motif in found.motifs] == [
        "MA0363.1",
        "Rap1",
        "MA0363.1",
        None,
    ]
    assert f"{path}: no motif for Abf1, which start from random weights" in caplog.text
    spaced = written(tmp_path, f">two words\n{wide(2)}>x two_words\n{wide(3)}")
    assert read_class_motifs(spaced, ["words"]).motifs[0] is not None
    with pytest.raises(MotifError, match="no motif has the name"):
        read_class_motifs(spaced, ["other"])


BAD = {
    "no class": (
        JASPAR,
        ["Abf1", "Cbf1"],
        "no motif has the name of a class; the classes are Abf1, Cbf1, and the motifs REB1, other;",
    ),
    "two motifs of a class": (
        JASPAR + ">MA0363.2 Reb1\n" + wide(3),
        ["reb1"],
        "2 motifs have the name of class reb1: MA0363.1, MA0363.2; keep one of them,",
    ),
    "too wide": (
        JASPAR + ">wide\n" + wide(MAX_COLUMNS + 1),
        ["Reb1", "wide"],
        "motif wide has 513 columns, and a network reads at most 512; cut it, or remove it",
    ),
    "no motifs": ("", ["Reb1"], "no motifs; the file is empty"),
}


@pytest.mark.parametrize(("text", "classes", "message"), BAD.values(), ids=BAD)
def test_files_that_do_not_fit_are_met_with_one_line(
    tmp_path: Path, text: str, classes: list[str], message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(MotifError) as error:
        read_class_motifs(path, classes)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_the_widest_motif_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, ">wide\n" + wide(MAX_COLUMNS))
    (motif,) = read_class_motifs(path, ["wide"]).motifs
    assert motif is not None
    assert motif.width_bp == MAX_COLUMNS


def test_log_odds_are_those_of_shares_with_some_background() -> None:
    given = ClassMotifs("m", (Motif("m", "m", np.array([[3.0, 1, 0, 0]])), None))
    background = background_of(0.4)
    found = given.log_odds(0, background)
    assert found is not None
    assert found.dtype == np.float32
    expected = [
        math.log((0.99 * p + 0.01 * b) / b)
        for p, b in zip((0.75, 0.25, 0, 0), (0.3, 0.2, 0.2, 0.3), strict=True)
    ]
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)
    assert given.log_odds(1, background) is None


def test_the_digest_is_that_of_the_matrices_of_the_classes(tmp_path: Path) -> None:
    def digest(text: str, classes: list[str]) -> object:
        return read_class_motifs(written(tmp_path, text), classes).to_json()["sha256"]

    first = digest(JASPAR, ["Reb1", "Rap1"])
    assert digest(JASPAR.replace(">Rap1 other", ">MA1.1 rap1"), ["Reb1", "Rap1"]) == first
    assert digest(JASPAR.replace("79", "80"), ["Reb1", "Rap1"]) != first
    assert digest(JASPAR, ["Rap1", "Reb1"]) != first
    assert digest(JASPAR, ["Reb1", "none"]) != digest(JASPAR, ["none", "Reb1"])


# --- written from a model -------------------------------------------------------------------------


@pytest.fixture
def given() -> ClassMotifs:
    rng = np.random.default_rng(4)
    counts = [
        rng.integers(0, 9, (width, 4)) + np.eye(4)[rng.integers(0, 4, width)] for width in (5, 9)
    ]
    return ClassMotifs("m", (Motif("a", "a", counts[0]), None, Motif("b", "b", counts[1])))


def shares_of(path: Path) -> dict[str, NDArray[np.float64]]:
    return {motif.name: motif.frequencies for motif in read_motifs(path)}


@pytest.mark.parametrize("gc", [0.2, 0.5, 0.66])
def test_motifs_come_back_from_a_model(given: ClassMotifs, gc: float) -> None:
    model = model_of(given, gc, {"matrix": given.to_json()})
    found, background = model_motifs(model)
    np.testing.assert_allclose(background, background_of(gc), atol=1e-6)
    assert list(found) == ["Reb1", "Rap1"]
    for shares, motif in zip(found.values(), (given.motifs[0], given.motifs[2]), strict=True):
        assert motif is not None
        np.testing.assert_allclose(shares, motif.frequencies, atol=1e-6)
    # Matrices of sites have a pseudocount that is not known, and keep it.
    kept, _ = model_motifs(replace(model, training={"matrix": True}))
    mixed = (1 - BACKGROUND_SHARE) * found["Reb1"] + BACKGROUND_SHARE * background
    np.testing.assert_allclose(kept["Reb1"], mixed, atol=1e-6)


def test_without_contrast_the_background_is_uniform() -> None:
    flat = ClassMotifs("m", (Motif("a", "a", np.array([[1.0, 1, 0, 0]])), None, None))
    found, background = model_motifs(model_of(flat, 0.5, {"matrix": flat.to_json()}))
    assert background.tolist() == [0.25] * 4
    np.testing.assert_allclose(found["Reb1"], [[0.5, 0.5, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("name", ["out.meme", "out.meme.gz", "OUT.MEME"])
def test_the_command_writes_what_other_tools_read(
    tmp_path: Path, given: ClassMotifs, name: str
) -> None:
    model_of(given, 0.38, {"matrix": given.to_json()}).save(tmp_path / "m.safetensors")
    succeed("export", tmp_path / "m.safetensors", "-o", tmp_path / name)
    found = shares_of(tmp_path / name)
    assert list(found) == ["Reb1", "Rap1"]
    expected = model_motifs(model_of(given, 0.38, {"matrix": given.to_json()}))[0]
    for motif, shares in found.items():
        np.testing.assert_allclose(shares, expected[motif], atol=2e-6)
    if name == "out.meme":
        with (tmp_path / name).open() as text:
            theirs = bio.parse(text, "minimal")
        assert [motif.name for motif in theirs] == ["Reb1", "Rap1"]
        assert [motif.length for motif in theirs] == [5, 9]
        for motif in theirs:
            columns = np.stack([motif.pwm[base] for base in "ACGT"], axis=1)
            np.testing.assert_allclose(columns, expected[motif.name], atol=2e-3)
            assert motif.background["A"] == pytest.approx(0.31, abs=1e-5)


def test_a_model_that_has_none_is_met_with_one_line(tmp_path: Path) -> None:
    write_model(tmp_path / "m.safetensors")
    before = content(tmp_path)
    for options, message in (
        (
            (),
            "no class of this model has a position weight matrix; export it as .onnx, or train it",
        ),
        (("--prior", "M=0.1"), "--prior: "),
    ):
        result = run("export", tmp_path / "m.safetensors", "-o", tmp_path / "m.meme", *options)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert message in line
    assert content(tmp_path) == before


def test_a_damaged_matrix_is_not_written(tmp_path: Path, given: ClassMotifs) -> None:
    from dnabirnn.motifs.class_motifs import write_class_motifs

    model = model_of(given, 0.5, {})
    weights = {**model.weights, "matrix.0.log_odds": np.full((5, 4), np.nan, np.float32)}
    with pytest.raises(ModelFileError, match=r"m\.safetensors: a matrix is not finite"):
        write_class_motifs(replace(model, weights=weights), "m.safetensors", tmp_path / "o.meme")
    assert not (tmp_path / "o.meme").exists()
