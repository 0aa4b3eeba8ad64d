"""Rows that do not fit: a few are cut or left out with a warning, many are an error.

Tools that extend intervals, such as MACS, write a few rows past the ends of contigs. Many such rows
mean that the file was made for another assembly, and so does a row that lies mostly past the end.
"""

from __future__ import annotations

import logging

import polars as pl

from dnabirnn.errors import LabelError

__all__ = ["check_empty", "check_past", "cut_starts", "few", "lies_past"]

logger = logging.getLogger(__name__)

_TENTH = 10
_EXTENSION_BP = 1000
"""Most bases by which tools extend an interval past the end of a contig: usually a fragment of
sequencing, of some hundred."""


def few(count: int, total: int) -> bool:
    """Return whether some rows of a file are few: one row, or at most a tenth of all.

    Examples
    --------
    >>> few(1, 2), few(2, 19), few(2, 20)
    (True, False, True)
    """
    return count <= 1 or count * _TENTH <= total


def lies_past() -> pl.Expr:
    """Return an expression: whether a row lies mostly past its contig, and so on another assembly.

    More than half of it does, and more than tools extend an interval by. The frame has the columns
    start, end and length.

    Examples
    --------
    >>> rows = pl.DataFrame({"start": [0, 900, 0], "end": [9001, 1900, 2500], "length": [1000] * 3})
    >>> rows.select(lies_past()).to_series().to_list()
    [True, False, True]
    """
    past = pl.col("end") - pl.col("length")
    return (past > _EXTENSION_BP) & (2 * past > pl.col("end") - pl.col("start"))


def check_past(past: pl.DataFrame, total: int, source: str, *, leave_out: bool = False) -> None:
    """Log a warning about rows past the ends of their contigs, which are cut there.

    Parameters
    ----------
    past : polars.DataFrame
        The rows that end past their contigs: columns chrom, start, end, line, length (of the
        contig), and file if rows are from several files.
    total : int
        Number of all rows on these contigs.
    source : str
        Name of the file, for messages.
    leave_out : bool
        The caller leaves out rows for which `lies_past` is true. Otherwise they are an error.

    Raises
    ------
    LabelError
        Many rows, no base left of any row, or a row that lies mostly past its contig.
    """
    if past.is_empty():
        return
    far = past.filter(lies_past())
    outside = past.filter((pl.col("start") >= pl.col("length")) | (lies_past() & leave_out)).height
    if outside == total or not few(past.height, total):
        also = f" (so do {past.height} of {total} rows)" if past.height > 1 else ""
        raise LabelError(
            f"{_place(past, source)} goes past the contig's end at {past['length'][0]}{also}; use "
            "the assembly that the file was made for"
        )
    if far.height and not leave_out:
        raise LabelError(
            f"{_place(far, source)} lies mostly past the contig's end at {far['length'][0]}; use "
            "the assembly that the file was made for, or remove the row"
        )
    if cut := past.height - far.height:
        first = past.filter(~lies_past()).row(0, named=True)
        logger.warning(
            "%s: %d of %d rows go past the end of their contig, the first in line %d (%s:%d-%d, "
            "end at %d); they are cut there; if the file was made for another assembly, use that "
            "assembly",
            first.get("file", source),
            cut,
            total,
            *(first[key] for key in ("line", "chrom", "start", "end", "length")),
        )
    if far.height:
        first = far.row(0, named=True)
        logger.warning(
            "%s: %d of %d rows lie mostly past the end of their contig, the first in line %d "
            "(%s:%d-%d, end at %d); they are left out; they seem to be made for another assembly: "
            "check which one the file needs",
            first.get("file", source),
            far.height,
            total,
            *(first[key] for key in ("line", "chrom", "start", "end", "length")),
        )


def _place(rows: pl.DataFrame, source: str) -> str:
    """Return file, line and interval of the first row."""
    row = rows.row(0, named=True)
    return (
        f"{row.get('file', source)}, line {row['line']}: {row['chrom']}:{row['start']}-{row['end']}"
    )


def check_empty(frame: pl.DataFrame, source: str) -> None:
    """Log a warning about rows without a base, which some tools write for single positions.

    Raises
    ------
    LabelError
        No row of several has a base.
    """
    empty = frame.filter(pl.col("start") == pl.col("end"))
    if empty.is_empty():
        return
    line, start = empty.select("line", "start").row(0)
    if empty.height == frame.height > 1:
        raise LabelError(
            f"{source}, line {line}: start and end are both {start}, as in all rows, so no row has "
            "a base; BED counts starts from 0: if the file counts from 1, subtract 1 from starts"
        )
    logger.warning(
        "%s: %d of %d rows have no base, the first in line %d (start and end %d); they have no "
        "effect",
        source,
        empty.height,
        frame.height,
        line,
        start,
    )


def cut_starts(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """Cut rows that start before the first base, and leave out those that also end there.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns chrom, start, end and line.
    source : str
        Name of the file, for messages.

    Returns
    -------
    frame : polars.DataFrame
        No start is negative. A warning gives the number of rows that were cut or left out.

    Raises
    ------
    LabelError
        Many rows with a negative start, or none left.
    """
    before = frame.filter(pl.col("start") < 0)
    if before.is_empty():
        return frame
    kept = frame.filter((pl.col("start") >= 0) | (pl.col("end") > 0))
    line, start = before.select("line", "start").row(0)
    if kept.is_empty() or not few(before.height, frame.height):
        also = f" ({before.height} of {frame.height} rows have one)" if before.height > 1 else ""
        raise LabelError(
            f"{source}, line {line}: negative start {start}{also}; starts count from 0"
        )
    logger.warning(
        "%s: %d of %d rows start before the first base, the first in line %d (start %d); they are "
        "cut to start at 0, and left out if they also end there",
        source,
        before.height,
        frame.height,
        line,
        start,
    )
    return kept.with_columns(pl.col("start").clip(lower_bound=0))
