"""Splits by BED, by contig and by fractions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.encoded.splits import (
    SPLITS,
    BedSplit,
    ChromSplit,
    FractionSplit,
    block_length,
    split_plan,
)
from dnabirnn.errors import LabelError, OptionError


@pytest.fixture
def bed(tmp_path):
    def write(text):
        path = tmp_path / "split.bed"
        path.write_text(text.replace(" ", "\t"))
        return path

    return write


def test_bed(bed):
    plan = BedSplit(
        bed("b 0 5 train\na 8 9 val\na 0 4 train\na 4 6 train\na 6 8 test\nz 1 2 val\n")
    )
    assert plan.resolve({"a": 10, "b": 5}, {}) == {
        "train": [("a", 0, 6), ("b", 0, 5)],
        "val": [("a", 8, 9)],
        "test": [("a", 6, 8)],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 0 5 train\na 5 6 valid\n", r"line 2: 'valid' in the fourth column; write train"),
        ("a 0 5\n", r"line 1: nothing in the fourth column"),
        ("a 0 11 train\n" * 2, "line 1: a:0-11 goes past the contig's end at 10"),
        ("chr1 0 5 train\n", "no contig in common"),
        ("a 0 5 train\na 4 6 val\n", r"line 2: val interval a:4-6 overlaps a train interval"),
        ("a 4 6 val\na 0 5 train\n", r"line 1: val interval a:4-6 overlaps a train interval"),
        (
            "a 0 9 test\na 1 2 test\na 7 8 train\n",
            r"line 3: train interval a:7-8 overlaps a test interval",
        ),
        ("a 0 5 train\na 0 5 val\n", r"line 2: val interval"),
    ],
)
def test_bad_bed(bed, text, message):
    with pytest.raises(LabelError, match=message):
        BedSplit(bed(text)).resolve({"a": 10, "b": 5}, {})


bed_rows = st.tuples(
    st.sampled_from("ab"), st.integers(0, 20), st.integers(1, 6), st.sampled_from(SPLITS)
)


@given(st.lists(bed_rows, min_size=1, max_size=6))
def test_overlap_of_splits_is_found(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("split") / "x.bed"
    path.write_text("".join(f"{c}\t{s}\t{s + n}\t{name}\n" for c, s, n, name in rows))
    owner = {}
    clash = False
    for chrom, start, length, name in rows:
        for place in range(start, start + length):
            clash |= owner.setdefault((chrom, place), name) != name
    plan = BedSplit(path)
    if clash:
        with pytest.raises(LabelError, match=r"overlaps a (train|val|test) interval"):
            plan.resolve({"a": 30, "b": 30}, {})
        return
    splits = plan.resolve({"a": 30, "b": 30}, {})
    assert owner == {
        (contig, place): name
        for name, pieces in splits.items()
        for contig, start, end in pieces
        for place in range(start, end)
    }


def test_contigs():
    lengths = {"a": 5, "b": 6, "c": 0, "d": 7}
    assert ChromSplit(("b",), ("d",)).resolve(lengths, {}) == {
        "train": [("a", 0, 5)],
        "val": [("b", 0, 6)],
        "test": [("d", 0, 7)],
    }


def test_bad_contigs():
    with pytest.raises(OptionError, match=r"--val-chroms x: no such contig; the FASTA has a, b"):
        ChromSplit(("x",)).resolve({"a": 5, "b": 6}, {})
    with pytest.raises(OptionError, match="--test-chroms x: no such contig"):
        ChromSplit(("a",), ("x",)).resolve({"a": 5, "b": 6}, {})
    with pytest.raises(OptionError, match="'a' is in both --val-chroms and --test-chroms"):
        ChromSplit(("a", "b"), ("a",))


def bases_of(splits):
    return {name: sum(end - start for _, start, end in splits[name]) for name in SPLITS}


@st.composite
def genomes(draw):
    lengths, labelled = {}, {}
    for number in range(draw(st.integers(1, 4))):
        length = draw(st.integers(0, 400_000))
        edges = sorted(set(draw(st.lists(st.integers(0, length), max_size=20))))
        edges = edges[: len(edges) // 2 * 2]
        lengths[f"c{number}"] = length
        labelled[f"c{number}"] = np.array(edges, dtype=np.int64).reshape(-1, 2)
    return lengths, labelled


@given(genomes())
def test_fractions_cover_every_base_once_and_cut_no_label(genome):
    lengths, labelled = genome
    splits = FractionSplit().resolve(lengths, labelled)
    pieces = sorted(piece for name in SPLITS for piece in splits[name])
    assert all(start < end for _, start, end in pieces)
    covered = {}
    for contig, start, end in pieces:
        assert covered.get(contig, 0) == start
        covered[contig] = end
    assert covered == {name: length for name, length in lengths.items() if length}
    for contig, _, edge in pieces:
        for start, end in labelled[contig].tolist():
            assert not start < edge < end or end - edge > 10_000
    for name in SPLITS:
        joined = splits[name]
        assert not any(a.contig == b.contig and a.end == b.start for a, b in pairwise(joined))
    assert splits == FractionSplit().resolve(lengths, labelled)


@pytest.mark.parametrize(
    "fractions", [(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.9, 0.1, 0), (1, 0, 0)]
)
@pytest.mark.parametrize(
    "lengths",
    [{"a": 20_000}, {"a": 100_000}, {"a": 4_641_652}, {f"c{i}": 7_000 for i in range(400)}],
)
def test_fractions_are_kept(fractions, lengths):
    total = sum(lengths.values())
    bases = bases_of(FractionSplit(*fractions).resolve(lengths, {}))
    for name, fraction in zip(SPLITS, fractions, strict=True):
        assert abs(bases[name] - fraction * total) <= 1.5 * block_length(total)
        assert bool(bases[name]) == bool(fraction)


def test_edge_moves_to_the_first_base_without_a_label():
    assert block_length(2_000_000) == 10_000
    labelled = {"a": np.array([[39_990, 40_025], [49_000, 70_000]])}
    splits = FractionSplit().resolve({"a": 2_000_000}, labelled)
    edges = {edge for name in SPLITS for _, *ends in splits[name] for edge in ends}
    assert 40_025 in edges
    assert 40_000 not in edges
    # Farther than 10 kb: the edge stays, and cuts.
    labelled["a"] = np.array([[39_990, 50_001]])
    edges = {
        edge
        for pieces in FractionSplit().resolve({"a": 2_000_000}, labelled).values()
        for _, *ends in pieces
        for edge in ends
    }
    assert 40_000 in edges


@pytest.mark.parametrize(
    ("genome_bp", "block_bp"),
    [
        (0, 1_000),
        (5_000, 1_000),
        (100_000, 5_000),
        (200_000, 10_000),
        (1_000_000, 10_000),
        (4_000_000, 20_000),
        (200_000_000, 1_000_000),
        (3_000_000_000, 1_000_000),
    ],
)
def test_block_length(genome_bp, block_bp):
    assert block_length(genome_bp) == block_bp


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((0.8, 0.1, 0.2), "they sum to 1.1, but must sum to 1"),
        ((1.1, -0.1, 0.0), "each must be 0 or more"),
        ((0.0, 0.5, 0.5), r"\(train\) must be above 0"),
        ((float("nan"), 0.5, 0.5), "each must be 0 or more"),
        ((0.8, 0.2), "2 numbers; give three"),
    ],
)
def test_bad_fractions(fractions, message):
    with pytest.raises(OptionError, match=message):
        split_plan(fractions=fractions)


def test_plan():
    assert split_plan() == FractionSplit(0.8, 0.1, 0.1)
    assert split_plan(fractions=[0.7, 0.2, 0.1]) == FractionSplit(0.7, 0.2, 0.1)
    assert split_plan(val_chroms=["a"]) == ChromSplit(("a",), ())
    assert split_plan(bed="x.bed") == BedSplit("x.bed")
    for options in ({"bed": "x", "val_chroms": ["a"]}, {"bed": "x", "fractions": (1, 0, 0)}):
        with pytest.raises(OptionError, match="exclude one another"):
            split_plan(**options)
