r"""GFF3 and GTF.

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
_LANDMARKS = ("region", "chromosome", "contig", "scaffold", "supercontig", "sequence_assembly")
"""Types of rows that tell of a whole contig, if that is what they span."""
_STRANDS = ("+", "-", ".", "?")
_CIRCULAR = r"(?i)(?:^|;)\s*Is_circular=true\s*(?:;|$)"

_GTF_PAIR = r'\s*[^\s";]+(?:\s+(?:"[^"]*"|[^\s";]+))+\s*(?:;|$)'
"""A key and its values; what stands between quotes may hold semicolons."""


_Classes: TypeAlias = Callable[[pl.DataFrame, str, str], pl.DataFrame]
"""Names rows by an attribute; given rows, its key, and the name of the file."""


class _FeaturePart(NamedTuple):
    """Features of a piece of a file."""

    frame: pl.DataFrame
    types: frozenset[str]
    circular: dict[str, int]


def read_gff3(blocks: Iterable[bytes], source: str, selection: Selection) -> Features:
    r"""Features of GFF3.

    A row is an interval; with `selection.span` rows of one ID, contig, type and strand are one.
    Text behind %XX is decoded, and a row whose class attribute has several values is given once
    for each. `##FASTA` ends the features. On a contig with a row that says `Is_circular=true`,
    what lies past the end goes on at the start.

    Parameters
    ----------
    blocks : iterable of bytes
        As `dnabirnn.files.read.read_blocks` gives them.
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
        No text, no features, a row of other than nine columns, text where a number belongs, a
        start below 1, an end before its start, or another strand.

    Examples
    --------
    >>> row = b"chr1\tlab\tREP\t11\t44\t.\t-\t.\tName=a%2Cb\n"
    >>> read_gff3([row], "in.gff3", Selection(class_column="Name")).frame.rows()
    [('chr1', 10, 44, 'a,b', None, '-', 1)]
    """
    pieces = [
        _piece(_gff3_columns(lines, source), source, selection, _gff3_classes)
        for lines in _until_fasta(text_frames(blocks, source, "GFF3, plain, gzip or bgzip"))
    ]
    return _joined(pieces, source, selection, "GFF3")


def read_gtf(blocks: Iterable[bytes], source: str, selection: Selection) -> Features:
    r"""Features of GTF, or of GFF version 2.

    Parameters
    ----------
    blocks : iterable of bytes
    source : str
    selection : Selection
        Its column: type (the default), source, or the key of an attribute, each of whose values
        gives a row.

    Returns
    -------
    features : Features

    Raises
    ------
    LabelError
        As in `read_gff3`; attributes that are no pairs of key and value, where one is asked for.

    Examples
    --------
    >>> row = b'1\tlab\tgene\t11\t44\t.\t+\t.\tnote "a; b"; biotype "miRNA";\n'
    >>> read_gtf([row], "in.gtf", Selection(class_column="biotype")).frame.rows()
    [('1', 10, 44, 'miRNA', None, '+', 1)]
    """
    pieces = [
        _piece(_typed(lines, source), source, selection, _gtf_classes)
        for lines in text_frames(blocks, source, "GTF, plain, gzip or bgzip")
    ]
    return _joined(pieces, source, selection, "GTF")


def _until_fasta(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Lines before sequence; the file is read to its end all the same, for its digest."""
    ended = False
    for lines in frames:
        if ended:
            continue
        text = lines["text"]
        ends = (text.str.starts_with("##FASTA") | text.str.starts_with(">")).arg_true()
        ended = len(ends) > 0
        yield lines.head(ends[0]) if ended else lines


