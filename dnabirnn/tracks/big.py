"""Write rows of scores and calls as bigWig and bigBed.

Both formats begin with the contigs and their lengths. The lengths are known only when the whole
FASTA has been read, so rows wait in a temporary file (a spool) until then:

    rows -> _Spool -> (FASTA ends: lengths known) -> pybigtools -> file

pybigtools takes one contig after another. Contigs are written in the byte order of their names,
because UCSC's readers search for a name in a tree that must be sorted. All sizes, offsets and magic
numbers below are from Kent et al. 2010, doi:10.1093/bioinformatics/btq351, supplementary tables 5
to 19.
"""

from __future__ import annotations

import os
import struct
import sys
from contextlib import contextmanager
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from dnabirnn.errors import OutputError, TrackError
from dnabirnn.motif_classes import MAX_SCORE
from dnabirnn.tracks.colours import item_colours
from dnabirnn.tracks.text import Ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dnabirnn.motif_classes import Output
    from dnabirnn.tracks.rows import Rows

    _Items = Iterable[tuple[str, int, int, Any]]

__all__ = ["BigBedTrack", "BigWigTracks", "muted", "write_bigbed", "write_bigwig"]

_ROW = np.dtype([("start", "<u4"), ("end", "<u4"), ("score", "<i2"), ("output", "u1")])
# Rows read from the spool at a time.
_CHUNK_ROWS = 1 << 14
_LONGEST_CONTIG_BP = (1 << 32) - 1

