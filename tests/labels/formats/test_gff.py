"""GFF3 and GTF: what bites in them."""

from __future__ import annotations

import re
from urllib.parse import quote

import gffutils
import polars as pl
import pytest
from hypothesis import assume, given, strategies as st

import dnabirnn.intervals.text
from dnabirnn.errors import LabelError
from dnabirnn.intervals.bed import BED_SCHEMA
from dnabirnn.labels.formats.features import Selection, unquoted, wrapped
from dnabirnn.labels.formats.gff import read_gff3, read_gtf


def gff3(text, **options):
    return read_gff3([text.encode()], "in.gff3", Selection(**options))


def gtf(text, **options):
    return read_gtf([text.encode()], "in.gtf", Selection(**options))


def spans(features):
    return features.frame.select("chrom", "start", "end", "name", "strand").rows()


def row(start, end, attributes="", *, chrom="c", kind="gene", strand="+"):
    return f"{chrom}\tlab\t{kind}\t{start}\t{end}\t.\t{strand}\t.\t{attributes}\n"


def test_columns():
    features = gff3("#c\n\n" + row(11, 44, "ID=x", strand="-") + "c\tlab\tR\t1\t1\t0.5\t?\t0\t.\n")
    assert features.frame.schema == BED_SCHEMA
    assert features.frame.rows() == [
        ("c", 10, 44, "gene", None, "-", 3),
        ("c", 0, 1, "R", 0.5, "?", 4),
    ]
    assert features.types == {"gene", "R"}
    assert features.place == "type"


def test_types_are_chosen_and_all_are_known():
    text = row(1, 5) + row(7, 9, kind="exon") + row(11, 12, kind="CDS")
    features = gff3(text, feature_types=("CDS", "gene"))
    assert [name for *_, name, _ in spans(features)] == ["gene", "CDS"]
    assert features.types == {"gene", "exon", "CDS"}
    assert gtf(text, feature_types=("exon",)).frame.height == 1


@pytest.mark.parametrize(
    ("attributes", "key", "names"),
    [
        ("Name=a", "Name", ["a"]),
        ("ID=1;Name=a;x=2", "Name", ["a"]),
        ("ID=1; Name=a b ;x=2", "Name", ["a b"]),
        # Percent signs are decoded, once, after values were separated.
        ("Name=a%2Cb%3Bc%3Dd%25%20e", "Name", ["a,b;c=d% e"]),
        ("Name=a%252Cb", "Name", ["a%2Cb"]),
        ("Name=%CE%B1-satellite", "Name", ["\u03b1-satellite"]),
        ("Name=50%", "Name", ["50%"]),
        # Several values are several classes.
        ("Name=a,b%2Cc,,a", "Name", ["a", "b,c"]),
        # Keys are told whole.
        ("fullName=z;Name=a", "Name", ["a"]),
        ("Name2=z;Name=a", "Name", ["a"]),
        ("Note=Name%3Dz;Name=a", "Name", ["a"]),
        ("a.b=z;a+b=y", "a+b", ["y"]),
        ("x=1", "Name", [None]),
        ("Name=", "Name", [None]),
        ("Name=,", "Name", [None]),
        (".", "Name", [None]),
        ("x=1", "source", ["lab"]),
        ("type=z", "type", ["gene"]),
    ],
)
def test_gff3_classes(attributes, key, names):
    features = gff3(row(1, 5, attributes), class_column=key)
    assert features.frame["name"].to_list() == names
    assert features.frame["start"].to_list() == [0] * len(names)


@pytest.mark.parametrize(
    ("attributes", "key", "names"),
    [
        ('gene_id "g"; biotype "miRNA";', "biotype", ["miRNA"]),
        ('biotype "a; b=c"; x "1"', "biotype", ["a; b=c"]),
        ('note "biotype \'z\'; biotype"; biotype "a";', "biotype", ["a"]),
        ('note "x; biotype z; y"; biotype "a";', "biotype", ["a"]),
        ("exon_number 3; biotype a;", "exon_number", ["3"]),
        ('tag "x"; tag "y"; tag "x";', "tag", ["x", "y"]),
        ('biotype2 "z";biotype "a"', "biotype", ["a"]),
        ('biotype "";', "biotype", [None]),
        ('biotype " a ";', "biotype", [" a "]),
        ('gene_id "g";', "biotype", [None]),
        ("", "biotype", [None]),
        ('biotype "100%2C";', "biotype", ["100%2C"]),
        ('Target "m" 1 20 ; biotype "a" ;', "biotype", ["a"]),
    ],
)
def test_gtf_classes(attributes, key, names):
    assert gtf(row(1, 5, attributes), class_column=key).frame["name"].to_list() == names


