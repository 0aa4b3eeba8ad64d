"""Records out of 2bit files (https://genome.ucsc.edu/FAQ/FAQformat.html#format7), one at a time.

Of either byte order, with offsets of 32 bits (version 0) or 64 (version 1, `faToTwoBit -long`).
What a file says of its sizes is held against its own size before memory is taken.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.errors import FastaError
from dnabirnn.sequences.records import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike
    from dnabirnn.sequences.records import ParseContext

__all__ = ["is_twobit", "read_twobit"]

_SIGNATURE = 0x1A412743
_BYTE_ORDER = {_SIGNATURE.to_bytes(4, "little"): "<", _SIGNATURE.to_bytes(4, "big"): ">"}
_HEADER_BYTES = 16
_OFFSET = {0: "I", 1: "Q"}
_REMEDY = "make or fetch the file again"

_CODE_OF_PAIR = np.array([3, 1, 0, 2], dtype=np.uint8)  # T C A G
_FOUR_CODES = np.stack(
    [_CODE_OF_PAIR[np.arange(256) >> shift & 3] for shift in (6, 4, 2, 0)], axis=1
).view(np.uint32)[:, 0]
"""Codes of the four bases of each byte, in the order of memory; the first is in its high bits."""


def is_twobit(head: bytes) -> bool:
    """Whether a file begins like 2bit.

    Examples
    --------
    >>> is_twobit(bytes.fromhex("4327411a 00000000")), is_twobit(b">chr1")
    (True, False)
    """
    return head[:4] in _BYTE_ORDER


def read_twobit(path: PathLike, reading: ParseContext) -> Iterator[Record]:
    """Records of a 2bit file, in the order of its index.

    Parameters
    ----------
    path : str or PathLike
        A plain file, since the index says where to jump.
    reading : ParseContext
        N blocks become code 4, mask blocks lower case.

    Raises
    ------
    FastaError
        A file that is no plain one, or damaged, or cut short; a name that comes twice.
    """
    if os.fspath(path) == "-" or not os.path.isfile(path):
        raise FastaError(
            f"{path}: 2bit is read by jumping from place to place, which standard input and pipes "
            "do not allow; name the file"
        )
    with open(path, "rb") as file:
        source = _Source(file, reading)
        for word, offset in list(source.index()):
            yield source.record(reading.name(word), offset)


class _Source:
    """An open 2bit file; reads no more than the file holds."""

    def __init__(self, file: BinaryIO, reading: ParseContext) -> None:
        self._file = file
        self._reading = reading
        self._size = os.fstat(file.fileno()).st_size
        order = _BYTE_ORDER.get(file.read(4))
        if order is None:
            raise FastaError(
                f"{reading.source}: 2bit inside gzip; decompress it first: it is small by itself"
            )
        self._order = order
        self._read = 0

    def _fail(self, what: str, name: str | None = None) -> FastaError:
        where = "" if name is None else f"record {name!r}: "
        return FastaError(f"{self._reading.source}: {where}{what}; {_REMEDY}")

    def _bytes(self, count: int, what: str, name: str | None = None) -> bytes:
        left = self._size - self._file.tell()
        if count > left:
            raise self._fail(f"{what} of {count} bytes, but the file has {max(left, 0)} left", name)
        data = self._file.read(count)
        if len(data) < count:
            raise self._fail(f"{what} cannot be read: the file has shrunk", name)
        return data

    def _number(self, what: str, name: str | None = None, kind: str = "I") -> int:
        size = struct.calcsize(kind)
        (number,) = struct.unpack(self._order + kind, self._bytes(size, what, name))
        return int(number)

    def index(self) -> Iterator[tuple[bytes, int]]:
        """Names, and where their records begin."""
        version, count, _ = (self._number("a header") for _ in range(3))
        if version not in _OFFSET:
            raise self._fail(f"2bit of version {version}, and only 0 and 1 are known")
        if count == 0:
            raise self._fail("no records; the file is empty")
        for number in range(1, count + 1):
            what = f"entry {number} of {count} of the index"
            word = self._bytes(self._bytes(1, what)[0], what)
            if not word or word.split() != [word]:
                raise self._fail(f"{what}: {word!r} is no name")
            yield word, self._number(what, kind=_OFFSET[version])

    def record(self, name: str, offset: int) -> Record:
        """Read the record at a place of the file."""
        if not _HEADER_BYTES <= offset < self._size:
            raise self._fail(f"begins at byte {offset}, and the file has {self._size}", name)
        self._file.seek(offset)
        length = self._number("a length", name)
        unknown = self._blocks(length, "N blocks", name)
        masked = self._blocks(length, "mask blocks", name)
        self._number("a reserved number", name)
        packed = np.frombuffer(self._bytes(-(-length // 4), "bases", name), np.uint8)
        # Entries that share their bases could make hours of a small file.
        self._read += self._file.tell() - offset
        if self._read > self._size:
            raise self._fail("lies where another record does", name)
        codes: Codes = _FOUR_CODES[packed].view(np.uint8)[:length]
        for start, end in unknown.tolist():
            codes[start:end] = AMBIGUOUS
        if self._reading.hard_mask:
            for start, end in masked.tolist():
                codes[start:end] = AMBIGUOUS
        lower = None
        if self._reading.case:
            lower = np.zeros(length, dtype=np.bool_)
            for start, end in masked.tolist():
                lower[start:end] = True
        return Record(name, codes, lower)

    def _blocks(self, length: int, what: str, name: str) -> NDArray[np.int64]:
        """Intervals (n, 2), checked to lie in the sequence, in order and apart."""
        count = self._number(what, name)
        data = self._bytes(8 * count, what, name)
        numbers = np.frombuffer(data, self._order + "u4").astype(np.int64)
        starts, ends = numbers[:count], numbers[:count] + numbers[count:]
        wrong = (ends > length) | (starts < np.concatenate(([0], ends[:-1])))
        if wrong.any():
            first = int(wrong.argmax())
            raise self._fail(
                f"{what}: {starts[first]}-{ends[first]} is past the end at {length}, or not "
                "behind the block before it",
                name,
            )
        return np.stack([starts, ends], axis=1)
