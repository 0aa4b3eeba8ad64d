"""Rows past the ends of contigs: cut, left out, or an error."""

from __future__ import annotations

import re

import polars as pl
import pytest

from dnabirnn.errors import LabelError
from dnabirnn.intervals import check_past

LENGTH = 2000
CUT = "go past the end of their contig, the first in line {} .*; they are cut there"
OUT = "lie mostly past the end of their contig, the first in line {} .*; they are left out"


def past(*rows: tuple[int, int]) -> pl.DataFrame:
    """Rows of one contig that end past it, on lines 1, 2, ..."""
    return pl.DataFrame(
        [("a", start, end, line, LENGTH) for line, (start, end) in enumerate(rows, 1)],
        schema=["chrom", "start", "end", "line", "length"],
        orient="row",
    )


@pytest.mark.parametrize(
    ("rows", "total", "warnings"),
    [
        # As tools extend peaks: some hundred bases, whatever is left inside.
        ([(1900, 2030)], 2, ["1 of 2 rows " + CUT.format(1)]),
        ([(1990, 2990)], 2, ["1 of 2 rows " + CUT.format(1)]),
        ([(2000, 2030)], 2, ["1 of 2 rows " + CUT.format(1)]),
        # A long row with most of its bases inside.
        ([(0, 3900)], 2, ["1 of 2 rows " + CUT.format(1)]),
        # More than half past the end, by more than a fragment.
        ([(1, 9001)], 2, ["1 of 2 rows " + OUT.format(1)]),
        ([(1500, 3001)], 2, ["1 of 2 rows " + OUT.format(1)]),
        ([(8000, 9001)], 2, ["1 of 2 rows " + OUT.format(1)]),
        (
            [(1, 9001), (1900, 2100), (2, 9001)],
            30,
            ["1 of 30 rows " + CUT.format(2), "2 of 30 rows " + OUT.format(1)],
        ),
    ],
)
def test_a_few(
    rows: list[tuple[int, int]], total: int, warnings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    check_past(past(*rows), total, "x.bed", leave_out=True)
    assert len(caplog.messages) == len(warnings)
    for message, warning in zip(caplog.messages, warnings, strict=True):
        assert re.match("x.bed: " + warning, message)


@pytest.mark.parametrize("leave_out", [True, False])
@pytest.mark.parametrize(
    ("rows", "total"),
    [([(1900, 2030)] * 2, 19), ([(1, 9001)] * 2, 19), ([(2000, 2030)], 1)],
)
def test_many(rows: list[tuple[int, int]], total: int, leave_out: bool) -> None:
    with pytest.raises(LabelError, match=r"x.bed, line 1: a:.* goes past the contig's end at 2000"):
        check_past(past(*rows), total, "x.bed", leave_out=leave_out)


def test_no_row_is_left() -> None:
    with pytest.raises(LabelError, match="goes past the contig's end"):
        check_past(past((1, 9001)), 1, "x.bed", leave_out=True)


def test_rows_that_are_not_left_out_are_an_error() -> None:
    """Regions are used as they are, so one row for another assembly stops the run."""
    with pytest.raises(LabelError, match=r"line 2: a:1-9001 lies mostly past .* remove the row"):
        check_past(past((1900, 2030), (1, 9001)), 30, "x.bed")
