"""Read repeats: RepeatMasker's `.out`, and the rmsk tables that UCSC makes from it.

`.out` counts from 1 and includes the last base
(https://www.repeatmasker.org/webrepeatmaskerhelp.html). The tables are 0-based and half-open
(https://genome.ucsc.edu/goldenPath/help/trackDb/trackDbLibrary.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.intervals import BED_SCHEMA, fields, first_error, text_frames, whole_number
from dnabirnn.labels.formats.features import Features, Selection, no_column

__all__ = ["read_repeatmasker", "read_rmsk"]

_CLASS_COLUMNS = ("repName", "repClass", "repFamily")
_HEADER = r"^\s*(?:#|SW\s|bit\s|score\s|There were no repetitive)"
"""Lines of a `.out` that are not rows. They appear repeatedly if files were concatenated."""
_FEWEST, _MOST = 14, 16
_RMSK_COLUMNS = 17


def read_repeatmasker(blocks: Iterable[bytes], source: str, selection: Selection) -> Features:
    """Read the repeats of RepeatMasker's `.out`.

    By default the class of a row is the repeat's class, which is the text before the "/" in the
    column class/family. `repFamily` is the text after it, or the class if there is none.

    Parameters
    ----------
    blocks : iterable of bytes
        Blocks as yielded by `dnabirnn.files.read.read_blocks`.
    source : str
        Name of the file, for errors.
    selection : Selection
        Its column: repClass (the default), repFamily or repName.

    Returns
    -------
    features : Features
        Intervals, and the lengths of contigs, from the column (left).

    Raises
    ------
    LabelError
        A file that is not text or has no repeats; a row with too few or too many columns, text
        where a position belongs, a start below 1, or an end before its start; two lengths of one
        contig.

    Examples
    --------
    >>> row = b"  239 29.4 1.9 1.0 chr1 11 44 (56) C MIR SINE/MIR (118) 144 41 7 *"
    >>> features = read_repeatmasker([row], "in.out", Selection())
    >>> features.frame.rows(), features.lengths
    ([('chr1', 10, 44, 'SINE', 239.0, '-', 1)], {'chr1': 100})
    """
    column = _class_column(source, selection, "RepeatMasker's .out")
    found = Features(pl.DataFrame(schema=BED_SCHEMA), column)
    pieces = [
        _out_rows(lines, source, column)
        for lines in text_frames(blocks, source, "RepeatMasker's .out, plain, gzip or bgzip")
    ]
    if not pieces:
        raise LabelError(f"{source}: no repeats; the file is empty: give RepeatMasker's .out")
    return _joined(found, pieces, source)


def read_rmsk(blocks: Iterable[bytes], source: str, selection: Selection) -> Features:
    r"""Read the repeats of a UCSC rmsk table, from a database dump or from the table browser.

    Parameters
    ----------
    blocks : iterable of bytes
        Table with seventeen columns, or sixteen if `bin` was left out. A header line is ignored.
    source : str
    selection : Selection
        As for `read_repeatmasker`.

    Returns
    -------
    features : Features
        Intervals, and the lengths of contigs, from the column genoLeft.

    Raises
    ------
    LabelError
        As for `read_repeatmasker`, but starts count from 0.

    Examples
    --------
    >>> row = b"585\t239\t294\t19\t10\tchr1\t10\t44\t-56\t-\tMIR\tSINE\tMIR\t-118\t144\t41\t7\n"
    >>> read_rmsk([row], "rmsk.txt", Selection(class_column="repName")).frame.rows()
    [('chr1', 10, 44, 'MIR', 239.0, '-', 1)]
    """
    column = _class_column(source, selection, "a rmsk table")
    found = Features(pl.DataFrame(schema=BED_SCHEMA), column)
    pieces = [
        _rmsk_rows(lines, source, column)
        for lines in text_frames(blocks, source, "a rmsk table, plain, gzip or bgzip")
    ]
    if not any(piece.height for piece in pieces):
        raise LabelError(f"{source}: no repeats; the file is empty: give a rmsk table with rows")
    return _joined(found, pieces, source)


def _class_column(source: str, selection: Selection, form: str) -> str:
    column = selection.class_column or "repClass"
    if column not in _CLASS_COLUMNS:
        raise no_column(source, column, form, ", ".join(_CLASS_COLUMNS))
    return column


def _out_columns(lines: pl.DataFrame, source: str) -> pl.DataFrame:
    """Split rows at white space into c0, c1, ..., without header lines."""
    text = pl.col("text")
    rows = lines.filter((text.str.strip_chars() != "") & ~text.str.contains(_HEADER))
    tabbed = text.str.strip_chars().str.replace_all(r"\s+", "\t")
    rows = rows.select(
        "line",
        tabbed.str.count_matches("\t", literal=True).alias("count") + 1,
        fields(tabbed, _MOST).alias("fields"),
    ).unnest("fields")
    message = f"{{count}} columns, RepeatMasker's .out has {_FEWEST} to {_MOST}; fix the row"
    first_error(rows, {message: ~pl.col("count").is_between(_FEWEST, _MOST)}, source)
    return rows


def _out_rows(lines: pl.DataFrame, source: str, column: str) -> pl.DataFrame:
    """Check the rows and return the columns of BED_SCHEMA, and `left`, the bases after the end."""
    both = pl.col("c10").str.splitn("/", 2)
    names = {
        "repName": pl.col("c9"),
        "repClass": both.struct[0],
        "repFamily": pl.coalesce(both.struct[1], pl.col("c10")),
    }
    rows = _out_columns(lines, source).with_columns(
        chrom="c4",
        start=whole_number("c5") - 1,
        end=whole_number("c6"),
        name=names[column],
        score=pl.col("c0").cast(pl.Float64, strict=False),
        strand=pl.col("c8").replace("C", "-"),
        left=pl.col("c7").str.extract(r"^\(([0-9]+)\)$").cast(pl.Int64, strict=False),
    )
    checks = {
        "start {c5!r} is not a whole number; give a 1-based position": pl.col("start").is_null(),
        "end {c6!r} is not a whole number; give a position in base pairs": pl.col("end").is_null(),
        "start {c5}; RepeatMasker's starts count from 1": pl.col("start") < 0,
        "end {c6} is before start {c5}; swap them": pl.col("end") <= pl.col("start"),
        "{c7!r} instead of the bases left; give a number in parentheses": (
            pl.col("left").is_null()
        ),
    }
    first_error(rows, checks, source)
    return rows.select(*BED_SCHEMA.names(), "left")


def _rmsk_columns(lines: pl.DataFrame, source: str) -> pl.DataFrame:
    """Split rows at tabs into c0, c1, ..., as if all had `bin`, without the header."""
    text = pl.col("text")
    rows = lines.with_columns(text.str.strip_chars_end(" \t")).filter(
        (text != "") & ~text.str.contains(r"^#|^(?:bin\t)?swScore\t")
    )
    count = text.str.count_matches("\t", literal=True) + 1
    aligned = pl.when(count == _RMSK_COLUMNS - 1).then("\t" + text).otherwise(text)
    rows = rows.select(
        "line", count.alias("count"), fields(aligned, _RMSK_COLUMNS).alias("fields")
    ).unnest("fields")
    message = (
        f"{{count}} tab-separated columns, a rmsk table has {_RMSK_COLUMNS}, or one fewer without "
        "bin; fix the row"
    )
    wrong = ~pl.col("count").is_between(_RMSK_COLUMNS - 1, _RMSK_COLUMNS)
    first_error(rows, {message: wrong}, source)
    return rows


def _rmsk_rows(lines: pl.DataFrame, source: str, column: str) -> pl.DataFrame:
    """Check the rows and return the columns of BED_SCHEMA, and `left`, the bases after the end."""
    rows = _rmsk_columns(lines, source).with_columns(
        chrom="c5",
        start=whole_number("c6"),
        end=whole_number("c7"),
        name=f"c{10 + _CLASS_COLUMNS.index(column)}",
        score=pl.col("c1").cast(pl.Float64, strict=False),
        strand="c9",
        left=-whole_number("c8"),
    )
    checks = {
        "start {c6!r} is not a whole number; give a 0-based position": pl.col("start").is_null(),
        "end {c7!r} is not a whole number; give a position in base pairs": pl.col("end").is_null(),
        "negative start {c6}; starts of a rmsk table count from 0": pl.col("start") < 0,
        "end {c7} is before start {c6}; swap them": pl.col("end") < pl.col("start"),
        "{c8!r} instead of the bases left; give a number of 0 or less": (
            pl.col("left").is_null() | (pl.col("left") < 0)
        ),
    }
    first_error(rows, checks, source)
    return rows.select(*BED_SCHEMA.names(), "left")


def _joined(empty: Features, pieces: Iterable[pl.DataFrame], source: str) -> Features:
    frame = pl.concat(pieces)
    return Features(frame.drop("left"), empty.place, lengths=_lengths(frame, source))


def _lengths(frame: pl.DataFrame, source: str) -> Mapping[str, int]:
    """Return the length of each contig. Raise if two rows disagree."""
    sized = frame.select("chrom", "line", size=pl.col("end") + pl.col("left"))
    first = sized.unique("chrom", keep="first", maintain_order=True)
    own = first.select("chrom", own="size")
    first_error(
        sized.join(own, on="chrom"),
        {
            "{chrom} has {size} bases by this row, but {own} by the first; give repeats of one "
            "assembly": pl.col("size") != pl.col("own")
        },
        source,
    )
    return dict(own.iter_rows())
