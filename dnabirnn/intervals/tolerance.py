"""Rows that do not fit: a few are cut or left out with a warning, many are an error.

Tools that extend intervals, such as MACS, write a few rows past the ends of contigs. Many such rows
mean that the file was made for another assembly.
"""

from __future__ import annotations

import logging

import polars as pl

from dnabirnn.errors import LabelError

__all__ = ["check_past", "cut_starts", "few"]

logger = logging.getLogger(__name__)

_TENTH = 10


def few(count: int, total: int) -> bool:
    """Return whether some rows of a file are few: one row, or at most a tenth of all.

    Examples
    --------
    >>> few(1, 2), few(2, 19), few(2, 20)
    (True, False, True)
    """
    return count <= 1 or count * _TENTH <= total


def check_past(past: pl.DataFrame, total: int, source: str) -> None:
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

    Raises
    ------
    LabelError
        Many rows, or no base left of any row.
    """
    if past.is_empty():
        return
    first = past.row(0, named=True)
    chrom, start, end, length = (first[key] for key in ("chrom", "start", "end", "length"))
    outside = past.filter(pl.col("start") >= pl.col("length")).height
    if outside == total or not few(past.height, total):
        also = f" (so do {past.height} of {total} rows)" if past.height > 1 else ""
        raise LabelError(
            f"{first.get('file', source)}, line {first['line']}: {chrom}:{start}-{end} goes past "
            f"the contig's end at {length}{also}; use the assembly that the file was made for"
        )
    logger.warning(
        "%s: %d of %d rows go past the end of their contig, the first in line %d (%s:%d-%d, end at "
        "%d); they are cut there; if the file was made for another assembly, use that assembly",
        first.get("file", source),
        past.height,
        total,
        first["line"],
        chrom,
        start,
        end,
        length,
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
