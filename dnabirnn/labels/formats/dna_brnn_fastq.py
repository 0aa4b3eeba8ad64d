"""Read FASTQ whose qualities are labels, as dna-brnn reads and writes it.

There is one record per contig. The code of the quality character minus 33 is the label of the base;
0 means no label (Li 2019, doi:10.1093/bioinformatics/btz264; https://github.com/lh3/dna-nn).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.errors import LabelError
from dnabirnn.files import lenient_text
from dnabirnn.intervals import BED_SCHEMA
from dnabirnn.labels.formats.features import Features, Selection
from dnabirnn.sequences import FastqLines

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_labelled_fastq"]

_ZERO, _LAST = ord("!"), ord("~")


class _Runs(NamedTuple):
    """Runs of a record's labels: starts, ends (n,) int64, labels (n,) uint8."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    labels: NDArray[np.uint8]


class _Record(NamedTuple):
    name: str
    labels: bytes
    line: int


def read_labelled_fastq(blocks: Iterable[bytes], source: str, selection: Selection) -> Features:
    r"""Read the runs of bases with one label other than 0. The class is the label's number.

    One contig is in memory at a time.

    Parameters
    ----------
    blocks : iterable of bytes
        Blocks as yielded by `dnabirnn.files.read.read_blocks`. Sequence and labels may have several
        lines.
    source : str
        Name of the file, for errors.
    selection : Selection
        A column cannot be chosen.

    Returns
    -------
    features : Features
        Intervals, and the lengths of all contigs. Strands are "."; `line` is the line of the
        record's first labels.

    Raises
    ------
    LabelError
        A record without a name, or with the name of an earlier record; no "+" line; a number of
        labels that is not one per base; a character that is not a label.

    Examples
    --------
    >>> record = b'@chr1 first\nACGTACG\n+\n!""#!""\n'
    >>> read_labelled_fastq([record], "in.fq", Selection()).frame.select(pl.nth(range(4))).rows()
    [('chr1', 1, 3, '1'), ('chr1', 3, 4, '2'), ('chr1', 5, 7, '1')]
    """
    if selection.class_column is not None:
        raise LabelError(
            f"{source}: labelled FASTQ has no columns for --class-column; leave it out, and rename "
            "the numbers with --classes-map"
        )
    lengths: dict[str, int] = {}
    lines: list[int] = []
    found: list[_Runs] = []
    for record in _records(FastqLines(blocks, source, LabelError), source):
        if record.name in lengths:
            raise LabelError(
                f"{source}, line {record.line}: record {record.name!r} occurs twice; give each "
                "contig once"
            )
        lengths[record.name] = len(record.labels)
        lines.append(record.line)
        found.append(_runs(record, source))
    if not lengths:
        raise LabelError(f"{source}: no records; the file is empty: give labelled FASTQ")
    return Features(_frame(list(lengths), lines, found), "label", lengths=lengths)


def _frame(names: Sequence[str], lines: Sequence[int], found: Sequence[_Runs]) -> pl.DataFrame:
    """Return the runs of all records as a frame of BED_SCHEMA."""
    counts = [len(runs.starts) for runs in found]
    labels = pl.Series(np.concatenate([runs.labels for runs in found]))
    return pl.DataFrame(
        {
            "chrom": pl.Series(names)[np.repeat(np.arange(len(names)), counts)],
            "start": np.concatenate([runs.starts for runs in found]),
            "end": np.concatenate([runs.ends for runs in found]),
            "name": labels.cast(pl.String),
            "score": pl.repeat(None, len(labels), dtype=pl.Float64, eager=True),
            "strand": pl.repeat(".", len(labels), eager=True),
            "line": np.repeat(np.array(lines, np.uint32), counts),
        },
        schema=BED_SCHEMA,
    )


def _records(lines: FastqLines, source: str) -> Iterator[_Record]:
    while (header := lines.read()) is not None:
        number = lines.number
        if not header.strip():
            continue
        words = header[1:].split()
        if not header.startswith(b"@") or not words or header[1:2].isspace():
            raise LabelError(
                f"{source}, line {number}: {header[:20].decode(errors='replace')!r} instead of '@' "
                "and a contig's name; check that every record is complete"
            )
        name = lenient_text(words[0])
        length = 0
        while (line := lines.read(None)) is not None:
            if line.startswith(b"+"):
                break
            length += len(line.removesuffix(b"\r"))
        else:
            raise LabelError(
                f"{source}: record {name!r} has no '+' line, the file is truncated; "
                "copy or create it again"
            )
        yield _Record(name, *_labels(lines, length, name, source))


def _labels(lines: FastqLines, length: int, name: str, source: str) -> tuple[bytes, int]:
    """Return the characters of a record's labels, and the line of the first."""
    parts: list[bytes] = []
    first, size = 0, 0
    while size < length:
        line = lines.read(length - size)
        if line is None:
            raise LabelError(
                f"{source}: record {name!r} has {size} labels for {length} bases, the file is "
                "truncated; copy or create it again"
            )
        first = first or lines.number
        parts.append(line.removesuffix(b"\r"))
        size += len(parts[-1])
    if size > length:
        raise LabelError(
            f"{source}, line {lines.number}: record {name!r} has {size} labels for {length} bases; "
            "give one per base"
        )
    return b"".join(parts), first


def _runs(record: _Record, source: str) -> _Runs:
    characters: NDArray[np.uint8] = np.frombuffer(record.labels, np.uint8)
    wrong = np.flatnonzero((characters < _ZERO) | (characters > _LAST))
    if wrong.size:
        raise LabelError(
            f"{source}, line {record.line}: record {record.name!r}: character "
            f"{int(characters[wrong[0]])} at base {int(wrong[0]) + 1} is not a label; labels are "
            "'!' to '~'"
        )
    edges = np.flatnonzero(characters[1:] != characters[:-1]) + 1
    bounds = np.unique(np.concatenate(([0], edges, [characters.size])))
    labels = characters[bounds[:-1]] - np.uint8(_ZERO)
    kept = labels > 0
    return _Runs(bounds[:-1][kept], bounds[1:][kept], labels[kept])
