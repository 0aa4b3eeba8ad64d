"""Labels of whole sequences, from files to a model, its scores and its evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from commands import run, succeed, write_fasta, write_model
from planted_sequences import MOTIF, planted_sequences, write_tables

from dnabirnn.encoded import EncodedSet
from dnabirnn.errors import EncodedSetError
from dnabirnn.evaluation import learn_baseline
from dnabirnn.network import Architecture, load_checkpoint
from dnabirnn.training import FitSettings, Hardware, SamplingSettings, train

QUICK = ("--hidden", "16", "--threads", "1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with set/, m.safetensors, and test.fa with its table test.csv."""
    folder = tmp_path_factory.mktemp("planted")
    write_tables(folder, 2_000, 400)
    tables = (
        *("--sequence-labels", f"train={folder}/train.csv"),
        *("--sequence-labels", f"val={folder}/val.csv"),
    )
    succeed("encode", *tables, "--class", "M", "-o", folder / "set")
    succeed("train", folder / "set", "-o", folder / "m.safetensors", "--bases", "2.5M", *QUICK)
    test = planted_sequences(400, seed=9)
    write_fasta(folder / "test.fa", {f"s{n}": one.text for n, one in enumerate(test)})
    rows = [f"s{n},{one.text},{int(one.start >= 0)}\n" for n, one in enumerate(test)]
    (folder / "test.csv").write_text("name,sequence,label\n" + "".join(rows))
    return folder


def test_sites_are_found_though_no_label_says_where(trained):
    scores, table = trained / "s.bed", trained / "s.tsv"
    model = ("-m", trained / "m.safetensors")
    succeed("score", trained / "test.fa", *model, "-o", scores, "--per-sequence", table)
    found = pl.read_csv(table, separator="\t")
    assert found.columns == [
        *("name", "length", "class", "probability", "called", "start", "end", "strand", "score")
    ]
    test = planted_sequences(400, seed=9)
    assert found["name"].to_list() == [f"s{n}" for n in range(400)]
    truth = np.array([one.start for one in test])
    start, end = found["start"].to_numpy(), found["end"].to_numpy()
    overlap = np.minimum(end, truth + len(MOTIF)) - np.maximum(start, truth)
    positive = truth >= 0
    assert (overlap[positive] >= len(MOTIF) / 2).mean() >= 0.9
    called = found["called"].to_numpy() == 1
    assert called[positive].mean() > 0.85
    assert called[~positive].mean() < 0.1
    p = found["probability"].to_numpy()
    assert abs(p.mean() - 0.5) < 0.05  # calibrated: as many as there are


def test_evaluation_of_sequences(trained):
    model, out = ("-m", trained / "m.safetensors"), trained / "metrics.json"
    shown = succeed(
        "evaluate", "--sequence-labels", trained / "test.csv", "--class", "M", *model, "-o", out
    )
    figures = json.loads(out.read_text())["sequences"]["M"]
    assert figures["sequences"] == 400
    assert figures["positives"] == 200
    assert figures["auroc"] > 0.95
    assert figures["mcc"] > 0.75
    assert figures["mcc_ci"][0] < figures["mcc"] < figures["mcc_ci"][1]
    assert f"{figures['auroc']:.4f}" in shown.stderr
    by_files = trained / "by_files.json"
    write_fasta(trained / "p.fa", {f"p{n}": one.text for n, one in positives(True)})
    write_fasta(trained / "n.fa", {f"n{n}": one.text for n, one in positives(False)})
    files = ("--positives", f"M={trained}/p.fa", "--negatives", trained / "n.fa")
    succeed("evaluate", *files, *model, "-o", by_files)
    again = json.loads(by_files.read_text())["sequences"]["M"]
    assert again["auroc"] == figures["auroc"]
    assert again["mcc"] == figures["mcc"]


def positives(wanted: bool) -> list[tuple[int, object]]:
    test = enumerate(planted_sequences(400, seed=9))
    return [(n, one) for n, one in test if (one.start >= 0) == wanted]


def test_the_model_says_what_it_is(trained):
    shown = succeed("info", trained / "m.safetensors").output
    assert "of whole sequences of 100 bp" in shown
    assert "scores of bases are not calibrated" in shown
    assert "with weights of words (1111111, 111010111); AUROC of the network alone 0.9" in shown
    checkpoint = load_checkpoint(trained / "m.safetensors")
    assert checkpoint.description()["format_version"] == 5
    assert checkpoint.sequences is not None
    assert checkpoint.sequences.length_bp == 100
    assert not checkpoint.calls
    assert checkpoint.maps == ((1.0, 0.0),)


def test_thresholds_and_priors_of_bases(trained, tmp_path):
    given = (
        "score",
        trained / "test.fa",
        "-m",
        trained / "m.safetensors",
        "-o",
        tmp_path / "s.bed",
    )
    calls = tmp_path / "calls.bed"
    found = succeed(*given, "--calls", calls)
    assert "scores of bases are not calibrated" in found.stderr
    assert not calls.read_text()
    found = succeed(*given, "--calls", calls, "--threshold", "0.5")
    assert "scores of bases are not calibrated" in found.stderr
    assert calls.read_text()
    found = run(*given, "--prior", "M=0.1")
    assert found.exit_code != 0
    assert "--prior M: the model learned labels of whole" in found.stderr
    found = run("prior", trained / "test.fa", "-m", trained / "m.safetensors")
    assert found.exit_code != 0
    assert "the model learned labels of whole sequences" in found.stderr


