"""Whole sequences with their classes, from files of every kind."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest
from commands import write_fasta

from dnabirnn.alphabet import decode, encode
from dnabirnn.encoded import read_sequences
from dnabirnn.encoded.sequences.files import class_of_file
from dnabirnn.encoded.sequences.table import read_table
from dnabirnn.errors import DnabirnnError, LabelError, OptionError

GENOME = {"a": "ACGTACGTNNacgtACGTTT" * 10, "b": "GGGGCCCCAATT" * 10}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_fasta(tmp_path / "genome.fa", GENOME)
    write_fasta(tmp_path / "pos.fa", {"p1": "ACGTAACCGGTT", "chr1:5-15": "acgtaAACCC"})
    write_fasta(tmp_path / "neg.fa", {"n1": "TTTTTTTT"})
    (tmp_path / "peaks.bed").write_text("a\t10\t30\nb\t0\t12\nb\t24\t36\n")
    peak = "a\t10\t30\t.\t0\t.\t1\t1\t1\t7\nb\t0\t12\t.\t0\t.\t1\t1\t1\t-1\n"
    (tmp_path / "peaks.narrowPeak").write_text(peak)
    table = "name,Sequence,label,split,other\nx,ACGT,1,train,\ny,ggNa,0,dev,\n\nz,TTTT,2,test,\n"
    (tmp_path / "t.csv").write_text(table)
    with gzip.open(tmp_path / "t.tsv.gz", "wt") as file:
        file.write("label\tsequence\nsite\tACGT\nnone\tGGGG\n")
    return tmp_path


def texts(found: object) -> dict[str, tuple[str, list[str]]]:
    """Sequence and classes by name."""
    return {one.name: (decode(one.codes), sorted(one.classes)) for one in found.sequences}


def test_classes_are_named_or_after_the_file(folder):
    assert class_of_file("x=y.fa") == ("x", "y.fa")
    assert class_of_file("a/PU.1.fasta.gz") == ("PU.1", "a/PU.1.fasta.gz")
    (folder / "k=v.fa").write_text(">a\nA\n")
    assert class_of_file(f"{folder}/k=v.fa") == ("k=v", f"{folder}/k=v.fa")


def test_sequences_of_files(folder):
    found = read_sequences(positives=[f"P={folder}/pos.fa"], negatives=f"{folder}/neg.fa")
    assert texts(found) == {
        "p1": ("ACGTAACCGGTT", ["P"]),
        "chr1:5-15": ("ACGTAAACCC", ["P"]),
        "n1": ("TTTTTTTT", []),
    }
    assert found.sequences[1].lower.tolist() == [True] * 5 + [False] * 5
    assert found.sequences[1].place == ("chr1", 5)
    assert found.sequences[0].place is None
    assert [*found.digests] == ["positives", "negatives"]
    assert found.negatives == "given"
    hard = read_sequences(
        positives=[f"P={folder}/pos.fa"], negatives=f"{folder}/neg.fa", hard_mask=True
    )
    assert texts(hard)["chr1:5-15"][0] == "NNNNNAACCC"


def test_a_sequence_can_have_two_classes(folder):
    write_fasta(folder / "other.fa", {"p1": "ACGTAACCGGTT", "q": "CCCC"})
    found = read_sequences(positives=[f"P={folder}/pos.fa", f"Q={folder}/other.fa"])
    assert texts(found)["p1"][1] == ["P", "Q"]
    assert texts(found)["q"][1] == ["Q"]
    assert found.negatives == "none"
    labels = found.labels().paint("p1", 12)
    assert set(labels.tolist()) == {2 | 4 | 8 | 16}
    assert set(found.labels().paint("q", 4).tolist()) == {8 | 16}


def test_intervals_are_cut_out_of_the_genome(folder):
    found = read_sequences(
        positives=[f"{folder}/peaks.bed"],
        negatives=f"{folder}/neg.fa",
        genome=[folder / "genome.fa"],
    )
    shown = texts(found)
    assert shown["a:10-30"] == (GENOME["a"][10:30].upper(), ["peaks"])
    assert shown["b:24-36"] == (GENOME["b"][24:36], ["peaks"])
    assert all(one.summit is None for one in found.sequences)
    summits = read_sequences(
        positives=[f"{folder}/peaks.narrowPeak"],
        negatives="shuffled",
        genome=[folder / "genome.fa"],
        summits=True,
    )
    assert summits.description()["summits"] == {"a:10-30": 7}


def test_shuffles_have_the_pairs_of_bases(folder):
    found = read_sequences(positives=[f"{folder}/pos.fa"], negatives="shuffled", seed=3)
    shuffle = next(one for one in found.sequences if one.name == "p1:shuffled")
    pairs = [sorted(itertools.pairwise(x)) for x in (decode(shuffle.codes), "ACGTAACCGGTT")]
    assert pairs[0] == pairs[1]
    assert not shuffle.classes
    assert shuffle.origin == "p1"
    again = read_sequences(positives=[f"{folder}/pos.fa"], negatives="shuffled", seed=3)
    assert texts(again) == texts(found)


def test_genomic_negatives_match_length_and_gc_and_avoid_positives(tmp_path):
    rng = np.random.default_rng(0)
    parts = [
        rng.choice(4, 2_000, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]) for gc in (0.3, 0.7)
    ]
    genome = {"low": decode(parts[0].astype(np.uint8)), "high": decode(parts[1].astype(np.uint8))}
    write_fasta(tmp_path / "genome.fa", genome)
    rows = [("low", s, s + 50) for s in range(0, 1000, 100)]
    rows += [("high", s, s + 80) for s in range(0, 1000, 100)]
    (tmp_path / "p.bed").write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in rows))
    found = read_sequences(
        positives=[f"{tmp_path}/p.bed"], negatives="genomic", genome=[tmp_path / "genome.fa"]
    )
    negatives = [one for one in found.sequences if not one.classes]
    assert sorted(len(one.codes) for one in negatives) == [50] * 10 + [80] * 10
    for one in negatives:
        assert decode(one.codes) == genome[one.place.contig][one.place.start :][: len(one.codes)]
        end = one.place.start + len(one.codes)
        assert not any(
            c == one.place.contig and s < end and e > one.place.start for c, s, e in rows
        )
    of_length = {50: "low", 80: "high"}
    assert sum(one.place.contig == of_length[len(one.codes)] for one in negatives) >= 18


def test_genomic_negatives_match_the_gc_of_bases_that_are_not_masked(tmp_path):
    rng = np.random.default_rng(0)
    halves = ("acgt"[:2] * 25, "GC" * 15 + "AT" * 10)  # masked, then of GC content 0.6

    def contig(unmasked: float) -> str:
        pieces = []
        for _ in range(60):
            pieces.append("".join(rng.choice([*"acgt"], 50)))
            share = [(1 - unmasked) / 2, unmasked / 2, unmasked / 2, (1 - unmasked) / 2]
            pieces.append("".join(rng.choice([*"ACGT"], 50, p=share)))
        return "".join(pieces)

    genome = {"low": contig(0.2), "high": contig(0.6), "p": "".join(halves) * 10}
    write_fasta(tmp_path / "genome.fa", genome)
    rows = "".join(f"p\t{start}\t{start + 100}\n" for start in range(0, 1000, 100))
    (tmp_path / "p.bed").write_text(rows)
    found = read_sequences(
        positives=[f"{tmp_path}/p.bed"],
        negatives="genomic",
        genome=[tmp_path / "genome.fa"],
        hard_mask=True,
    )
    negatives = [one for one in found.sequences if not one.classes]
    assert len(negatives) == 10
    assert sum(one.place.contig == "high" for one in negatives) >= 9
    for one in negatives:
        assert 0.4 < (one.codes == 4).mean() < 0.6


def test_tables(folder):
    found = read_sequences(tables=[f"{folder}/t.csv"])
    assert texts(found) == {"x": ("ACGT", ["1"]), "y": ("GGNA", []), "z": ("TTTT", ["2"])}
    assert [one.split for one in found.sequences] == ["train", "val", "test"]
    assert found.sequences[1].lower.tolist() == [True, True, False, True]
    one_class = read_sequences(tables=[f"{folder}/t.csv"], class_name="M")
    assert one_class.names == ("M",)
    named = read_sequences(tables=[f"train={folder}/t.tsv.gz"], negative_label="none")
    assert texts(named) == {"t:1": ("ACGT", ["site"]), "t:2": ("GGGG", [])}
    assert [one.split for one in named.sequences] == ["train", "train"]
    (masked,) = (o for o in read_table(folder / "t.csv", hard_mask=True) if o.name == "y")
    assert masked.codes.tolist() == [4, 4, 4, 4]
    assert encode("N").item() == 4


FAULTS = {
    "one class": ({"positives": ["P=pos.fa"]}, "class P: no sequence lacks it"),
    "no genome": ({"positives": ["peaks.bed"], "negatives": "shuffled"}, "needs the genome"),
    "no use of a genome": (
        {"positives": ["pos.fa"], "negatives": "shuffled", "genome": ["genome.fa"]},
        "leave out the FASTA",
    ),
    "no bases": ({"positives": ["empty.fa"], "negatives": "shuffled"}, "every record is empty"),
    "no bases for genomic negatives": (
        {"positives": ["empty.fa"], "negatives": "genomic", "genome": ["genome.fa"]},
        "empty.fa: every record is empty; give sequences",
    ),
    "long cells": ({"tables": ["long.csv"]}, "long.csv, line 3: field larger than field limit"),
    "both sources": ({"positives": ["pos.fa"], "tables": ["t.csv"]}, "give one"),
    "summits of FASTA": (
        {"positives": ["pos.fa"], "negatives": "neg.fa", "summits": True},
        "--summits",
    ),
    "no summits": (
        {
            "positives": ["peaks.bed"],
            "negatives": "neg.fa",
            "summits": True,
            "genome": ["genome.fa"],
        },
        "peaks.bed, line 1: no summit in column 10",
    ),
    "negatives of a table": ({"tables": ["t.csv"], "negatives": "shuffled"}, "--negatives"),
    "split of a table": ({"tables": ["tests=t.csv"]}, "'tests' is not a split"),
    "both a positive and a negative": (
        {"positives": ["pos.fa"], "negatives": "pos.fa"},
        "both a positive and a negative",
    ),
    "another sequence": ({"positives": ["pos.fa", "Q=same.fa"]}, "has the name 'p1' too"),
    "past the end": (
        {"positives": ["far.bed"], "negatives": "neg.fa", "genome": ["genome.fa"]},
        "far.bed, line 1: b:100-130 is empty or ends after the end of the contig at 120",
    ),
    "unknown contig": (
        {"positives": ["other.bed"], "negatives": "neg.fa", "genome": ["genome.fa"]},
        "no contig 'c'",
    ),
    "no columns": ({"tables": ["neg.fa"]}, "line 1: no column 'sequence'"),
    "columns": ({"tables": ["short.csv"]}, "short.csv, line 3: 1 columns"),
    "letters": ({"tables": ["letters.csv"]}, "letters.csv, line 2: sequence: 'J' at position 1"),
    "splits": ({"tables": ["splits.csv"]}, "line 2: split 'x'; write train, val, test"),
    "some splits": ({"tables": ["t.csv", "t.tsv.gz"]}, "'t:1' has no split"),
}


@pytest.mark.parametrize(("given", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_faults(folder, monkeypatch, given, message):
    monkeypatch.chdir(folder)
    write_fasta(folder / "same.fa", {"p1": "CCCC"})
    Path("empty.fa").write_text(">a\n\n")
    Path("long.csv").write_text(f"sequence,label\nAC,0\n{'A' * 140_000},1\n")
    Path("far.bed").write_text("b\t100\t130\n")
    Path("other.bed").write_text("c\t1\t13\n")
    Path("short.csv").write_text("sequence,label\nAC,1\nAC\n")
    Path("letters.csv").write_text("sequence,label\nAJ,1\n")
    Path("splits.csv").write_text("sequence,label,split\nAA,1,x\n")
    with pytest.raises((OptionError, LabelError)) as raised:
        read_sequences(**given)
    assert message in str(raised.value)
    assert isinstance(raised.value, DnabirnnError)
    assert "\n" not in str(raised.value)
