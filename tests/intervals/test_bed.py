"""The BED format: what is read, and what is refused with which line."""

from __future__ import annotations

import gzip
import io
import sys

import polars as pl
import pytest
from hypothesis import given, strategies as st

from dnabirnn.errors import LabelError
from dnabirnn.intervals.bed import BED_SCHEMA, read_bed, write_bed


@pytest.fixture
def bed(tmp_path):
    def write(text, name="in.bed"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\t0\t5\n", [("a", 0, 5, None, None, ".", 1)]),
        ("a\t0\t5", [("a", 0, 5, None, None, ".", 1)]),
        ("a 0  5 x\n", [("a", 0, 5, "x", None, ".", 1)]),
        ("  a 0 5\n", [("a", 0, 5, None, None, ".", 1)]),
        ("a\t0\t5\ttwo words\n", [("a", 0, 5, "two words", None, ".", 1)]),
        ("a\t0\t5\tx\t.\t+\r\n", [("a", 0, 5, "x", None, "+", 1)]),
        ("a\t0\t5\tx\t0.25\t-\textra\n", [("a", 0, 5, "x", 0.25, "-", 1)]),
        ("a\t0\t5\tx\t1e3\n", [("a", 0, 5, "x", 1000.0, ".", 1)]),
        ("a\t0\t5\tx\t\t\n", [("a", 0, 5, "x", None, ".", 1)]),
        ("a\t0\t5\t\t7\t+\n", [("a", 0, 5, "", 7.0, "+", 1)]),
        ("a\t0\t5\t\t\n", [("a", 0, 5, None, None, ".", 1)]),
        ("a\t7\t7\tx\n", [("a", 7, 7, "x", None, ".", 1)]),
        (
            "#c\n\ntrack name=x\nbrowser position a\na\t1\t2\n   \n\t\n#d\nb\t3\t4\n",
            [("a", 1, 2, None, None, ".", 5), ("b", 3, 4, None, None, ".", 9)],
        ),
        ("track\na\t1\t2\n", [("a", 1, 2, None, None, ".", 2)]),
        ("track1\t1\t2\n", [("track1", 1, 2, None, None, ".", 1)]),
        ("browserless 1 2\n", [("browserless", 1, 2, None, None, ".", 1)]),
        ("\ufeffa\t1\t2\n", [("a", 1, 2, None, None, ".", 1)]),
        ('a\t1\t2\t"q\n', [("a", 1, 2, '"q', None, ".", 1)]),
        (
            "b\t9\t10\na\t1\t2\n",
            [("b", 9, 10, None, None, ".", 1), ("a", 1, 2, None, None, ".", 2)],
        ),
        ("a\t4000000000\t5000000000\n", [("a", 4_000_000_000, 5_000_000_000, None, None, ".", 1)]),
        # narrowPeak: its tenth column is no block count.
        ("a\t1\t9\tp1\t8\t.\t1.5\t2\t-1\t4\n", [("a", 1, 9, "p1", 8.0, ".", 1)]),
    ],
)
def test_forms(bed, text, expected):
    frame = read_bed(bed(text))
    assert frame.schema == BED_SCHEMA
    assert frame.rows() == expected


BED12 = "a\t100\t200\tgene\t5\t-\t100\t200\t0\t{}\t{}\t{}\n"


def test_blocks_are_rows(bed):
    path = bed("a\t1\t2\n" + BED12.format(2, "10,20,", "0,80,") + "a\t5\t6\n")
    assert read_bed(path).select("start", "end", "name", "score", "strand", "line").rows() == [
        (1, 2, None, None, ".", 1),
        (100, 110, "gene", 5.0, "-", 2),
        (180, 200, "gene", 5.0, "-", 2),
        (5, 6, None, None, ".", 3),
    ]
    assert read_bed(path, span=True).select("start", "end", "line").rows() == [
        (1, 2, 1),
        (100, 200, 2),
        (5, 6, 3),
    ]


