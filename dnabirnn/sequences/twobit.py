"""2bit reader (https://genome.ucsc.edu/FAQ/FAQformat.html#format7), one record at a time.

Both byte orders are read, with offsets of 32 bits (version 0) or 64 bits (version 1, `faToTwoBit
-long`). Every size in the file is compared with the size of the file before memory is allocated.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS
from dnabirnn.errors import FastaError
from dnabirnn.files import check_state, is_address, note_read, open_input, size_of
from dnabirnn.sequences.indexed import joined
from dnabirnn.sequences.records import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike
    from dnabirnn.sequences.indexed import Needed
    from dnabirnn.sequences.records import ParseContext

__all__ = ["is_twobit", "read_twobit"]

_SIGNATURE = 0x1A412743
_BYTE_ORDER = {_SIGNATURE.to_bytes(4, "little"): "<", _SIGNATURE.to_bytes(4, "big"): ">"}
_HEADER_BYTES = 16
_OFFSET = {0: "I", 1: "Q"}
_REMEDY = "create or download the file again"

_CODE_OF_PAIR = np.array([3, 1, 0, 2], dtype=np.uint8)  # T C A G
_FOUR_CODES = np.stack(
    [_CODE_OF_PAIR[np.arange(256) >> shift & 3] for shift in (6, 4, 2, 0)], axis=1
).view(np.uint32)[:, 0]
"""Per byte, the codes of its four bases as one uint32 in memory order. The first base is in the
high bits of the byte."""


def is_twobit(head: bytes) -> bool:
    """Return whether a file begins like 2bit.

    Examples
    --------
    >>> is_twobit(bytes.fromhex("4327411a 00000000")), is_twobit(b">chr1")
    (True, False)
    """
    return head[:4] in _BYTE_ORDER


def read_twobit(
    path: PathLike, reading: ParseContext, needed: Needed | None = None
) -> Iterator[Record]:
    """Yield the records of a 2bit file, in the order of its index.

    Parameters
    ----------
    path : str or PathLike
        A regular file: the index holds byte offsets, so random access is needed.
    reading : ParseContext
        N blocks become code 4, and mask blocks lower case.
    needed : callable, optional
        As in `read_fasta`.

    Raises
    ------
    FastaError
        A file that is not a regular file, is damaged or truncated, or changes while it is read; a
        duplicate name.
    """
    if not is_address(path) and (os.fspath(path) == "-" or not os.path.isfile(path)):
        raise FastaError(
            f"{path}: 2bit needs random access, which standard input and pipes do not allow; give "
            "the path of the file"
        )
    state = note_read(path, FastaError)
    with open_input(path) as file:
        source = _Source(file, reading)
        for word, offset in list(source.index()):
            name = reading.name(word)
            if needed is None:
                yield source.record(name, offset)
            elif (some := needed(name, source.length(name, offset))) is not None:
                yield source.record(name, offset, some)
        check_state(path, state, FastaError)


class _Source:
    """An open 2bit file; reads no more than the file holds."""

    def __init__(self, file: BinaryIO, reading: ParseContext) -> None:
        self._file = file
        self._reading = reading
        self._size = size_of(file)
        order = _BYTE_ORDER.get(file.read(4))
        if order is None:
            raise FastaError(
                f"{reading.source}: 2bit inside gzip; decompress it first (2bit itself is compact)"
            )
        self._order = order
        self._read = 0

    def _fail(self, problem: str, name: str | None = None) -> FastaError:
        where = "" if name is None else f"record {name!r}: "
        return FastaError(f"{self._reading.source}: {where}{problem}; {_REMEDY}")

    def _bytes(self, count: int, part: str, name: str | None = None) -> bytes:
        left = self._size - self._file.tell()
        if count > left:
            raise self._fail(f"{part} of {count} bytes, but the file has {max(left, 0)} left", name)
        data = self._file.read(count)
        if len(data) < count:
            raise self._fail(f"{part} cannot be read: the file has shrunk", name)
        return data

    def _number(self, part: str, name: str | None = None, kind: str = "I") -> int:
        size = struct.calcsize(kind)
        (number,) = struct.unpack(self._order + kind, self._bytes(size, part, name))
        return int(number)

    def index(self) -> Iterator[tuple[bytes, int]]:
        """Yield the name and the byte offset of each record."""
        version, count, _ = (self._number("a header") for _ in range(3))
        if version not in _OFFSET:
            raise self._fail(f"2bit version {version}, but only 0 and 1 are supported")
        if count == 0:
            raise self._fail("no records; the file is empty")
        for number in range(1, count + 1):
            part = f"entry {number} of {count} of the index"
            word = self._bytes(self._bytes(1, part)[0], part)
            if not word or word.split() != [word]:
                raise self._fail(f"{part}: {word!r} is not a name")
            yield word, self._number(part, kind=_OFFSET[version])

    def length(self, name: str, offset: int) -> int:
        """Return the length of the record at a byte offset, and go to what follows it."""
        if not _HEADER_BYTES <= offset < self._size:
            raise self._fail(f"begins at byte {offset}, but the file has {self._size}", name)
        self._file.seek(offset)
        return self._number("a length", name)

    def record(self, name: str, offset: int, needed: NDArray[np.int64] | None = None) -> Record:
        """Read the record at a byte offset, or the needed intervals of it."""
        length = self.length(name, offset)
        if needed is not None and length > 4 * self._size:  # before memory is allocated
            raise self._fail(f"length of {length}, but the file has {self._size} bytes", name)
        parts = [(0, length)] if needed is None else joined(needed, length)
        if not parts:
            nothing = np.zeros(length, np.bool_) if self._reading.case else None
            return Record(name, np.full(length, AMBIGUOUS, np.uint8), nothing)
        unknown = self._blocks(length, "N blocks", name)
        masked = self._blocks(length, "mask blocks", name)
        self._number("a reserved number", name)
        codes = self._codes(name, length, self._file.tell(), offset, parts)
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

    def _codes(
        self, name: str, length: int, place: int, offset: int, parts: list[tuple[int, int]]
    ) -> Codes:
        """Read parts of a record whose bases begin at a place; other bases have code 4."""
        self._read += place - offset
        codes = None
        for start, end in parts:
            first, last = start // 4, -(-end // 4)
            self._file.seek(place + first)
            packed = np.frombuffer(self._bytes(last - first, "bases", name), np.uint8)
            # If entries shared their bases, a small damaged or hostile file could take hours to
            # read.
            self._read += last - first
            if self._read > self._size:
                raise self._fail("overlaps another record", name)
            found: Codes = _FOUR_CODES[packed].view(np.uint8)
            if parts == [(0, length)]:
                return found[:length]
            if codes is None:
                codes = np.full(length, AMBIGUOUS, np.uint8)
            part = codes[4 * first : 4 * last]  # may end before the last of four bases
            part[:] = found[: len(part)]
        assert codes is not None
        return codes

    def _blocks(self, length: int, part: str, name: str) -> NDArray[np.int64]:
        """Read intervals (n, 2); check that they lie in the sequence, sorted and disjoint."""
        count = self._number(part, name)
        data = self._bytes(8 * count, part, name)
        numbers = np.frombuffer(data, self._order + "u4").astype(np.int64)
        starts, ends = numbers[:count], numbers[:count] + numbers[count:]
        wrong = (ends > length) | (starts < np.concatenate(([0], ends[:-1])))
        if wrong.any():
            first = int(wrong.argmax())
            raise self._fail(
                f"{part}: {starts[first]}-{ends[first]} is past the end at {length}, or "
                "before the end of the previous block",
                name,
            )
        return np.stack([starts, ends], axis=1)
