r"""Read GFF3 and GTF.

GFF3: https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md, version 1.26.
GTF: https://mblab.wustl.edu/GTF22.html. Both count from 1 and include the last base.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.intervals import BED_SCHEMA, fields, first_error, text_frames, whole_number
from dnabirnn.labels.formats.features import Features, Selection, unquoted, wrapped

__all__ = ["read_gff3", "read_gtf"]

_COLUMNS = 9
_FEWEST = 8  # GFF version 2 may leave out the attributes
_LANDMARKS = ("region", "chromosome", "contig", "scaffold", "supercontig", "sequence_assembly")
"""Types of rows that describe a whole contig, if they span it."""
_CIRCULAR = r"(?i)(?:^|;)\s*Is_circular=true\s*(?:;|$)"

_GTF_PAIR = r'\s*[^\s";]+(?:\s+(?:"[^"]*"|[^\s";]+))+\s*(?:;|$)'
"""A key and its values. Text in quotes may contain semicolons."""


_Classes: TypeAlias = Callable[[pl.DataFrame, str, str], pl.DataFrame]
"""Function that sets the class of rows from an attribute. Takes the rows, the attribute's key and
the name of the file."""


class _FeaturePart(NamedTuple):
    """Features of a piece of a file.

    Attributes
    ----------
    frame : polars.DataFrame
        Columns of BED_SCHEMA, and type; for GFF3 also id and circular.
    types : frozenset of str
        Types of all features of the piece, read or not.
    circular : dict
        Length of each circular contig, in bases.
    """

    frame: pl.DataFrame
    types: frozenset[str]
    circular: dict[str, int]


def read_gff3(blocks: Iterable[bytes], source: str, selection: Selection) -> Features:
    r"""Read the features of GFF3.

    Each row is an interval. With `selection.span`, rows with the same ID, contig, type, strand and
    class are one interval. %XX is decoded. A row whose class attribute has several values is
    returned once per value. `##FASTA` ends the features. A contig is circular if it has a row with
    `Is_circular=true` that starts at its first base. Features past the end of a circular contig
    continue at its start.

    Parameters
    ----------
    blocks : iterable of bytes
        Blocks as yielded by `dnabirnn.files.read.read_blocks`.
    source : str
        Name of the file, for errors.
    selection : Selection
        Its column: type (the default), source, or the key of an attribute.

    Returns
    -------
    features : Features

    Raises
    ------
    LabelError
        A file that is not text or has no features; a row that has fewer than eight columns, text
        where a position belongs, a start below 1, or an end before its start.

    Examples
    --------
    >>> row = b"chr1\tlab\tREP\t11\t44\t.\t-\t.\tName=a%2Cb\n"
    >>> read_gff3([row], "in.gff3", Selection(class_column="Name")).frame.rows()
    [('chr1', 10, 44, 'a,b', None, '-', 1)]
    """
    pieces = [
        _piece(_gff3_columns(lines, source, selection), source, selection, _gff3_classes)
        for lines in _until_fasta(text_frames(blocks, source, "GFF3, plain, gzip or bgzip"))
    ]
    return _joined(pieces, source, selection, "GFF3")


def read_gtf(blocks: Iterable[bytes], source: str, selection: Selection) -> Features:
    r"""Read the features of GTF, or of GFF version 2.

    Parameters
    ----------
    blocks : iterable of bytes
    source : str
    selection : Selection
        Its column: type (the default), source, or the key of an attribute. An attribute gives one
        row per value.

    Returns
    -------
    features : Features

    Raises
    ------
    LabelError
        As for `read_gff3`; attributes that are not pairs of key and value, if the class is read
        from an attribute.

    Examples
    --------
    >>> row = b'1\tlab\tgene\t11\t44\t.\t+\t.\tnote "a; b"; biotype "miRNA";\n'
    >>> read_gtf([row], "in.gtf", Selection(class_column="biotype")).frame.rows()
    [('1', 10, 44, 'miRNA', None, '+', 1)]
    """
    pieces = [
        _piece(_typed(lines, source, selection), source, selection, _gtf_classes)
        for lines in text_frames(blocks, source, "GTF, plain, gzip or bgzip")
    ]
    return _joined(pieces, source, selection, "GTF")


def _until_fasta(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the lines before the sequence. The rest is still read, for the file's digest."""
    ended = False
    for lines in frames:
        if ended:
            continue
        text = lines["text"]
        ends = (text.str.starts_with("##FASTA") | text.str.starts_with(">")).arg_true()
        ended = len(ends) > 0
        yield lines.head(ends[0]) if ended else lines