@pytest.mark.parametrize("attributes", ['biotype "a', 'a "b" c"; biotype "x";', "biotype;", '"x"'])
def test_gtf_attributes_that_are_none(attributes):
    text = row(1, 5, 'biotype "b";') + row(1, 5, attributes)
    with pytest.raises(LabelError, match=r'^in.gtf, line 2: attributes are not key "value"; pairs'):
        gtf(text, class_column="biotype")
    # They are looked at only where a class is asked of them.
    assert gtf(text).frame.height == 2


def test_fasta_ends_the_features(monkeypatch):
    monkeypatch.setattr(dnabirnn.intervals.text, "_GATHERED_BYTES", 40)
    for ending in ("##FASTA\n>c\nACGT\n", ">c\nACGT\n"):
        text = row(1, 5) + ending + row(7, 9)
        blocks = iter([text[i : i + 7].encode() for i in range(0, len(text), 7)])
        features = read_gff3(blocks, "in.gff3", Selection())
        assert spans(features) == [("c", 0, 5, "gene", "+")]
        # All of the file was read, so that its digest is that of all of it.
        assert next(blocks, None) is None
    # In GTF neither says anything: a row that begins so is wrong.
    with pytest.raises(LabelError, match="line 2: 1 tab-separated columns"):
        gtf(row(1, 5) + ">c\nACGT\n")


def test_percent_in_contig_source_and_type():
    features = gff3(row(1, 5, chrom="c%201", kind="a%3Bb"))
    assert spans(features) == [("c 1", 0, 5, "a;b", "+")]
    assert features.types == {"a;b"}
    assert gff3(row(1, 5, kind="a%3Bb"), feature_types=("a;b",)).frame.height == 1
    # GTF has no such code.
    assert gtf(row(1, 5, kind="a%3Bb")).types == {"a%3Bb"}


DISCONTINUOUS = (
    row(11, 20, "ID=cds1", kind="CDS")
    + row(1, 3, "ID=other", kind="CDS")
    + row(31, 40, "ID=cds1", kind="CDS")
    + row(51, 60, "Parent=cds1", kind="CDS")
    + row(71, 80, "ID=cds1", kind="CDS", chrom="d")
    + row(91, 95, "Parent=p", kind="CDS")
)


def test_parts_of_a_feature_are_intervals_of_their_own_or_span_it():
    assert [s[:3] for s in spans(gff3(DISCONTINUOUS))] == [
        ("c", 10, 20), ("c", 0, 3), ("c", 30, 40), ("c", 50, 60), ("d", 70, 80), ("c", 90, 95),
    ]  # fmt: skip
    assert [s[:3] for s in spans(gff3(DISCONTINUOUS, span=True))] == [
        ("c", 10, 40), ("c", 0, 3), ("c", 50, 60), ("d", 70, 80), ("c", 90, 95),
    ]  # fmt: skip


def test_rows_of_whole_contigs_are_left_out():
    text = (
        row(1, 400, "ID=c", kind="region")
        + row(1, 40, kind="region")
        + row(5, 9)
        + row(1, 90, kind="chromosome", chrom="d")
        + row(3, 90, kind="gene", chrom="d")
        + row(1, 90, kind="gene", chrom="e")
    )
    features = gff3(text)
    assert features.landmarks == 2
    assert [s[:4] for s in spans(features)] == [
        ("c", 0, 40, "region"), ("c", 4, 9, "gene"), ("d", 2, 90, "gene"), ("e", 0, 90, "gene"),
    ]  # fmt: skip
    asked = gff3(text, feature_types=("region",))
    assert asked.landmarks == 0
    assert asked.frame["end"].to_list() == [400, 40]


CIRCLE = row(1, 100, "ID=c:1..100;Is_circular=true", kind="region")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (91, 100, [(90, 100)]),
        (91, 110, [(90, 100), (0, 10)]),
        (91, 101, [(90, 100), (0, 1)]),
        (101, 110, [(0, 10)]),
        (100, 101, [(99, 100), (0, 1)]),
        (51, 150, [(50, 100), (0, 50)]),
        (1, 100, [(0, 100)]),
    ],
)
def test_past_the_end_of_a_circle(start, end, expected):
    for text in (CIRCLE + row(start, end), row(start, end) + CIRCLE):
        features = gff3(text)
        assert [s[1:3] for s in spans(features)] == expected
        assert spans(gff3(text.replace("region", "plasmid"))) == spans(features)
        assert features.lengths == {"c": 100}
        assert features.landmarks == 1
        assert gff3(text, feature_types=("gene",)).frame.rows() == features.frame.rows()


