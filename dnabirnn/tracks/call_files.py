"""Read calls back, from every format that `dnabirnn score --calls` writes."""

from __future__ import annotations

import struct
import zlib
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import polars as pl

from dnabirnn.errors import OutputError, TrackError
from dnabirnn.files import is_stream, open_input, read_blocks
from dnabirnn.intervals import BED_SCHEMA, fields, first_error, parse_bed, text_frames, whole_number
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.names import is_printable
from dnabirnn.tracks.big_read import BigReader
from dnabirnn.tracks.formats import TrackFormat, track_format
from dnabirnn.tracks.rows import COLUMNS
from dnabirnn.tracks.schema import ROW_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnabirnn.files import PathLike
    from dnabirnn.motif_classes import Output

__all__ = ["calls_by_line", "read_calls"]

_REMEDY = "give calls that dnabirnn wrote"


def read_calls(
    path: PathLike,
    outputs: Sequence[Output] | None = None,
    digests: dict[str, str] | None = None,
    form: str | None = None,
) -> pl.DataFrame:
    r"""Read calls in any format that `dnabirnn score --calls` writes.

    Parameters
    ----------
    path : str or PathLike
        BED, BED9, GFF3, narrowPeak or TSV, plain, gzip or bgzip; Parquet or bigBed. The name tells
        which; a name with an unknown ending is BED. "-" is BED from standard input. The file may be
        empty.
    outputs : sequence of Output, optional
        Outputs of the model. Every call must belong to one of them, and have a score. By default,
        calls may have any class, and come from any program.
    digests : dict, optional
        As in `dnabirnn.read_bed`.
    form : str, optional
        Name of the format, such as "gff3", in place of the ending.

    Returns
    -------
    calls : polars.DataFrame
        Table of `dnabirnn.tracks.ROW_SCHEMA`, sorted by contig, start and end; 0-based, half-open.
        Without outputs, the score of a call is null where it is not an integer from 0 to 1000.

    Raises
    ------
    TrackError
        A call without a class, or of none of the outputs; a score that is not an integer from 0 to
        1000; a damaged Parquet or bigBed.
    LabelError
        A file that is not text in its format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "calls.gff3")
    >>> _ = path.write_text("chr1\tdnabirnn\tregion\t11\t44\t0.981\t-\t.\tName=REP\n")
    >>> read_calls(path).rows()
    [('chr1', 10, 44, 'REP', 981, '-')]
    """
    return calls_by_line(path, outputs, digests, form).drop("line")


def calls_by_line(
    path: PathLike,
    outputs: Sequence[Output] | None = None,
    digests: dict[str, str] | None = None,
    form: str | None = None,
) -> pl.DataFrame:
    """Return the table of `read_calls` with one more column, the line of each call in the file."""
    frame = _calls_in(path, _call_format(path, form), digests)
    source = str(path)
    if outputs is None:
        _check_classes(frame, source)
        score = pl.col("score")
        wrong = ~score.is_between(0, MAX_SCORE) | (score != score.floor())
        frame = frame.with_columns(score=pl.when(~wrong).then("score"))
    else:
        _check_outputs(frame, outputs, source)
    return (
        frame.rename({"name": "class"})
        .select(*(pl.col(name).cast(kind) for name, kind in ROW_SCHEMA.items()), "line")
        .sort("chrom", "start", "end", maintain_order=True)
    )


def _call_format(path: PathLike, form: str | None) -> TrackFormat:
    """Return the format of calls; BED for a name with an unknown ending."""
    if form is None and not is_stream(path):
        with suppress(OutputError):
            return track_format(path, calls=None)
    return TrackFormat(form or "bed")