_BIGWIG_MAGIC, _BIGBED_MAGIC = 0x888FFC26, 0x8789F2EB
_HEADER = struct.Struct("<IHHQQQHHQQIQ")
_SUMMARY = struct.Struct("<Qdddd")
_FIELD_COUNTS_AT, _SUMMARY_FIELD = 32, 9
_N_BED9 = 9
_BED9_SQL = b"""table bed9
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


class _Stretch(NamedTuple):
    """Rows of one contig, which lie together in a spool.

    Attributes
    ----------
    first : int
        Number of its first row in the spool.
    rows : int
        Number of rows.
    end : int
        Largest end of a row.
    """

    first: int
    rows: int
    end: int


class _Spool:
    """Rows on disk, written in the order in which they come and read back by contig."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._contigs: dict[str, _Stretch] = {}
        self._count = 0

    def add(self, rows: Rows) -> None:
        count = rows.start.size
        if not count:
            return
        if int(rows.end[-1]) > _LONGEST_CONTIG_BP:
            raise OutputError(
                f"record {rows.chrom!r}: bigWig and bigBed hold contigs of up to "
                f"{_LONGEST_CONTIG_BP:,} bases; choose a text format"
            )
        packed = np.empty(count, _ROW)
        for name in ("start", "end", "score", "output"):
            packed[name] = getattr(rows, name)
        self._file.write(packed.data.cast("B"))
        first, before, end = self._contigs.get(rows.chrom, (self._count, 0, 0))
        end = max(end, int(rows.end.max()))
        self._contigs[rows.chrom] = _Stretch(first, before + count, end)
        self._count += count

    def sizes(self, known: Mapping[str, int]) -> dict[str, int]:
        """Return the lengths of the contigs that have rows; raise if a row does not fit."""
        for chrom, (_, _, end) in self._contigs.items():
            if chrom not in known:
                raise TrackError(f"{chrom}: its length is not known; give the sizes of all contigs")
            if end > known[chrom]:
                raise TrackError(
                    f"{chrom}: a row ends at {end}, past the contig's end at {known[chrom]}; give "
                    "the sizes of the assembly that was scored"
                )
        return {chrom: known[chrom] for chrom in self._contigs}

    def chunks(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield contigs and their rows, in the byte order of the names."""
        for chrom in sorted(self._contigs, key=str.encode):
            first, count, _ = self._contigs[chrom]
            self._file.seek(first * _ROW.itemsize)
            for done in range(0, count, _CHUNK_ROWS):
                size = min(_CHUNK_ROWS, count - done) * _ROW.itemsize
                yield chrom, np.frombuffer(self._file.read(size), _ROW)


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
            items = chain.from_iterable(map(_values, spool.chunks()))
            write_bigwig(path, spool.sizes(self._sizes), items)


class BigBedTrack:
    """Writer of the rows of all outputs as one bigBed of nine columns, with one colour per class.

    Parameters
    ----------
    path : Path
        Ends in ".bb".
    outputs : sequence of Output
    sizes : mapping
        Length of each contig. May be filled until `close` is called.
    spool : binary file
        Temporary file for the rows. Must be writable, seekable and readable.
    """

    def __init__(
        self,
        path: Path,
        outputs: Sequence[Output],
        sizes: Mapping[str, int],
        spool: BinaryIO,
    ) -> None:
        self._path = path
        self._sizes = sizes
        colours = item_colours(output.class_name for output in outputs)
        self._names = [output.class_name for output in outputs]
        self._strands = [output.strand for output in outputs]
        self._colours = [colours[name] for name in self._names]
        self._ordered = Ordered(outputs)
        self._spool = _Spool(spool)

    def add(self, rows: Rows) -> None:
        """Add the next rows."""
        ready = self._ordered.add(rows)
        if ready is not None:
            self._spool.add(ready)

    def close(self) -> None:
        """Write the file."""
        items = chain.from_iterable(map(self._items, self._spool.chunks()))
        write_bigbed(self._path, self._spool.sizes(self._sizes), items)

    def _items(self, chunk: tuple[str, NDArray[Any]]) -> Iterator[tuple[str, int, int, str]]:
        chrom, rows = chunk
        for start, end, score, output in rows.tolist():
            rest = (
                f"{self._names[output]}\t{score}\t{self._strands[output]}\t{start}\t{end}\t"
                f"{self._colours[output]}"
            )
            yield chrom, start, end, rest


def _values(chunk: tuple[str, NDArray[Any]]) -> Iterator[tuple[str, int, int, float]]:
    chrom, rows = chunk
    values = (rows["score"] / MAX_SCORE).tolist()
    return zip(repeat(chrom), rows["start"].tolist(), rows["end"].tolist(), values, strict=False)


def write_bigwig(path: Path, sizes: Mapping[str, int], items: _Items) -> None:
    """Write a bigWig of contig, start, end and value.

    Parameters
    ----------
    path : Path
        Ends in ".bw".
    sizes : mapping
        Length of each contig.
    items : iterable of (str, int, int, float)
        Contigs in the byte order of their names. Items of one contig ascend and do not overlap.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    _write(path, sizes, items, _BIGWIG_MAGIC)


def write_bigbed(path: Path, sizes: Mapping[str, int], items: _Items) -> None:
    """Write a bigBed of contig, start, end and the six other columns of BED9.

    Parameters
    ----------
    path : Path
        Ends in ".bb".
    sizes : mapping
        Length of each contig.
    items : iterable of (str, int, int, str)
        Contigs in the byte order of their names. Items of one contig ascend by start.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    if _write(path, sizes, items, _BIGBED_MAGIC):
        # pybigtools declares three columns in every bigBed (jackh726/bigtools#48), so the number of
        # columns and their description are written afterwards. They go to the end of the file:
        # ... | autoSql text | summary (copy) | magic
        with path.open("r+b") as file:
            header = _HEADER.unpack(file.read(_HEADER.size))
            file.seek(header[_SUMMARY_FIELD])
            summary = file.read(_SUMMARY.size)
            sql_at = file.seek(0, 2)
            # libBigWig reads the text from its offset up to that of the summary, so a copy of the
            # summary must follow the text.
            file.write(_BED9_SQL + summary + struct.pack("<I", _BIGBED_MAGIC))
            file.seek(_FIELD_COUNTS_AT)
            places = sql_at, sql_at + len(_BED9_SQL)
            file.write(struct.pack("<HHQQ", _N_BED9, _N_BED9, *places))


class _Checked:
    """Iterator over items that keeps the exception that ended it.

    pybigtools would print an exception and continue, so it only sees that the items end.
    """

    def __init__(self, items: _Items) -> None:
        self._items = items
        self.fault: BaseException | None = None

    def __iter__(self) -> Iterator[tuple[str, int, int, Any]]:
        try:
            yield from self._items
        except GeneratorExit:
            raise
        except BaseException as fault:
            self.fault = fault


def _write(path: Path, sizes: Mapping[str, int], items: _Items, magic: int) -> bool:
    """Write items. Return whether there were any."""
    import pybigtools

    stream = iter(items)
    with muted():  # the items may be read from a damaged file, and the reader may print
        first = next(stream, None)
    if first is None:
        path.write_bytes(_empty(magic))
        return False
    checked = _Checked(chain([first], stream))
    whole = False
    try:
        # pybigtools prints errors and returns as if there were none. It writes the header last, so
        # the magic number shows whether the file is complete.
        with muted():
            pybigtools.open(str(path), "w").write(dict(sizes), iter(checked))
        with path.open("rb") as file:
            whole = file.read(4) == struct.pack("<I", magic)
    except BaseException as fault:
        if type(fault).__name__ != "PanicException":  # a Rust panic, for example on a full disk
            raise
    if checked.fault is not None:
        raise checked.fault
    if not whole:
        kind = "bigWig" if magic == _BIGWIG_MAGIC else "bigBed"
        raise OutputError(
            f"{path.parent}: a {kind} could not be written completely; make room or write elsewhere"
        )
    return True


@contextmanager
def muted() -> Iterator[None]:
    """Hide what pybigtools and Rust print to standard error. The error is raised instead."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _empty(magic: int) -> bytes:
    """Return a bigWig or bigBed without items or contigs. pybigtools cannot write one."""
    bed = magic == _BIGBED_MAGIC
    sql = _BED9_SQL if bed else b""
    fields = _N_BED9 if bed else 0
    summary_at = _HEADER.size + len(sql)
    tree = struct.pack("<IIIIQQBBH", 0x78CA8C91, 1, 1, 8, 0, 0, 1, 0, 0)
    tree_at = summary_at + _SUMMARY.size
    data_at = tree_at + len(tree)
    index_at = data_at + struct.calcsize("<Q")
    header = _HEADER.pack(
        *(magic, 4, 0, tree_at, data_at, index_at, fields, fields),
        *(_HEADER.size if bed else 0, summary_at, 0, 0),
    )
    index = struct.pack(
        "<IIQIIIIQIIBBH", 0x2468ACE0, 256, 0, 0, 0, 0, 0, index_at, 1024, 0, 1, 0, 0
    )
    summary = _SUMMARY.pack(0, 0, 0, 0, 0)
    return header + sql + summary + tree + bytes(8) + index + struct.pack("<I", magic)
