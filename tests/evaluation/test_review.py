"""The review of labels against a naive one, base by base; its mirror image; real labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from commands import run, succeed, write_fasta, write_model
from random_models import random_checkpoint

from dnabirnn.alphabet import decode, reverse_complement
from dnabirnn.errors import OptionError
from dnabirnn.evaluation.review import REVIEW_SCHEMA, review_genome, review_text
from dnabirnn.intervals import Regions
from dnabirnn.labels.load import load_truth
from dnabirnn.motif_classes import MotifClass
from dnabirnn.network.call_rules import CallRule, CallSettings
from dnabirnn.network.scoring_window import ScoringWindow
from dnabirnn.scoring.model import Model
from dnabirnn.tracks.block import integer_scores

CLASSES = (MotifClass("M", True), MotifClass("N", False))
PRIORS = {"M": 0.1, "N": 0.02}
RULES = CallSettings({"M": CallRule(600, 2, 1), "N": CallRule(550, 1, 0)})
LENGTHS = {"x": 700, "empty": 0, "y": 331}


def write_labels(path: Path, rng: np.random.Generator, mirrored: bool = False) -> Path:
    rows = []
    for chrom, length in LENGTHS.items():
        for _ in range(length // 25):
            start = int(rng.integers(0, length - 15))
            end = start + int(rng.integers(1, 15))
            name, strand = rng.choice(["M", "N"]), rng.choice(["+", "-"])
            rows.append((chrom, start, end, name, strand))
    if mirrored:
        other = {"+": "-", "-": "+"}
        rows = [(c, LENGTHS[c] - e, LENGTHS[c] - s, n, other[d]) for c, s, e, n, d in rows]
    path.write_text("".join(f"{c}\t{s}\t{e}\t{n}\t0\t{d}\n" for c, s, e, n, d in rows))
    return path


def write_sequences(path: Path, rng: np.random.Generator, mirrored: bool = False) -> Path:
    codes = {name: rng.integers(0, 5, length).astype(np.uint8) for name, length in LENGTHS.items()}
    if mirrored:
        codes = {name: reverse_complement(own) for name, own in codes.items()}
    return write_fasta(path, {name: decode(own) for name, own in codes.items()})


def made(folder: Path, *, mirrored: bool = False, threads: int = 1, **options: object):
    """A review of random labels of random sequence."""
    folder.mkdir(exist_ok=True)
    model = Model(random_checkpoint(CLASSES, scoring=ScoringWindow(60, 10)), threads=threads)
    fasta = write_sequences(folder / "g.fa", np.random.default_rng(3), mirrored)
    labels = load_truth(
        [write_labels(folder / "l.bed", np.random.default_rng(5), mirrored)], CLASSES
    )
    review = review_genome(model, [fasta], labels, calls=RULES, priors=PRIORS, **options)
    return model, fasta, labels, review


def log_odds(share: float) -> float:
    return float(np.log(share / (1 - share)))


def naive_evidence(scores: np.ndarray, prior: float) -> float:
    """Sum over bases, in nats; each term is rounded to thousandths."""
    total = 0.0
    for score in scores.tolist():
        share = min(max(score, 0.5), 999.5) / 1000
        total += round(1000 * log_odds(share)) - round(1000 * log_odds(prior))
    return total / 1000


def test_against_a_naive_review(tmp_path: Path) -> None:
    model, fasta, labels, review = made(tmp_path / "a")
    assert review.schema == REVIEW_SCHEMA
    scores = {}
    for name, start, p in model.scan(fasta):
        assert start == (scores[name].shape[0] if name in scores else 0)
        scores[name] = np.concatenate(
            [scores.get(name, np.empty((0, 3), np.int16)), integer_scores(p)]
        )
    outputs = {("M", "+"): 0, ("M", "-"): 1, ("N", "."): 2}
    labelled = {name: np.zeros((length, 3), bool) for name, length in LENGTHS.items()}
    for chrom, start, end, number, strand in labels.frame.select(
        "chrom", "start", "end", "class", "strand"
    ).iter_rows():
        labelled[chrom][start:end, outputs[CLASSES[number].name, strand]] = True
    expected = set()
    for chrom in LENGTHS:
        for (name, strand), column in outputs.items():
            edges = np.flatnonzero(np.diff(labelled[chrom][:, column], prepend=False, append=False))
            for start, end in edges.reshape(-1, 2).tolist():
                own = naive_evidence(scores[chrom][start:end, column], PRIORS[name])
                row = (strand, "no evidence", round(-own, 3), "remove")
                if name == "M":
                    other = naive_evidence(scores[chrom][start:end, 1 - column], PRIORS[name])
                    if other > 0 and labelled[chrom][start:end, 1 - column].mean() < 0.5:
                        row = ("-" if strand == "+" else "+", "other strand")
                        row = (*row, round(other - own, 3), "flip")
                if row[2] > 0:
                    expected.add((chrom, start, end, name, *row))
    found = {
        tuple(row)
        for row in review.filter(pl.col("reason") != "no label")
        .select("chrom", "start", "end", "class", "strand", "reason", "evidence", "action")
        .iter_rows()
    }
    assert {(*row[:6], round(row[6], 3), row[7]) for row in found} == expected
    assert {row[5] for row in expected} == {"no evidence", "other strand"}
    lone = review.filter(pl.col("reason") == "no label")
    assert lone.height > 5
    for chrom, start, end, name, score, strand, _, evidence, action in lone.iter_rows():
        column = outputs[name, strand]
        own = scores[chrom][start:end, column]
        assert evidence == pytest.approx(naive_evidence(own, PRIORS[name]))
        assert score == int(np.floor(own.mean() + 0.5))
        columns = [0, 1] if name == "M" else [2]
        assert labelled[chrom][start:end, columns].any(axis=1).mean() < 0.5
        assert action == "add"
        assert own[0] >= RULES.rules[name].threshold <= own[-1]
    assert review["evidence"].is_sorted(descending=True)
    assert (review["evidence"] > 0).all()


def test_the_mirror_image_has_the_mirrored_review(tmp_path: Path) -> None:
    *_, review = made(tmp_path / "a")
    *_, other = made(tmp_path / "b", mirrored=True)
    length = pl.col("chrom").replace_strict(LENGTHS, return_dtype=pl.Int64)
    mirrored = other.with_columns(
        start=length - pl.col("end"),
        end=length - pl.col("start"),
        strand=pl.col("strand").replace({"+": "-", "-": "+"}),
    )
    assert sorted(mirrored.rows()) == sorted(review.rows())


def test_it_does_not_depend_on_threads(tmp_path: Path) -> None:
    assert made(tmp_path / "a")[-1].equals(made(tmp_path / "b", threads=3)[-1])


def test_bases_that_do_not_count(tmp_path: Path) -> None:
    *_, review = made(tmp_path / "a")
    (tmp_path / "x.bed").write_text("x\t0\t700\n")
    *_, other = made(tmp_path / "b", exclude=Regions.read(tmp_path / "x.bed"))
    assert other.equals(review.filter(pl.col("chrom") != "x"))


def test_a_class_without_a_rule_is_left_out(tmp_path: Path) -> None:
    model, fasta, labels, review = made(tmp_path / "a")
    rules = CallSettings({"N": RULES.rules["N"]})
    other = review_genome(model, [fasta], labels, calls=rules, priors=PRIORS)
    assert other.equals(review.filter(pl.col("class") == "N"))


def test_the_prior_is_that_of_the_model(tmp_path: Path) -> None:
    model, fasta, labels, review = made(tmp_path / "a")
    shares = {name: {"calibrated": share} for name, share in PRIORS.items()}
    model.checkpoint = dataclasses.replace(model.checkpoint, training={"prevalence": shares})
    assert review_genome(model, [fasta], labels, calls=RULES).equals(review)


def test_without_a_prior_it_is_the_share_of_the_labels(tmp_path: Path) -> None:
    model, fasta, labels, _ = made(tmp_path / "a")
    painted = [labels.paint(name, length) for name, length in LENGTHS.items()]
    covered = {
        mask: sum(int(np.count_nonzero(own & mask)) for own in painted) for mask in (2, 4, 8)
    }
    bases = sum(LENGTHS.values())
    shares = {"M": (covered[2] + covered[4]) / (2 * bases), "N": covered[8] / bases}
    expected = review_genome(model, [fasta], labels, calls=RULES, priors=shares)
    assert review_genome(model, [fasta], labels, calls=RULES).equals(expected)
    with pytest.raises(OptionError, match="which standard input and pipes do not allow"):
        review_genome(model, ["-"], labels, calls=RULES)


def test_text(tmp_path: Path) -> None:
    *_, review = made(tmp_path / "a")
    lines = review_text(review).splitlines()
    assert lines[0] == "#chrom\tstart\tend\tclass\tscore\tstrand\treason\tevidence\taction"
    assert len(lines) == review.height + 1
    assert all(len(line.split("\t")) == 9 for line in lines)
    assert review_text(review.clear()).count("\n") == 1


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_sequences(Path("g.fa"), np.random.default_rng(3))
    write_labels(Path("l.bed"), np.random.default_rng(5))
    write_model(Path("m.safetensors"), classes=CLASSES)
    words = ["g.fa", "--labels", "l.bed", "-m", "m.safetensors"]
    result = succeed("review", *words, "-o", "r.bed", "--session", "web", "--top", "5")
    rows = [line.split("\t") for line in Path("r.bed").read_text().splitlines()[1:]]
    assert len(rows) == 5
    assert "5 of " in result.stderr
    session = Path("web/igv_session.xml").read_text()
    assert 'path="../r.bed"' in session
    assert 'path="../l.bed"' in session
    assert f'locus="{rows[0][0]}:' in session
    assert (
        succeed("-q", "review", *words, "-o", "-", "--top", "5").stdout == Path("r.bed").read_text()
    )
    failed = run("review", *words, "-o", "-", "--session", "web")
    assert failed.exit_code == 1
    assert "--session: shows one review of one assembly" in failed.stderr


def test_rep_elements_whose_strand_looks_wrong(real_data: Path, tmp_path: Path) -> None:
    """Four elements are labelled on a strand that the model clearly reads as the other."""
    folder = real_data / "ecoli_k12"
    words = [folder / "NC_000913.3.fa.gz", "--labels", folder / "rep.bed", "-m", "ecoli-rep"]
    succeed("-q", "review", *words, "-o", tmp_path / "r.bed", "--threads", "1")
    rows = [line.split("\t") for line in (tmp_path / "r.bed").read_text().splitlines()[1:]]
    first = rows[:10]
    assert sorted(int(row[1]) for row in first if row[8] == "flip") == [
        *(3781697, 4050090, 4094411, 4153469)
    ]
    assert sum(row[8] == "add" for row in first) == 6


@pytest.mark.slow
def test_labels_spoiled_at_random_are_among_the_first_rows(real_data: Path, tmp_path: Path) -> None:
    """A tenth of the labels removed, a twentieth flipped; the model has seen no others."""
    folder = real_data / "ecoli_k12"
    genome = folder / "NC_000913.3.fa.gz"
    rows = [line.split("\t") for line in (folder / "rep.bed").read_text().splitlines()]
    order = np.random.Generator(np.random.PCG64(1)).permutation(len(rows)).tolist()
    removed, flipped = order[: round(len(rows) / 10)], order[-round(len(rows) / 20) :]
    spoiled, wanted = [], []
    for number, (chrom, start, end, name, score, strand, *_) in enumerate(rows):
        if number in removed or number in flipped:
            wanted.append((int(start), int(end), strand))
        if number in flipped:
            strand = {"+": "-", "-": "+"}[strand]
        if number not in removed:
            spoiled.append("\t".join((chrom, start, end, name, score, strand)) + "\n")
    labels, model = tmp_path / "l.bed", tmp_path / "m.safetensors"
    labels.write_text("".join(spoiled))
    succeed("-q", "encode", genome, "--labels", labels, "-o", tmp_path / "set")
    succeed("-q", "train", tmp_path / "set", "-o", model, "--bases", "4M")
    succeed("-q", "review", genome, "--labels", labels, "-m", model, "-o", tmp_path / "r.bed")
    first = [line.split("\t") for line in (tmp_path / "r.bed").read_text().splitlines()[1:]]
    found = {
        site
        for row in first[: len(wanted)]
        for site in wanted
        if int(row[1]) < site[1] and int(row[2]) > site[0] and row[5] == site[2]
    }
    assert len(found) > 0.6 * len(wanted)  # 76 to 84 of 105 with three seeds