def _calls_in(path: PathLike, form: TrackFormat, digests: dict[str, str] | None) -> pl.DataFrame:
    """Return the calls of a file, with the columns of BED_SCHEMA."""
    if not form.traits.calls:
        raise TrackError(f"{path}: {form.traits.title} holds scores and no calls; give the calls")
    blocks = read_blocks(path, TrackError, digests)
    if form is TrackFormat.PARQUET:
        deque(blocks, maxlen=0)  # for the digest, and the error for a file that is missing
        return _calls_of_parquet(path)
    if form is TrackFormat.BIGBED:
        deque(blocks, maxlen=0)
        return _calls_of_bigbed(path)
    if form is TrackFormat.GFF3:
        return _calls_of_gff3(blocks, str(path))
    if form is TrackFormat.TSV:
        return _calls_of_tsv(blocks, str(path))
    return parse_bed(blocks, str(path), may_be_empty=True)


def _calls_of_tsv(blocks: Iterable[bytes], source: str) -> pl.DataFrame:
    """Return the calls of a table whose first line names the columns."""
    lines = [frame.filter(pl.col("text") != "") for frame in text_frames(blocks, source, "TSV")]
    text = (
        pl.concat(lines) if lines else pl.DataFrame(schema={"text": pl.String, "line": pl.UInt32})
    )
    if text.is_empty():
        return pl.DataFrame(schema=BED_SCHEMA)
    names = text["text"][0].split("\t")
    if missing := [name for name in COLUMNS if name not in names]:
        raise TrackError(
            f"{source}, line {text['line'][0]}: no column {missing[0]}; give calls that dnabirnn "
            f"wrote, with the columns {' '.join(COLUMNS)}"
        )
    columns = text[1:].select("line", fields(pl.col("text"), len(names)).alias("f")).unnest("f")
    given = {name: f"c{names.index(name)}" for name in COLUMNS}
    return _typed(columns, given, source, first=0)


def _calls_of_gff3(blocks: Iterable[bytes], source: str) -> pl.DataFrame:
    """Return the features of a GFF3 file as calls: the class is Name, or else the type."""
    frames = list(text_frames(blocks, source, "GFF3"))
    if not frames:
        return pl.DataFrame(schema=BED_SCHEMA)
    text = pl.concat(frames)
    sequence = text.filter(pl.col("text").str.starts_with("##FASTA"))
    if sequence.height:
        text = text.filter(pl.col("line") < sequence["line"][0])
    text = text.filter((pl.col("text") != "") & ~pl.col("text").str.starts_with("#"))
    columns = text.select("line", fields(pl.col("text"), 9).alias("f")).unnest("f")
    columns = columns.with_columns(
        c0=_unquoted(pl.col("c0")),
        name=_unquoted(pl.col("c8").str.extract(r"(?:^|;)Name=([^;]*)")).fill_null(pl.col("c2")),
        c5=(pl.col("c5").cast(pl.Float64, strict=False) * MAX_SCORE).round().cast(pl.String),
        c6=pl.col("c6").replace("?", "."),
    )
    given = dict(zip(COLUMNS, ("c0", "c3", "c4", "name", "c5", "c6"), strict=True))
    return _typed(columns, given, source, first=1)


def _unquoted(text: pl.Expr) -> pl.Expr:
    """Return text with its %XX replaced; most has none."""
    return (
        pl.when(text.str.contains("%", literal=True))
        .then(text.map_elements(unquote, return_dtype=pl.String))
        .otherwise(text)
    )


def _typed(columns: pl.DataFrame, given: dict[str, str], source: str, first: int) -> pl.DataFrame:
    """Return text columns with the types of BED_SCHEMA; `first` is the number of the first base."""
    chrom, start, end, name, score, strand = given.values()
    frame = columns.with_columns(
        chrom=pl.col(chrom),
        start=whole_number(start) - first,
        end=whole_number(end),
        name=pl.col(name),
        score=pl.col(score).cast(pl.Float64, strict=False),
        strand=pl.col(strand).fill_null("."),
    )
    checks = {
        f"start {{{start}!r}} is not a whole number of {first} or more; {_REMEDY}": (
            pl.col("start").is_null() | (pl.col("start") < 0)
        ),
        f"end {{{end}!r}} is not a whole number; {_REMEDY}": pl.col("end").is_null(),
        f"end {{{end}}} is before start {{{start}}}; {_REMEDY}": (pl.col("end") < pl.col("start")),
        f"strand {{{strand}!r}} is not '+', '-' or '.'; {_REMEDY}": (
            ~pl.col("strand").is_in(["+", "-", "."])
        ),
    }
    first_error(frame, checks, source)
    return frame.select(BED_SCHEMA.names())