def _typed(lines: pl.DataFrame, source: str) -> pl.DataFrame:
    """Columns of BED_SCHEMA but the class; type, source and attributes; checked."""
    text = pl.col("text")
    rows = lines.filter((text.str.strip_chars() != "") & ~text.str.starts_with("#"))
    rows = rows.with_columns(count=text.str.count_matches("\t", literal=True) + 1)
    rows = rows.select("line", "count", fields(text, _COLUMNS).alias("fields")).unnest("fields")
    rows = rows.with_columns(
        start=whole_number("c3") - 1,
        end=whole_number("c4"),
        score=pl.col("c5").replace([".", ""], None).cast(pl.Float64, strict=False),
    )
    no_score = pl.col("score").is_null() | ~pl.col("score").is_finite()
    checks = {
        f"{{count}} columns between tabs, GFF and GTF have {_COLUMNS}; mend the row": (
            pl.col("count") != _COLUMNS
        ),
        "no contig in the first column; write its name": pl.col("c0") == "",
        "no type in the third column; write one": pl.col("c2").is_in(["", "."]),
        "start {c3!r} is no whole number; give 1-based base pairs": pl.col("start").is_null(),
        "end {c4!r} is no whole number; give base pairs": pl.col("end").is_null(),
        "start {c3}; starts of GFF and GTF count from 1": pl.col("start") < 0,
        "end {c4} is before start {c3}; swap them": pl.col("end") <= pl.col("start"),
        "score {c5!r} is no number; give one, or '.'": no_score & ~pl.col("c5").is_in([".", ""]),
        "strand {c6!r} is not '+', '-', '.' or '?'; mend it": ~pl.col("c6").is_in(_STRANDS),
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
        strand=pl.col("c6").replace("?", "."),
        attributes="c8",
    )


def _gff3_columns(lines: pl.DataFrame, source: str) -> pl.DataFrame:
    rows = _typed(lines, source)
    for column in ("chrom", "source", "type"):
        rows = unquoted(rows, column)
    return rows.with_columns(
        id=_gff3_value("ID"), circular=pl.col("attributes").str.contains(_CIRCULAR)
    )


def _piece(
    rows: pl.DataFrame, source: str, selection: Selection, classes: _Classes
) -> _FeaturePart:
    """Features that are wanted, their classes told; and what else there is to know."""
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
    """Text of an attribute, commas and %XX as they are; null where it is absent."""
    return pl.col("attributes").str.extract(rf"(?:^|;)\s*{re.escape(key)}=([^;]*)")


def _gff3_classes(rows: pl.DataFrame, key: str, source: str) -> pl.DataFrame:
    """Name each row by an attribute, once for each of its values."""
    values = _gff3_value(key).str.split(",").list.eval(pl.element().str.strip_chars())
    return unquoted(_exploded(rows.with_columns(name=values)), "name")


def _gtf_classes(rows: pl.DataFrame, key: str, source: str) -> pl.DataFrame:
    """Name each row by an attribute, once for each of its values."""
    wrong = ~pl.col("attributes").str.contains(rf"^(?:{_GTF_PAIR})*\s*$")
    first_error(
        rows, {'attributes are not key "value"; pairs; mend the ninth column': wrong}, source
    )
    pairs = pl.col("attributes").str.extract_all(_GTF_PAIR)
    own = rf"^\s*{re.escape(key)}\s+(?:\"([^\"]*)\"|([^\s\";]+))"
    text = pl.element().str
    values = pairs.list.eval(pl.coalesce(text.extract(own, 1), text.extract(own, 2)).drop_nulls())
    return _exploded(rows.with_columns(name=values))


def _exploded(rows: pl.DataFrame) -> pl.DataFrame:
    """One row for each value of `name`, a list; null where there is none that is not empty."""
    filled = pl.col("name").list.eval(
        pl.element().filter(pl.element() != "").unique(maintain_order=True)
    )
    # Of an empty list, `explode` leaves no row or one, by polars' version; of a null, one.
    return rows.with_columns(name=pl.when(filled.list.len() > 0).then(filled)).explode("name")


def _joined(pieces: list[_FeaturePart], source: str, selection: Selection, form: str) -> Features:
    """Features of a file."""
    if not any(piece.types for piece in pieces):
        raise LabelError(
            f"{source}: no features; the file is empty, or holds only comments; give {form}"
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
    """Whether a row is a circle, or spans its contig by its type and as far as the file tells."""
    whole = (pl.col("start") == 0) & (pl.col("end") == pl.col("end").max().over("chrom"))
    landmark = whole & pl.col("type").is_in(_LANDMARKS)
    return landmark | pl.col("circular") if "circular" in frame.columns else landmark


def _spanned(frame: pl.DataFrame, circular: Mapping[str, int]) -> pl.DataFrame:
    """Rows of one ID as one, in the place of the first."""
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
    """Parts of features that reach both ends of a circle: those after the origin behind its end.

    They begin again where the widest gap between two of their parts ends.
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
