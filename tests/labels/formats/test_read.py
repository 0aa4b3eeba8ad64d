"""Options of reading: what each does, and what makes no sense."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dnabirnn.errors import LabelError, OptionError
from dnabirnn.labels.formats.read import read_annotation
from dnabirnn.labels.load import load_labels, load_truth
from dnabirnn.motif_classes import MotifClass

BED = "c\t0\t5\ta\t0\t+\nc\t7\t9\tb\t0\t+\nc\t11\t15\tx=y\t0\t+\n"
GFF3 = (
    "c\tlab\tgene\t1\t5\t.\t+\t.\tID=1;Name=n\n"
    "c\tlab\tREP\t7\t9\t.\t-\t.\tID=2;Name=m\n"
    "c\tlab\tREP\t21\t29\t.\t-\t.\tID=2;Name=m\n"
)
GTF = 'c\tlab\tgene\t1\t5\t.\t+\t.\tgene_id "g";\n'


@pytest.fixture
def write(tmp_path: Path):
    def write_file(text: str, name: str = "in.bed") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_file


def names(annotation):
    return annotation.frame["name"].to_list()


def test_all_that_a_file_tells(write):
    annotation = read_annotation([write(BED), write(GFF3, "in.gff3")], feature_types=["REP"])
    assert names(annotation) == ["a", "b", "x=y", "REP", "REP"]
    assert [Path(file).name for file in annotation.frame["file"]] == ["in.bed"] * 3 + [
        "in.gff3"
    ] * 2
    assert list(annotation.digests) == ["in.bed", "in.gff3"]
    assert annotation.reading == {
        "class": None,
        "class_column": None,
        "classes_map": {},
        "feature_types": ["REP"],
        "formats": ["bed", "gff3"],
        "span": False,
    }
    assert annotation.absent == []


def test_classes_are_renamed_and_merged(write):
    mapping = {"a": "one", "b": "one", "x=y": "two"}
    labels = load_labels([write(BED)], classes_map=mapping)
    assert labels.classes == (MotifClass("one", True), MotifClass("two", True))
    assert labels.frame["class"].to_list() == [0, 0, 1]
    assert labels.origin.reading["classes_map"] == mapping
    # At once, not one after the other.
    swapped = load_labels([write(BED)], classes_map={"a": "b", "b": "a"})
    assert swapped.frame["class"].to_list() == [1, 0, 2]
    # Other options speak of new names.
    chosen = load_labels([write(BED)], classes_map={"a": "one", "b": "one"}, classes=["one"])
    assert chosen.frame["start"].to_list() == [0, 7]


def test_a_class_or_type_that_is_not_there(write, caplog):
    path = write(GFF3, "in.gff3")
    with pytest.raises(
        LabelError, match="--classes-map: no row has class 'z'; the labels have REP, g"
    ):
        load_labels([path], classes_map={"z": "y"})
    with pytest.raises(
        LabelError, match="--feature-type: no feature has type 'tRNA'; the labels have REP, gene"
    ):
        load_labels([path], feature_types=["gene", "tRNA"])
    with pytest.raises(
        LabelError, match=r"in\.gff3: no feature of type tRNA; the labels have REP, g"
    ):
        load_labels([path], feature_types=["tRNA"])
    # What a model is held against may lack some.
    classes = [MotifClass("REP", True), MotifClass("tRNA", True)]
    truth = load_truth([path], classes, feature_types=["REP", "tRNA"], classes_map={"z": "y"})
    assert truth.frame["class"].to_list() == [0, 0]
    assert len([m for m in caplog.messages if "--feature-type" in m or "--classes-map" in m]) == 2


def test_span_is_for_formats_with_parts(write):
    assert load_labels([write(GFF3, "in.gff3")], span=True).frame["end"].to_list() == [5, 29]
    for text, name in ((GTF, "in.gtf"), ("@c\nA\n+\n#\n", "in.fq")):
        with pytest.raises(
            OptionError, match=r"--span: applies to bed, gappedPeak, gff3, genbank, embl, "
        ):
            load_labels([write(text, name)], span=True)
    # One file of several is enough.
    assert load_labels([write(GTF, "in.gtf"), write(BED)], span=True).frame.height == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"class_name": "x", "class_column": "4"},
            "--class and --class-column: both set the class",
        ),
        (
            {"class_name": "x", "classes_map": {"a": "b"}},
            "--class and --classes-map: --class sets",
        ),
        ({"class_column": " "}, "--class-column: the name is empty"),
        ({"class_name": ""}, "--class '': not a class name"),
        ({"classes_map": {"a": " "}}, "--classes-map ' ': not a class name"),
        (
            {"classes_map": {"a": "x\ty"}},
            "--classes-map .*: not a class name; give one of printable",
        ),
        (
            {"feature_types": ["gene"]},
            "--feature-type: applies to gff3, gtf, genbank, embl, and the la",
        ),
        ({"label_format": "vcf"}, "--label-format 'vcf': not one of bed, narrowPeak"),
    ],
)
def test_options_that_make_no_sense(write, options, message):
    with pytest.raises(OptionError, match=message):
        read_annotation([write(BED)], **options)


@pytest.mark.parametrize(
    ("text", "name", "options", "message"),
    [
        ("", "in.gff3", {}, "in.gff3: no intervals; the file is empty: give labels with rows"),
        ("c\t0\t5\n", "in.bed", {}, "line 1: no class in the fourth column; .*--class-column"),
        (BED, "in.bed", {"class_column": "7"}, "line 1: no class in column 7; give all rows one"),
        (GFF3, "in.gff3", {"class_column": "note"}, "line 1: no class in attribute 'note'"),
        (BED, "in.bed", {"class_column": "gene"}, "in.bed: bed has no column 'gene'"),
        ("@c\nACG\n+\n!!!\n", "in.fq", {}, "in.fq: no intervals; give labels with rows"),
        (
            GFF3.replace("Name=n", "Name=%07"),
            "in.gff3",
            {"class_column": "Name"},
            r"line 1: class '\\x07' has a character that cannot be printed",
        ),
        (
            "c\tlab\tregion\t1\t5\t.\t+\t.\tID=c\n",
            "in.gff3",
            {},
            "in.gff3: no intervals; give labels with rows",
        ),
        ("c\tlab\tgene\t1\t5\n", "in.gff3", {}, "in.gff3, line 1: 5 tab-separated columns"),
    ],
)
def test_files_that_cannot_be_used(write, text, name, options, message):
    with pytest.raises(LabelError, match=message) as caught:
        read_annotation([write(text, name)], **options)
    assert "\n" not in str(caught.value)


def test_an_empty_file_among_others_is_none_where_it_can_be(write):
    """A contig without a site is no error where its file says that it has none."""
    none, some = write("@a\nACG\n+\n!!!\n", "a.fq"), write('@b\nACG\n+\n!"!\n', "b.fq")
    labels = load_labels([none, some])
    assert labels.frame.select("chrom", "start", "end").rows() == [("b", 1, 2)]
    assert labels.origin.lengths == {"a": (3, str(none)), "b": (3, str(some))}


def test_lengths_must_agree(write):
    one, other = write('@a\nACG\n+\n!"!\n', "a.fq"), write('@a\nACGT\n+\n!"!!\n', "b.fq")
    with pytest.raises(
        LabelError, match=r"b\.fq: a has 4 bases, but 3 in .*a\.fq; give labels of one"
    ):
        load_labels([one, other])


def test_more_classes_than_are_possible(write):
    rows = "".join(f"c\tlab\ttype{i}\t1\t5\t.\t+\t.\tID=1\n" for i in range(32))
    with pytest.raises(LabelError, match=r"32 classes .*--class NAME"):
        load_labels([write(rows, "in.gff3")])
    assert len(load_labels([write(rows, "in.gff3")], feature_types=["type3"]).classes) == 1


def test_bed_is_read_without_a_word(write, caplog):
    with caplog.at_level(logging.INFO):
        load_labels([write(BED)])
    assert caplog.messages == []