def _calls_of_parquet(path: PathLike) -> pl.DataFrame:
    try:
        with open_input(path) as file:
            frame = pl.read_parquet(file)
        if missing := [name for name in COLUMNS if name not in frame.columns]:
            raise TrackError(f"{path}: no column {missing[0]}; {_REMEDY}")
        frame = frame.select(COLUMNS).rename({"class": "name"}).with_row_index("line", offset=1)
        return frame.select(pl.col(name).cast(kind) for name, kind in BED_SCHEMA.items())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as cause:
        raise TrackError(f"{path}: cannot be read as Parquet ({cause}); {_REMEDY}") from cause


def _calls_of_bigbed(path: PathLike) -> pl.DataFrame:
    frames = [pl.DataFrame(schema=BED_SCHEMA)]
    try:
        with BigReader(path) as reader:
            if reader.is_bigwig:
                raise TrackError(f"{path}: bigWig holds scores and no calls; give the calls")
            for number, chrom in enumerate(reader.sizes):
                for rows in reader.rows(chrom, number):
                    rest = [one[:-1].decode().split("\t") for one in rows.rest or []]
                    columns = {
                        "chrom": pl.repeat(chrom, len(rest), dtype=pl.String, eager=True),
                        "start": rows.start,
                        "end": rows.end,
                        "name": [part[0] if part[0] else None for part in rest],
                        "score": [float(part[1]) if len(part) > 1 else None for part in rest],
                        "strand": [part[2] if len(part) > 2 else "." for part in rest],
                        "line": np.arange(1, len(rest) + 1),
                    }
                    if rest:
                        frames.append(pl.DataFrame(columns).cast(dict(BED_SCHEMA)))  # type: ignore[arg-type]
    except (ValueError, OSError, OverflowError, struct.error, zlib.error) as cause:
        raise TrackError(f"{path}: cannot be read as bigBed ({cause}); {_REMEDY}") from cause
    return pl.concat(frames)


def _check_classes(frame: pl.DataFrame, source: str) -> None:
    """Raise for a call without a class, or with a name that cannot be printed."""
    nameless = frame.filter(pl.col("name").is_null() | pl.col("name").is_in(["", "."])).head(1)
    for line in nameless["line"].to_list():
        raise TrackError(
            f"{source}, line {line}: no class; calls have it in column 4 of BED, as in the files "
            "that dnabirnn writes"
        )
    for column in ("chrom", "name"):
        if wrong := [one for one in frame[column].unique() if not is_printable(one)]:
            raise TrackError(
                f"{source}: {wrong[0]!r} has a character that cannot be printed; {_REMEDY}"
            )


def _check_outputs(frame: pl.DataFrame, outputs: Sequence[Output], source: str) -> None:
    """Raise for a call of none of the outputs, or without a score."""
    known = pl.DataFrame(list(outputs), schema=["name", "strand"], orient="row")
    for row in frame.join(known, on=["name", "strand"], how="anti").head(1).iter_rows(named=True):
        raise TrackError(
            f"{source}, line {row['line']}: class {row['name']!r} on strand {row['strand']!r}: not "
            f"one of {', '.join(f'{o.class_name} {o.strand}' for o in outputs)}; give the calls "
            "of this model"
        )
    score = pl.col("score")
    bad = score.is_null() | ~score.is_between(0, MAX_SCORE) | (score != score.floor())
    for row in frame.filter(bad).head(1).iter_rows(named=True):
        raise TrackError(
            f"{source}, line {row['line']}: score {row['score']}: must be an integer from 0 to "
            "1000; give the calls of this model"
        )