def test_only_models_of_whole_sequences_score_them(trained, tmp_path):
    model = write_model(tmp_path / "m.safetensors")
    given = ("-m", model, "-o", tmp_path / "s.bed", "--per-sequence", tmp_path / "s.tsv")
    found = run("score", trained / "test.fa", *given)
    assert found.exit_code != 0
    assert "the model learned labels of bases" in found.stderr
    assert not (tmp_path / "s.tsv").exists()
    assert not (tmp_path / "s.bed").exists()
    found = run(
        *("evaluate", "--sequence-labels", trained / "test.csv", "-m", trained / "m.safetensors"),
        *("-o", tmp_path / "e.json"),
    )
    assert found.exit_code != 0
    assert "1: no class of the model, which has M" in found.stderr
    regions = tmp_path / "r.bed"
    regions.write_text("s1\t0\t50\n")
    found = run(
        *("score", trained / "test.fa", "-m", trained / "m.safetensors", "-o", tmp_path / "s.bed"),
        *("--per-sequence", tmp_path / "s.tsv", "--regions", regions),
    )
    assert found.exit_code != 0
    assert "--per-sequence: is about whole records" in found.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--exclusive"], "labels of whole sequences"),
        (["--tune", "1"], "--tune"),
        (["--prior", "M=0.1"], "--prior"),
        (["--window", "200"], "--window 200: longer than every sequence"),
    ],
)
def test_training_options_that_do_not_apply(trained, tmp_path, options, message):
    out = tmp_path / "m.safetensors"
    found = run("train", trained / "set", "-o", out, "--bases", "1k", *QUICK, *options)
    assert found.exit_code != 0
    assert message in found.stderr
    assert not out.exists()


def test_the_same_seed_gives_the_same_bytes(trained, tmp_path):
    encoded = EncodedSet.open(trained / "set")
    architecture = Architecture(encoded.classes, hidden=4, kmer=3)
    made = [
        train(
            encoded,
            tmp_path / f"{threads}.safetensors",
            architecture,
            SamplingSettings(100, 128),
            FitSettings(40_000),
            hardware=Hardware(threads=threads),
        )
        for threads in (1, 2)
    ]
    assert made[0].to_bytes() == made[1].to_bytes()


def test_several_classes_and_several_networks(tmp_path):
    rng = np.random.default_rng(0)
    both = planted_sequences(200, seed=1)
    write_fasta(tmp_path / "m.fa", {f"m{n}": o.text for n, o in enumerate(both) if o.start >= 0})
    other = ["".join(rng.choice([*"ACGT"], 80)) for _ in range(100)]
    other = [text[:30] + "GGGGGGGG" + text[38:] for text in other]
    write_fasta(tmp_path / "g.fa", {f"g{n}": text for n, text in enumerate(other)})
    files = ("--positives", f"M={tmp_path}/m.fa", "--positives", f"G={tmp_path}/g.fa")
    succeed("encode", *files, "--negatives", "shuffled", "-o", tmp_path / "set")
    model = tmp_path / "m.safetensors"
    options = ("--bases", "60k", *QUICK, "--ensemble", "2", "--window", "80")
    succeed("train", tmp_path / "set", "-o", model, *options)
    assert [name for name, _ in load_checkpoint(model).architecture.classes] == ["G", "M"]
    table = tmp_path / "s.tsv"
    given = ("-m", model, "-o", tmp_path / "s.bed", "--per-sequence", table)
    succeed("score", tmp_path / "m.fa", *given)
    found = pl.read_csv(table, separator="\t")
    assert found.columns[-2:] == ["probability_G", "probability_M"]
    best = found.select(pl.max_horizontal("probability_G", "probability_M")).to_series()
    assert best.to_list() == found["probability"].to_list()


def test_tables_of_shards_merge_to_that_of_the_whole(trained, tmp_path):
    def score(name: str, *options: str) -> Path:
        table = tmp_path / f"{name}.tsv"
        given = ("-m", trained / "m.safetensors", "-o", tmp_path / f"{name}.bed")
        succeed("score", trained / "test.fa", *given, "--per-sequence", table, *options)
        return table

    shards = [score(f"s{number}", "--shard", f"{number}-of-3") for number in (1, 2, 3)]
    succeed("merge", *shards, "-o", tmp_path / "merged.tsv")
    assert (tmp_path / "merged.tsv").read_bytes() == score("whole").read_bytes()
    twice = run("merge", shards[0], shards[0], "-o", tmp_path / "twice.tsv")
    assert twice.exit_code != 0
    assert "rows of s0, which" in twice.stderr
    mixed = run("merge", shards[0], tmp_path / "s2.bed", "-o", tmp_path / "mixed.tsv")
    assert mixed.exit_code != 0
    assert "line 1: does not begin with" in mixed.stderr
    indexed = run("merge", *shards, "-o", tmp_path / "indexed.tsv", "--index")
    assert indexed.exit_code != 0
    assert "is a table of whole sequences" in indexed.stderr
    assert not [*tmp_path.glob("twice*"), *tmp_path.glob("mixed*"), *tmp_path.glob("indexed*")]


def test_no_matrix_is_made_of_whole_sequences(trained):
    encoded = EncodedSet.open(trained / "set")
    with pytest.raises(EncodedSetError, match="has labels of whole sequences"):
        learn_baseline(encoded, encoded.classes)