def _typed(lines: pl.DataFrame, source: str, selection: Selection) -> pl.DataFrame:
    """Check the rows and return their columns: BED_SCHEMA without name, and GFF's own.

    Only columns that are used are checked. Further columns, such as those that `bedtools intersect`
    appends, and empty columns at the end have no meaning.
    """
    text = pl.col("text")
    rows = lines.filter((text.str.strip_chars() != "") & ~text.str.starts_with("#"))
    rows = rows.with_columns(count=text.str.count_matches("\t", literal=True) + 1)
    rows = rows.select("line", "count", fields(text, _COLUMNS).alias("fields")).unnest("fields")
    rows = rows.with_columns(
        start=whole_number("c3") - 1,
        end=whole_number("c4"),
        score=pl.col("c5").replace([".", ""], None).cast(pl.Float64, strict=False),
    )
    by_type = selection.class_name is None and selection.class_column in (None, "type")
    checks = {
        f"{{count}} tab-separated columns, GFF and GTF have {_COLUMNS}; fix the row": (
            pl.col("count") < _FEWEST
        ),
        "no contig in the first column; write its name": pl.col("c0") == "",
        "no type in the third column; write one": pl.col("c2").is_in(["", "."]) & pl.lit(by_type),
        "start {c3!r} is not a whole number; give a 1-based position": pl.col("start").is_null(),
        "end {c4!r} is not a whole number; give a position in base pairs": pl.col("end").is_null(),
        "start {c3}; starts of GFF and GTF count from 1": pl.col("start") < 0,
        "end {c4} is before start {c3}; swap them": pl.col("end") <= pl.col("start"),
    }
    first_error(rows, checks, source)
    return rows.select(
        "start",
        "end",
        "score",
        "line",
        chrom="c0",
        source="c1",
        type="c2",
        strand=pl.col("c6").replace("", "."),
        attributes=pl.col("c8").fill_null(""),
    )


def _gff3_columns(lines: pl.DataFrame, source: str, selection: Selection) -> pl.DataFrame:
    rows = _typed(lines, source, selection)
    for column in ("chrom", "source", "type"):
        rows = unquoted(rows, column)
    return rows.with_columns(
        id=_gff3_value("ID"), circular=pl.col("attributes").str.contains(_CIRCULAR)
    )


def _piece(
    rows: pl.DataFrame, source: str, selection: Selection, classes: _Classes
) -> _FeaturePart:
    """Return the selected features of a piece with classes, all types, and circular contigs."""
    types = frozenset(rows["type"].unique())
    circles = rows.clear() if "circular" not in rows.columns else rows.filter("circular", start=0)
    circular = dict(circles.select("chrom", "end").iter_rows())
    if selection.feature_types:
        rows = rows.filter(pl.col("type").is_in(selection.feature_types))
    column = selection.class_column or "type"
    if selection.class_name is not None:
        rows = rows.with_columns(name=pl.lit(selection.class_name))
    elif column in ("type", "source"):
        rows = rows.with_columns(name=pl.col(column))
    else:
        rows = classes(rows, column, source)
    extra = [name for name in ("id", "circular") if name in rows.columns]
    return _FeaturePart(rows.select(*BED_SCHEMA.names(), "type", *extra), types, circular)


def _gff3_value(key: str) -> pl.Expr:
    """Return the text of an attribute, with commas and %XX unchanged; null if it is absent."""
    return pl.col("attributes").str.extract(rf"(?:^|;)\s*{re.escape(key)}=([^;]*)")


def _gff3_classes(rows: pl.DataFrame, key: str, source: str) -> pl.DataFrame:
    """Set the class of each row from an attribute, with one row per value."""
    values = _gff3_value(key).str.split(",").list.eval(pl.element().str.strip_chars())
    return unquoted(_exploded(rows.with_columns(name=values)), "name")


