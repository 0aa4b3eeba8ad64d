"""Read and write BED.

Coordinates are 0-based and half-open, in base pairs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.files import read_blocks
from dnabirnn.intervals.text import fields, first_error, text_frames, whole_number
from dnabirnn.intervals.tolerance import cut_starts

if TYPE_CHECKING:
    from dnabirnn.files import PathLike

__all__ = ["BED_SCHEMA", "parse_bed", "read_bed", "write_bed"]

logger = logging.getLogger(__name__)

BED_SCHEMA = pl.Schema(
    {
        "chrom": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        "name": pl.String,
        "score": pl.Float64,
        "strand": pl.String,
        "line": pl.UInt32,
    }
)
"""Columns of every data frame of intervals."""

_MAX_COLUMNS = 12
_STRANDS = ("+", "-", ".")
_FIX_BLOCKS = "fix the row, or label whole features with --span"


def read_bed(
    path: PathLike,
    span: bool = False,
    *,
    digests: dict[str, str] | None = None,
    may_be_empty: bool = False,
    tolerant: bool = False,
) -> pl.DataFrame:
    r"""Read the intervals of a BED file.

    BED3 to BED12 and their extensions (narrowPeak, broadPeak, further columns of any kind) are
    read. Columns are separated by tabs or, in rows without a tab, by spaces. Blank lines and lines
    that begin with `#`, `track` or `browser` are ignored.

    Parameters
    ----------
    path : str or PathLike
        Plain, gzip or bgzip, detected by content; "-" is standard input.
    span : bool
        Return a row of twelve columns as one interval from start to end. By default each of its
        blocks (exons, for example) is a separate interval, with the row's name, score and strand.
    digests : dict, optional
        `digests[basename]` is set to the SHA-256 (hex) of the file's bytes as stored.
    may_be_empty : bool
        Return an empty frame for a file without rows; by default this is an error.
    tolerant : bool
        Check only contigs and positions, for callers that use nothing else. A score that is not a
        number is null, and a strand is the text in the file. A few negative starts are cut to 0.

    Returns
    -------
    frame : polars.DataFrame
        One interval per row, in the order of the file:

        ====== ======= =====================================================
        column dtype
        ====== ======= =====================================================
        chrom  String  name of the contig
        start  Int64   0-based position of the first base
        end    Int64   position after the last base; `end == start` is kept
        name   String  null where the row has fewer than four columns
        score  Float64 null where it is absent or "."
        strand String  "+", "-" or "."; "." where it is absent
        line   UInt32  1-based line in the file, for errors
        ====== ======= =====================================================

    Raises
    ------
    LabelError
        A file that is missing, empty, truncated or not text; a row with fewer than three columns,
        text in the place of a number, an end before its start, a negative start, an unknown
        strand, or blocks that do not fit their row.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "motifs.bed")
    >>> _ = path.write_text("track name=motifs\nchr1\t10\t44\tREP\t0\t-\nchr2 5 9\n")
    >>> read_bed(path).rows()
    [('chr1', 10, 44, 'REP', 0.0, '-', 2), ('chr2', 5, 9, None, None, '.', 3)]
    """
    blocks = read_blocks(path, LabelError, digests)
    return parse_bed(blocks, str(path), span, may_be_empty=may_be_empty, tolerant=tolerant)


def parse_bed(
    blocks: Iterable[bytes],
    source: str,
    span: bool = False,
    *,
    name_column: int | None = 3,
    width: tuple[str, int] | None = None,
    may_be_empty: bool = False,
    tolerant: bool = False,
) -> pl.DataFrame:
    r"""Read the intervals in the text of a BED file.

    Parameters
    ----------
    blocks : iterable of bytes
        As from `dnabirnn.files.read.read_blocks`.
    source : str
        Name of the file, for errors.
    span : bool
        As in `read_bed`.
    name_column : int, optional
        0-based index of the column that becomes `name`; null in rows without this column. With
        None, no row has a name.
    width : tuple of str and int, optional
        Name of a format, and the number of columns of each of its rows. Rows with another number
        are an error if names are read, as names may then be in another column. Otherwise they are
        counted in a warning.
    may_be_empty, tolerant : bool
        As in `read_bed`.

    Returns
    -------
    frame : polars.DataFrame
        As from `read_bed`.

    Raises
    ------
    LabelError
        As in `read_bed`; a row with a different number of columns.

    Examples
    --------
    >>> parse_bed([b"chr1\t0\t9\tx7\t0\t+\tREP\n"], "in.bed", name_column=6)["name"].item()
    'REP'
    """
    count = max(_MAX_COLUMNS, (name_column or 0) + 1, width[1] if width else 0)
    lines = [_rows(frame) for frame in text_frames(blocks, source, "BED, plain, gzip or bgzip")]
    if not lines:
        if may_be_empty:
            return pl.DataFrame(schema=BED_SCHEMA)
        raise LabelError(f"{source}: no intervals; the file is empty: give a BED with rows")
    if len(lines) == 1 and lines[0].height == 1 and "\r" in lines[0]["text"][0]:
        raise LabelError(f"{source}: lines end in a bare carriage return; convert to line feeds")
    columns = _columns(pl.concat(lines), count)
    if columns.is_empty() and may_be_empty:
        return pl.DataFrame(schema=BED_SCHEMA)
    if columns.is_empty():
        raise LabelError(
            f"{source}: no intervals; the file has only comments: give a BED with rows"
        )
    frame = _typed(columns, source, name_column, tolerant)
    if width is not None:
        _check_width(columns, width, source, used=name_column is not None)
    if not span and _may_have_blocks(frame, source):
        frame = _exploded(frame, source)
    frame = frame.select(BED_SCHEMA.names())
    return cut_starts(frame, source) if tolerant else frame


def _rows(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a BED file as text, (text, line), without comments."""
    text = pl.col("text")
    header = text.str.contains(r"^(track|browser)(\s|$)")
    # A contig may be called "track". Its rows have a tab and a number after the name.
    row = text.str.contains(r"^(track|browser)\t[0-9]")
    return lines.with_columns(text.str.strip_chars_end(" \t")).filter(
        (text != "") & ~text.str.starts_with("#") & (~header | row)
    )


