"""Circular contigs: scores across the origin."""

from __future__ import annotations

import json

import numpy as np
import pytest
from commands import GENOME, run, succeed, write_fasta, write_model
from hypothesis import given, strategies as st
from planted import MOTIF, write_genome
from random_models import random_checkpoint, random_codes

from dnabirnn.alphabet import decode, reverse_complement
from dnabirnn.errors import FastaError, OptionError
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.model import Model
from dnabirnn.sequences.circular import Circular, with_flanks

SCORING = ScoringWindow(60, 20)
LENGTHS = (1, 2, 5, 19, 20, 21, 39, 40, 59, 60, 61, 100, 121, 333)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=9), st.integers(0, 30))
def test_flanks_are_the_other_end(codes, flank):
    circle = np.array(codes, dtype=np.uint8)
    laid = with_flanks(circle, flank)
    assert laid.tolist() == [codes[(i - flank) % len(codes)] for i in range(len(codes) + 2 * flank)]
    opposite = with_flanks(reverse_complement(circle), flank)
    np.testing.assert_array_equal(opposite, reverse_complement(laid))


def forgetful(**options):
    """A model that remembers fewer bases than a halo, to a tolerance."""
    return Model(random_checkpoint(scoring=SCORING, spread=0.1, **options))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("shift", [1, 7, 30])
def test_a_rotated_circle_has_rotated_scores(rng, length, shift):
    model = forgetful()
    codes = random_codes(rng, length)
    scores = model.score(codes, circular=True)
    assert scores.shape == (length, len(model.outputs))
    rotated = model.score(np.roll(codes, shift), circular=True)
    np.testing.assert_allclose(rotated, np.roll(scores, shift, axis=0), atol=2e-5)


def test_only_a_circle_knows_what_is_beyond_its_ends(rng):
    model = forgetful()
    codes = random_codes(rng, 200)
    difference = np.abs(model.score(codes) - model.score(codes, circular=True)).max(axis=1)
    assert difference[[0, -1]].min() > 1e-3
    assert difference[60:140].max() < 1e-5


@pytest.mark.parametrize("length", LENGTHS)
def test_mirror(rng, length):
    checkpoint = random_checkpoint(scoring=SCORING)
    model = Model(checkpoint)
    codes = random_codes(rng, length)
    scores = model.score(codes, circular=True)
    opposite = model.score(reverse_complement(codes), circular=True)
    # Outputs are A+, A- and B.
    np.testing.assert_allclose(opposite[::-1][:, [1, 0, 2]], scores, atol=1e-5)
    assert (scores[codes == 4] == 0).all()


@pytest.fixture
def folder(tmp_path):
    write_genome(tmp_path, GENOME)
    write_model(tmp_path / "m.safetensors")
    return tmp_path


def track(folder, *options, fasta="genome.fa", out="out.bed"):
    succeed(
        *("score", folder / fasta, "-m", folder / "m.safetensors", "-o", folder / out),
        *("--min-score", 0, *options),
    )
    return (folder / out).read_bytes()


def of_contig(rows, name):
    return [row for row in rows.splitlines() if row.startswith(f"{name}\t".encode())]


def test_the_same_bytes_for_any_threads_shards_and_neighbours(folder):
    rows = track(folder, "--circular", "all", "--threads", 1)
    assert track(folder, "--circular", "all", "--threads", 2) == rows
    assert track(folder, "--circular", "c,b,a") == rows
    parts = [track(folder, "--circular", "all", "--shard", f"{i}-of-3") for i in (1, 2, 3)]
    assert b"".join(parts) == rows
    linear = track(folder)
    some = track(folder, "--circular", "b")
    assert of_contig(some, "b") == of_contig(rows, "b") != of_contig(linear, "b")
    assert of_contig(some, "a") == of_contig(linear, "a") != of_contig(rows, "a")