@pytest.mark.parametrize(
    ("count", "sizes", "starts", "message"),
    [
        ("2", "10,20", "0", "2 blocks, but sizes '10,20' and starts '0'"),
        ("3", "10,20,", "0,80,", "3 blocks, but sizes"),
        ("1", "", "0", "not whole numbers"),
        ("0", "1", "0", "block count '0' is not a number above 0"),
        ("x", "1", "0", "block count 'x' is not a number above 0"),
        ("-1", "1", "0", "block count '-1' is not a number above 0"),
        ("1", "101", "0", "block 100-201 lies outside 100-200"),
        ("1", "5", "-1", "block 99-104 lies outside 100-200"),
        ("1", "-5", "9", "block 109-104 lies outside"),
        ("2", "1,b", "0,9", "sizes '1,b' or starts '0,9' are not whole numbers"),
        ("2", "1,,", "0,9", "2 blocks, but sizes '1,,'"),
    ],
)
def test_bad_blocks(bed, count, sizes, starts, message):
    path = bed("a\t1\t2\n" + BED12.format(count, sizes, starts))
    with pytest.raises(LabelError, match=message) as caught:
        read_bed(path)
    assert ", line 2: " in str(caught.value)
    assert "--span" in str(caught.value)
    assert read_bed(path, span=True).height == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a", "fewer than three columns"),
        ("a\t1", "fewer than three columns"),
        ("a 1", "fewer than three columns"),
        ("\t1\t2", "no contig in the first column"),
        ("a\tx\t2", "start 'x' is not a whole number"),
        ("a\t1.0\t2", "start '1.0' is not a whole number"),
        ("a\t1e3\t2000", "start '1e3' is not a whole number"),
        ("a\t1,000\t2000", "start '1,000' is not a whole number"),
        ("a\t \t2000", "start ' ' is not a whole number"),
        ("a\t1\ty", "end 'y' is not a whole number"),
        ("a\t1\t99999999999999999999", "end '99999999999999999999' is not a whole number"),
        ("a\t-1\t2", "negative start -1"),
        ("a\t5\t2", "end 2 is before start 5"),
        ("a\t1\t2\tx\tgene", "score 'gene' is not a number"),
        ("a\t1\t2\tx\tnan", "score 'nan' is not a number"),
        ("a\t1\t2\tx\tinf", "score 'inf' is not a number"),
        ("a\t1\t2\tx\t0\tplus", r"strand 'plus' is not '\+', '-' or '.'"),
        ("a\t1\t2\t{x}\t0\t{y}", r"strand '\{y\}' is not"),
    ],
)
@pytest.mark.parametrize("span", [False, True])
def test_bad_rows(bed, row, message, span):
    path = bed(f"# c\na\t1\t2\n{row}\na\tworse\n")
    with pytest.raises(LabelError, match=message) as caught:
        read_bed(path, span)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\n", "no intervals"),
        (b"# only\ntrack x\n", "no intervals"),
        (b"a\t1\t\xff\n", "line 1: end 'ÿ' is not a whole number"),
        (b"a\t1\0\t2\n", "not a text file"),
        (gzip.compress(b"a\t1\t2\n" * 99, mtime=0)[:-9], "truncated gzip"),
    ],
)
def test_bad_files(bed, data, message):
    path = bed(data)
    with pytest.raises(LabelError, match=message) as caught:
        read_bed(path)
    assert str(path) in str(caught.value)


def test_sources(bed, monkeypatch, tmp_path):
    row = b"a\t1\t2\n"
    digests = {}
    assert read_bed(bed(gzip.compress(row, mtime=0), "x.bed"), digests=digests).height == 1
    assert list(digests) == ["x.bed"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(row)))
    assert read_bed("-").height == 1
    with pytest.raises(LabelError, match="no such file"):
        read_bed(tmp_path / "none")


rows = st.tuples(
    st.sampled_from(["chr1", "2", "chrUn_x.1"]),
    st.integers(0, 10**6),
    st.integers(0, 1000),
    st.sampled_from(["REP", "a b", "LINE/L1", "(GATA)n", "'q\""]),
    st.integers(0, 1000) | st.floats(0, 1, width=32),
    st.sampled_from("+-."),
)


@given(st.lists(rows, min_size=1, max_size=20))
def test_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("bed") / "x.bed"
    table = [(c, s, s + n, name, float(x), strand) for c, s, n, name, x, strand in rows]
    names = BED_SCHEMA.names()[:6]
    frame = pl.DataFrame(table, schema=names, orient="row", infer_schema_length=None)
    with path.open("w") as file:
        write_bed(frame, file)
    assert read_bed(path).select(names).rows() == table
    assert read_bed(path)["line"].to_list() == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, "a\t1\t2\n"),
        ({"name": ["x"]}, "a\t1\t2\tx\n"),
        ({"name": [None]}, "a\t1\t2\t.\n"),
        ({"score": [7]}, "a\t1\t2\t.\t7\n"),
        ({"strand": ["-"]}, "a\t1\t2\t.\t0\t-\n"),
        ({"score": [1000.0], "name": ["x"]}, "a\t1\t2\tx\t1000\n"),
        ({"score": [0.5], "strand": ["+"], "line": [9]}, "a\t1\t2\t.\t0.5\t+\n"),
        ({"score": [None]}, "a\t1\t2\t.\t0\n"),
    ],
)
def test_written(columns, expected):
    text = io.StringIO()
    write_bed(pl.DataFrame({"chrom": ["a"], "start": [1], "end": [2], **columns}), text)
    assert text.getvalue() == expected
