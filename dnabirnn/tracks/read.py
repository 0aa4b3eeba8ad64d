"""Read scores back from BED, and the lengths of contigs."""

from __future__ import annotations

import io
import os
import re
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dnabirnn.errors import OptionError, TrackError
from dnabirnn.files import read_blocks, read_text
from dnabirnn.motif_classes import MAX_SCORE, Output
from dnabirnn.names import is_printable
from dnabirnn.tracks.rows import Rows
from dnabirnn.tracks.schema import ROW_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dnabirnn.motif_classes import Output

    _LineNumbers = range | list[int]
    from numpy.typing import NDArray

    from dnabirnn.files import PathLike

__all__ = ["read_scores", "read_sizes"]

# Reading and calling 14.8 million rows takes 160 MB and 4.9 s with 4 MiB, and 330 MB and 5.3 s with
# 16 MiB.
_READ_BYTES = 1 << 22
_REMEDY = "give a track that `dnabirnn score` wrote"
_INTEGER = re.compile(r"-?[0-9]{1,18}")
# A contig may have the name "track". Its rows continue with a tab and a number.
_HEADER = re.compile(rb"#|(?:track|browser)(?!\t[0-9])(?:\s|$)")


def read_scores(path: PathLike, outputs: Sequence[Output]) -> Iterator[Rows]:
    """Read the rows of a per-base BED6, as a stream.

    Header lines (`track`, `browser`, `#`), empty lines and columns after the sixth are ignored.

    Parameters
    ----------
    path : path
        Plain, gzip or bgzip; "-" is standard input.
    outputs : sequence of Output
        Outputs of the model. Every row must belong to one of them.

    Yields
    ------
    rows : Rows
        Rows of one contig. The last ones of each contig have `last` set.

    Raises
    ------
    TrackError
        A file that is missing or truncated; a row with fewer than six columns, with text where a
        number belongs, with a score that is not an integer from 0 to 1000, or with an unknown class
        or strand; a contig whose rows are not contiguous or not sorted by start; rows of one output
        that overlap.
    """
    name = "standard input" if os.fspath(path) == "-" else os.fspath(path)
    checker = _Checker(name, outputs)
    first_line = 1
    blocks = read_blocks(path, TrackError, block_bytes=_READ_BYTES)
    for chunk in _whole_lines(blocks, name):
        yield from checker.rows(*_parse(chunk, first_line, name))
        first_line += chunk.count(b"\n")
    yield from checker.end()