def _gtf_classes(rows: pl.DataFrame, key: str, source: str) -> pl.DataFrame:
    """Set the class of each row from an attribute, with one row per value."""
    wrong = ~pl.col("attributes").str.contains(rf"^(?:{_GTF_PAIR})*\s*$")
    first_error(
        rows, {'attributes are not key "value"; pairs; fix the ninth column': wrong}, source
    )
    pairs = pl.col("attributes").str.extract_all(_GTF_PAIR)
    own = rf"^\s*{re.escape(key)}\s+(?:\"([^\"]*)\"|([^\s\";]+))"
    text = pl.element().str
    values = pairs.list.eval(pl.coalesce(text.extract(own, 1), text.extract(own, 2)).drop_nulls())
    return _exploded(rows.with_columns(name=values))


def _exploded(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row per value of the list `name` that is not empty; null if there is none."""
    filled = pl.col("name").list.eval(
        pl.element().filter(pl.element() != "").unique(maintain_order=True)
    )
    # An empty list gives no row or one row, depending on the version of polars. A null always gives
    # one row.
    return rows.with_columns(name=pl.when(filled.list.len() > 0).then(filled)).explode("name")


def _joined(pieces: list[_FeaturePart], source: str, selection: Selection, form: str) -> Features:
    """Join the pieces of a file."""
    if not any(piece.types for piece in pieces):
        raise LabelError(
            f"{source}: no features; the file is empty or has only comments: give {form}"
        )
    frame = pl.concat(piece.frame for piece in pieces)
    circular = {name: end for piece in pieces for name, end in piece.circular.items()}
    landmarks = 0
    if not selection.feature_types:
        kept = frame.filter(~_is_landmark(frame))
        landmarks, frame = frame.height - kept.height, kept
    if selection.span and "id" in frame.columns:
        frame = _spanned(frame, circular)
    column = selection.class_column or "type"
    place = column if column in ("type", "source") else f"attribute {column!r}"
    return Features(
        wrapped(frame.select(BED_SCHEMA.names()), circular, source),
        place,
        frozenset().union(*(piece.types for piece in pieces)),
        circular,
        {},
        landmarks,
    )


def _is_landmark(frame: pl.DataFrame) -> pl.Expr:
    """Return an expression: whether a row describes a whole contig.

    It does if it marks a circular contig, or has the type of a landmark and spans the contig. The
    length of a contig is not known, so its largest end in the file is taken instead.
    """
    whole = (pl.col("start") == 0) & (pl.col("end") == pl.col("end").max().over("chrom"))
    landmark = whole & pl.col("type").is_in(_LANDMARKS)
    return landmark | pl.col("circular") if "circular" in frame.columns else landmark


def _spanned(frame: pl.DataFrame, circular: Mapping[str, int]) -> pl.DataFrame:
    """Join the rows of each feature to one row, at the position of the first."""
    keys = ["chrom", "type", "strand", "id", "name"]
    parts = _past_origin(frame.filter(pl.col("id").is_not_null()), keys, circular)
    joined = parts.group_by(keys, maintain_order=True).agg(
        pl.col("start").min(), pl.col("end").max(), pl.col("score", "line").first()
    )
    rest = frame.filter(pl.col("id").is_null()).select(joined.columns)
    return pl.concat([joined, rest]).sort("line", maintain_order=True)


def _past_origin(
    parts: pl.DataFrame, keys: Sequence[str], circular: Mapping[str, int]
) -> pl.DataFrame:
    """Move parts of features across the origin of a circular contig past the contig's end.

    GFF3 does not say which part of a feature is the first. A feature with parts at both ends of a
    circular contig is taken to cross the origin, and to begin after the widest gap between two of
    its parts::

        contig    |-----------------------------|
        parts     |=1==  =2=              ==3===|
        result                            ==3===|=1==  =2=
    """
    if not circular:
        return parts
    start, end, size, gap = map(pl.col, ("start", "end", "size", "gap"))
    length = pl.col("chrom").replace_strict(dict(circular), default=None, return_dtype=pl.Int64)
    ordered = parts.with_columns(size=length).sort("start", maintain_order=True)
    ordered = ordered.with_columns(gap=(start - end.cum_max().shift(1)).over(keys))
    crosses = (start.min() == 0) & (end.max() == size.first()) & (gap.max() > 0)
    first = start.filter(gap == gap.max()).first()
    turn = pl.when(crosses.over(keys) & (start < first.over(keys))).then(size).otherwise(0)
    moved = ordered.with_columns(start=start + turn, end=end + turn)
    return moved.sort("line", maintain_order=True).select(parts.columns)
