"""Write rows of scores and calls as bigWig and bigBed.

Both formats begin with the contigs and their lengths. The lengths are known only when the whole
FASTA has been read, so rows wait in a temporary file (a spool) until then:

    rows -> _Spool -> (FASTA ends: lengths known) -> big_file.py -> file

Contigs are written in the byte order of their names, because UCSC's readers search for a name in a
tree that must be sorted.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from dnabirnn.errors import OutputError, TrackError
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.tracks.big_file import BLOCK_ROWS, write_big_file
from dnabirnn.tracks.big_rows import BigRows
from dnabirnn.tracks.colours import item_colours
from dnabirnn.tracks.rows import CALL_COLUMNS, NOTHING
from dnabirnn.tracks.text import Ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.tracks.rows import Rows

__all__ = [
    "CHUNK_ROWS",
    "N_BED9",
    "BigBedTrack",
    "BigWigTracks",
    "ValueTracks",
    "write_bigbed",
    "write_bigwig",
]

CHUNK_ROWS = 16 * BLOCK_ROWS
"""Rows read at a time."""

_ROW = [("start", "<u4"), ("end", "<u4"), ("score", "<i2"), ("output", "u1")]
_VALUE = [("start", "<u4"), ("end", "<u4"), ("value", "<f4")]
_LONGEST_CONTIG_BP = (1 << 32) - 1
N_BED9 = 9
"""Columns of a bigBed of scores; calls can have more."""

_BED9_SQL = """table bed9
"Calls or scores of dnabirnn"
(
    string chrom;       "Contig"
    uint   chromStart;  "Start"
    uint   chromEnd;    "End"
    string name;        "Class"
    uint   score;       "Probability in thousandths"
    char[1] strand;     "+, - or ."
    uint   thickStart;  "Start"
    uint   thickEnd;    "End"
    uint   reserved;    "Colour of the class"
)
\0"""
# Types of further columns of calls, in autoSql and in the spool. Notes are short.
_SQL_TYPES = {"integer": "bigint", "number": "double", "text": "lstring"}
_SPOOL_TYPES = {"integer": "<i8", "number": "<f8", "text": "S32"}


def _sql(columns: Sequence[str]) -> bytes:
    """Return the description of BED9 with further columns."""
    further = "".join(
        f'    {_SQL_TYPES[column.kind]} {name}; "{column.about}"\n'
        for name, column in CALL_COLUMNS.items()
        if name in columns
    )
    return _BED9_SQL.replace(")\n\0", f"{further})\n\0").encode()


class _Spool:
    """Rows on disk, written in the order in which they come and read back by contig.

    An assembly can have hundreds of thousands of contigs, and there is one spool per output, so
    that what is kept of each contig is packed.
    """

    def __init__(self, file: BinaryIO, row: Sequence[tuple[str, str]] = _ROW) -> None:
        self._file = file
        self._row = np.dtype([*row])
        self._chroms: list[str] = []
        # Number of each contig's first row, and its largest end.
        self._firsts = array("Q")
        self._ends = array("Q")
        self._count = 0

    def add(self, rows: Rows) -> None:
        columns = {name: getattr(rows, name) for name, _ in _ROW}
        self.add_columns(rows.chrom, {**columns, **(rows.extra or {})})

    def add_columns(self, chrom: str, columns: Mapping[str, NDArray[Any]]) -> None:
        count = columns["start"].size
        if not count:
            return
        end = int(columns["end"].max())
        if end > _LONGEST_CONTIG_BP:
            raise _too_long(chrom)
        packed = np.empty(count, self._row)
        for name in self._row.names or ():
            packed[name] = columns[name]
        self._file.write(packed.data.cast("B"))
        if not self._chroms or self._chroms[-1] != chrom:
            self._chroms.append(chrom)
            self._firsts.append(self._count)
            self._ends.append(0)
        self._ends[-1] = max(self._ends[-1], end)
        self._count += count

    def contigs(self, known: Mapping[str, int]) -> tuple[list[tuple[str, int]], list[int]]:
        """Return the contigs that have rows, and their numbers here; raise if a row does not fit.

        They are in the byte order of their names.
        """
        for chrom, end in zip(self._chroms, self._ends, strict=True):
            if chrom not in known:
                raise TrackError(f"{chrom}: its length is not known; give the sizes of all contigs")
            if end > known[chrom]:
                raise TrackError(
                    f"{chrom}: a row ends at {end}, past the contig's end at {known[chrom]}; give "
                    "the sizes of the assembly that was scored"
                )
            if known[chrom] > _LONGEST_CONTIG_BP:
                raise _too_long(chrom)
        order = sorted(range(len(self._chroms)), key=lambda i: self._chroms[i].encode())
        return [(self._chroms[i], known[self._chroms[i]]) for i in order], order

    def chunks(self, order: Sequence[int]) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Yield rows, and the place of each row's contig in `order`."""
        held: list[NDArray[Any]] = []
        contigs: list[int] = []
        count = 0
        for place, number in enumerate(order):
            first = self._firsts[number]
            upto = self._firsts[number + 1] if number + 1 < len(order) else self._count
            self._file.seek(first * self._row.itemsize)
            for begin in range(first, upto, CHUNK_ROWS):
                size = min(CHUNK_ROWS, upto - begin)
                data = self._file.read(size * self._row.itemsize)
                held.append(np.frombuffer(data, self._row))
                contigs.append(place)
                count += size
                if count >= CHUNK_ROWS:
                    yield _together(contigs, held)
                    held, contigs, count = [], [], 0
        if held:
            yield _together(contigs, held)


