"""Lines and fields of text files of intervals, and the error for the first wrong row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.files import check_line, decoded, warn_of_latin1

__all__ = ["fields", "first_error", "text_frames", "whole_number"]

_GATHERED_BYTES = 1 << 23
"""Bytes of text per frame: enough for polars to be fast; memory does not grow with the file."""


def text_frames(blocks: Iterable[bytes], source: str, wanted: str) -> Iterator[pl.DataFrame]:
    r"""Yield the lines of a text file, many per frame.

    Parameters
    ----------
    blocks : iterable of bytes
        As from `dnabirnn.files.read.read_blocks`.
    source : str
        Name of the file, for errors.
    wanted : str
        Expected format, for errors.

    Yields
    ------
    frame : polars.DataFrame
        Columns text (String, without line end) and line (UInt32, from 1).

    Raises
    ------
    LabelError
        A file that is not text. Bytes that are not UTF-8 are read as Latin-1, with one warning per
        file.

    Examples
    --------
    >>> [frame.rows() for frame in text_frames([b"a\r\n", b"\nb"], "x.bed", "BED")]
    [[('a', 1), ('', 2), ('b', 3)]]
    """
    line, latin1 = 1, 0
    for data in _whole_lines(blocks, source):
        text, wrong = decoded(data, source, LabelError, wanted)
        latin1 += wrong
        frame = pl.DataFrame({"text": [text.removeprefix("\ufeff") if line == 1 else text]}).select(
            pl.col("text").str.split("\n").explode().str.strip_chars_end("\r")
        )
        numbers = pl.int_range(line, line + frame.height, dtype=pl.UInt32, eager=True)
        line += frame.height
        yield frame.with_columns(line=numbers)
    warn_of_latin1(source, latin1, line - 1)


def _whole_lines(blocks: Iterable[bytes], source: str) -> Iterator[bytes]:
    """Yield pieces of a file that end at a line end, without this line end."""
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size < _GATHERED_BYTES:
            continue
        if b"\n" not in block:
            check_line(size - _GATHERED_BYTES, source, LabelError)
            continue
        whole, _, rest = b"".join(parts).rpartition(b"\n")
        yield whole
        parts, size = [rest], len(rest)
    if last := b"".join(parts):
        yield last.removesuffix(b"\n")


def fields(text: pl.Expr, count: int) -> pl.Expr:
    """Split text at tabs into a struct of `count` columns c0, c1, ...; null if absent.

    One more column holds the rest of the text.
    """
    return text.str.splitn("\t", count + 1).struct.rename_fields(
        [f"c{i}" for i in range(count + 1)]
    )


def whole_number(column: str) -> pl.Expr:
    """Parse a column of whole numbers as Int64; null for any other text."""
    # The pattern is needed: a cast alone also accepts text such as "1e3".
    digits = pl.col(column).str.contains(r"^-?[0-9]+$")
    return pl.when(digits).then(pl.col(column)).cast(pl.Int64, strict=False)


def first_error(frame: pl.DataFrame, checks: Mapping[str, pl.Expr], source: str) -> None:
    """Raise LabelError for the first row for which any check is true.

    Parameters
    ----------
    frame : polars.DataFrame
        Has the column line.
    checks : mapping
        Message -> expression that is true for wrong rows. The message may contain columns in
        braces.
    source : str
        Name of the file.
    """
    failed = pl.concat(
        frame.filter(check).head(1).with_columns(message=pl.lit(message))
        for message, check in checks.items()
    )
    if failed.is_empty():
        return
    row = failed.sort("line", maintain_order=True).row(0, named=True)
    raise LabelError(f"{source}, line {row['line']}: {row['message'].format_map(row)}")
