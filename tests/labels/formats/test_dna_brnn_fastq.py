"""FASTQ whose qualities are labels."""

from __future__ import annotations

import gzip
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, strategies as st

from dnabirnn.errors import LabelError
from dnabirnn.intervals.bed import BED_SCHEMA
from dnabirnn.labels.formats.dna_brnn_fastq import read_labelled_fastq
from dnabirnn.labels.formats.features import Selection
from dnabirnn.labels.load import load_labels


def read(text, step=None):
    data = text.encode() if isinstance(text, str) else text
    size = step or max(1, len(data))
    blocks = [data[i : i + size] for i in range(0, len(data), size)]
    return read_labelled_fastq(blocks, "in.fq", Selection())


def record(name, labels, width=None):
    """A record of these labels, in lines of a width."""
    qualities = "".join(chr(33 + label) for label in labels)
    width = width or max(1, len(labels))
    starts = range(0, len(labels), width) if labels else [0]
    bases = "".join(f"{'ACGT' * width}"[: len(qualities[i : i + width])] + "\n" for i in starts)
    return f"@{name}\n{bases}+\n" + "".join(f"{qualities[i : i + width]}\n" for i in starts)


contigs = st.lists(
    st.lists(st.integers(0, 4) | st.sampled_from([31, 93]), max_size=20), min_size=1, max_size=4
)


@given(contigs, st.integers(1, 7), st.integers(1, 40))
def test_runs_against_groups_of_equal_labels(contigs, width, step):
    text = "".join(record(f"c{i} x", labels, width) for i, labels in enumerate(contigs))
    features = read(text, step)
    assert features.frame.schema == BED_SCHEMA
    expected = []
    for number, labels in enumerate(contigs):
        place = 0
        for label, run in groupby(labels):
            size = len(list(run))
            if label:
                expected.append((f"c{number}", place, place + size, str(label), None, "."))
            place += size
    assert features.frame.drop("line").rows() == expected
    assert features.lengths == {f"c{i}": len(labels) for i, labels in enumerate(contigs)}


def test_lines_are_those_of_the_labels():
    text = record("a", [0, 1]) + "\n" + record("b", [2, 2, 0, 2], width=2)
    features = read(text)
    assert features.frame.select("chrom", "start", "line").rows() == [
        ("a", 1, 4), ("b", 0, 10), ("b", 3, 10),
    ]  # fmt: skip
    assert read(text.replace("\n", "\r\n")).frame.equals(features.frame)
    assert read(text.rstrip("\n")).frame.equals(features.frame)


def test_labels_that_look_like_a_header_or_a_plus():
    text = record("a", [31, 31, 10, 10])
    assert text.endswith("+\n@@++\n")
    assert read(text).frame["name"].to_list() == ["31", "10"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"in\.fq: no records; the file is empty"),
        ("\n\n", r"no records"),
        ("@a\nAC\n+\n!!\nx\n", r"in\.fq, line 5: 'x' instead of '@' and a contig's name"),
        ("@\nAC\n+\n!!\n", "line 1: '@' instead of '@' and a contig's name"),
        ("@ a\nAC\n+\n!!\n", "line 1: '@ a' instead of '@'"),
        ("@a\nAC\n", "in.fq: record 'a' has no '\\+' line, the file is truncated"),
        ("@a\nAC\n+\n!\n", "record 'a' has 1 labels for 2 bases, the file is truncated"),
        ("@a\nAC\n+\n", "record 'a' has 0 labels for 2 bases, the file is truncated"),
        (
            "@a\nAC\n+\n!!!\n",
            "in.fq, line 4: record 'a' has 3 labels for 2 bases; give one per base",
        ),
        ("@a\nAC\n+\n! \n", "line 4: record 'a': character 32 at base 2 is not a label"),
        (b"@a\nAC\n+\n!\xff\n", "character 255 at base 2 is not a label"),
        (record("a", [1]) + record("a", [1]), "line 8: record 'a' occurs twice"),
    ],
)
def test_bad_files(text, message):
    with pytest.raises(LabelError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_no_column_can_be_chosen():
    with pytest.raises(LabelError, match=r"has no columns for --class-column; .*--classes-map"):
        read_labelled_fastq([], "in.fq", Selection("name"))


def test_classes_are_numbers_or_what_they_are_called(tmp_path):
    path = tmp_path / "in.fq.gz"
    path.write_bytes(gzip.compress(record("a", [0, 1, 1, 2, 0]).encode()))
    assert [name for name, _ in load_labels([path]).classes] == ["1", "2"]
    named = load_labels([path], classes_map={"1": "hsat", "2": "alpha"})
    assert named.classes == (("alpha", False), ("hsat", False))
    assert named.paint("a", 5).tolist() == [0, 24, 24, 6, 0]


def test_published_labels(real_data):
    """Labels of 4,500 reads: as many bases of each as there are characters."""
    path = real_data / "dna_brnn" / "reads150.labels.fq.gz"
    labels = load_labels([path])
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    characters = np.frombuffer("".join(lines[3::4]).encode(), np.uint8)
    assert [name for name, _ in labels.classes] == ["1", "2"]
    sizes = labels.frame.with_columns(size=labels.frame["end"] - labels.frame["start"])
    for number, character in enumerate('"#'):
        own = sizes.filter(sizes["class"] == number)["size"].sum()
        assert own == np.count_nonzero(characters == ord(character)) > 0
    assert len(labels.origin.lengths) == len(lines) // 4