def test_what_is_longer_than_its_circle():
    with pytest.raises(LabelError, match=r"line 2: c:50-151 is longer than the circular contig"):
        gff3(CIRCLE + row(51, 151))
    with pytest.raises(
        LabelError, match=r"line 2: c:196-201 ends past twice the length of the circular"
    ):
        gff3(CIRCLE + row(197, 201))
    assert [s[1:3] for s in spans(gff3(CIRCLE + row(197, 200)))] == [(96, 100)]


def test_only_a_contig_that_says_so_is_a_circle():
    text = row(1, 100, "ID=c;Is_circular=false", kind="region") + row(91, 110)
    features = gff3(text)
    assert features.lengths == {}
    assert ("c", 90, 110, "gene", "+") in spans(features)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 70), st.integers(1, 40))),
    st.integers(40, 60),
)
def test_wrapping_against_counting_bases(rows, length):
    frame = pl.DataFrame(
        [
            (c, s, s + n, i)
            for i, (c, s, n) in enumerate(rows)
            if n <= length and s + n <= 2 * length
        ],
        schema={"chrom": pl.String, "start": pl.Int64, "end": pl.Int64, "line": pl.UInt32},
        orient="row",
    )
    result = wrapped(frame, {"a": length}, "x")
    for chrom, start, end, line in frame.iter_rows():
        own = result.filter(line=line)
        bases = sorted(b for s, e in own.select("start", "end").iter_rows() for b in range(s, e))
        straight = range(start, end)
        expected = straight if chrom == "b" else sorted(base % length for base in straight)
        assert bases == list(expected)
    assert result["line"].is_sorted()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("c\tlab\tgene\t1\t5\n", "5 tab-separated columns, GFF and GTF have 9"),
        ("c\tlab\tgene\t1\t5\t.\t+\n", "7 tab-separated columns"),
        ("c lab gene 1 5 . + . x\n", "1 tab-separated columns"),
        (row(1, 5, chrom=""), "no contig in the first column"),
        (row(1, 5, kind="."), "no type in the third column"),
        (row("x", 5), "start 'x' is not a whole number; give a 1-based"),
        (row(1, "5.0"), "end '5.0' is not a whole number"),
        (row(0, 5), "start 0; starts of GFF and GTF count from 1"),
        (row(-3, 5), "start -3; starts of GFF"),
        (row(6, 5), "end 5 is before start 6; swap them"),
    ],
)
@pytest.mark.parametrize("read", [gff3, gtf])
def test_bad_rows(read, bad, message):
    with pytest.raises(LabelError, match=rf"^in\.g\w+, line 3: {message}") as caught:
        read("#\n" + row(1, 5) + bad + row(9, 2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "##gff-version 3\n", "\n\n", "##FASTA\n>c\nAC\n"])
def test_no_features(text):
    with pytest.raises(LabelError, match=r"in\.gff3: no features"):
        gff3(text)


names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1
)


@given(
    st.lists(
        st.tuples(st.integers(1, 900), st.integers(0, 90), st.lists(names, min_size=1, max_size=3)),
        min_size=1,
        max_size=8,
    )
)
def test_attributes_that_gffutils_writes(features):
    """Any name comes back, whatever has to be escaped in it."""
    rows = [
        str(gffutils.Feature("c", "lab", "x", start, start + n, strand="-",
                             attributes={"ID": [f"i{i}"], "Name": values, "Note": ["Name=z"]}))
        for i, (start, n, values) in enumerate(features)
    ]  # fmt: skip
    found = gff3("".join(f"{text}\n" for text in rows), class_column="Name")
    expected = [
        ("c", start - 1, start + n, value, "-")
        for start, n, values in features
        for value in dict.fromkeys(values)
    ]
    assert spans(found) == expected


@given(st.lists(st.text("ab;= '.,%#", max_size=8), min_size=1, max_size=4))
def test_quotes_hold_whatever_is_in_them(values):
    text = " ".join(f'k{i} "{value}";' for i, value in enumerate(values))
    for i, value in enumerate(values):
        found = gtf(row(1, 5, text), class_column=f"k{i}").frame["name"].to_list()
        assert found == [value or None]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])))
def test_unquoting_undoes_quoting(text):
    assume(not re.search("%[0-9A-Fa-f]{2}", text))
    frame = pl.DataFrame({"name": [quote(text), text, None]}, schema={"name": pl.String})
    assert unquoted(frame, "name")["name"].to_list() == [text, text, None]
