"""Rows of scores and calls -> bigWig and bigBed.

Both begin with the contigs and their lengths, which are known only when the FASTA is read: rows
wait in a file without a name. pybigtools takes contig after contig; they come sorted by name,
since UCSC's readers look names up in what should be a sorted tree (Kent et al. 2010,
doi:10.1093/bioinformatics/btq351, supplementary tables 5 to 19, for all numbers below).
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
# Rows taken from the file at a time.
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
    """Rows of a contig that lie together in a spool."""

    first: int
    rows: int
    end: int


class _Spool:
    """Rows of contigs, on disk, to be had contig by contig."""

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
                f"{_LONGEST_CONTIG_BP:,} bases; write text"
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
        """Lengths of the contigs that have rows; raises where rows do not fit them."""
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
        """Rows of the contigs, by their names as bytes."""
        for chrom in sorted(self._contigs, key=str.encode):
            first, count, _ = self._contigs[chrom]
            self._file.seek(first * _ROW.itemsize)
            for done in range(0, count, _CHUNK_ROWS):
                size = min(_CHUNK_ROWS, count - done) * _ROW.itemsize
                yield chrom, np.frombuffer(self._file.read(size), _ROW)


class BigWigTracks:
    """Rows of `find_runs(..., min_score=0)` as bigWig, a file an output.

    p is a multiple of 0.001, as a float32; bases of code 4 have no value.

    Parameters
    ----------
    paths : sequence of Path
        One an output, in the order of the model's outputs; each ends in ".bw".
    sizes : mapping
        Length of each contig; may be filled until `close`.
    spools : sequence of binary files
        Where the rows of each output wait; to be written, sought and read.
    """

    def __init__(
        self, paths: Sequence[Path], sizes: Mapping[str, int], spools: Sequence[BinaryIO]
    ) -> None:
        self._paths = paths
        self._sizes = sizes
        self._spools = [_Spool(file) for file in spools]

    def add(self, rows: Rows) -> None:
        """Take the next rows."""
        for output, own in rows.by_output():
            self._spools[output].add(own)

    def close(self) -> None:
        """Write the files."""
        for path, spool in zip(self._paths, self._spools, strict=True):
            items = chain.from_iterable(map(_values, spool.chunks()))
            write_bigwig(path, spool.sizes(self._sizes), items)


class BigBedTrack:
    """Rows of all outputs as one bigBed of nine columns, a colour a class.

    Parameters
    ----------
    path : Path
        Ends in ".bb".
    outputs : sequence of Output
    sizes : mapping
        Length of each contig; may be filled until `close`.
    spool : binary file
        Where rows wait; to be written, sought and read.
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
        """Take the next rows."""
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
        Contigs by their names as bytes; within one they ascend and do not overlap.

    Raises
    ------
    OutputError
        It could not be written.
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
        Contigs by their names as bytes; within one they ascend by start.

    Raises
    ------
    OutputError
        It could not be written.
    """
    if _write(path, sizes, items, _BIGBED_MAGIC):
        # pybigtools calls every bigBed one of three columns (jackh726/bigtools#48).
        with path.open("r+b") as file:
            header = _HEADER.unpack(file.read(_HEADER.size))
            file.seek(header[_SUMMARY_FIELD])
            summary = file.read(_SUMMARY.size)
            sql_at = file.seek(0, 2)
            # libBigWig takes for the text what lies between its place and that of the summary.
            file.write(_BED9_SQL + summary + struct.pack("<I", _BIGBED_MAGIC))
            file.seek(_FIELD_COUNTS_AT)
            places = sql_at, sql_at + len(_BED9_SQL)
            file.write(struct.pack("<HHQQ", _N_BED9, _N_BED9, *places))


class _Checked:
    """Items as they pass; a fault ends them, since pybigtools would print it and go on."""

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
    """Write items; whether there were any."""
    import pybigtools

    stream = iter(items)
    with muted():  # what is merged may be damaged
        first = next(stream, None)
    if first is None:
        path.write_bytes(_empty(magic))
        return False
    checked = _Checked(chain([first], stream))
    whole = False
    try:
        # It prints what it finds wrong and returns all the same: the header is written last.
        with muted():
            pybigtools.open(str(path), "w").write(dict(sizes), iter(checked))
        with path.open("rb") as file:
            whole = file.read(4) == struct.pack("<I", magic)
    except BaseException as fault:
        if type(fault).__name__ != "PanicException":  # Rust's, as of a full disk
            raise
    if checked.fault is not None:
        raise checked.fault
    if not whole:
        kind = "bigWig" if magic == _BIGWIG_MAGIC else "bigBed"
        raise OutputError(
            f"{path.parent}: a {kind} could not be written whole; make room or write elsewhere"
        )
    return True


@contextmanager
def muted() -> Iterator[None]:
    """Keep from standard error what pybigtools and Rust print of a fault, which we tell."""
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
    """Make a bigWig or bigBed without items or contigs, which pybigtools does not write."""
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
