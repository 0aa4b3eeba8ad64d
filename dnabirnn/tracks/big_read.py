"""Read bigWig and bigBed files, of dnabirnn or of any other program.

Every size and offset in a file is compared with the file before it is followed, so a damaged file
is an error, and takes no more memory than the file has bytes. The tables are those of Kent et al.
2010, doi:10.1093/bioinformatics/btq351.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from dnabirnn.files import open_input, size_of
from dnabirnn.tracks.big_rows import BigRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike

    _Order = Literal["<", ">"]

__all__ = ["BigReader"]

_BIGWIG_MAGIC, _BIGBED_MAGIC = 0x888FFC26, 0x8789F2EB
_HEADER = "IHHQQQHHQQIQ"
# Of the file, and of each zoom level, whose headers follow.
_HEADER_BYTES, _ZOOM_HEADER_BYTES = 64, 24
_CONTIGS = "IIIIQQ"
_INDEX = "IQIIIIQII"
_NODE = "BBH"
_BIGWIG_BLOCK = "IIIIIBBH"
_BED_HEAD = "III"
_LONGEST_NAME = 1 << 12
_MOST_SQL_BYTES = 1 << 16
# A block has about a thousand rows, so this is far more than any block needs.
_MOST_BLOCK_BYTES = 1 << 26
_PLACES = [(name, "u4") for name in ("first_contig", "first", "last_contig", "last")]
_LEAF = np.dtype([*_PLACES, ("at", "u8"), ("bytes", "u8")])
_INNER = np.dtype([*_PLACES, ("at", "u8")])
# Rows in a block of bigWig, by its kind: bedGraph, varStep and fixedStep.
_WIG_ROWS = {
    1: np.dtype([("start", "u4"), ("end", "u4"), ("value", "f4")]),
    2: np.dtype([("start", "u4"), ("value", "f4")]),
    3: np.dtype([("value", "f4")]),
}


class BigReader:
    """Reader of a bigWig or bigBed, contig by contig.

    Parameters
    ----------
    path : path

    Attributes
    ----------
    is_bigwig : bool
    columns : int
        Number of columns of a bigBed.
    sql : bytes
        Description of the columns of a bigBed, as autoSql that ends in a zero byte.
    sizes : dict of str to int
        Length of each contig.

    Raises
    ------
    ValueError
        A file that is neither, or is damaged.
    """

    def __init__(self, path: PathLike) -> None:
        self._file = open_input(path)
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _open(self) -> None:
        self._size = size_of(self._file)
        magic = self._file.read(4)
        orders: tuple[_Order, ...] = ("<", ">")
        kinds: dict[bytes, tuple[_Order, bool]] = {
            struct.pack(f"{order}I", number): (order, number == _BIGWIG_MAGIC)
            for order in orders
            for number in (_BIGWIG_MAGIC, _BIGBED_MAGIC)
        }
        if magic not in kinds:
            raise ValueError("it does not begin like one")
        self._order, self.is_bigwig = kinds[magic]
        header = self._numbers(0, _HEADER)
        contigs_at, index_at, self.columns, unpacked = header[3], header[5], header[6], header[10]
        if unpacked > _MOST_BLOCK_BYTES:
            raise ValueError(f"blocks of {unpacked:,} bytes")
        self._packed = unpacked > 0
        self.sql = b"" if self.is_bigwig else self._text(header[8])
        self._check_place(_HEADER_BYTES, header[2] * _ZOOM_HEADER_BYTES)
        self._read_contigs(contigs_at)
        index = struct.calcsize(f"<I{_INDEX}")
        self._bytes(index_at, index)
        leaves = list(self._leaves(index_at + index, _LEAF, _INNER))
        self._blocks = np.concatenate([np.empty(0, _LEAF.newbyteorder(self._order)), *leaves])
        for at, count in zip(self._blocks["at"], self._blocks["bytes"], strict=True):
            self._check_place(int(at), int(count))

    def _read_contigs(self, at: int) -> None:
        _, _, name_bytes, value_bytes, count, _ = self._numbers(at, _CONTIGS)
        if not 0 < name_bytes <= _LONGEST_NAME or value_bytes != 8 or count * 8 > self._size:
            raise ValueError(f"{count:,} contigs with names of {name_bytes:,} bytes")
        name = ("name", f"S{name_bytes}")
        leaf = np.dtype([name, ("number", "u4"), ("bp", "u4")])
        inner = np.dtype([name, ("at", "u8")])
        self.sizes: dict[str, int] = {}
        self._numbers_of: dict[str, int] = {}
        for items in self._leaves(at + struct.calcsize(f"<{_CONTIGS}"), leaf, inner):
            for encoded, number, length in items.tolist():
                chrom = encoded.decode()
                if chrom in self.sizes:
                    raise ValueError(f"two contigs with the name {chrom}")
                self.sizes[chrom] = length
                self._numbers_of[chrom] = number
        if len(self.sizes) != count:
            raise ValueError(f"{count:,} contigs declared, and {len(self.sizes):,} found")

    def _leaves(
        self, root: int, leaf: np.dtype[Any], inner: np.dtype[Any]
    ) -> Iterator[NDArray[Any]]:
        """Yield the items of the leaves of a tree, in their order.

        A tree whose nodes overlap is damaged, and following it might never end.
        """
        leaf, inner = leaf.newbyteorder(self._order), inner.newbyteorder(self._order)
        waiting, passed = [root], 0
        while waiting:
            place = waiting.pop()
            is_leaf, _, count = self._numbers(place, _NODE)
            kind = leaf if is_leaf else inner
            data = self._bytes(place + struct.calcsize(f"<{_NODE}"), count * kind.itemsize)
            passed += struct.calcsize(f"<{_NODE}") + len(data)
            if passed > self._size:
                raise ValueError(f"an index that returns to byte {place}")
            items = np.frombuffer(data, kind)
            if is_leaf:
                yield items
            else:
                waiting.extend(items["at"][::-1].tolist())

    def rows(self, chrom: str, contig: int) -> Iterator[BigRows]:
        """Yield the rows of a contig, block by block, with the number that it is to have."""
        number = self._numbers_of[chrom]
        begin = np.searchsorted(self._blocks["last_contig"], number, "left")
        end = np.searchsorted(self._blocks["first_contig"], number, "right")
        for block in self._blocks[begin:end]:
            data = self._bytes(int(block["at"]), int(block["bytes"]))
            if self._packed:
                unpacker = zlib.decompressobj()
                data = unpacker.decompress(data, _MOST_BLOCK_BYTES)
                if not unpacker.eof:
                    raise ValueError(f"a block at byte {block['at']} that does not end")
            yield (self._wig if self.is_bigwig else self._bed)(data, number, contig)

    def _wig(self, data: bytes, number: int, contig: int) -> BigRows:
        form = f"{self._order}{_BIGWIG_BLOCK}"
        own, begin, _, step, span, kind, _, count = struct.unpack_from(form, data)
        if kind not in _WIG_ROWS:
            raise ValueError(f"a block of kind {kind}")
        rows = np.frombuffer(
            data, _WIG_ROWS[kind].newbyteorder(self._order), count, struct.calcsize(form)
        )
        if own != number:
            rows = rows[:0]
        if kind == 3:
            start = begin + step * np.arange(rows.size, dtype=np.int64)
        else:
            start = rows["start"].astype(np.int64)
        end = rows["end"].astype(np.int64) if kind == 1 else start + span
        value = rows["value"].astype(np.float32)
        return BigRows(np.full(start.size, contig), start, end, value)

    def _bed(self, data: bytes, number: int, contig: int) -> BigRows:
        form = struct.Struct(f"{self._order}{_BED_HEAD}")
        places: list[tuple[int, int]] = []
        rest: list[bytes] = []
        at = 0
        while at < len(data):
            own, *place = form.unpack_from(data, at)
            upto = data.index(0, at + form.size) + 1
            if own == number:
                places.append((place[0], place[1]))
                rest.append(data[at + form.size : upto])
            at = upto
        start, end = np.array(places, np.int64).reshape(-1, 2).T
        return BigRows(np.full(start.size, contig), start, end, rest=rest)

    def _check_place(self, at: int, count: int) -> None:
        if at + count > self._size:
            raise ValueError(f"{count:,} bytes declared at {at:,}, in a file of {self._size:,}")

    def _bytes(self, at: int, count: int) -> bytes:
        self._check_place(at, count)
        self._file.seek(at)
        return self._file.read(count)

    def _text(self, at: int) -> bytes:
        """Return the text at a place, with the zero byte that ends it; empty if there is none."""
        if not at:
            return b""
        self._file.seek(at)
        text = self._file.read(_MOST_SQL_BYTES)
        if b"\0" not in text:
            raise ValueError("a description of columns that does not end")
        return text[: text.index(b"\0") + 1]

    def _numbers(self, at: int, form: str) -> tuple[int, ...]:
        form = f"{self._order}{form}"
        return struct.unpack(form, self._bytes(at, struct.calcsize(form)))
