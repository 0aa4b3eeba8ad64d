"""The library's face: every way to a score or a call gives the same."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from commands import succeed, write_fasta, write_model
from random_models import random_checkpoint, random_codes

import dnabirnn
from dnabirnn.alphabet import decode
from dnabirnn.errors import FastaError, ModelFileError, OptionError
from dnabirnn.motif_classes import MAX_SCORE, MotifClass, Output
from dnabirnn.network.call_rules import CallLengths
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.model import Model, load
from dnabirnn.tracks.block import integer_scores
from dnabirnn.tracks.schema import ROW_SCHEMA


@pytest.fixture
def model() -> Model:
    return Model(random_checkpoint(), device="cpu")


@pytest.fixture
def genome(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    rng = np.random.default_rng(4)
    records = {f"c{n}": decode(random_codes(rng, n)) for n in (700, 1, 0, 60, 61, 2_000)}
    return write_fasta(tmp_path / "g.fa", records), records


def test_outputs_name_the_columns(model: Model) -> None:
    assert model.outputs == (Output("A", "+"), Output("A", "-"), Output("B", "."))
    assert model.score("ACGT").shape == (4, 3)


def test_text_bytes_and_codes_score_the_same(model: Model) -> None:
    codes = random_codes(np.random.default_rng(0), 300)
    text = decode(codes)
    expected = model.score(codes)
    assert expected.dtype == np.float32
    for sequence in (text, text.encode(), text.lower(), text.replace("T", "U"), codes[::1]):
        np.testing.assert_array_equal(model.score(sequence), expected)
    every_other = np.repeat(codes, 2)[::2]
    assert not every_other.flags.c_contiguous
    np.testing.assert_array_equal(model.score(every_other), expected)


def test_scores_are_probabilities_and_zero_at_ambiguous_bases(model: Model) -> None:
    codes = random_codes(np.random.default_rng(1), 1000, ambiguous=0.2)
    scores = model.score(codes)
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    np.testing.assert_array_equal((scores == 0).all(axis=1), codes == 4)
    np.testing.assert_array_equal(model.score("NNRYX"), np.zeros((5, 3), np.float32))


def test_a_sequence_of_no_bases(model: Model) -> None:
    for sequence in ("", b"", np.empty(0, np.uint8)):
        assert model.score(sequence).shape == (0, 3)


@pytest.mark.parametrize(
    "sequence",
    ["ACGZ", b"AC-T", "AC GT", "ACGé", np.array([0, 5], np.uint8), np.array([0, 1]), [0, 1]],
    ids=str,
)
def test_what_is_no_sequence_is_refused(model: Model, sequence: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        model.score(sequence)


def test_codes_of_several_sequences_are_refused(model: Model) -> None:
    with pytest.raises(ValueError, match=r"\(L,\) uint8"):
        model.score(np.zeros((2, 5), np.uint8))


def test_what_was_given_is_not_changed(model: Model) -> None:
    codes = random_codes(np.random.default_rng(2), 200)
    before = codes.copy()
    model.score(codes)
    np.testing.assert_array_equal(codes, before)


def test_lower_case_is_n_for_a_model_of_hard_masked_data(tmp_path: Path) -> None:
    hard = Model(random_checkpoint(mask="hard"), device="cpu")
    soft = Model(random_checkpoint(mask="loss"), device="cpu")
    for sequence in ("ACGTacgtACnnGT", b"ACGTacgtACnnGT"):
        np.testing.assert_array_equal(hard.score(sequence), soft.score("ACGTNNNNACNNGT"))
    np.testing.assert_array_equal(soft.score("ACGTacgtAC"), soft.score("ACGTACGTAC"))
    fasta = write_fasta(tmp_path / "g.fa", {"c": "ACGTacgtACnnGT"})
    (block,) = hard.scan(fasta)
    np.testing.assert_array_equal(block[2], hard.score("ACGTacgtACnnGT"))


def scanned(model: Model, *fasta: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, start, probabilities in model.scan(*fasta):
        so_far = found.get(name, np.empty((0, 3), np.float32))
        assert start == len(so_far)
        found[name] = np.concatenate([so_far, probabilities])
    return found


def test_scan_is_score_contig_by_contig(model: Model, genome: tuple[Path, dict[str, str]]) -> None:
    fasta, records = genome
    found = scanned(model, fasta)
    assert list(found) == list(records)
    for name, text in records.items():
        np.testing.assert_array_equal(found[name], model.score(text))


def test_threads_change_nothing(genome: tuple[Path, dict[str, str]]) -> None:
    fasta, _ = genome
    one, three = (
        scanned(Model(random_checkpoint(), device="cpu", threads=n), fasta) for n in (1, 3)
    )
    for name, scores in one.items():
        np.testing.assert_array_equal(three[name], scores)


def test_the_bed_holds_the_scores(
    tmp_path: Path, model: Model, genome: tuple[Path, dict[str, str]]
) -> None:
    fasta, records = genome
    path = tmp_path / "m.safetensors"
    model.checkpoint.save(path)
    out = tmp_path / "s.bed"
    succeed("score", fasta, "-m", path, "-o", out, "--min-score", 1, "--device", "cpu")
    found = {name: np.zeros((len(text), 3), np.int16) for name, text in records.items()}
    column = {tuple(output): i for i, output in enumerate(model.outputs)}
    for line in out.read_text().splitlines():
        chrom, start, end, name, score, strand = line.split("\t")
        found[chrom][int(start) : int(end), column[name, strand]] = int(score)
    for name, text in records.items():
        np.testing.assert_array_equal(found[name], integer_scores(model.score(text)))


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, []),
        ({"threshold": 0.05}, ["--threshold", 0.05]),
        (
            {"method": "mss", "min_length_bp": 3, "merge_gap_bp": 5},
            ["--method", "mss", "--min-length", 3, "--merge-gap", 5],
        ),
        ({"method": "evidence"}, ["--method", "evidence"]),
    ],
)
def test_calls_are_those_of_the_commands(
    tmp_path: Path,
    model: Model,
    genome: tuple[Path, dict[str, str]],
    options: dict[str, object],
    arguments: list[object],
) -> None:
    fasta, _ = genome
    path, out = tmp_path / "m.safetensors", tmp_path / "c.bed"
    model.checkpoint.save(path)
    table = model.calls(fasta, **options)  # type: ignore[arg-type]
    assert table.height > 5
    assert dict(table.schema) == {**ROW_SCHEMA, "evidence": pl.Int64}
    scores = tmp_path / "s.bed"
    succeed("score", fasta, "-m", path, "-o", scores, "--calls", out, *arguments)
    text = table.drop("evidence").write_csv(separator="\t", include_header=False)
    assert out.read_text() == text
    succeed("call", scores, "-m", path, "-o", out, *arguments)
    assert out.read_text() == text


def test_calls_leave_out_a_class_that_is_not_learned(
    model: Model, genome: tuple[Path, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    fasta, _ = genome
    every = model.calls(fasta)
    name = every["class"][0]
    rules = dict(model.checkpoint.calls)
    rule = rules.pop(name)
    lengths = {name: CallLengths(rule.min_length_bp, rule.merge_gap_bp)}
    partly = Model(replace(model.checkpoint, calls=rules, unlearned=lengths), device="cpu")
    caplog.clear()
    assert partly.calls(fasta).equals(every.filter(pl.col("class") != name))
    assert [record.getMessage()[: len(name) + 10] for record in caplog.records] == [
        f"{name}: no calls"
    ]
    threshold = {name: rule.threshold / MAX_SCORE}
    assert partly.calls(fasta, threshold=threshold).equals(every)


def test_calls_of_nothing_keep_their_columns(model: Model, tmp_path: Path) -> None:
    table = model.calls(write_fasta(tmp_path / "n.fa", {"n": "NNNN", "e": ""}))
    assert table.is_empty()
    assert dict(table.schema) == {**ROW_SCHEMA, "evidence": pl.Int64}


def test_several_files_are_one_genome(model: Model, tmp_path: Path) -> None:
    one = write_fasta(tmp_path / "1.fa", {"a": "ACGTACGTGG"})
    two = write_fasta(tmp_path / "2.fa", {"b": "TTACG"})
    assert list(scanned(model, one, two)) == ["a", "b"]
    with pytest.raises(FastaError, match="occurs twice"):
        scanned(model, one, one)
    with pytest.raises(FastaError, match="no FASTA file given"):
        model.calls()


def test_a_scan_can_be_left(model: Model, genome: tuple[Path, dict[str, str]]) -> None:
    stream = model.scan(genome[0])
    next(stream)
    stream.close()
    assert model.score("ACGT").shape == (4, 3)


def test_load(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.safetensors")
    for given in (path, str(path)):
        loaded = load(given, device="cpu")
        assert loaded.outputs == (Output("M", "+"), Output("M", "-"))
    expected = Model(random_checkpoint((MotifClass("M", True),), scoring=ScoringWindow(200, 30)))
    np.testing.assert_array_equal(loaded.score("ACGT" * 99), expected.score("ACGT" * 99))


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        load(tmp_path / "none")
    path = write_model(tmp_path / "m.safetensors")
    with pytest.raises(OptionError, match="--threads 0"):
        load(path, threads=0)
    with pytest.raises(OptionError, match="--engine abacus"):
        load(path, engine="abacus").score("ACGT")
    with pytest.raises(OptionError, match="--method"):
        load(path, device="cpu").calls(path, method="hmm")


def test_public_names_are_loaded_when_they_are_asked_for() -> None:
    script = (
        "import sys, dnabirnn\n"
        "assert not {'numpy', 'torch', 'polars'} & set(sys.modules)\n"
        "assert set(dnabirnn.__all__) < set(dir(dnabirnn))\n"
        "dnabirnn.DnabirnnError, dnabirnn.__version__\n"
        "assert not {'numpy', 'torch', 'polars'} & set(sys.modules)\n"
        "[getattr(dnabirnn, name) for name in dnabirnn.__all__]\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="attribute nothing"):
        dnabirnn.nothing  # noqa: B018
