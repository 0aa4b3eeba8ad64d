"""Writing encoded sets: what is in them, and that nothing is half-done."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.alphabet import decode
from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.encoded_set import EncodedSet, MaskMode
from dnabirnn.encoded.splits import BedSplit, ChromSplit, FractionSplit
from dnabirnn.errors import (
    DnabirnnError,
    EncodedSetError,
    FastaError,
    LabelError,
    OptionError,
    OutputError,
)
from dnabirnn.intervals.regions import Regions
from dnabirnn.labels.load import load_labels
from dnabirnn.motif_classes import MotifClass

FASTA = ">a one\nACGTacgtNN\n>empty\n>b\nccccGGGGtt\n"
LABELS = "a 1 4 REP 0 +\na 6 9 REP 0 -\nb 0 2 REP 0 +\nb 3 5 IS\nb 8 10 gap\na 2 3 IS\n"


@pytest.fixture
def write(tmp_path):
    def _write(text, name):
        path = tmp_path / name
        path.write_text(text if name.endswith(".fa") else text.replace(" ", "\t"))
        return path

    return _write


@pytest.fixture
def fasta(write):
    return write(FASTA, "in.fa")


@pytest.fixture
def labels(write):
    return load_labels([write(LABELS, "in.bed")], ignore_classes=["gap"])


ALL_TRAIN = ChromSplit()


def test_content(fasta, labels, tmp_path):
    done = []
    encoded = encode_genome(
        [fasta], labels, tmp_path / "set", split=ALL_TRAIN, progress=done.append
    )
    assert done == [10, 0, 10]
    assert decode(encoded.codes) == "ACGTACGTNNCCCCGGGGTT"
    assert encoded.contigs == (("a", 0, 10), ("empty", 10, 0), ("b", 10, 10))
    assert encoded.classes == (MotifClass("IS", False), MotifClass("REP", True))
    assert encoded.mask == "none"
    plus, minus, both = 8, 16, 6
    assert encoded.labels.tolist() == [
        *(0, plus, plus | both, plus, 0, 0, minus, minus, minus, 0),
        *(plus, plus, 0, both, both, 0, 0, 0, 1, 1),
    ]
    assert encoded.labels.dtype == np.uint8
    assert encoded.split("train").tolist() == [[0, 10], [10, 20]]
    assert encoded.contig_splits("train") == [("a", 0, 10), ("b", 0, 10)]
    assert encoded.split("val").shape == (0, 2)
    assert sorted(os.listdir(tmp_path / "set")) == ["codes.npy", "labels.npy", "manifest.json"]
    assert not list(tmp_path.glob(".*"))


def test_manifest_says_what_went_in_and_nothing_of_where_or_when(fasta, labels, tmp_path):
    encoded = encode_genome([fasta], labels, tmp_path / "set", split=ALL_TRAIN)
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert manifest == encoded.manifest
    assert manifest["inputs"] == {
        "fasta": [{"name": "in.fa", "sha256": hashlib.sha256(FASTA.encode()).hexdigest()}],
        "labels": [{"name": "in.bed", "sha256": labels.digests["in.bed"]}],
    }
    assert manifest["format_version"] == 1
    assert manifest["ignore_classes"] == ["gap"]
    assert manifest["classes"] == [
        {"name": "IS", "stranded": False},
        {"name": "REP", "stranded": True},
    ]
    text = (tmp_path / "set" / "manifest.json").read_text()
    assert str(tmp_path) not in text
    assert list(manifest) == sorted(manifest)


def test_masks(fasta, labels, tmp_path):
    sets = {
        mask: encode_genome([fasta], labels, tmp_path / mask, split=ALL_TRAIN, mask=mask)
        for mask in MaskMode
    }
    lower = np.array([c.islower() for c in "ACGTacgtNNccccGGGGtt"])
    for mask, encoded in sets.items():
        assert encoded.mask is mask
        assert encoded.manifest["summary"]["splits"]["train"]["masked"] == lower.sum()
    none, loss, hard = (sets[mask] for mask in (MaskMode.NONE, MaskMode.LOSS, MaskMode.HARD))
    np.testing.assert_array_equal(loss.codes, none.codes)
    np.testing.assert_array_equal(loss.labels, none.labels | lower)
    np.testing.assert_array_equal(hard.labels, none.labels)
    np.testing.assert_array_equal(hard.codes, np.where(lower, 4, none.codes))
    assert len({encoded.digest for encoded in sets.values()}) == 3


def test_excluded_bases_are_ignored(fasta, labels, write, tmp_path):
    exclude = Regions.read(write("a 2 5\nb 9 10\n", "x.bed"))
    plain = encode_genome([fasta], labels, tmp_path / "plain", split=ALL_TRAIN)
    encoded = encode_genome([fasta], labels, tmp_path / "set", split=ALL_TRAIN, exclude=exclude)
    ignored = np.zeros(20, dtype=np.uint8)
    ignored[2:5] = ignored[19] = 1
    np.testing.assert_array_equal(encoded.labels, plain.labels | ignored)
    with pytest.raises(LabelError, match=r"x\.bed, line 1: a:2-50 goes past"):
        encode_genome(
            [fasta], labels, tmp_path / "no", exclude=Regions.read(write("a 2 50\n" * 2, "x.bed"))
        )
    with pytest.raises(LabelError, match="no contig in common"):
        encode_genome(
            [fasta], labels, tmp_path / "no", exclude=Regions.read(write("q 2 5\n", "x.bed"))
        )


def test_same_data_same_digest_wherever_they_lie(fasta, labels, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    packed = other / "renamed.fa.gz"
    packed.write_bytes(
        gzip.compress(FASTA.replace("one", "two").replace("cccc", "cc\ncc").encode())
    )
    first = encode_genome([fasta], labels, tmp_path / "first", split=ALL_TRAIN)
    second = encode_genome([packed], labels, other / "second", split=ALL_TRAIN)
    assert first.digest == second.digest
    for name in ("codes.npy", "labels.npy"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


def test_digest_changes_with_what_the_set_says(fasta, labels, write, tmp_path):
    def digest(number, fasta=fasta, labels=labels, **options):
        options = {"split": ALL_TRAIN} | options
        return encode_genome([fasta], labels, tmp_path / str(number), **options).digest

    relabelled = load_labels([write(LABELS.replace("6 9", "6 8"), "2.bed")], ignore_classes=["gap"])
    split = write("a 0 10 train\nb 0 6 train\nb 6 10 val\n", "split.bed")
    digests = [
        digest(0),
        digest(1, fasta=write(FASTA.replace("GGGG", "GGGA"), "2.fa")),
        digest(2, fasta=write(FASTA.replace(">empty", ">blank"), "3.fa")),
        digest(3, labels=relabelled),
        digest(4, split=BedSplit(split)),
        digest(5, mask="loss"),
    ]
    assert len(set(digests)) == len(digests)
    assert digest(6) == digests[0]


def test_standard_input(labels, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FASTA.encode())))
    encoded = encode_genome(["-"], labels, tmp_path / "set", split=ALL_TRAIN)
    assert len(encoded.codes) == 20
    assert [entry["name"] for entry in encoded.manifest["inputs"]["fasta"]] == ["-"]


def test_summary(fasta, labels, write, tmp_path):
    split = write("a 0 8 train\na 8 10 val\nb 0 4 train\nb 4 10 test\n", "split.bed")
    encoded = encode_genome([fasta], labels, tmp_path / "set", split=BedSplit(split))
    summary = encoded.manifest["summary"]
    assert summary["splits"] == {
        "train": {"bases": 12, "ambiguous": 0, "ignored": 0, "masked": 8},
        "val": {"bases": 2, "ambiguous": 2, "ignored": 0, "masked": 0},
        "test": {"bases": 6, "ambiguous": 0, "ignored": 2, "masked": 2},
    }
    assert summary["classes"]["REP"] == {
        "+": {
            "train": {"bases": 5, "intervals": 2},
            "val": {"bases": 0, "intervals": 0},
            "test": {"bases": 0, "intervals": 0},
        },
        "-": {
            "train": {"bases": 2, "intervals": 1},
            # Its one base there is N.
            "val": {"bases": 0, "intervals": 1},
            "test": {"bases": 0, "intervals": 0},
        },
    }
    assert summary["classes"]["IS"]["."] == {
        "train": {"bases": 2, "intervals": 2},
        "val": {"bases": 0, "intervals": 0},
        "test": {"bases": 1, "intervals": 1},
    }


@pytest.mark.parametrize(
    ("fasta_text", "label_text", "options", "error", "message"),
    [
        (
            FASTA,
            LABELS,
            {"split": ChromSplit(("a",), ("b",))},
            EncodedSetError,
            "class 'IS' has no",
        ),
        (
            FASTA,
            "a 8 10 X\n",
            {"split": ALL_TRAIN},
            EncodedSetError,
            "class 'X' has no labelled base",
        ),
        (
            FASTA,
            "a 3 3 X\n",
            {"split": ALL_TRAIN},
            EncodedSetError,
            "class 'X' has no labelled base",
        ),
        (
            FASTA,
            "a 4 7 X\n",
            {"mask": "loss"},
            EncodedSetError,
            "leave the class out with --classes",
        ),
        (FASTA, "a 4 7 X\n", {"mask": "hard"}, EncodedSetError, "class 'X' has no labelled base"),
        (FASTA, "a 4 11 X\n" * 2, {}, LabelError, "a:4-11 goes past the contig's end at 10"),
        (FASTA, "q 4 11 X\n", {}, LabelError, "file has q, FASTA has a, empty, b"),
        (
            FASTA,
            LABELS,
            {"split": ChromSplit(("q",))},
            OptionError,
            "--val-chroms q: no such contig",
        ),
        (">a\n>b\n", "a 0 0 X\n", {}, FastaError, "every record is empty"),
        (">a\nACE\n", LABELS, {}, FastaError, "'E' is not a nucleotide letter"),
    ],
)
def test_a_failure_leaves_nothing(write, tmp_path, fasta_text, label_text, options, error, message):
    fasta = write(fasta_text, "in.fa")
    labels = load_labels([write(label_text, "in.bed")])
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(error, match=message) as caught:
        encode_genome([fasta], labels, tmp_path / "set", **options)
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == before


def test_ignored_bases_do_not_make_a_class(write, tmp_path):
    fasta = write(FASTA, "in.fa")
    labels = load_labels([write("a 1 4 X\na 0 5 gap\n", "in.bed")], ignore_classes=["gap"])
    with pytest.raises(EncodedSetError, match="class 'X' has no labelled base"):
        encode_genome([fasta], labels, tmp_path / "set", split=ALL_TRAIN)


def test_an_encoded_set_is_replaced_once_the_new_one_is_whole(fasta, labels, write, tmp_path):
    old = encode_genome([fasta], labels, tmp_path / "set", split=ALL_TRAIN)
    with pytest.raises(DnabirnnError):
        encode_genome([write(">a\nAE\n", "bad.fa")], labels, tmp_path / "set")
    assert EncodedSet.open(tmp_path / "set").digest == old.digest
    new = encode_genome([fasta], labels, tmp_path / "set", split=ALL_TRAIN, mask="hard")
    assert EncodedSet.open(tmp_path / "set").digest == new.digest != old.digest
    assert not list(tmp_path.glob(".*"))
    # The old one's arrays stay readable for who has them open.
    assert decode(old.codes[:4]) == "ACGT"


def test_the_old_set_comes_back_if_the_new_one_cannot_be_put_there(
    fasta, labels, tmp_path, monkeypatch
):
    old = encode_genome([fasta], labels, tmp_path / "set", split=ALL_TRAIN)
    rename = Path.rename
    failed = []

    def fail(self, target):
        if target == tmp_path / "set" and not failed:
            failed.append(self)
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="cannot be written: No space left"):
        encode_genome([fasta], labels, tmp_path / "set", split=ALL_TRAIN, mask="hard")
    assert EncodedSet.open(tmp_path / "set").digest == old.digest
    assert not list(tmp_path.glob(".*"))


def test_targets(fasta, labels, tmp_path):
    (tmp_path / "empty").mkdir()
    assert (
        encode_genome([fasta], labels, tmp_path / "empty", split=ALL_TRAIN).path
        == tmp_path / "empty"
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x")
    (tmp_path / "more").mkdir()
    shutil.copytree(tmp_path / "empty", tmp_path / "more", dirs_exist_ok=True)
    (tmp_path / "more" / "thesis.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for name, message in [
        ("full", "is not empty and not an encoded set"),
        ("more", "is not empty and not an encoded set"),
        ("file", "is a file"),
        ("none/set", "there is no folder"),
    ]:
        with pytest.raises(OutputError, match=message):
            encode_genome([fasta], labels, tmp_path / name, split=ALL_TRAIN)
    assert (tmp_path / "full" / "thesis.txt").exists()


def test_a_killed_run_leaves_the_old_set(fasta, labels, tmp_path):
    old = encode_genome([fasta], labels, tmp_path / "set", split=ALL_TRAIN)

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_genome([fasta], labels, tmp_path / "set", progress=interrupt)
    assert EncodedSet.open(tmp_path / "set").digest == old.digest
    assert not list(tmp_path.glob(".*"))


@given(
    sequences=st.lists(st.text("ACGTNacgtn", max_size=40), min_size=1, max_size=4),
    data=st.data(),
)
def test_round_trip(tmp_path_factory, sequences, data):
    folder = tmp_path_factory.mktemp("round")
    sequences[0] += "ACGT"
    fasta, bed = folder / "in.fa", folder / "in.bed"
    fasta.write_text("".join(f">c{i}\n{s}\n" for i, s in enumerate(sequences)))
    rows = {("c0", len(sequences[0]) - 4, len(sequences[0]) - 1, "x", "+")}
    for i, sequence in enumerate(sequences):
        for start in data.draw(st.lists(st.integers(0, len(sequence)), max_size=3)):
            end = data.draw(st.integers(start, len(sequence)))
            rows.add((f"c{i}", start, end, "x", data.draw(st.sampled_from("+-"))))
    bed.write_text("".join(f"{c}\t{s}\t{e}\t{n}\t0\t{x}\n" for c, s, e, n, x in rows))
    encoded = encode_genome([fasta], load_labels([bed]), folder / "set", split=ALL_TRAIN)
    again = EncodedSet.open(folder / "set")
    assert again.digest == encoded.digest
    for contig, sequence in zip(again.contigs, sequences, strict=True):
        part = slice(contig.offset, contig.offset + contig.length)
        assert decode(again.codes[part]) == sequence.upper()
        naive = np.zeros(len(sequence), dtype=np.uint8)
        for chrom, start, end, _, strand in rows:
            if chrom == contig.name:
                naive[start:end] |= 2 if strand == "+" else 4
        np.testing.assert_array_equal(again.labels[part], naive)
    train = again.manifest["summary"]["splits"]["train"]
    assert train["masked"] == sum(c.islower() for s in sequences for c in s)
    assert train["ambiguous"] == sum(c in "Nn" for s in sequences for c in s)


def test_memory_is_that_of_one_contig(write, tmp_path):
    length = 6_000_000
    fasta = tmp_path / "big.fa"
    with fasta.open("w") as file:
        for name in "abcdef":
            file.write(f">{name}\n" + ("ACGTacgtNN" * 6 + "\n") * (length // 60))
    labels = load_labels([write("a 1 50 X\n", "in.bed")])
    tracemalloc.start()
    encode_genome([fasta], labels, tmp_path / "set", split=FractionSplit())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Codes, case and labels: 3 bytes a base; a growing array has an eighth to spare; and the
    # chunks of the summary, 4 Mi bases with a byte or two each for masks.
    assert peak < 3.4 * length + 40_000_000 < 0.9 * 3 * 6 * length


@pytest.mark.skipif("DNABIRNN_DATA" not in os.environ, reason="DNABIRNN_DATA is not set")
def test_real_genome(tmp_path):
    folder = Path(os.environ["DNABIRNN_DATA"]) / "ecoli_k12"
    split = tmp_path / "split.bed"
    name = "NC_000913.3"
    split.write_text(
        f"{name}\t0\t3300000\ttrain\n{name}\t3300000\t3713322\tval\n{name}\t3713322\t4641652\ttest\n"
    )
    labels = load_labels([folder / "rep.bed"])
    encoded = encode_genome(
        [folder / f"{name}.fa.gz"], labels, tmp_path / "set", split=BedSplit(split)
    )
    strands = encoded.manifest["summary"]["classes"]["REP"]
    assert {s: sum(n["intervals"] for n in by.values()) for s, by in strands.items()} == {
        "+": 405,
        "-": 292,
    }
    np.testing.assert_array_equal(
        encoded.split("test"), np.array([[3713322, 4641652]], dtype=np.int64)
    )