def _columns(lines: pl.DataFrame, count: int) -> pl.DataFrame:
    """Split rows into `count` text columns c0, c1, ... (null if absent), the rest, and line."""
    text = pl.col("text")
    tabbed = (
        pl.when(text.str.contains("\t", literal=True))
        .then(text)
        .otherwise(text.str.strip_chars_start(" ").str.replace_all(" +", "\t"))
    )
    return lines.select("line", fields(tabbed, count).alias("fields")).unnest("fields")


def _check_width(columns: pl.DataFrame, width: tuple[str, int], source: str, used: bool) -> None:
    """Raise LabelError, or warn, about rows with more or fewer columns than their format has."""
    name, count = width
    fewer, more = pl.col(f"c{count - 1}").is_null(), pl.col(f"c{count}").is_not_null()
    if used:
        remedy = "fix the row, or give the format with --label-format"
        checks = {
            f"fewer than {count} columns, the width of {name}; {remedy}": fewer,
            f"more than {count} columns, the width of {name}; {remedy}": more,
        }
        first_error(columns, checks, source)
        return
    others = columns.filter(fewer | more)
    if others.height:
        logger.warning(
            "%s: %d of %d rows do not have the %d columns of %s, such as line %d; only contig, "
            "start, end and strand are used",
            source,
            others.height,
            columns.height,
            count,
            name,
            others["line"][0],
        )


def _typed(
    columns: pl.DataFrame, source: str, name_column: int | None, tolerant: bool
) -> pl.DataFrame:
    """Add the columns of BED_SCHEMA, checked; c6 to c11 are kept for the blocks."""
    frame = columns.with_columns(
        chrom=pl.col("c0"),
        start=whole_number("c1"),
        end=whole_number("c2"),
        name=pl.lit(None, pl.String) if name_column is None else pl.col(f"c{name_column}"),
        score=pl.col("c4").replace([".", ""], None).cast(pl.Float64, strict=False),
        strand=pl.col("c5").replace("", ".").fill_null("."),
    )
    checks = {
        "fewer than three columns; a row is: contig, start, end, tab-separated": pl.col(
            "c2"
        ).is_null(),
        "no contig in the first column; write its name": pl.col("chrom") == "",
        "start {c1!r} is not a whole number; give a 0-based position": pl.col("start").is_null(),
        "end {c2!r} is not a whole number; give a position in base pairs": pl.col("end").is_null(),
        "end {c2} is before start {c1}; swap them": pl.col("end") < pl.col("start"),
    }
    no_score = pl.col("score").is_null() | ~pl.col("score").is_finite()
    if not tolerant:
        checks |= {
            "negative start {c1}; starts count from 0": pl.col("start") < 0,
            "score {c4!r} is not a number; give one, or '.'": (
                no_score & ~pl.col("c4").is_in([".", ""])
            ),
            "strand {c5!r} is not '+', '-' or '.'; fix it": ~pl.col("strand").is_in(_STRANDS),
        }
    first_error(frame, checks, source)
    return frame.with_columns(score=pl.when(~no_score).then("score"))


