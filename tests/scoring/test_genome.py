"""Whole genomes, from file to file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from commands import content, write_fasta
from hypothesis import given, strategies as st
from random_models import random_checkpoint, random_codes
from sklearn.metrics import average_precision_score

from dnabirnn.alphabet import AMBIGUOUS, decode, encode
from dnabirnn.errors import FastaError, LabelError, OptionError, OutputError, TrackError
from dnabirnn.evaluation.genome import evaluate_genome
from dnabirnn.intervals.regions import Regions
from dnabirnn.labels.labels import Labels
from dnabirnn.labels.load import load_truth
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.call_rules import CallRule, CallSettings
from dnabirnn.scoring.genome import call_track, score_genome
from dnabirnn.scoring.model import Model
from dnabirnn.sequences.selection import Shard
from dnabirnn.tracks.read import read_sizes

CLASSES = (MotifClass("A", True), MotifClass("B", False))
RECORDS = {
    f"c{n}": decode(random_codes(np.random.default_rng(n), n)) for n in (3_000, 59, 0, 1_200)
}
CALLS = CallSettings({"A": CallRule(400, 2, 1), "B": CallRule(600)})


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(random_checkpoint(CLASSES), device="cpu")


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return write_fasta(tmp_path / "g.fa", RECORDS)


def column(path: Path, number: int) -> list[str]:
    return [line.split("\t")[number] for line in path.read_text().splitlines()]


# ------------------------------------------------------------------------------ shards


@given(
    lengths=st.lists(st.integers(0, 10_000), max_size=30),
    of=st.integers(1, 12),
)
def test_shards_share_out_contigs_in_order(lengths: list[int], of: int) -> None:
    contigs = {f"c{i}": length for i, length in enumerate(lengths)}
    shards = [Shard(number, of).names(contigs) for number in range(1, of + 1)]
    in_order = [name for shard in shards for name in contigs if name in shard]
    assert in_order == list(contigs)
    longest = max(lengths, default=0)
    for shard in shards:
        assert sum(contigs[name] for name in shard) <= sum(lengths) / of + longest


@pytest.mark.parametrize("text", ["0-of-3", "4-of-3", "1-of-0", "1of3", "-1-of-3", "a-of-b", ""])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(OptionError, match="must be like 1-of-8"):
        Shard.parse(text)


# ------------------------------------------------------------------------------- score


@pytest.mark.parametrize("shard", [None, Shard(1, 2), Shard(3, 4)])
def test_lengths_of_contigs(model: Model, fasta: Path, tmp_path: Path, shard: Shard | None) -> None:
    out = tmp_path / "g.sizes"
    found = score_genome(model, [fasta], tmp_path / "o.bed", shard=shard, sizes_out=out)
    assert read_sizes(out) == {name: len(text) for name, text in RECORDS.items()}
    assert found.files == [str(tmp_path / "o.bed"), str(out)]


def test_progress_counts_every_base_once(model: Model, fasta: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    score_genome(model, [fasta], tmp_path / "o.bed", progress=seen.append)
    assert sum(seen) == sum(map(len, RECORDS.values()))


def test_an_empty_shard_is_a_valid_file(model: Model, fasta: Path, tmp_path: Path) -> None:
    for name in ("o.bed", "o.bedgraph", "o.bed.gz"):
        score_genome(
            model,
            [fasta],
            tmp_path / name,
            calls_out=tmp_path / f"{name}.calls.bed",
            calls=CALLS,
            shard=Shard(49, 50),
        )
        call_track(tmp_path / f"{name}.calls.bed", tmp_path / "c.bed", model.outputs, CALLS)
    assert (tmp_path / "o.bed").read_bytes() == b""
    assert (tmp_path / "o.A.minus.bedgraph").read_bytes() == b""
    assert (tmp_path / "c.bed").read_bytes() == b""
    call_track(tmp_path / "o.bed.gz", tmp_path / "c.bed", model.outputs, CALLS)
    assert (tmp_path / "c.bed").read_bytes() == b""


def test_lowest_score_without_settings_is_that_of_the_model(fasta: Path, tmp_path: Path) -> None:
    low = Model(random_checkpoint(CLASSES, threshold=30), device="cpu")
    out = tmp_path / "o.bed"
    score_genome(low, [fasta], out)
    assert min(map(int, column(out, 4))) == 30
    score_genome(low, [fasta], out, min_score=700)
    assert min(map(int, column(out, 4))) == 700


def test_calls_of_some_classes(model: Model, fasta: Path, tmp_path: Path) -> None:
    only = CallSettings({"B": CallRule(600)})
    out = tmp_path / "c.bed"
    score_genome(model, [fasta], tmp_path / "o.bed", calls_out=out, calls=only)
    assert set(column(out, 3)) == {"B"}


def test_nothing_is_left_of_a_run_that_fails(model: Model, fasta: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.fa"
    bad.write_text(">bad\nACGT\nEFI\n")
    regions = Regions(pl.DataFrame({"chrom": ["z"], "start": [0], "end": [5], "line": [1]}))
    before = content(tmp_path)
    out, calls = tmp_path / "o.bed", tmp_path / "c.bed"
    with pytest.raises(FastaError, match="'bad', line 3"):
        score_genome(model, [fasta, bad], out, calls_out=calls, calls=CALLS)
    with pytest.raises(LabelError, match="no contig in common"):
        score_genome(model, [fasta], out, regions=regions)
    with pytest.raises(OutputError, match="unknown format"):
        score_genome(model, [fasta], tmp_path / "o.txt")
    with pytest.raises(OptionError, match="--min-score 401: calls use scores of 400 and above"):
        score_genome(model, [fasta], out, calls_out=calls, calls=CALLS, min_score=401)
    with pytest.raises(TrackError, match="columns"):
        call_track(fasta, calls, model.outputs, CALLS)
    assert content(tmp_path) == before


# ---------------------------------------------------------------------------- evaluate


def write_truth(path: Path, rng: np.random.Generator) -> list[tuple[str, int, int, str, str]]:
    rows = []
    for name, text in RECORDS.items():
        for start in range(7, len(text) - 60, 90):
            kind = str(rng.choice(["A", "B", "gap"]))
            end = start + int(rng.integers(5, 50))
            rows.append((name, start, end, kind, "." if kind == "B" else str(rng.choice([*"+-"]))))
    path.write_text("".join(f"{c}\t{s}\t{e}\t{k}\t0\t{d}\n" for c, s, e, k, d in rows))
    return rows


@pytest.fixture
def truth(tmp_path: Path) -> tuple[Labels, list[tuple[str, int, int, str, str]]]:
    rows = write_truth(tmp_path / "truth.bed", np.random.default_rng(8))
    return load_truth([tmp_path / "truth.bed"], CLASSES, ignore_classes=["gap"]), rows


def expected_ap(
    model: Model, rows: list[tuple[str, int, int, str, str]], inside: dict[str, np.ndarray]
) -> tuple[float, float, float]:
    """Average precision of A strand-blind and by strand, and of B, by scikit-learn."""
    scores, labels = [], []
    for name, text in RECORDS.items():
        painted = np.zeros((len(text), 4), bool)
        for chrom, start, end, kind, strand in rows:
            column = {"A+": 0, "A-": 1, "B.": 2}.get(kind + strand, 3)
            if chrom == name:
                painted[start:end, column] = True
        counted = (encode(text) != AMBIGUOUS) & ~painted[:, 3] & inside[name]
        scores.append(model.score(text)[counted])
        labels.append(painted[counted, :3])
    p, y = np.concatenate(scores), np.concatenate(labels)
    return (
        average_precision_score(y[:, :2].any(axis=1), p[:, :2].max(axis=1)),
        average_precision_score(y[:, :2].ravel(), p[:, :2].ravel()),
        average_precision_score(y[:, 2], p[:, 2]),
    )


@pytest.mark.parametrize("part", [False, True])
def test_figures_are_those_of_scikit_learn(
    model: Model,
    fasta: Path,
    truth: tuple[Labels, list[tuple[str, int, int, str, str]]],
    part: bool,
) -> None:
    labels, rows = truth
    inside = {name: np.full(len(text), not part) for name, text in RECORDS.items()}
    regions = None
    if part:
        inside["c3000"][500:2500] = inside["c1200"][:300] = True
        frame = {"chrom": ["c3000", "c1200"], "start": [500, 0], "end": [2500, 300]}
        regions = Regions(pl.DataFrame(frame | {"line": [1, 2]}))
    seen: list[int] = []
    report = evaluate_genome(
        model, [fasta], labels, calls=CALLS, regions=regions, progress=seen.append
    )
    blind, stranded, flat = expected_ap(model, rows, inside)
    figures = report.metrics["classes"]
    assert figures["A"]["ap"] == pytest.approx(blind, abs=1e-4)
    assert figures["A"]["ap_stranded"] == pytest.approx(stranded, abs=1e-4)
    assert figures["B"]["ap"] == figures["B"]["ap_stranded"] == pytest.approx(flat, abs=1e-4)
    assert figures["A"]["threshold"] == 0.4
    assert sum(seen) == sum(map(len, RECORDS.values()))
    json.dumps(report.metrics, allow_nan=False)


def test_the_same_seed_gives_the_same_report(
    model: Model, fasta: Path, truth: tuple[Labels, list[tuple[str, int, int, str, str]]]
) -> None:
    reports = [
        evaluate_genome(
            Model(model.checkpoint, device="cpu", threads=n), [fasta], truth[0], calls=CALLS, seed=3
        ).metrics
        for n in (1, 2)
    ]
    assert reports[0] == reports[1]


def test_soft_masked_bases_do_not_count_for_a_model_of_such_data(tmp_path: Path) -> None:
    half = RECORDS["c1200"][:600] + RECORDS["c1200"][600:].lower()
    fasta = write_fasta(tmp_path / "g.fa", {"c": half})
    (tmp_path / "t.bed").write_text("c\t100\t200\tA\t0\t+\nc\t500\t700\tA\t0\t-\n")
    labels = load_truth([tmp_path / "t.bed"], CLASSES)
    counted = {}
    for mask in ("none", "loss", "hard"):
        masked = Model(random_checkpoint(CLASSES, mask=mask), device="cpu")
        metrics = evaluate_genome(masked, [fasta], labels, calls=CALLS).metrics
        counted[mask] = metrics["classes"]["A"]["bases"]
    codes = encode(half)
    assert counted["none"] == (codes != AMBIGUOUS).sum()
    assert counted["loss"] == counted["hard"] == (codes[:600] != AMBIGUOUS).sum()


def test_labels_that_do_not_fit(model: Model, fasta: Path, tmp_path: Path) -> None:
    bed = tmp_path / "t.bed"
    bed.write_text("chr1\t100\t200\tA\t0\t+\n")
    with pytest.raises(LabelError, match=r"no contig in common .*chr1.*c3000"):
        evaluate_genome(model, [fasta], load_truth([bed], CLASSES), calls=CALLS)
    bed.write_text("c59\t10\t60\tA\t0\t+\n" * 2)
    with pytest.raises(LabelError, match=r"t.bed, line 1: c59:10-60 goes past .* 59"):
        evaluate_genome(model, [fasta], load_truth([bed], CLASSES), calls=CALLS)
