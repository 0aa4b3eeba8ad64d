"""The BED format: read and write.

Coordinates are 0-based and half-open, in base pairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.files import read_blocks
from dnabirnn.intervals.text import fields, first_error, text_frames, whole_number

if TYPE_CHECKING:
    from dnabirnn.files import PathLike

__all__ = ["BED_SCHEMA", "parse_bed", "read_bed", "write_bed"]

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
"""Columns of every frame of intervals."""

_MOST_COLUMNS = 12
_STRANDS = ("+", "-", ".")
_NO_SPAN = "mend the row, or label whole features with --span"


def read_bed(
    path: PathLike,
    span: bool = False,
    *,
    digests: dict[str, str] | None = None,
    may_be_empty: bool = False,
) -> pl.DataFrame:
    r"""Read the intervals of a BED file.

    Takes BED3 to BED12 and what extends them (narrowPeak, broadPeak, further columns of any
    kind). Columns are separated by tabs or, in rows without a tab, by spaces. Blank lines and
    lines that begin with `#`, `track` or `browser` are passed over.

    Parameters
    ----------
    path : str or PathLike
        Plain, gzip or bgzip, told apart by content; "-" is standard input.
    span : bool
        Give a row of twelve columns as one interval from start to end. By default each of its
        blocks (exons, say) is an interval of its own, with the row's name, score and strand.
    digests : dict, optional
        `digests[basename]` becomes the SHA-256 (hex) of the file's bytes as stored.
    may_be_empty : bool
        Give no rows for a file that has none; by default an error.

    Returns
    -------
    frame : polars.DataFrame
        One interval a row, in the order of the file:

        ====== ======= =====================================================
        column dtype
        ====== ======= =====================================================
        chrom  String  name of the contig
        start  Int64   0-based place of the first base
        end    Int64   place after the last base; `end == start` is kept
        name   String  null where the row has fewer than four columns
        score  Float64 null where it is absent or "."
        strand String  "+", "-" or "."; "." where it is absent
        line   UInt32  1-based line in the file, for errors
        ====== ======= =====================================================

    Raises
    ------
    LabelError
        A file that is missing, empty, cut short or no text; a row with fewer than three
        columns, text where a number belongs, an end before its start, a negative start,
        another strand, or blocks that do not fit their row.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "motifs.bed")
    >>> _ = path.write_text("track name=motifs\nchr1\t10\t44\tREP\t0\t-\nchr2 5 9\n")
    >>> read_bed(path).rows()
    [('chr1', 10, 44, 'REP', 0.0, '-', 2), ('chr2', 5, 9, None, None, '.', 3)]
    """
    blocks = read_blocks(path, LabelError, digests)
    return parse_bed(blocks, str(path), span, may_be_empty=may_be_empty)


def parse_bed(
    blocks: Iterable[bytes],
    source: str,
    span: bool = False,
    *,
    name_column: int = 3,
    width: tuple[str, int] | None = None,
    may_be_empty: bool = False,
) -> pl.DataFrame:
    r"""Intervals of the text of a BED file.

    Parameters
    ----------
    blocks : iterable of bytes
        As `dnabirnn.files.read.read_blocks` gives them.
    source : str
        Name of the file, for errors.
    span : bool
        As in `read_bed`.
    name_column : int
        Column that becomes `name`, counted from 0; null in rows that lack it.
    width : tuple of str and int, optional
        Name of a format, and the number of columns that each of its rows has.
    may_be_empty : bool
        As in `read_bed`.

    Returns
    -------
    frame : polars.DataFrame
        As `read_bed` gives it.

    Raises
    ------
    LabelError
        As in `read_bed`; a row of another width.

    Examples
    --------
    >>> parse_bed([b"chr1\t0\t9\tx7\t0\t+\tREP\n"], "in.bed", name_column=6)["name"].item()
    'REP'
    """
    most = max(_MOST_COLUMNS, name_column + 1)
    lines = [_rows(frame) for frame in text_frames(blocks, source, "BED, plain, gzip or bgzip")]
    if not lines:
        if may_be_empty:
            return pl.DataFrame(schema=BED_SCHEMA)
        raise LabelError(f"{source}: no intervals; the file is empty: give a BED with rows")
    columns = _columns(pl.concat(lines), most)
    if columns.is_empty() and may_be_empty:
        return pl.DataFrame(schema=BED_SCHEMA)
    if columns.is_empty():
        raise LabelError(
            f"{source}: no intervals; the file is empty but for comments: give a BED with rows"
        )
    if width is not None:
        _check_width(columns, width, source)
    frame = _typed(columns, source, name_column)
    return frame.select(BED_SCHEMA.names()) if span else _exploded(frame, source)


def _rows(lines: pl.DataFrame) -> pl.DataFrame:
    """Rows of a BED file as text, (text, line), comments gone."""
    text = pl.col("text")
    header = text.str.contains(r"^(track|browser)(\s|$)")
    # A contig may be called "track": such a row goes on with a tab and a number.
    row = text.str.contains(r"^(track|browser)\t[0-9]")
    return lines.with_columns(text.str.strip_chars_end(" \t")).filter(
        (text != "") & ~text.str.starts_with("#") & (~header | row)
    )


def _columns(lines: pl.DataFrame, most: int) -> pl.DataFrame:
    """Split rows into text columns c0, c1, ... (null where absent), what is left, and line."""
    text = pl.col("text")
    tabbed = (
        pl.when(text.str.contains("\t", literal=True))
        .then(text)
        .otherwise(text.str.strip_chars_start(" ").str.replace_all(" +", "\t"))
    )
    return lines.select("line", fields(tabbed, most).alias("fields")).unnest("fields")


def _check_width(columns: pl.DataFrame, width: tuple[str, int], source: str) -> None:
    """Raise for a row of more or fewer columns than its format has."""
    name, count = width
    checks = {
        f"fewer than {count} columns, which {name} has; mend the row, or say what it is with "
        "--label-format": pl.col(f"c{count - 1}").is_null(),
        f"more than {count} columns, which {name} has; mend the row, or say what it is with "
        "--label-format": pl.col(f"c{count}").is_not_null(),
    }
    first_error(columns, checks, source)


def _typed(columns: pl.DataFrame, source: str, name_column: int) -> pl.DataFrame:
    """Columns of BED_SCHEMA, checked, beside c9, c10 and c11."""
    frame = columns.with_columns(
        chrom=pl.col("c0"),
        start=whole_number("c1"),
        end=whole_number("c2"),
        name=pl.col(f"c{name_column}"),
        score=pl.col("c4").replace([".", ""], None).cast(pl.Float64, strict=False),
        strand=pl.col("c5").replace("", ".").fill_null("."),
    )
    no_score = pl.col("score").is_null() | ~pl.col("score").is_finite()
    checks = {
        "fewer than three columns; a row is: contig, start, end, tab-separated": pl.col(
            "c2"
        ).is_null(),
        "no contig in the first column; write its name": pl.col("chrom") == "",
        "start {c1!r} is no whole number; give 0-based base pairs": pl.col("start").is_null(),
        "end {c2!r} is no whole number; give base pairs": pl.col("end").is_null(),
        "negative start {c1}; starts count from 0": pl.col("start") < 0,
        "end {c2} is before start {c1}; swap them": pl.col("end") < pl.col("start"),
        "score {c4!r} is no number; give one, or '.'": no_score & ~pl.col("c4").is_in([".", ""]),
        "strand {c5!r} is not '+', '-' or '.'; mend it": ~pl.col("strand").is_in(_STRANDS),
    }
    first_error(frame, checks, source)
    return frame


def _exploded(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """One row a block for rows of twelve columns; others as they are."""
    names = BED_SCHEMA.names()
    has_blocks = pl.col("c11").is_not_null()
    if not frame.select(has_blocks.any()).item():
        return frame.select(names)
    blocks = frame.filter(has_blocks).with_columns(
        count=whole_number("c9"), sizes=_numbers("c10"), starts=_numbers("c11")
    )
    unequal = (pl.col("sizes").list.len() != pl.col("count")) | (
        pl.col("starts").list.len() != pl.col("count")
    )
    first_error(
        blocks,
        {
            f"block count {{c9!r}} is no number above 0; {_NO_SPAN}": ~(pl.col("count") > 0)
            | pl.col("count").is_null(),
            f"{{c9}} blocks, but sizes {{c10!r}} and starts {{c11!r}}; {_NO_SPAN}": unequal,
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
            f"block sizes {{c10!r}} or starts {{c11!r}} are no whole numbers; {_NO_SPAN}": text,
            f"block {{block_start}}-{{block_end}} lies outside {{start}}-{{end}}; {_NO_SPAN}": (
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
    """Numbers of a comma-separated list, which may end in a comma; null for text."""
    parts = pl.col(column).str.strip_chars_end(",").str.split(",")
    return parts.list.eval(
        pl.when(pl.element().str.contains(r"^-?[0-9]+$"))
        .then(pl.element())
        .cast(pl.Int64, strict=False)
    )


def write_bed(frame: pl.DataFrame, file: TextIO) -> None:
    r"""Write intervals as BED, tab-separated, as many columns as the frame has of BED6.

    Parameters
    ----------
    frame : polars.DataFrame
        chrom, start and end, and any of name, score and strand. A missing value is written as
        "." (a score as 0), and so is a column that is absent but has one after it.
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
    """Write whole numbers without ".0", as BED scores are."""
    whole = pl.col(column) == pl.col(column).round()
    return (
        pl.when(whole)
        .then(pl.col(column).cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(pl.col(column).cast(pl.String))
    )
