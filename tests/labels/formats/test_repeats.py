"""RepeatMasker's `.out` and UCSC's rmsk tables."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from dnabirnn.errors import LabelError
from dnabirnn.intervals.bed import BED_SCHEMA
from dnabirnn.labels.formats.features import Selection
from dnabirnn.labels.formats.repeats import read_repeatmasker, read_rmsk

HEADER = """\
   SW   perc perc perc  query     position in query    matching  repeat       position in repeat
score   div. del. ins.  sequence  begin end   (left)   repeat    class/family begin  end (left)  ID

"""
BIT_HEADER = HEADER.replace("   SW", "  bit")


def out(text, **options):
    return read_repeatmasker([text.encode()], "in.out", Selection(**options))


def rmsk(text, **options):
    return read_rmsk([text.encode()], "rmsk.txt", Selection(**options))


def out_row(
    begin, end, *, chrom="c", left=None, strand="+", repeat="MIR", family="SINE/MIR", tail="7"
):
    left = f"({1000 - int(end)})" if left is None else left
    place = f"{chrom} {begin} {end} {left} {strand}"
    return f" 225 10.0  0.0  0.0 {place} {repeat} {family} 1 34 (1) {tail}\n"


def rmsk_row(start, end, *, chrom="c", left=None, strand="+", names="MIR\tSINE\tMIR"):
    left = int(end) - 1000 if left is None else left
    return (
        f"585\t225\t100\t0\t0\t{chrom}\t{start}\t{end}\t{left}\t{strand}\t{names}\t1\t34\t-1\t7\n"
    )


def test_out():
    features = out(HEADER + out_row(1, 34) + out_row(967, 1000, strand="C", tail="8 *"))
    assert features.frame.schema == BED_SCHEMA
    assert features.frame.rows() == [
        ("c", 0, 34, "SINE", 225.0, "+", 4),
        ("c", 966, 1000, "SINE", 225.0, "-", 5),
    ]
    assert features.lengths == {"c": 1000}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (HEADER + out_row(1, 5), 1),
        (out_row(1, 5), 1),
        (BIT_HEADER + out_row(1, 5), 1),
        # Files end to end.
        ((HEADER + out_row(1, 5)) * 2, 2),
        # Without an ID, with and without a star.
        (out_row(1, 5, tail="") + out_row(1, 5, tail="*"), 2),
        (out_row(1, 5).replace(" ", "\t"), 1),
        ("There were no repetitive sequences detected in /tmp/x.fa\n", 0),
        (HEADER, 0),
    ],
)
def test_forms_of_out(text, count):
    assert out(text).frame.height == count


FAMILIES = [
    ("LINE/L1", "LINE", "L1"),
    ("Satellite", "Satellite", "Satellite"),
    ("DNA/TcMar-Tigger", "DNA", "TcMar-Tigger"),
    ("LTR?", "LTR?", "LTR?"),
    ("a/b/c", "a", "b/c"),
]


@pytest.mark.parametrize(("family", "of_class", "of_family"), FAMILIES)
def test_classes(family, of_class, of_family):
    text = out_row(1, 5, repeat="(GATA)n", family=family)
    names = f"(GATA)n\t{of_class}\t{of_family}"
    for column, expected in {
        None: of_class,
        "repClass": of_class,
        "repFamily": of_family,
        "repName": "(GATA)n",
    }.items():
        assert out(text, class_column=column).frame["name"].to_list() == [expected]
        table = rmsk(rmsk_row(0, 5, names=names), class_column=column)
        assert table.frame["name"].to_list() == [expected]


def test_rmsk():
    rows = rmsk_row(0, 34) + rmsk_row(966, 1000, strand="-") + rmsk_row(5, 5)
    header = "#bin\tswScore\tmilliDiv\n"
    features = rmsk(header + rows)
    assert features.frame.rows() == [
        ("c", 0, 34, "SINE", 225.0, "+", 2),
        ("c", 966, 1000, "SINE", 225.0, "-", 3),
        ("c", 5, 5, "SINE", 225.0, "+", 4),
    ]
    assert features.lengths == {"c": 1000}
    assert rmsk(rows).frame.drop("line").equals(features.frame.drop("line"))
    narrow = "".join(line.partition("\t")[2] for line in rows.splitlines(True))
    assert rmsk(narrow).frame.equals(rmsk(rows).frame)
    assert rmsk("swScore\tmilliDiv\n" + narrow).frame.equals(features.frame)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 900),
            st.integers(1, 100),
            st.sampled_from("+-"),
            st.sampled_from(["L1", "(A)n", "ALR/Alpha"]),
            st.sampled_from(["LINE", "Simple_repeat"]),
            st.sampled_from(["L1", "centr"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_both_formats_tell_the_same(repeats):
    table = "".join(
        rmsk_row(start, start + n, strand=strand, names=f"{name}\t{kind}\t{family}")
        for start, n, strand, name, kind, family in repeats
    )
    masked = "".join(
        out_row(
            start + 1, start + n, strand="C" if strand == "-" else "+", repeat=name,
            family=f"{kind}/{family}",
        )
        for start, n, strand, name, kind, family in repeats
    )  # fmt: skip
    for column in ("repName", "repClass", "repFamily"):
        one, other = rmsk(table, class_column=column), out(masked, class_column=column)
        assert one.frame.equals(other.frame)
        assert one.lengths == other.lengths == {"c": 1000}
    assert one.frame.select("start", "end").rows() == [(s, s + n) for s, n, *_ in repeats]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            " 225 10.0 0.0 0.0 c 1 34 (966) + MIR SINE/MIR 1 34\n",
            "13 columns, RepeatMasker's .out has 14",
        ),
        (out_row(1, 5, tail="7 * x"), "17 columns"),
        (out_row(0, 5), "start 0; RepeatMasker's starts count from 1"),
        (out_row("x", 5), "start 'x' is not a whole number"),
        (out_row(1, "5.5", left="(995)"), "end '5.5' is not a whole number"),
        (out_row(6, 5), "end 5 is before start 6"),
        (out_row(1, 5, left="995"), "'995' instead of the bases left; give a number in"),
        (out_row(1, 5, left="(994)"), "c has 999 bases by this row, but 1000 by the first"),
    ],
)
def test_bad_out(bad, message):
    with pytest.raises(LabelError, match=rf"^in\.out, line 5: {message}") as caught:
        out(HEADER + out_row(1, 34) + bad)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("585\t225\t100\n", "3 tab-separated columns, a rmsk table has 17"),
        (rmsk_row(0, 5).rstrip() + "\tx\n", "18 tab-separated columns"),
        (rmsk_row(-1, 5), "negative start -1"),
        (rmsk_row("x", 5), "start 'x' is not a whole number; give a 0-based"),
        (rmsk_row(0, "y", left=-995), "end 'y' is not a whole number"),
        (rmsk_row(6, 5), "end 5 is before start 6"),
        (rmsk_row(0, 5, left=995), "'995' instead of the bases left; give a number of 0 or less"),
        (rmsk_row(0, 5, left=-990), "c has 995 bases by this row, but 1000 by the first"),
    ],
)
def test_bad_rmsk(bad, message):
    with pytest.raises(LabelError, match=rf"^rmsk\.txt, line 3: {message}") as caught:
        rmsk("#bin\n" + rmsk_row(0, 34) + bad)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [out, rmsk])
def test_a_column_that_is_not_there(read):
    with pytest.raises(
        LabelError, match="no column 'gene' for --class-column; choose one of repName, rep"
    ):
        read("", class_column="gene")


@pytest.mark.parametrize("text", ["", "#bin\tswScore\n", "\n\n"])
def test_no_rows(text):
    with pytest.raises(LabelError, match=r"rmsk\.txt: no repeats"):
        rmsk(text)
    if not text:
        with pytest.raises(LabelError, match=r"in\.out: no repeats"):
            out(text)
