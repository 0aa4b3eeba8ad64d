"""BED with a class column of one's own, and peak files."""

from __future__ import annotations

import pytest

from dnabirnn.errors import LabelError
from dnabirnn.labels.formats.bed import read_rows
from dnabirnn.labels.formats.detect import LabelFormat
from dnabirnn.labels.formats.features import Selection

NARROW = (
    "track type=narrowPeak\n"
    "c\t10\t44\tpeak_1\t900\t.\t5.5\t-1\t2.1\t7\n"
    "c\t60\t94\tpeak_2\t100\t+\t1e1\t3\t-1\t-1\n"
)
BROAD = "c\t10\t44\tpeak_1\t900\t.\t5.5\t-1\t2.1\nc\t60\t94\t.\t100\t.\t5\t3\t-1\n"
WIDE = (
    "#chrom\tstart\tend\tname\tscore\tstrand\tthickStart\tfamily\n"
    "c\t1\t9\tx\t0\t+\t7\tREP\n"
    "d\t2\t5\ty\t0\t-\t8\tIS\textra\n"
)


def read(text, form="bed", column=None, span=False):
    return read_rows([text.encode()], "in", Selection(column, span=span), LabelFormat(form))


@pytest.mark.parametrize(("text", "form"), [(NARROW, "narrowPeak"), (BROAD, "broadPeak")])
def test_all_peaks_are_of_one_class(text, form):
    features = read(text, form)
    assert features.frame["name"].to_list() == ["peak", "peak"]
    assert features.frame.select("start", "end").rows() == [(10, 44), (60, 94)]
    assert features.frame["score"].to_list() == [900, 100]


@pytest.mark.parametrize(
    ("text", "form", "column", "names"),
    [
        (NARROW, "narrowPeak", "4", ["peak_1", "peak_2"]),
        (NARROW, "narrowPeak", "name", ["peak_1", "peak_2"]),
        (NARROW, "narrowPeak", "peak", ["7", "-1"]),
        (NARROW, "narrowPeak", "10", ["7", "-1"]),
        (BROAD, "broadPeak", "signalValue", ["5.5", "5"]),
        (WIDE, "bed", None, ["x", "y"]),
        (WIDE, "bed", "4", ["x", "y"]),
        (WIDE, "bed", "chrom", ["c", "d"]),
        (WIDE, "bed", "1", ["c", "d"]),
        # A header's names come first: the eighth of BED is thickEnd.
        (WIDE, "bed", "family", ["REP", "IS"]),
        (WIDE, "bed", "8", ["REP", "IS"]),
        (WIDE, "bed", "thickEnd", ["REP", "IS"]),
        (WIDE, "bed", "9", [None, "extra"]),
        (WIDE, "bed", "40", [None, None]),
        ("# a note\n" + WIDE, "bed", "family", ["REP", "IS"]),
        ("c\t1\t9" + "\tx" * 0 + "\n", "bed", "4", [None]),
    ],
)
def test_class_columns(text, form, column, names):
    features = read(text, form, column)
    assert features.frame["name"].to_list() == names
    number = features.place.removeprefix("column ")
    assert features.place == "the fourth column" or number.isdigit()


def test_a_class_beyond_the_blocks():
    text = "c\t100\t200\tx\t0\t-\t100\t200\t0\t2\t10,20,\t0,80,\tREP\n"
    assert read(text, column="13").frame.select("start", "end", "name").rows() == [
        (100, 110, "REP"),
        (180, 200, "REP"),
    ]
    assert read(text, column="13", span=True).frame.select("start", "end", "name").rows() == [
        (100, 200, "REP")
    ]


@pytest.mark.parametrize(
    ("text", "form", "column", "message"),
    [
        (BROAD, "narrowPeak", "7", "in, line 1: fewer than 10 columns, the width of narrowP"),
        (NARROW, "broadPeak", "7", "in, line 2: more than 9 columns, the width of broadPeak"),
        (NARROW.replace("\t10\t", "\tx\t"), "narrowPeak", None, "line 2: start 'x' is not a whole"),
        (
            WIDE,
            "bed",
            "kind",
            "in: bed has no column 'kind' for --class-column; choose one of chrom, .*fam",
        ),
        (WIDE, "bed", "0", "bed has no column '0'"),
        (WIDE, "bed", "-1", "bed has no column '-1'"),
        (WIDE, "bed", "99999999999", "bed has no column '99999999999'"),
        (BROAD, "broadPeak", "peak", "broadPeak has no column 'peak'"),
        ("", "bed", "4", "in: no intervals; the file is empty"),
    ],
)
def test_errors(text, form, column, message):
    with pytest.raises(LabelError, match=message):
        read(text, form, column)
