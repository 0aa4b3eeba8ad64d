"""Write the file that bigWig and bigBed share, in memory that does not grow with the rows.

A file has these parts, of which the first is written last::

    header | places of zoom levels | autoSql | summary | contigs | rows | index of the rows
           | records of a zoom level | index of the records | ... | magic number

Rows and records lie in compressed blocks. The source of the rows is read twice: for the blocks, and
for the first zoom level. Each further level is made from the one before it, which is read back from
the file. So only what is known of each contig (some 50 bytes) and of each block (32 bytes) is kept.

All sizes, offsets and magic numbers are from Kent et al. 2010, doi:10.1093/bioinformatics/btq351,
supplementary tables 5 to 19.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from dnabirnn.errors import TrackError
from dnabirnn.files import failures_of
from dnabirnn.tracks.big_rows import Runs, depths, file_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dnabirnn.tracks.big_rows import BigRows

__all__ = ["BLOCK_ROWS", "write_big_file"]

BLOCK_ROWS = 1024
"""Rows or records of a block. The rows of a block belong to one contig."""

_BIGWIG_MAGIC, _BIGBED_MAGIC = 0x888FFC26, 0x8789F2EB
_CONTIGS_MAGIC, _INDEX_MAGIC = 0x78CA8C91, 0x2468ACE0
_HEADER = struct.Struct("<IHHQQQHHQQIQ")
_ZOOM = struct.Struct("<IIQQ")
_SUMMARY = struct.Struct("<Qdddd")
_CONTIGS_HEADER = struct.Struct("<IIIIQQ")
_INDEX_HEADER = struct.Struct("<IIQIIIIQII")
_NODE = struct.Struct("<BBH")
_BIGWIG_BLOCK = struct.Struct("<IIIIIBBH")
_VERSION = 4
_BEDGRAPH = 1  # kind of a block of bigWig: start, end and value of every row
_MOST_ZOOMS = 10
# Rows per record of the first zoom level, and how much longer the records of each next level are:
# as in UCSC's tools.
_FIRST_ZOOM, _NEXT_ZOOM = 10, 4
_CHILDREN = 256
_BED_COLUMNS = 9  # columns of a bigBed after these are not those of BED
# Of zlib. On score tracks, level 2 takes 0.17 us per row and level 6 takes 0.52 us; their sizes
# differ by 6 %.
_LEVEL = 2
# Records made or read at a time.
_CHUNK_RECORDS = 1 << 15

_WIG_ROW = np.dtype([("start", "<u4"), ("end", "<u4"), ("value", "<f4")])
_BED_HEAD = np.dtype([("contig", "<u4"), ("start", "<u4"), ("end", "<u4")])
_RECORD = np.dtype(
    [
        *((name, "<u4") for name in ("contig", "start", "end", "covered")),
        *((name, "<f4") for name in ("low", "high", "total", "squares")),
    ]
)
# A record while it is added up.
_PART = np.dtype(
    [
        *((name, "<i8") for name in ("contig", "start", "end", "covered")),
        *((name, "<f8") for name in ("low", "high", "total", "squares")),
    ]
)
_PLACE = [("contig", "<u4"), ("base", "<u4")]
_BLOCK = np.dtype([("first", _PLACE), ("last", _PLACE), ("at", "<u8"), ("bytes", "<u8")])
_INNER = np.dtype([("first", _PLACE), ("last", _PLACE), ("at", "<u8")])


def write_big_file(
    path: Path,
    contigs: Sequence[tuple[str, int]],
    rows: Callable[[bool], Iterable[BigRows]],
    *,
    columns: int = 0,
    sql: bytes = b"",
    naming: Callable[[str], str] = str,
) -> None:
    """Write a bigWig, or a bigBed if its columns are given.

    Parameters
    ----------
    path : Path
    contigs : sequence of (str, int)
        Names and lengths, in the byte order of the names: readers search a sorted tree.
    rows : callable
        Returns all rows. It is called twice: with True, and then with False, when the further
        columns of a bigBed are not needed. Pieces should be cut `BLOCK_ROWS` or a multiple of it
        after the first row of a contig; otherwise blocks are smaller than they could be.
    columns : int
        Number of columns of a bigBed.
    sql : bytes
        Names and types of the columns, as autoSql that ends in a zero byte.
    naming : callable
        Returns how errors name a contig.

    Raises
    ------
    TrackError
        Rows that are not as described, or do not fit into their contig.
    OutputError
        The file could not be written.
    """
    with failures_of(str(path.parent)), path.open("w+b") as file:
        writer = _Writer(file, contigs, columns, sql, naming)
        writer.write_rows(rows(True))
        writer.write_zooms(rows(False))
        writer.write_header()


class _Blocks:
    """Writer of compressed blocks, one after another, and of their index."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._index = bytearray()
        self._items = 0
        self.largest = 0

    def add(self, data: bytes, items: int, *places: int) -> None:
        """Write a block. `places` are contig and base of its begin, and of its end."""
        packed = zlib.compress(data, _LEVEL)
        at = self._file.seek(0, 2)  # another level may have been read in between
        self._index += struct.pack("<IIIIQQ", *places, at, len(packed))
        self._file.write(packed)
        self._items += items
        self.largest = max(self.largest, len(data))

    def add_records(self, records: NDArray[Any]) -> None:
        """Write a block of records."""
        first, last = records[0], records[-1]
        places = (first["contig"], first["start"], last["contig"], last["end"])
        self.add(records.tobytes(), records.size, *map(int, places))

    @property
    def count(self) -> int:
        """Number of blocks."""
        return len(self._index) // _BLOCK.itemsize

    @property
    def items(self) -> int:
        """Number of rows or records."""
        return self._items

    def write_index(self) -> int:
        """Write the index, a tree in which each node has the bounds of its children."""
        at = self._file.seek(0, 2)
        leaves = np.frombuffer(self._index, _BLOCK)
        bounds = _parents(leaves, leaves.size) if leaves.size else np.zeros(1, _INNER)
        places = (*bounds[0]["first"].item(), *bounds[0]["last"].item())
        self._file.write(
            _INDEX_HEADER.pack(_INDEX_MAGIC, _CHILDREN, leaves.size, *places, at, BLOCK_ROWS, 0)
        )
        _write_tree(self._file, leaves, _parents)
        return at

    def records(self) -> Iterator[NDArray[Any]]:
        """Read records back."""
        blocks = np.frombuffer(self._index, _BLOCK)
        together = _CHUNK_RECORDS // BLOCK_ROWS
        for begin in range(0, blocks.size, together):
            data = []
            for block in blocks[begin : begin + together]:
                self._file.seek(int(block["at"]))
                data.append(zlib.decompress(self._file.read(int(block["bytes"]))))
            yield np.frombuffer(b"".join(data), _RECORD)