def _together(
    contigs: list[int], held: list[NDArray[Any]]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    return np.repeat(contigs, [piece.size for piece in held]), np.concatenate(held)


def _too_long(chrom: str) -> OutputError:
    return OutputError(
        f"record {chrom!r}: bigWig and bigBed hold contigs of up to {_LONGEST_CONTIG_BP:,} bases; "
        "choose a text format"
    )


_TEXT_OF: dict[str, Callable[[Any], bytes]] = {
    "integer": lambda value: b"%d" % value,
    "number": lambda value: f"{value:.6g}".encode(),
    "text": lambda value: value or NOTHING.encode(),
}


class BigWigTracks:
    """Writer of rows of `find_runs(..., min_score=0)` as bigWig, one file per output.

    Values are probabilities in steps of 0.001, as float32. Bases of code 4 have no value.

    Parameters
    ----------
    paths : sequence of Path
        One per output, in the order of the model's outputs. Each ends in ".bw".
    sizes : mapping
        Length of each contig. May be filled until `close` is called.
    spools : sequence of binary files
        One temporary file per output, for its rows. Must be writable, seekable and readable.
    """

    def __init__(
        self, paths: Sequence[Path], sizes: Mapping[str, int], spools: Sequence[BinaryIO]
    ) -> None:
        self._paths = paths
        self._sizes = sizes
        self._spools = [_Spool(file) for file in spools]

    def add(self, rows: Rows) -> None:
        """Add the next rows."""
        for output, own in rows.by_output():
            self._spools[output].add(own)

    def close(self) -> None:
        """Write the files."""
        for path, spool in zip(self._paths, self._spools, strict=True):
            contigs, order = spool.contigs(self._sizes)
            write_bigwig(path, contigs, partial(_values, spool, order))


class ValueTracks:
    """Writer of one value per base and output as bigWig, one file per output.

    Parameters
    ----------
    paths, sizes, spools
        As for `BigWigTracks`.
    """

    def __init__(
        self, paths: Sequence[Path], sizes: Mapping[str, int], spools: Sequence[BinaryIO]
    ) -> None:
        self._paths = paths
        self._sizes = sizes
        self._spools = [_Spool(file, _VALUE) for file in spools]

    def add(self, chrom: str, start: int, values: NDArray[np.float32]) -> None:
        """Add the values of neighbouring bases.

        Parameters
        ----------
        chrom : str
            Contig. All values of a contig are added one after the other, from left to right.
        start : int
            0-based position of the first base.
        values : ndarray, (m, O) float32
            NaN where a base has no value.
        """
        for spool, column in zip(self._spools, values.T, strict=True):
            known = np.flatnonzero(np.isfinite(column))
            # Neighbouring bases of equal value share a row.
            fresh = np.append(True, (np.diff(known) > 1) | (np.diff(column[known]) != 0))
            first = np.flatnonzero(fresh[: known.size])
            last = np.append(first[1:], known.size) - 1
            ends = known[last] + 1 if known.size else known
            columns = {"start": known[first] + start, "end": ends + start}
            spool.add_columns(chrom, {**columns, "value": column[known[first]]})

    def close(self) -> None:
        """Write the files."""
        for path, spool in zip(self._paths, self._spools, strict=True):
            contigs, order = spool.contigs(self._sizes)
            write_bigwig(path, contigs, partial(_plain_values, spool, order))


class BigBedTrack:
    """Writer of the rows of all outputs as one bigBed of nine columns, with one colour per class.

    Calls can have further columns.

    Parameters
    ----------
    path : Path
        Ends in ".bb".
    outputs : sequence of Output
    sizes : mapping
        Length of each contig. May be filled until `close` is called.
    spool : binary file
        Temporary file for the rows. Must be writable, seekable and readable.
    columns : sequence of str
        Further columns of calls.
    """

    def __init__(
        self,
        path: Path,
        outputs: Sequence[Output],
        sizes: Mapping[str, int],
        spool: BinaryIO,
        columns: Sequence[str] = (),
    ) -> None:
        self._path = path
        self._sizes = sizes
        colours = item_colours(output.class_name for output in outputs)
        self._names = [output.class_name.encode() for output in outputs]
        self._strands = [output.strand.encode() for output in outputs]
        self._colours = [colours[output.class_name].encode() for output in outputs]
        self._ordered = Ordered(outputs)
        further = [(name, _SPOOL_TYPES[CALL_COLUMNS[name].kind]) for name in columns]
        self._spool = _Spool(spool, [*_ROW, *further])
        self._columns = columns

    def add(self, rows: Rows) -> None:
        """Add the next rows."""
        ready = self._ordered.add(rows)
        if ready is not None:
            self._spool.add(ready)

    def close(self) -> None:
        """Write the file."""
        contigs, order = self._spool.contigs(self._sizes)
        rows = partial(self._rows, order)
        write_bigbed(self._path, contigs, rows, columns=len(self._columns), sql=_sql(self._columns))

    def _rows(self, order: Sequence[int], whole: bool) -> Iterator[BigRows]:
        for contig, rows in self._spool.chunks(order):
            rest = self._rest(rows) if whole else None
            yield BigRows(contig, _wide(rows["start"]), _wide(rows["end"]), rest=rest)

    def _rest(self, rows: NDArray[Any]) -> list[bytes]:
        names, strands, colours = self._names, self._strands, self._colours
        further = [b""] * rows.size
        for name in self._columns:
            texts = map(_TEXT_OF[CALL_COLUMNS[name].kind], rows[name].tolist())
            further = [b"%b\t%b" % pair for pair in zip(further, texts, strict=True)]
        return [
            b"%b\t%d\t%b\t%d\t%d\t%b%b\0"
            % (names[row[3]], row[2], strands[row[3]], row[0], row[1], colours[row[3]], more)
            for row, more in zip(rows.tolist(), further, strict=True)
        ]


def _values(spool: _Spool, order: Sequence[int], _: bool) -> Iterator[BigRows]:
    for contig, rows in spool.chunks(order):
        value = (rows["score"] / MAX_SCORE).astype(np.float32)
        yield BigRows(contig, _wide(rows["start"]), _wide(rows["end"]), value)


def _plain_values(spool: _Spool, order: Sequence[int], _: bool) -> Iterator[BigRows]:
    for contig, rows in spool.chunks(order):
        yield BigRows(contig, _wide(rows["start"]), _wide(rows["end"]), rows["value"])


def _wide(places: NDArray[np.uint32]) -> NDArray[np.int64]:
    return places.astype(np.int64)


def write_bigwig(
    path: Path,
    contigs: Sequence[tuple[str, int]],
    rows: Callable[[bool], Iterable[BigRows]],
    naming: Callable[[str], str] = str,
) -> None:
    """Write a bigWig, see `write_big_file`."""
    write_big_file(path, contigs, rows, naming=naming)


def write_bigbed(
    path: Path,
    contigs: Sequence[tuple[str, int]],
    rows: Callable[[bool], Iterable[BigRows]],
    naming: Callable[[str], str] = str,
    *,
    columns: int = 0,
    sql: bytes = b"",
) -> None:
    """Write a bigBed of nine columns and `columns` more, see `write_big_file`."""
    count = N_BED9 + columns
    write_big_file(path, contigs, rows, columns=count, sql=sql or _sql(()), naming=naming)
