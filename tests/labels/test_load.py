"""What BED files say of classes and strands."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from dnabirnn.errors import LabelError, OptionError
from dnabirnn.labels.bits import paint
from dnabirnn.labels.load import load_labels, load_truth
from dnabirnn.motif_classes import MotifClass


@pytest.fixture
def bed(tmp_path):
    def write(text, name="in.bed"):
        path = tmp_path / name
        path.write_text(text.replace(" ", "\t"))
        return path

    return write


MIXED = "c1 0 5 REP 0 +\nc1 8 9 IS 0 .\nc2 1 4 gap 0 -\nc1 3 7 REP 0 -\n"


def test_classes_are_alphabetical_and_know_their_strands(bed):
    labels = load_labels([bed(MIXED)])
    assert labels.classes == (
        MotifClass("IS", False),
        MotifClass("REP", True),
        MotifClass("gap", True),
    )
    assert labels.table.ignore == ()
    assert labels.frame["class"].to_list() == [1, 0, 2, 1]
    assert labels.names == ["c1", "c2"]
    assert list(labels.digests) == ["in.bed"]


def test_chosen_order_and_ignored(bed, caplog):
    path = bed(MIXED)
    with caplog.at_level(logging.INFO):
        labels = load_labels([path], classes=["REP"], ignore_classes=["gap"])
    assert labels.classes == (MotifClass("REP", True),)
    assert labels.table.ignore == ("gap",)
    assert labels.frame["class"].to_list() == [0, -1, 0]
    assert "left out 1 of 4 rows, whose classes are not chosen" in caplog.text
    assert [c.name for c in load_labels([path], classes=["gap", "IS"]).classes] == ["gap", "IS"]


def test_ignored_classes_leave_the_rest(bed):
    labels = load_labels([bed(MIXED)], ignore_classes=["IS"])
    assert [c.name for c in labels.classes] == ["REP", "gap"]


def test_painted_bits(bed):
    labels = load_labels([bed(MIXED)], ignore_classes=["gap"])
    # IS: bits 2 and 4, unstranded; REP: 8 and 16.
    painted = paint(labels.of("c1", 10), 10, labels.table)
    assert painted.tolist() == [8, 8, 8, 24, 24, 16, 16, 0, 6, 0]
    assert paint(labels.of("c2", 5), 5, labels.table).tolist() == [0, 1, 1, 1, 0]
    assert paint(labels.of("elsewhere", 3), 3, labels.table).tolist() == [0, 0, 0]


def test_one_class_for_all_rows(bed):
    labels = load_labels([bed("c 0 5\nc 7 9\n"), bed("c 20 25 peak_1\n", "2.bed")], class_name="TF")
    assert labels.classes == (MotifClass("TF", False),)
    assert labels.frame["line"].to_list() == [1, 2, 1]
    assert [file[-6:] for file in labels.frame["file"]] == ["in.bed", "in.bed", "/2.bed"]


def test_unstranded(bed):
    path = bed("c 0 5 X 0 +\nc 6 7 X 0 .\nc 8 9 Y 0 -\n")
    labels = load_labels([path], unstranded=["X"])
    assert labels.classes == (MotifClass("X", False), MotifClass("Y", True))
    assert labels.of("c", 9).bits.tolist() == [6, 6, 16]


def test_strands_of_ignored_classes_do_not_matter(bed):
    labels = load_labels([bed("c 0 5 X 0 +\nc 6 7 X 0 .\nc 8 9 Y 0 -\n")], ignore_classes=["X"])
    assert labels.of("c", 9).bits.tolist() == [1, 1, 4]


def test_empty_rows_label_nothing(bed):
    labels = load_labels([bed("c 2 2 X\nc 4 5 X\n")])
    assert labels.frame.height == 2
    assert paint(labels.of("c", 6), 6, labels.table).tolist() == [0, 0, 0, 0, 6, 0]


def test_31_classes_are_possible_and_a_32nd_is_not(bed):
    rows = [f"c {i} {i + 1} p{i:02}\n" for i in range(32)]
    labels = load_labels([bed("".join(rows[:31]))])
    assert labels.table.dtype == np.uint64
    assert paint(labels.of("c", 32), 32, labels.table)[30] == 3 << 61
    with pytest.raises(LabelError, match=r"32 classes .p00, p01, p02 and 29 more.*--class NAME"):
        load_labels([bed("".join(rows))])
    assert len(load_labels([bed("".join(rows))], ignore_classes=["p07"]).classes) == 31
    assert len(load_labels([bed("".join(rows))], class_name="peak").classes) == 1


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("c 0 5\n", {}, r"in\.bed, line 1: no class in the fourth column; .*--class NAME"),
        ("c 0 5 X\nc 0 5 .\n", {}, r"line 2: no class in the fourth column"),
        ("c 0 5 X\nc 0 5  9\n", {}, r"line 2: no class in the fourth column"),
        (
            "c 0 5 X 0 +\nc 0 5 Y\nc 6 7 X 0 .\nc 8 9 X 0 .\n",
            {},
            r"line 3: class 'X' has rows with a strand, but this one has '\.'.*--unstranded X",
        ),
        ("c 0 5 X\n", {"classes": ["Z"]}, "--classes: no row has class 'Z'; the labels have X"),
        ("c 0 5 X\n", {"ignore_classes": ["Z"]}, "--ignore-classes: no row has class 'Z'"),
        ("c 0 5 X\n", {"unstranded": ["Z"]}, "--unstranded: no row has class 'Z'"),
        ("c 0 5 X\n", {"ignore_classes": ["X"]}, "every class of the labels is ignored"),
    ],
)
def test_label_errors(bed, text, options, message):
    with pytest.raises(LabelError, match=message):
        load_labels([bed(text)], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["X", "X"]}, "--classes: 'X' is given twice"),
        ({"ignore_classes": ["X", "X"]}, "--ignore-classes: 'X' is given twice"),
        ({"classes": ["X"], "ignore_classes": ["X"]}, "in both --classes and --ignore-classes"),
        ({"class_name": " "}, "--class ' ': not a class name"),
        ({"class_name": "."}, "not a class name"),
        ({"class_name": "a\tb"}, "not a class name"),
    ],
)
def test_option_errors(bed, options, message):
    with pytest.raises(OptionError, match=message):
        load_labels([bed("c 0 5 X\n")], **options)


def test_truth_may_lack_an_ignored_class_and_says_so(bed, caplog):
    path, classes = bed(MIXED), [MotifClass("REP", True)]
    mistyped = load_truth([path], classes, ignore_classes=["gap", "SI"])
    assert mistyped.frame["class"].to_list() == [0, -1, 0]
    assert caplog.messages == [
        "--ignore-classes: no row has class 'SI'; the labels have IS, REP, gap"
    ]
    caplog.clear()
    load_truth([path], classes, ignore_classes=["gap", "IS"])
    assert caplog.messages == []


def test_no_files():
    with pytest.raises(LabelError, match="no labels given"):
        load_labels([])


def test_row_past_the_end_of_its_contig(bed):
    paths = [bed("a 0 5 X\n", "1.bed"), bed("b 1 2 X\na 2 9 X\na 3 9 X\n", "2.bed")]
    labels = load_labels(paths)
    assert labels.of("a", 9).ends.tolist() == [5, 9, 9]
    with pytest.raises(LabelError, match=r"2\.bed, line 2: a:2-9 goes past the contig's end at 8"):
        labels.of("a", 8)


def test_contigs_that_the_fasta_lacks(bed, caplog):
    labels = load_labels([bed("a 0 5 X\nb 1 2 X\nb 3 4 X\n")])
    with caplog.at_level(logging.WARNING):
        labels.check_contigs({"a": 10, "c": 10})
    assert "2 of 3 rows lie on contigs that the FASTA lacks (b)" in caplog.text
    with pytest.raises(LabelError, match=r"file has a, b, FASTA has chr1"):
        labels.check_contigs({"chr1": 10})
