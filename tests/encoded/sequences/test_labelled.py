"""Splits of whole sequences, and the encoded set of them."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
from commands import run, succeed, write_fasta

from dnabirnn.alphabet import decode
from dnabirnn.encoded import (
    ChromSplit,
    EncodedSet,
    FractionSplit,
    LabelledSequence,
    LabelledSequences,
    SequenceSplit,
    sequence_counts,
)
from dnabirnn.encoded.sequences.labelled import Place
from dnabirnn.errors import EncodedSetError, OptionError


def sequence(name: str, text: str = "", *classes: str, **more: object) -> LabelledSequence:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    codes = rng.integers(4, size=20).astype(np.uint8)
    if text:
        codes = np.frombuffer(text.encode(), np.uint8) % 4
    return LabelledSequence(name, codes, np.zeros(len(codes), bool), frozenset(classes), **more)


def splits_of(sequences: list[LabelledSequence], plan: object) -> dict[str, str]:
    names = tuple(sorted({name for one in sequences for name in one.classes}))
    found = SequenceSplit(LabelledSequences(sequences, names), plan)
    resolved = found.resolve({one.name: len(one.codes) for one in sequences}, {})
    return {contig: split for split, pieces in resolved.items() for contig, _, _ in pieces}


def test_fractions_are_those_of_each_class():
    sequences = [sequence(f"p{i}", "", "P") for i in range(50)]
    sequences += [sequence(f"n{i}") for i in range(100)]
    found = splits_of(sequences, FractionSplit(0.8, 0.1, 0.1))
    for letter, count in (("p", 50), ("n", 100)):
        own = [split for name, split in found.items() if name.startswith(letter)]
        assert len(own) == count
        assert [own.count(s) for s in ("train", "val", "test")] == [
            count * 8 // 10,
            count // 10,
            count // 10,
        ]


def test_sequences_that_may_share_bases_stay_together():
    sequences = [sequence(f"p{i}", "", "P") for i in range(20)]
    sequences += [sequence(f"n{i}") for i in range(20)]
    sequences += [
        sequence(f"s{i}", "", place=Place("chr1", 100_000 * (i // 2) + 7 * i)) for i in range(20)
    ]
    sequences += [sequence(f"p{i}:shuffled", "", origin=f"p{i}") for i in range(20)]
    sequences += [sequence("first", "ACGGT"), sequence("second", "ACGGT")]
    found = splits_of(sequences, FractionSplit(0.6, 0.2, 0.2))
    assert all(found[f"s{2 * i}"] == found[f"s{2 * i + 1}"] for i in range(10))
    assert all(found[f"p{i}"] == found[f"p{i}:shuffled"] for i in range(20))
    assert found["first"] == found["second"]
    assert {*found.values()} == {"train", "val", "test"}


def test_chains_of_sequences_that_may_share_bases_stay_together():
    words = ["ACGGTAA" + "ACGT"[i % 4] * 3 + "ACGT"[i // 4] for i in range(12)]
    sequences = [
        sequence(f"s{i}", "", "P", place=Place("chr1", 100_000 * i)) for i in range(len(words))
    ]
    sequences += [sequence(f"t{i}", word) for i, word in enumerate(words)]
    sequences += [
        sequence(f"both{i}", word, place=Place("chr1", 100_000 * i + 9))
        for i, word in enumerate(words)
    ]
    found = splits_of(sequences, FractionSplit(0.5, 0.25, 0.25))
    for i in range(len(words)):
        assert found[f"s{i}"] == found[f"t{i}"] == found[f"both{i}"]
    assert {*found.values()} == {"train", "val", "test"}


def test_splits_by_contig_and_given_splits():
    sequences = [
        sequence(f"{kind}{contig}{i}", "", *kind.strip("-"), place=Place(contig, i))
        for kind in ("P", "-")
        for contig in ("a", "b", "c")
        for i in range(2)
    ]
    found = splits_of(sequences, ChromSplit(val=("b",), test=("c",)))
    assert {name[1]: split for name, split in found.items()} == {
        "a": "train",
        "b": "val",
        "c": "test",
    }
    with pytest.raises(OptionError, match="--val-chroms x: no sequence is from this contig"):
        splits_of(sequences, ChromSplit(val=("x",)))
    given = [
        sequence(f"{kind}{split}", "", *kind.strip("-"), split=split)
        for kind in ("P", "-")
        for split in ("train", "val")
    ]
    assert splits_of(given, FractionSplit()) == {one.name: one.split for one in given}


def test_a_split_without_positives_or_negatives_is_an_error():
    both = [sequence("p", "", "P", split="train"), sequence("n", split="train")]
    splits_of(both, FractionSplit())
    with pytest.raises(EncodedSetError, match="the val split has no sequence without class P"):
        splits_of([*both, sequence("v", "", "P", split="val")], FractionSplit())
    with pytest.raises(EncodedSetError, match="the train split has no sequence with class P"):
        splits_of([sequence("p", "", "P", split="test"), both[1]], FractionSplit())


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(5)
    write_fasta(
        tmp_path / "p.fa",
        {f"s{i}": decode(rng.integers(4, size=30 + i).astype(np.uint8)) for i in range(20)},
    )
    return tmp_path


def test_the_encoded_set(files):
    out = files / "set"
    found = succeed(
        "encode", "--positives", f"P={files}/p.fa", "--negatives", "shuffled", "-o", out
    )
    assert "(negative)               16              2               2" in found.stderr
    encoded = EncodedSet.open(out)
    assert encoded.whole_sequences
    assert encoded.summits == {}
    assert encoded.manifest["format_version"] == 2
    assert encoded.manifest["whole_sequences"] == {
        "negatives": "shuffled",
        "seed": 0,
        "summits": {},
    }
    assert [c.name for c in encoded.classes] == ["P"]
    assert encoded.classes[0].stranded
    for contig in encoded.contigs:
        labels = encoded.labels[contig.offset : contig.offset + contig.length]
        assert set(labels.tolist()) == ({0} if ":shuffled" in contig.name else {6})
    assert [file["name"] for file in encoded.manifest["inputs"]["positives"]] == ["p.fa"]
    other = files / "other"
    succeed(
        *("encode", "--positives", f"P={files}/p.fa", "--negatives", "shuffled"),
        *("--seed", "1", "-o", other),
    )
    assert EncodedSet.open(other).digest != encoded.digest


def test_summits_must_lie_in_their_sequence(files):
    out = files / "set"
    succeed("encode", "--positives", f"{files}/p.fa", "--negatives", "shuffled", "-o", out)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["whole_sequences"]["summits"] = {"s0": 30}
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EncodedSetError, match="summit 30 lies outside 's0'"):
        EncodedSet.open(out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split", "x.bed"], "--split: does not apply to labels of whole sequences"),
        (["--labels", "x.bed"], "--labels: does not apply to labels of whole sequences"),
        (["--mask", "loss"], "--mask loss"),
        (["--class", "P"], "--class: applies to --sequence-labels"),
        (["--span"], "--span: does not apply"),
    ],
)
def test_options_that_do_not_apply(files, options, message):
    given = ("encode", "--positives", files / "p.fa", "--negatives", "shuffled")
    found = run(*given, "-o", files / "set", *options)
    assert found.exit_code != 0
    assert message in found.stderr
    assert not (files / "set").exists()


def test_options_that_need_whole_sequences(files):
    for options in (["--summits"], ["--negative-label", "x"], ["--negatives", "shuffled"]):
        found = run("encode", files / "p.fa", "--labels", "x.bed", "-o", files / "set", *options)
        assert found.exit_code != 0
        assert options[0] in found.stderr


def test_counts():
    sequences = LabelledSequences([sequence("p", "", "P"), sequence("n")], ("P",))
    pieces = {"train": [("p", 0, 20)], "val": [("n", 0, 20)], "test": []}
    assert sequence_counts(sequences, pieces) == {
        "P": {"train": 1, "val": 0, "test": 0},
        "": {"train": 0, "val": 1, "test": 0},
    }
