"""The printed summary of an encoded set, and its counts against a naive oracle."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.encoded import summary as summary_module
from dnabirnn.encoded.encode import encode_genome
from dnabirnn.encoded.splits import SPLITS, BedSplit
from dnabirnn.encoded.summary import summary_table
from dnabirnn.labels.bits import output_masks
from dnabirnn.labels.load import load_labels


def test_table():
    counts = {
        "splits": {
            "train": {"bases": 1234567, "ambiguous": 12, "ignored": 3456, "masked": 617284},
            "val": {"bases": 1000, "ambiguous": 0, "ignored": 0, "masked": 1},
            "test": {"bases": 0, "ambiguous": 0, "ignored": 0, "masked": 0},
        },
        "classes": {
            "REP": {
                strand: {
                    "train": {"bases": bases, "intervals": 1200},
                    "val": {"bases": 34, "intervals": 1},
                    "test": {"bases": 0, "intervals": 0},
                }
                for strand, bases in (("+", 45678), ("-", 9))
            }
        },
    }
    assert summary_table(counts).split("\n") == [
        "split      bases  ambiguous  ignored  masked",
        "train  1,234,567         12    3,456   50.0%",
        "val        1,000          0        0    0.1%",
        "test           0          0        0    0.0%",
        "",
        "class  strand  train intervals   bases  val intervals  bases  test intervals  bases",
        "REP    +                 1,200  45,678              1     34               0      0",
        "REP    -                 1,200       9              1     34               0      0",
    ]


@st.composite
def genomes(draw):
    """Sequences, rows (contig, start, end, class, score, strand) and split rows."""
    sequences = {n: "A" + draw(st.text("ACGTNacgtn", min_size=20, max_size=40)) for n in "ab"}
    rows = [("a", 0, 3, "x", 0, "+"), ("a", 0, 20, "x", 0, "-"), ("b", 0, 0, "g", 0, ".")]
    pieces = [("a", 0, 1, "train")]
    for name, sequence in sequences.items():
        classes = ["x+", "x-"] if name == "a" else ["x+", "x-", "g."]
        for start in draw(st.lists(st.integers(0, len(sequence)), max_size=4)):
            class_name, strand = draw(st.sampled_from(classes))
            end = draw(st.integers(start, len(sequence)))
            rows.append((name, start, end, class_name, 0, strand))
        edges = sorted(draw(st.sets(st.integers(1, 20), max_size=6)))
        pieces += [(name, *edge, draw(st.sampled_from(SPLITS))) for edge in pairwise(edges)]
    return sequences, rows, pieces


def write_rows(path, rows):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    return path


@given(genomes())
def test_counts(tmp_path_factory, genome):
    sequences, rows, pieces = genome
    folder = tmp_path_factory.mktemp("summary")
    (folder / "in.fa").write_text("".join(f">{n}\n{s}\n" for n, s in sequences.items()))
    labels = load_labels([write_rows(folder / "in.bed", rows)], ignore_classes=["g"])
    split = BedSplit(write_rows(folder / "split.bed", pieces))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary_module, "_CHUNK_BASES", 7)
        encoded = encode_genome([folder / "in.fa"], labels, folder / "set", split=split)
    counts = encoded.manifest["summary"]
    text = "".join(sequences.values())
    for split in SPLITS:
        places = np.array([p for s, e in encoded.split(split).tolist() for p in range(s, e)], int)
        here, marks = [text[p] for p in places], encoded.labels[places]
        assert counts["splits"][split] == {
            "bases": len(here),
            "ambiguous": sum(c in "Nn" for c in here),
            "ignored": int((marks & 1).sum()),
            "masked": sum(c.islower() for c in here),
        }
        for strand, mask in zip("+-", output_masks(labels.classes), strict=True):
            held = [
                c not in "Nn" and m & mask and not m & 1 for c, m in zip(here, marks, strict=True)
            ]
            touched = [
                any(
                    contig == chrom and max(first, start) < min(last, end)
                    for contig, first, last in encoded.contig_splits(split)
                )
                for chrom, start, end, *rest in rows
                if rest == ["x", 0, strand]
            ]
            assert counts["classes"]["x"][strand][split] == {
                "bases": sum(map(bool, held)),
                "intervals": sum(touched),
            }