class _Writer:
    """Writer of the parts of a file, in their order."""

    def __init__(
        self,
        file: BinaryIO,
        contigs: Sequence[tuple[str, int]],
        columns: int,
        sql: bytes,
        naming: Callable[[str], str],
    ) -> None:
        self._file = file
        self._names = [name for name, _ in contigs]
        self._lengths = np.array([length for _, length in contigs], np.int64)
        self._columns = columns
        self._naming = naming
        self._sql_at = _HEADER.size + _MOST_ZOOMS * _ZOOM.size
        self._summary_at = self._sql_at + len(sql)
        self._contigs_at = self._summary_at + _SUMMARY.size
        self._rows_at = self._index_at = self._items = self._largest = 0
        self._zooms: list[tuple[int, int, int]] = []
        # libBigWig reads the autoSql from its offset up to that of the summary.
        file.write(bytes(self._sql_at) + sql + bytes(_SUMMARY.size))
        self._write_contigs()
        # Places of the first and last covered base of each contig.
        self._firsts = np.full(len(contigs), np.iinfo(np.int64).max)
        self._ends = np.zeros(len(contigs), np.int64)
        self._summary = np.zeros(1, _PART)

    def _write_contigs(self) -> None:
        names = [name.encode() for name in self._names]
        longest = max(map(len, names), default=1)
        leaves = np.empty(len(names), [("name", f"S{longest}"), ("number", "<u4"), ("bp", "<u4")])
        leaves["name"], leaves["number"], leaves["bp"] = names, np.arange(len(names)), self._lengths
        inner = np.dtype([("name", f"S{longest}"), ("at", "<u8")])

        def parents(children: NDArray[Any], group: int) -> NDArray[Any]:
            made = np.zeros(-(-children.size // group), inner)
            made["name"] = children["name"][::group]
            return made

        self._file.write(_CONTIGS_HEADER.pack(_CONTIGS_MAGIC, _CHILDREN, longest, 8, len(names), 0))
        _write_tree(self._file, leaves, parents)

    def write_rows(self, source: Iterable[BigRows]) -> None:
        """Write the blocks of the rows and their index, and gather the summary."""
        self._rows_at = self._file.tell()
        self._file.write(bytes(8))
        blocks = _Blocks(self._file)
        for runs in self._runs(self._with_blocks(source, blocks)):
            self._add_to_summary(_parts(*runs))
        self._items = blocks.items if self._columns else blocks.count
        self._row_count = blocks.items
        self._largest = blocks.largest
        self._index_at = blocks.write_index()

    def _with_blocks(self, source: Iterable[BigRows], blocks: _Blocks) -> Iterator[BigRows]:
        """Write the blocks of rows that pass."""
        before = 0
        for rows in source:
            if not rows.start.size:
                continue
            before = self._check(rows, before)
            begins = np.flatnonzero(np.diff(rows.contig, prepend=-1))
            numbers = rows.contig[begins]
            lasts = np.maximum.reduceat(rows.end, begins)
            self._firsts[numbers] = np.minimum(self._firsts[numbers], rows.start[begins])
            self._ends[numbers] = np.maximum(self._ends[numbers], lasts)
            cuts = [
                cut
                for begin, end in _pairs(begins.tolist(), rows.start.size)
                for cut in range(begin, end, BLOCK_ROWS)
            ]
            ends = np.maximum.reduceat(rows.end, cuts).tolist()
            blocks_of = self._bed_blocks if self._columns else self._wig_blocks
            for begin, data, last in zip(cuts, blocks_of(rows, cuts, ends), ends, strict=True):
                contig = int(rows.contig[begin])
                place = (contig, int(rows.start[begin]), contig, last)
                blocks.add(data[0], data[1], *place)
            yield rows

    def _check(self, rows: BigRows, before: int) -> int:
        """Raise for rows that are not in order or do not fit; return where the next may start."""
        first, last = file_key(rows.contig, rows.start), file_key(rows.contig, rows.end)
        least = np.concatenate([[before], (first if self._columns else last)[:-1]])
        wrong = (first < least) | (last <= first) | (rows.end > self._lengths[rows.contig])
        if wrong.any():
            at = int(wrong.argmax())
            name = self._naming(self._names[rows.contig[at]])
            raise TrackError(
                f"{name}: the row at {rows.start[at]} to {rows.end[at]} is not in order, overlaps "
                "the row before it, or does not fit into the contig; create the file again"
            )
        return int((first if self._columns else last)[-1])

    @staticmethod
    def _wig_blocks(rows: BigRows, cuts: list[int], ends: list[int]) -> Iterator[tuple[bytes, int]]:
        packed = np.empty(rows.start.size, _WIG_ROW)
        packed["start"], packed["end"], packed["value"] = rows.start, rows.end, rows.value
        for (begin, end), last in zip(_pairs(cuts, packed.size), ends, strict=True):
            contig, start, count = int(rows.contig[begin]), int(rows.start[begin]), end - begin
            head = _BIGWIG_BLOCK.pack(contig, start, last, 0, 0, _BEDGRAPH, 0, count)
            yield head + packed[begin:end].tobytes(), count

    @staticmethod
    def _bed_blocks(rows: BigRows, cuts: list[int], ends: list[int]) -> Iterator[tuple[bytes, int]]:
        assert rows.rest is not None
        packed = np.empty(rows.start.size, _BED_HEAD)
        packed["contig"], packed["start"], packed["end"] = rows.contig, rows.start, rows.end
        parts = [b""] * (2 * packed.size)
        parts[::2] = packed.view(f"V{_BED_HEAD.itemsize}").tolist()
        parts[1::2] = rows.rest
        for begin, end in _pairs(cuts, packed.size):
            yield b"".join(parts[2 * begin : 2 * end]), end - begin

    def _runs(self, source: Iterable[BigRows]) -> Iterator[Runs]:
        if self._columns:
            yield from depths(source)
        else:
            for rows in source:
                assert rows.value is not None
                yield Runs(rows.contig, rows.start, rows.end, rows.value.astype(np.float64))

    def _add_to_summary(self, parts: NDArray[Any]) -> None:
        if parts.size:
            known = [self._summary] if self._summary["covered"][0] else []
            self._summary = _added(np.concatenate([*known, parts]), np.array([0]))

    def write_zooms(self, source: Iterable[BigRows]) -> None:
        """Write zoom levels as long as each has at most half the records of the one before it."""
        if not self._row_count:
            return
        extent = int((self._ends - self._firsts)[self._ends > 0].sum())
        size = max(_FIRST_ZOOM, _FIRST_ZOOM * extent // self._row_count)
        most = self._row_count // 2
        parts = (part for runs in self._runs(source) for part in _cut(runs, size))
        while len(self._zooms) < _MOST_ZOOMS and size < 1 << 32 and most:
            at = self._file.seek(0, 2)
            self._file.write(bytes(4))
            blocks = _Blocks(self._file)
            for block in _regrouped(_binned(parts, size, self._lengths)):
                blocks.add_records(block)
                if blocks.items > most:
                    self._file.seek(at)
                    self._file.truncate()
                    return
            index_at = blocks.write_index()
            self._file.seek(at)
            self._file.write(struct.pack("<I", blocks.items))
            self._largest = max(self._largest, blocks.largest)
            self._zooms.append((size, at, index_at))
            parts = (records.astype(_PART) for records in blocks.records())
            size, most = size * _NEXT_ZOOM, blocks.items // 2

    def write_header(self) -> None:
        """Write what is known at the end."""
        magic = _BIGBED_MAGIC if self._columns else _BIGWIG_MAGIC
        self._file.seek(0, 2)
        self._file.write(struct.pack("<I", magic))
        summary = self._summary[0]
        self._file.seek(self._summary_at)
        names = ("covered", "low", "high", "total", "squares")
        self._file.write(_SUMMARY.pack(*(summary[name].item() for name in names)))
        self._file.seek(self._rows_at)
        self._file.write(struct.pack("<Q", self._items))
        self._file.seek(0)
        self._file.write(
            _HEADER.pack(
                *(magic, _VERSION, len(self._zooms)),
                *(self._contigs_at, self._rows_at, self._index_at),
                *(self._columns, min(self._columns, _BED_COLUMNS)),
                *(self._sql_at if self._columns else 0, self._summary_at, self._largest, 0),
            )
        )
        for size, at, index_at in self._zooms:
            self._file.write(_ZOOM.pack(size, 0, at, index_at))


def _pairs(begins: list[int], end: int) -> Iterator[tuple[int, int]]:
    return zip(begins, [*begins[1:], end], strict=True)


def _parts(
    contig: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    value: NDArray[np.float64],
) -> NDArray[Any]:
    parts = np.empty(start.size, _PART)
    parts["contig"], parts["start"], parts["end"] = contig, start, end
    parts["covered"] = end - start
    parts["low"] = parts["high"] = value
    parts["total"] = parts["covered"] * value
    parts["squares"] = parts["total"] * value
    return parts


def _cut(runs: Runs, size: int) -> Iterator[NDArray[Any]]:
    """Cut runs where bins of `size` bases begin. One run may cross any number of bins."""
    first = runs.start // size
    upto = np.cumsum((runs.end - 1) // size - first + 1)
    total = int(upto[-1]) if upto.size else 0
    for done in range(0, total, _CHUNK_RECORDS):
        piece = np.arange(done, min(done + _CHUNK_RECORDS, total))
        run = np.searchsorted(upto, piece, side="right")
        # The pieces of a run are the last ones up to `upto`.
        place = ((runs.end[run] - 1) // size - (upto[run] - 1 - piece)) * size
        start = np.maximum(runs.start[run], place)
        end = np.minimum(runs.end[run], place + size)
        yield _parts(runs.contig[run], start, end, runs.value[run])


def _added(parts: NDArray[Any], begins: NDArray[np.intp]) -> NDArray[Any]:
    """Add up groups of parts; contig, start and end are those of the first of each."""
    added = parts[begins]
    added["low"] = np.minimum.reduceat(parts["low"], begins)
    added["high"] = np.maximum.reduceat(parts["high"], begins)
    for name in ("covered", "total", "squares"):
        added[name] = np.add.reduceat(parts[name], begins)
    return added


def _binned(
    source: Iterable[NDArray[Any]], size: int, lengths: NDArray[np.int64]
) -> Iterator[NDArray[Any]]:
    """Add up parts by bins of `size` bases. No part crosses the end of a bin."""
    held = np.empty(0, _PART)
    for new in source:
        parts = np.concatenate([held, new])
        if not parts.size:
            continue
        place = parts["start"] // size
        begins = np.flatnonzero(np.diff(file_key(parts["contig"], place), prepend=-1))
        added = _added(parts, begins)
        added["start"] = place[begins] * size
        added["end"] = np.minimum(added["start"] + size, lengths[added["contig"]])
        yield added[:-1]
        held = added[-1:]
    yield held


def _regrouped(source: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Yield records in groups of `BLOCK_ROWS`; the last group has what is left."""
    held = np.empty(0, _RECORD)
    for new in source:
        held = np.concatenate([held, new.astype(_RECORD)])
        whole = held.size // BLOCK_ROWS * BLOCK_ROWS
        for begin in range(0, whole, BLOCK_ROWS):
            yield held[begin : begin + BLOCK_ROWS]
        held = held[whole:]
    if held.size:
        yield held


def _parents(children: NDArray[Any], group: int) -> NDArray[Any]:
    """Return nodes of the index, with the bounds of their children."""
    begins = np.arange(0, children.size, group)
    made = np.zeros(begins.size, _INNER)
    made["first"] = children["first"][begins]
    last = children["last"]
    key = file_key(last["contig"].astype(np.int64), last["base"].astype(np.int64))
    key = np.maximum.reduceat(key, begins)
    made["last"]["contig"], made["last"]["base"] = key >> 32, key & 0xFFFFFFFF
    return made


def _write_tree(
    file: BinaryIO,
    leaves: NDArray[Any],
    parents: Callable[[NDArray[Any], int], NDArray[Any]],
) -> None:
    """Write a tree of nodes of up to `_CHILDREN` items, from the root down.

    Parameters
    ----------
    file : binary file
    leaves : ndarray, (n,)
        Items of the leaves. May be empty.
    parents : callable
        Takes the items of a level and the size of its nodes, and returns the items that lead to
        these nodes, with the field "at" to be filled.
    """
    levels = [leaves]
    while levels[0].size > _CHILDREN:
        levels.insert(0, parents(levels[0], _CHILDREN))
    at = file.tell()
    for depth, items in enumerate(levels):
        nodes = max(-(-items.size // _CHILDREN), 1)
        at += nodes * _NODE.size + items.nbytes
        if depth + 1 < len(levels):
            below = levels[depth + 1]
            items["at"] = at + np.arange(items.size) * (_NODE.size + _CHILDREN * below.itemsize)
        for begin in range(0, nodes * _CHILDREN, _CHILDREN):
            node = items[begin : begin + _CHILDREN]
            file.write(_NODE.pack(items is leaves, 0, node.size) + node.tobytes())
