"""Input and output of the readers of annotation."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from urllib.parse import unquote

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.intervals import first_error

__all__ = ["Features", "Selection", "no_column", "unquoted", "wrapped"]


@dataclass(frozen=True)
class Selection:
    """Features to read from a file, and how to find their classes.

    Attributes
    ----------
    class_column : str, optional
        Column, attribute or qualifier with the class of a row. The default depends on the format.
    class_name : str, optional
        Class of all rows, which then need no class in the file.
    feature_types : tuple of str
        Types of the features to read. If empty, read all except landmarks, which are features that
        describe a whole contig.
    span : bool
        Return a feature of several parts as one interval.
    """

    class_column: str | None = None
    class_name: str | None = None
    feature_types: tuple[str, ...] = ()
    span: bool = False


@dataclass(frozen=True)
class Features:
    """Intervals of a file, and what else it says about its contigs.

    Attributes
    ----------
    frame : polars.DataFrame
        Frame of BED_SCHEMA. `name` is the class, null in a row without one. `strand` may be any
        text of the file, since it is used only for classes that are stranded; a score that is not
        a number is null, since scores are not used.
    place : str
        Place of the class in the file, for messages, such as "the fourth column".
    types : frozenset of str
        Types of all features of the file, read or not.
    lengths : mapping
        Lengths of contigs in bases, as far as the file gives them.
    owners : mapping
        Contigs by their other names, which are not in `frame`. Several contigs may share one.
    landmarks : int
        Number of features left out because they describe a whole contig.
    """

    frame: pl.DataFrame
    place: str
    types: frozenset[str] = frozenset()
    lengths: Mapping[str, int] = field(default_factory=dict)
    owners: Mapping[str, Set[str]] = field(default_factory=dict)
    landmarks: int = 0


def no_column(source: str, wanted: str, form: str, columns: str) -> LabelError:
    """Return the error for a column that a format lacks."""
    return LabelError(
        f"{source}: {form} has no column {wanted!r} for --class-column; choose one of {columns}"
    )


def unquoted(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Decode %XX in a text column.

    Examples
    --------
    >>> unquoted(pl.DataFrame({"name": ["a%3Bb", None, "5%"]}), "name")["name"].to_list()
    ['a;b', None, '5%']
    """
    texts = frame[column].unique()
    coded = texts.filter(texts.str.contains("%", literal=True)).to_list()
    if not coded:
        return frame
    return frame.with_columns(pl.col(column).replace({text: unquote(text) for text in coded}))


def wrapped(frame: pl.DataFrame, lengths: Mapping[str, int], source: str) -> pl.DataFrame:
    """Move intervals past the end of a circular contig back to its start.

    A feature across the origin ends past the contig's length in the file. It becomes two rows::

        contig              |-------------------|
        in the file                        =========
        result               ====          =====

    Parameters
    ----------
    frame : polars.DataFrame
        Frame with the columns chrom, start, end and line.
    lengths : mapping
        Length of each circular contig, in bases.
    source : str
        Name of the file, for errors.

    Returns
    -------
    frame : polars.DataFrame
        The same rows, with a row across the origin replaced by two. The first of these is the one
        at the contig's end.

    Raises
    ------
    LabelError
        A row longer than its contig, or one that ends more than the contig's length past its end.

    Examples
    --------
    >>> frame = pl.DataFrame({"chrom": "p", "start": [5, 95, 100], "end": [9, 103, 102], "line": 1})
    >>> wrapped(frame, {"p": 100}, "p.gff3").rows()
    [('p', 5, 9, 1), ('p', 95, 100, 1), ('p', 0, 3, 1), ('p', 0, 2, 1)]
    """
    if not lengths:
        return frame
    sized = frame.with_columns(
        size=pl.col("chrom").replace_strict(dict(lengths), default=None, return_dtype=pl.Int64)
    )
    past = (pl.col("end") > pl.col("size")).fill_null(False)
    if not sized.select(past.any()).item():
        return frame
    long = pl.col("end") - pl.col("start") > pl.col("size")
    far = pl.col("end") > 2 * pl.col("size")
    checks = {
        "{chrom}:{start}-{end} is longer than the circular contig of {size} bases; fix the row": (
            past & long
        ),
        "{chrom}:{start}-{end} ends past twice the length of the circular contig of {size} bases; "
        "fix the row": past & far,
    }
    first_error(sized, checks, source)
    start = pl.col("start") % pl.col("size")
    moved = (
        sized.with_row_index("row")
        .filter(past)
        .with_columns(start=start, end=start + pl.col("end") - pl.col("start"))
    )
    heads = moved.with_columns(end=pl.min_horizontal("end", "size"))
    tails = moved.filter(pl.col("end") > pl.col("size")).with_columns(
        start=pl.lit(0, pl.Int64), end=pl.col("end") - pl.col("size")
    )
    kept = sized.with_row_index("row").filter(~past)
    return pl.concat([kept, heads, tails]).sort("row", maintain_order=True).select(frame.columns)