def _may_have_blocks(frame: pl.DataFrame, source: str) -> bool:
    """Return whether the rows of twelve columns are BED12.

    Other tools append columns of any kind; `bedtools intersect -wo` appends a second BED. Such a
    file has no row with positions in columns 7 and 8, and no row with lists of numbers as blocks.
    """
    long = frame.filter(_has_blocks())
    if long.is_empty():
        return False
    thick = whole_number("c6").is_not_null() & whole_number("c7").is_not_null()
    numbers = r"^[0-9]+(,[0-9]+)*,?$"
    blocks = pl.col("c10").str.contains(numbers) & pl.col("c11").str.contains(numbers)
    if long.select((thick | (whole_number("c9").is_not_null() & blocks)).any()).item():
        return True
    logger.warning(
        "%s: %d of %d rows have 12 or more columns, but not the blocks of BED12, such as line %d; "
        "each row is one interval",
        source,
        long.height,
        frame.height,
        long["line"][0],
    )
    return False


def _has_blocks() -> pl.Expr:
    """Return an expression: whether a row has columns 10 to 12, not only "." in their places."""
    empty = [pl.col(f"c{i}").is_in([".", ""]) for i in (9, 10, 11)]
    return pl.col("c11").is_not_null() & ~pl.all_horizontal(empty)


def _exploded(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """Return one row per block for rows of twelve columns; leave other rows unchanged."""
    names = BED_SCHEMA.names()
    has_blocks = _has_blocks()
    blocks = frame.filter(has_blocks).with_columns(
        count=whole_number("c9"), sizes=_numbers("c10"), starts=_numbers("c11")
    )
    unequal = (pl.col("sizes").list.len() != pl.col("count")) | (
        pl.col("starts").list.len() != pl.col("count")
    )
    first_error(
        blocks,
        {
            f"block count {{c9!r}} is not a number above 0; {_FIX_BLOCKS}": ~(pl.col("count") > 0)
            | pl.col("count").is_null(),
            f"{{c9}} blocks, but sizes {{c10!r}} and starts {{c11!r}}; {_FIX_BLOCKS}": unequal,
        },
        source,
    )
    blocks = blocks.explode("sizes", "starts").with_columns(
        block_start=pl.col("start") + pl.col("starts"),
        block_end=pl.col("start") + pl.col("starts") + pl.col("sizes"),
    )
    text = pl.col("sizes").is_null() | pl.col("starts").is_null()
    outside = (pl.col("starts") < 0) | (pl.col("sizes") < 0) | (pl.col("block_end") > pl.col("end"))
    first_error(
        blocks,
        {
            f"block sizes {{c10!r}} or starts {{c11!r}} are not whole numbers; {_FIX_BLOCKS}": text,
            f"block {{block_start}}-{{block_end}} lies outside {{start}}-{{end}}; {_FIX_BLOCKS}": (
                outside
            ),
        },
        source,
    )
    exploded = blocks.with_columns(start=pl.col("block_start"), end=pl.col("block_end"))
    whole = frame.filter(~has_blocks)
    return pl.concat([whole.select(names), exploded.select(names)]).sort(
        "line", maintain_order=True
    )


def _numbers(column: str) -> pl.Expr:
    """Parse a comma-separated list of whole numbers, which may end in a comma; null for text."""
    parts = pl.col(column).str.strip_chars_end(",").str.split(",")
    return parts.list.eval(
        pl.when(pl.element().str.contains(r"^-?[0-9]+$"))
        .then(pl.element())
        .cast(pl.Int64, strict=False)
    )


def write_bed(frame: pl.DataFrame, file: TextIO) -> None:
    r"""Write intervals as BED, tab-separated, with the columns of BED6 that the frame has.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns chrom, start and end, and any of name, score and strand. A missing value is written
        as "." (a score as 0). So is a missing column if a later column exists.
    file : text stream

    Examples
    --------
    >>> import io
    >>> text = io.StringIO()
    >>> write_bed(pl.DataFrame({"chrom": ["a"], "start": [3], "end": [9]}), text)
    >>> text.getvalue()
    'a\t3\t9\n'
    """
    fill = {"name": pl.lit("."), "score": pl.lit("0"), "strand": pl.lit(".")}
    present = [name for name in fill if name in frame.columns]
    last = list(fill).index(present[-1]) + 1 if present else 0
    optional = []
    for name in list(fill)[:last]:
        column = pl.col(name) if name in frame.columns else pl.lit(None, dtype=pl.String)
        if name in frame.columns and frame.schema[name].is_float():
            column = _shortest(name)
        optional.append(column.cast(pl.String).fill_null(fill[name]).alias(name))
    table = frame.select("chrom", "start", "end", *optional)
    file.write(table.write_csv(separator="\t", include_header=False, quote_style="never"))


def _shortest(column: str) -> pl.Expr:
    """Format numbers as text; whole numbers without ".0", as BED scores are integers."""
    whole = pl.col(column) == pl.col(column).round()
    return (
        pl.when(whole)
        .then(pl.col(column).cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(pl.col(column).cast(pl.String))
    )
