"""Matrix of a motif as a file has it, and the numbers of a line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from dnabirnn.errors import MotifError

__all__ = [
    "ALPHABETS",
    "MatrixEntry",
    "Row",
    "base_columns",
    "is_count",
    "is_number",
    "is_ruler",
    "split_row",
    "to_numbers",
]

ALPHABETS = ("ACGT", "ACGU")
"""Bases in the order of the columns of `Motif.counts`."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
_RULERS = {"base", "pos", "po", "p0", "position"}
"""First words of lines that number the positions, above rows of bases."""

Row = tuple[float, ...]


class MatrixEntry(NamedTuple):
    """Motif in a file.

    Attributes
    ----------
    name, identifier : str
        Empty if the file has none.
    rows : sequence of Row
        A, C, G and T of each position; empty if the file has no matrix for the motif.
    """

    name: str
    identifier: str
    rows: Sequence[Row]


def is_number(field: str) -> bool:
    """Return whether a field is a number; "nan" and "inf" are not.

    Examples
    --------
    >>> [is_number(field) for field in ("7", "-.5", "1e-3", "nan", "1_0", "")]
    [True, True, True, False, False, False]
    """
    return _NUMBER.fullmatch(field) is not None


def to_numbers(fields: Sequence[str], place: str, motif: str) -> Row:
    """Convert the fields of a row.

    Parameters
    ----------
    fields : sequence of str
    place : str
        File and line, for the error.
    motif : str
        How the error names the motif.

    Raises
    ------
    MotifError
        If a field is not a number.
    """
    for field in fields:
        if re.fullmatch(r"[-+]?\d+,\d+", field):
            raise MotifError(
                f"{place}: {field} is a number with a decimal comma, or two numbers, in a row of "
                f"{motif}; write it with a point, or put spaces between numbers"
            )
        if not is_number(field):
            raise MotifError(
                f"{place}: {field!r} is not a number in a row of {motif}; correct the row"
            )
    return tuple(float(field) for field in fields)


def base_columns(fields: Sequence[str]) -> list[int] | None:
    """Find the columns of A, C, G and T (or U) in a header of columns.

    The four letters stand next to each other, in any order, first or behind one other word.

    Returns
    -------
    columns : list of int, optional
        Index of the column of each base; None if the fields are not such a header.

    Examples
    --------
    >>> base_columns(["Pos", "A", "C", "G", "T"]), base_columns(["t", "a", "g", "c"])
    ([1, 2, 3, 4], [1, 3, 2, 0])
    >>> base_columns(["A", "C", "G"])
    """
    upper = [field.upper() for field in fields]
    for first in (0, 1):
        letters = upper[first : first + 4]
        for alphabet in ALPHABETS:
            if sorted(letters) == list(alphabet):
                return [first + letters.index(base) for base in alphabet]
    return None


def split_row(text: str) -> list[str]:
    """Fields of a row; brackets, bars, commas and semicolons stand between numbers.

    Examples
    --------
    >>> [split_row(text) for text in ("[ 1 2]", "1,2", "1, 2", "0,9 0,1", "0,9;0,1")]
    [['1', '2'], ['1', '2'], ['1', '2'], ['0,9', '0,1'], ['0,9', '0,1']]
    """
    fields = re.sub(r"[\[\]|;]", " ", text).split()
    if len(fields) == 1 or any(text.endswith(",") for text in fields):
        fields = " ".join(fields).replace(",", " ").split()
    return fields


def is_ruler(fields: Sequence[str]) -> bool:
    """Return whether a line numbers the positions, such as "PO 1 2 3", or R's "V1 V2 V3"."""
    named = [f"{letter}{n}" for letter in "VX" for n in range(1, len(fields) + 1)]
    if len(fields) > 1 and list(fields) in (named[: len(fields)], named[len(fields) :]):
        return True
    numbers = [str(number) for number in range(1, len(fields))]
    return fields[0].lower() in _RULERS and fields[1:] in (numbers, ["0", *numbers[:-1]])


def is_count(rows: Sequence[Row], width: int) -> bool:
    """Return whether the only row numbers the positions, as above the rows of bases in a CSV."""
    return list(rows) in ([tuple(range(width))], [tuple(range(1, width + 1))])
