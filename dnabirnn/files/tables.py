"""Tables in the format that the name of their file gives."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, BinaryIO

import polars as pl
from polars import selectors as cs

if TYPE_CHECKING:
    from dnabirnn.files.read import PathLike

__all__ = ["write_table"]


def write_table(
    table: pl.DataFrame, path: PathLike, file: BinaryIO, *, digits: int | None = None
) -> None:
    r"""Write a table as Parquet (.parquet), CSV (.csv, .csv.gz) or else TSV.

    Parameters
    ----------
    table : polars.DataFrame
    path : str or PathLike
        Name of the file.
    file : binary file
        The file itself, as from `OutputFiles.open`, which compresses if the name ends in .gz.
    digits : int, optional
        Significant digits of floating-point numbers in CSV and TSV; by default all.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> write_table(pl.DataFrame({"class": ["REP"], "calls": [3]}), "summary.csv", file)
    >>> file.getvalue()
    b'class,calls\nREP,3\n'
    """
    name = os.fspath(path).lower()
    if name.endswith(".parquet"):
        table.write_parquet(file)
        return
    if digits is not None:
        table = _rounded(table, digits)
    csv = re.search(r"\.csv(?:\.b?gz)?$", name) is not None
    file.write(table.write_csv(separator="," if csv else "\t").encode())


def _rounded(table: pl.DataFrame, digits: int) -> pl.DataFrame:
    """Return the table with its floating-point numbers as text."""
    return table.with_columns(
        pl.Series(name, [None if x is None else f"{x:.{digits}g}" for x in table[name]], pl.String)
        for name in cs.expand_selector(table, cs.float())
    )