def test_regions_do_not_change_scores(folder):
    (folder / "ends.bed").write_text("b\t0\t10\nb\t990\t1000\n")
    options = ("--circular", "b", "--single-base")
    rows = of_contig(track(folder, *options), "b")
    wanted = [row for row in rows if not 10 <= int(row.split(b"\t")[1]) < 990]
    assert track(folder, *options, "--regions", folder / "ends.bed").splitlines() == wanted


def test_a_motif_across_the_origin(folder, rng):
    write_model(folder / "m.safetensors", spread=0.1, scoring=ScoringWindow(200, 40))
    codes = rng.integers(0, 4, 700, dtype=np.uint8)
    codes[300 : 300 + len(MOTIF)] = MOTIF
    shift = 384  # half of the motif is at the end, half at the beginning
    write_fasta(folder / "inside.fa", {"p": decode(codes)})
    write_fasta(folder / "across.fa", {"p": decode(np.roll(codes, shift))})
    options = ("--single-base", "--circular", "p")
    inside = track(folder, *options, fasta="inside.fa")
    across = track(folder, *options, fasta="across.fa")
    assert scores_of(across, 700) == pytest.approx(np.roll(scores_of(inside, 700), shift, 1), abs=1)
    linear = track(folder, "--single-base", fasta="across.fa")
    assert np.abs(scores_of(across, 700) - scores_of(linear, 700)).max() > 20


def scores_of(rows, length):
    scores = np.zeros((2, length))
    for row in rows.splitlines():
        _, start, _, _, score, strand = row.split(b"\t")
        scores[int(strand == b"-"), int(start)] = int(score)
    return scores


def test_evaluate_and_library_score_circles_too(folder):
    names = ("genome.fa", "--labels", "sites.bed", "-m", "m.safetensors")
    common = [folder / name if "." in name else name for name in names]
    metrics = []
    for options in ([], ["--circular", "all"]):
        succeed("evaluate", *common, "-o", folder / "m.json", "--no-plots", *options)
        metrics.append(json.loads((folder / "m.json").read_text())["classes"]["M"]["ap"])
    assert metrics[0] != metrics[1]
    model = Model(random_checkpoint(scoring=SCORING))
    fasta = folder / "genome.fa"
    scan = [scores for name, _, scores in model.scan(fasta, circular="all") if name == "b"]
    codes = next(record.codes for record in model.contigs(fasta) if record.name == "b")
    np.testing.assert_array_equal(np.concatenate(scan), model.score(codes, circular=True))
    some = model.calls(fasta, circular=["b"], threshold=0.01)
    every = model.calls(fasta, circular=["all"], threshold=0.01)
    assert some.filter(chrom="b").equals(every.filter(chrom="b"))
    assert not some.filter(chrom="a").equals(every.filter(chrom="a"))
    with pytest.raises(OptionError, match="--circular d: no such contig"):
        list(model.scan(fasta, circular=["a", "d"]))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("d", "--circular d: no such contig"),
        ("a,d", "--circular d: no such contig"),
        ("all,a", "--circular a,all: give names of contigs, or all"),
        ("", "--circular : give names of contigs, or all"),
    ],
)
@pytest.mark.parametrize("piped", [False, True])
def test_bad_names(folder, names, message, piped):
    before = sorted(folder.iterdir())
    fasta = "-" if piped else folder / "genome.fa"
    result = run(
        *("score", fasta, "-m", folder / "m.safetensors", "-o", folder / "out.bed"),
        *("--circular", names),
        input=(folder / "genome.fa").read_bytes(),
    )
    assert result.exit_code == 1
    assert message in result.stderr
    assert sorted(folder.iterdir()) == before


def test_empty_and_faulty_files_are_as_ever(folder):
    write_fasta(folder / "empty.fa", {"e": "", "f": "A"})
    assert len(track(folder, "--circular", "all", fasta="empty.fa").splitlines()) == 2
    with pytest.raises(FastaError, match="no such file"):
        list(forgetful().scan(folder / "none.fa", circular=["all"]))
    assert "x" in Circular("all")
