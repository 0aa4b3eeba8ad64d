"""The BED format: read and write.

Coordinates are 0-based and half-open, in base pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.inputs import read_blocks

if TYPE_CHECKING:
    from dnabirnn.inputs import PathLike

__all__ = ["BED_SCHEMA", "read_bed", "write_bed"]

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
    path: PathLike, span: bool = False, *, digests: dict[str, str] | None = None
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
    source = str(path)
    data = b"".join(read_blocks(path, LabelError, digests))
    columns = _columns(_lines(data, source))
    if columns.is_empty():
        raise LabelError(
            f"{source}: no intervals; the file is empty but for comments: give a BED with rows"
        )
    frame = _typed(columns, source)
    return frame.select(BED_SCHEMA.names()) if span else _exploded(frame, source)


def _lines(data: bytes, source: str) -> pl.DataFrame:
    """Rows of a BED file as text, (text, line), comments gone."""
    if not data:
        raise LabelError(f"{source}: no intervals; the file is empty: give a BED with rows")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise LabelError(f"{source}: not a text file; give BED, plain, gzip or bgzip")
    rows = pl.DataFrame({"text": text.removeprefix("\ufeff").split("\n")})
    text_column = pl.col("text")
    return (
        rows.with_columns(line=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32))
        .with_columns(text_column.str.strip_chars_end(" \t\r"))
        .filter(
            (text_column != "")
            & ~text_column.str.starts_with("#")
            & ~text_column.str.contains(r"^(track|browser)(\s|$)")
        )
    )


def _columns(lines: pl.DataFrame) -> pl.DataFrame:
    """Split rows into text columns c0 to c11 (null where absent) and line."""
    text = pl.col("text")
    tabbed = (
        pl.when(text.str.contains("\t", literal=True))
        .then(text)
        .otherwise(text.str.strip_chars_start(" ").str.replace_all(" +", "\t"))
    )
    # A thirteenth field takes whatever columns are left.
    fields = tabbed.str.splitn("\t", _MOST_COLUMNS + 1).struct.rename_fields(
        [f"c{i}" for i in range(_MOST_COLUMNS + 1)]
    )
    return lines.select("line", fields.alias("fields")).unnest("fields").drop(f"c{_MOST_COLUMNS}")


def _whole_number(column: str) -> pl.Expr:
    # The pattern comes first: a cast alone also takes "1e3" and the like.
    digits = pl.col(column).str.contains(r"^-?[0-9]+$")
    return pl.when(digits).then(pl.col(column)).cast(pl.Int64, strict=False)


def _typed(columns: pl.DataFrame, source: str) -> pl.DataFrame:
    """Columns of BED_SCHEMA, checked, beside c9, c10 and c11."""
    frame = columns.with_columns(
        chrom=pl.col("c0"),
        start=_whole_number("c1"),
        end=_whole_number("c2"),
        name=pl.col("c3"),
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
    _raise_first(frame, checks, source)
    return frame


def _raise_first(frame: pl.DataFrame, checks: Mapping[str, pl.Expr], source: str) -> None:
    """Raise for the first row that any check is true of."""
    failed = pl.concat(
        frame.filter(check).head(1).with_columns(message=pl.lit(message))
        for message, check in checks.items()
    )
    if failed.is_empty():
        return
    row = failed.sort("line", maintain_order=True).row(0, named=True)
    raise LabelError(f"{source}, line {row['line']}: {row['message'].format_map(row)}")


def _exploded(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """One row a block for rows of twelve columns; others as they are."""
    names = BED_SCHEMA.names()
    has_blocks = pl.col("c11").is_not_null()
    if not frame.select(has_blocks.any()).item():
        return frame.select(names)
    blocks = frame.filter(has_blocks).with_columns(
        count=_whole_number("c9"), sizes=_numbers("c10"), starts=_numbers("c11")
    )
    unequal = (pl.col("sizes").list.len() != pl.col("count")) | (
        pl.col("starts").list.len() != pl.col("count")
    )
    _raise_first(
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
    _raise_first(
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