def _whole_lines(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield chunks of about `_READ_BYTES` that consist of whole lines."""
    pieces: list[bytes] = []
    size = 0
    for block in blocks:
        pieces.append(block)
        size += len(block)
        if size >= _READ_BYTES:
            lines, newline, rest = b"".join(pieces).rpartition(b"\n")
            if newline:
                yield lines + newline
            elif size > 2 * _READ_BYTES:
                raise TrackError(f"{name}: a line of more than {_READ_BYTES} bytes; {_REMEDY}")
            pieces, size = [rest], len(rest)
    if size:
        rest = b"".join(pieces)
        yield rest if rest.endswith(b"\n") else rest + b"\n"


def _parse(chunk: bytes, first_line: int, name: str) -> tuple[pl.DataFrame, _LineNumbers]:
    """Return the columns of a chunk, and the line number of each row.

    polars parses a chunk of plain rows. Whatever it cannot parse is parsed line by line, which is
    slow but skips header lines and reports the line of an error.
    """
    n_extra = chunk[: chunk.index(b"\n")].count(b"\t") + 1 - len(ROW_SCHEMA)
    if n_extra >= 0 and not chunk.startswith(b"#") and b"\n#" not in chunk:
        extra: dict[str, type[pl.DataType]] = {f"extra{i}": pl.String for i in range(n_extra)}
        with suppress(pl.exceptions.PolarsError):
            frame = pl.read_csv(
                io.BytesIO(chunk),
                has_header=False,
                separator="\t",
                quote_char=None,
                schema={**ROW_SCHEMA, **extra},
                columns=list(range(len(ROW_SCHEMA))),
                truncate_ragged_lines=True,
            )
            if not any(frame.null_count().row(0)):
                return frame, range(first_line, first_line + frame.height)
    return _parse_by_line(chunk, first_line, name)


def _parse_by_line(chunk: bytes, first_line: int, name: str) -> tuple[pl.DataFrame, list[int]]:
    """Parse a chunk line by line, skipping header lines, with errors that name the line."""
    rows: list[tuple[str | int, ...]] = []
    numbers: list[int] = []
    for number, line in enumerate(chunk.split(b"\n")[:-1], first_line):
        line = line.rstrip(b"\r")
        if line.strip() and not _HEADER.match(line):
            rows.append(_row(line, f"{name}, line {number}"))
            numbers.append(number)
    return pl.DataFrame(rows, schema=ROW_SCHEMA, orient="row"), numbers


def _row(line: bytes, place: str) -> tuple[str | int, ...]:
    try:
        fields: list[str | int] = list(line.decode("utf-8").split("\t")[: len(ROW_SCHEMA)])
    except UnicodeDecodeError:
        raise TrackError(f"{place}: not text; give a BED of scores") from None
    if len(fields) < len(ROW_SCHEMA) or not all(fields):
        raise TrackError(
            f"{place}: {sum(map(bool, fields))} tab-separated columns; {_REMEDY}, "
            f"which has six: {' '.join(ROW_SCHEMA)}"
        )
    for i, (column, kind) in enumerate(ROW_SCHEMA.items()):
        if kind.is_integer():
            if not _INTEGER.fullmatch(str(fields[i])):
                raise TrackError(f"{place}: {column} {fields[i]!r} is not an integer; {_REMEDY}")
            fields[i] = int(fields[i])
    if not 0 <= int(fields[4]) <= MAX_SCORE:
        raise TrackError(f"{place}: score {fields[4]} is not from 0 to 1000; {_REMEDY}")
    return tuple(fields)


class _Checker:
    """Check of the rows of a track against those before them.

    Parameters
    ----------
    name : str
        Name of the file, for errors.
    outputs : sequence of Output
        Outputs of the model.
    """

    def __init__(self, name: str, outputs: Sequence[Output]) -> None:
        self._name = name
        self._labels = [f"{class_name}\t{strand}" for class_name, strand in outputs]
        self._seen: set[str] = set()
        self._chrom: str | None = None
        self._start = 0
        self._ends = np.zeros(len(outputs), dtype=np.int64)

    def rows(self, frame: pl.DataFrame, lines: _LineNumbers) -> Iterator[Rows]:
        """Yield the rows of each contig of a chunk. `lines` are the line numbers of the rows."""
        chrom = frame["chrom"]
        output = self._output(frame, lines)
        start, stop, score = (frame[name].to_numpy() for name in ("start", "end", "score"))
        changes = (chrom != chrom.shift()).fill_null(True).to_numpy()
        for begin, end in pairwise([*np.flatnonzero(changes).tolist(), len(chrom)]):
            if chrom[begin] != self._chrom:
                yield from self.end()
                self._begin(chrom[begin], lines[begin])
            part = slice(begin, end)
            rows = Rows(chrom[begin], output[part], start[part], stop[part], score[part], 0, False)
            self._check(rows, lines[part])
            yield rows._replace(frontier=self._start)

    def end(self) -> Iterator[Rows]:
        """Yield empty rows that end the current contig, if there is one."""
        if self._chrom is not None:
            empty = np.empty(0, dtype=np.int64)
            output, score = empty.astype(np.uint8), empty.astype(np.int16)
            yield Rows(self._chrom, output, empty, empty, score, self._start, True)

    def _begin(self, chrom: str, line: int) -> None:
        if chrom in self._seen:
            raise self._error(line, f"{chrom} appears again after other contigs; sort the track")
        if not is_printable(chrom):
            raise self._error(line, f"{chrom!r} has a character that cannot be printed; {_REMEDY}")
        self._seen.add(chrom)
        self._chrom = chrom
        self._start = 0
        self._ends[:] = 0

    def _output(self, frame: pl.DataFrame, lines: _LineNumbers) -> NDArray[np.uint8]:
        label = frame.select(pl.concat_str("class", "strand", separator="\t")).to_series()
        output = label.cast(pl.Enum(self._labels), strict=False).to_physical()
        if output.null_count():
            at = int(output.is_null().arg_max() or 0)
            known = ", ".join(self._labels).replace("\t", " ")
            found = str(label[at]).replace("\t", " ")
            what = f"{found!r} is not a class and strand of the model ({known}); {_REMEDY} with it"
            raise self._error(lines[at], what)
        return output.to_numpy().astype(np.uint8)

    def _check(self, rows: Rows, lines: _LineNumbers) -> None:
        order = np.argsort(rows.output, kind="stable")
        output, start, end = rows.output[order], rows.start[order], rows.end[order]
        previous = np.concatenate([end[:1], end[:-1]])
        first = np.diff(output, prepend=-1) != 0
        previous[first] = self._ends[output[first]]
        overlap = np.zeros(start.size, dtype=np.bool_)
        overlap[order] = start < previous
        wrongs = (
            ((rows.score < 0) | (rows.score > MAX_SCORE), "score {score} is not from 0 to 1000"),
            ((rows.start < 0) | (rows.end <= rows.start), "{start} to {end} is not an interval"),
            (
                np.diff(rows.start, prepend=self._start) < 0,
                "start {start} is before the previous start; sort the track",
            ),
            (overlap, "{start} to {end} overlaps the previous row of its class and strand"),
        )
        for wrong, what in wrongs:
            if wrong.any():
                at = int(wrong.argmax())
                values = {name: getattr(rows, name)[at] for name in ("start", "end", "score")}
                raise self._error(lines[at], f"{what.format(**values)}; {_REMEDY}")
        self._start = int(rows.start[-1])
        self._ends[output] = end  # of several rows of one output, the last assignment stays

    def _error(self, line: int, what: str) -> TrackError:
        return TrackError(f"{self._name}, line {line}: {what}")


def read_sizes(path: PathLike) -> dict[str, int]:
    """Read the lengths of contigs from a table whose first two columns are name and length.

    Parameters
    ----------
    path : path
        A table such as UCSC's chrom.sizes or the .fai of samtools.

    Raises
    ------
    OptionError
        A file that cannot be read; a line without a name and a length; a contig that occurs twice.
    """
    sizes: dict[str, int] = {}
    text = read_text(path, OptionError, "a chrom.sizes or .fai file")
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name, length = (*line.split("\t"), "")[:2]
        if not re.fullmatch("[0-9]{1,18}", length := length.strip()):
            if line.startswith("#"):  # a comment; names of contigs may begin like one
                continue
            raise OptionError(
                f"{path}, line {number}: not a contig and its length; give a chrom.sizes or .fai "
                "file"
            )
        if name in sizes:
            raise OptionError(f"{path}, line {number}: {name} occurs twice; remove one line")
        sizes[name] = int(length)
    return sizes
