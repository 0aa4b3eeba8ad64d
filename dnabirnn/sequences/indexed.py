"""FASTA with an index: only the parts that are needed are read.

The index is that of `samtools faidx`: `genome.fa.fai`, and `genome.fa.gz.gzi` if the file is bgzip
(http://www.htslib.org/doc/faidx.html). Beside a local file, it must not be older than the file.
Beside an address, its time says nothing, because files are uploaded in any order. Each record that
is read is therefore compared with its index: header before it, number of letters, next header.
Of a record that is not needed, nothing is read: an assembly may have 100,000 of them.
"""

from __future__ import annotations

import os
import struct
import zlib
from bisect import bisect_right
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np

from dnabirnn.alphabet import AMBIGUOUS, INVALID
from dnabirnn.errors import FastaError
from dnabirnn.files import (
    BLOCK_BYTES,
    beside,
    check_state,
    file_name,
    input_exists,
    is_address,
    is_bgzf,
    is_stream,
    note_read,
    open_input,
    read_blocks,
    read_head,
)
from dnabirnn.sequences.records import Record, is_lower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike
    from dnabirnn.sequences.records import ParseContext

__all__ = ["IndexEntry", "Needed", "has_index", "joined", "read_index", "read_indexed"]

Needed: TypeAlias = "Callable[[str, int], NDArray[np.int64] | None]"
"""Takes the name and the length of a record, and returns the intervals (n, 2) of bases that must be
read, sorted by start; they may overlap, and extend past the record. None if it is not needed."""

_GZIP_MAGIC = b"\x1f\x8b"
_HEAD_BYTES = 18
_LONGEST_HEADER_BYTES = 1 << 12
_MOST_BETWEEN_BYTES = 1 << 20
"""Limit of the text between the bases of two records."""
_NEAR_BYTES = 1 << 16
"""Intervals that are closer than this are read together: about one block of bgzip."""


class IndexEntry(NamedTuple):
    """A row of an index.

    Attributes
    ----------
    word : bytes
        Name of the record, without a prefix.
    length : int
        In bases.
    offset : int
        Place of the first base in the decompressed file, in bytes.
    line_bases, line_bytes : int
        Bases per line, and bytes per line with its end.
    """

    word: bytes
    length: int
    offset: int
    line_bases: int
    line_bytes: int

    def place(self, base: int) -> int:
        """Return the place of a base in the decompressed file; of the end after the last one."""
        lines, rest = divmod(base, self.line_bases) if self.line_bases else (0, 0)
        return self.offset + lines * self.line_bytes + rest


def read_index(path: PathLike) -> list[IndexEntry] | None:
    """Return the index of a FASTA; None if there is none, or it is older than the file.

    Raises
    ------
    FastaError
        An index that is damaged.
    """
    index = beside(path, ".fai")
    if os.fspath(path) == "-" or is_stream(path) or not _is_current(path, index):
        return None
    text = b"".join(read_blocks(index, FastaError))
    rows = [line.split(b"\t") for line in text.split(b"\n") if line]
    try:
        if not all(len(row) == 5 for row in rows):
            return None  # of FASTQ, or of another program
        entries = [IndexEntry(row[0], *map(int, row[1:])) for row in rows]
        if any(min(one[1:]) < 0 or (one.length and not one.line_bases) for one in entries):
            raise ValueError
    except ValueError as cause:
        raise FastaError(f"{index}: damaged; {_remedy(path)}") from cause
    return entries


def _is_current(path: PathLike, index: str) -> bool:
    if is_address(path):
        return input_exists(index)
    try:
        return os.stat(index).st_mtime >= os.stat(path).st_mtime
    except OSError:
        return False


def _remedy(path: PathLike) -> str:
    if is_address(path):
        return f"make it again with `samtools faidx {file_name(path)}`, and upload it"
    return f"make it again with `samtools faidx {path}`"


def read_indexed(path: PathLike, reading: ParseContext, needed: Needed) -> Iterator[Record] | None:
    """Return the needed records of a FASTA with an index, in its order; None without an index.

    Bases outside the needed intervals have code 4, unless they were read along.

    Raises
    ------
    FastaError
        As for `read_fasta`; a record that does not fit the index.
    """
    entries = read_index(path)
    packed = None if entries is None else _is_packed(path)
    if entries is None or packed is None:
        return None
    return _records(path, reading, needed, entries, packed=packed)


def has_index(path: PathLike) -> bool:
    """Return whether `read_indexed` can read parts of a file."""
    return read_index(path) is not None and _is_packed(path) is not None


def _is_packed(path: PathLike) -> bool | None:
    """Return whether a FASTA is bgzip with an index of its blocks, or plain; None for others."""
    head = read_head(path, _HEAD_BYTES, FastaError)
    if head.startswith(b">"):
        return False
    packed = head.startswith(_GZIP_MAGIC) and is_bgzf(head)
    return True if packed and _is_current(path, beside(path, ".gzi")) else None


def _records(
    path: PathLike,
    reading: ParseContext,
    needed: Needed,
    entries: list[IndexEntry],
    *,
    packed: bool,
) -> Iterator[Record]:
    state = note_read(path, FastaError)
    with _Text(path, packed=packed) as text:
        for number, entry in enumerate(entries):
            name = reading.name(entry.word)
            intervals = needed(name, entry.length)
            if intervals is None:
                continue
            following = entries[number + 1] if number + 1 < len(entries) else None
            yield _record(text, reading, name, entry, following, intervals)
        check_state(path, state, FastaError)


def _record(
    text: _Text,
    reading: ParseContext,
    name: str,
    entry: IndexEntry,
    following: IndexEntry | None,
    intervals: NDArray[np.int64],
) -> Record:
    """Read the intervals of a record; of a record without any, not even the header."""
    codes = np.full(entry.length, AMBIGUOUS, np.uint8)
    lower = np.zeros(entry.length, np.bool_) if reading.case else None
    parts = joined(intervals, entry.length)
    if parts:
        _check_header(text, entry)
    for start, end in parts:
        at = start
        for block in text.blocks(entry.place(start), entry.place(end)):
            found = reading.codes(block)
            if b">" in block:
                raise text.differs(entry)
            if INVALID in found:
                raise reading.bad_letter(name, block, None)
            if at + len(found) > end:
                raise text.differs(entry)
            codes[at : at + len(found)] = np.frombuffer(found, np.uint8)
            if lower is not None:
                lower[at : at + len(found)] = np.frombuffer(is_lower(block), np.bool_)
            at += len(found)
        if at != end:
            raise text.differs(entry)
        if end == entry.length:
            _check_end(text, entry, following)
    return Record(name, codes, lower)


def joined(intervals: NDArray[np.int64], length: int) -> list[tuple[int, int]]:
    """Return intervals cut to a record of some length; those that are near each other are joined.

    Examples
    --------
    >>> joined(np.array([[-5, 10], [5, 20], [100_000, 100_001], [200_010, 200_011]]), 200_000)
    [(0, 20), (100000, 100001)]
    """
    found: list[tuple[int, int]] = []
    for start, end in np.clip(intervals, 0, length).tolist():
        if start < end and found and start - found[-1][1] < _NEAR_BYTES:
            found[-1] = found[-1][0], max(end, found[-1][1])
        elif start < end:
            found.append((start, end))
    return found


def _check_header(text: _Text, entry: IndexEntry) -> None:
    """Raise unless the line before the first base is the header of the record."""
    start = max(0, entry.offset - _LONGEST_HEADER_BYTES)
    before = b"\n" + b"".join(text.blocks(start, entry.offset))
    _, mark, header = before.rpartition(b"\n>")
    if mark and header.split(None, 1)[:1] == [entry.word] and header.endswith(b"\n"):
        return
    if start == 0 or mark:  # else the header is longer than what was read
        raise text.differs(entry)


def _check_end(text: _Text, entry: IndexEntry, following: IndexEntry | None) -> None:
    """Raise unless the last base is followed by the header of the next record, or by no bases.

    `samtools faidx` leaves out records without bases: their headers may lie in between.
    """
    end = entry.place(entry.length)
    stop = end + _LONGEST_HEADER_BYTES if following is None else following.offset
    if not 0 <= stop - end <= _MOST_BETWEEN_BYTES:
        raise text.differs(entry)
    between = b"".join(text.blocks(end, stop, short=True)).split(b"\n")
    if any(line.strip() and not line.startswith(b">") for line in between):
        raise text.differs(entry)


class _Text:
    """The decompressed text of a FASTA, read at any place."""

    def __init__(self, path: PathLike, *, packed: bool) -> None:
        self._path = path
        self._opened = ExitStack()
        self._file: BinaryIO = self._opened.enter_context(open_input(path))
        self._bgzf: Any = None
        self._starts: list[tuple[int, int]] = []
        if packed:
            from Bio import bgzf

            reader: Any = bgzf.BgzfReader  # has no type annotations
            self._bgzf = reader(fileobj=self._file, mode="rb")
            self._starts = _block_starts(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    def blocks(self, start: int, end: int, *, short: bool = False) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end`; with `short`, the file may end before."""
        try:
            self._seek(start)
            while start < end:
                data = (self._bgzf or self._file).read(min(BLOCK_BYTES, end - start))
                if not data:
                    break
                start += len(data)
                yield data
        except OSError as cause:
            reason = cause.strerror or cause
            raise FastaError(f"{self._path}: cannot be read: {reason}") from cause
        except (ValueError, RuntimeError, struct.error, zlib.error) as cause:  # of bgzip
            raise self._damaged() from cause
        if start < end and not short:
            raise self._damaged()

    def _seek(self, place: int) -> None:
        if self._bgzf is None:
            self._file.seek(place)
            return
        unpacked, packed = self._starts[bisect_right(self._starts, (place, 1 << 63)) - 1]
        self._bgzf.seek(packed << 16)
        left = place - unpacked
        while left and (data := self._bgzf.read(min(left, BLOCK_BYTES))):
            left -= len(data)

    def _damaged(self) -> FastaError:
        return FastaError(
            f"{self._path}: damaged, truncated, or not the file of its index; create or download "
            f"it again, or {_remedy(self._path)}"
        )

    def differs(self, entry: IndexEntry) -> FastaError:
        """Return the error for a record that does not fit the index."""
        name = entry.word.decode("utf-8", "replace")
        return FastaError(
            f"{beside(self._path, '.fai')}: record {name!r} is not as in the FASTA; "
            f"{_remedy(self._path)}"
        )


def _block_starts(path: PathLike) -> list[tuple[int, int]]:
    """Return the decompressed and the compressed start of each block, from the index of bgzip."""
    name = beside(path, ".gzi")
    try:
        with open_input(name) as file:
            data = file.read()
    except OSError as cause:
        raise FastaError(f"{name}: cannot be read: {cause.strerror or cause}") from cause
    if len(data) < 8 or len(data) != 8 + 16 * int.from_bytes(data[:8], "little"):
        raise FastaError(f"{name}: damaged; {_remedy(path)}")
    pairs = np.frombuffer(data, "<u8", offset=8).reshape(-1, 2)
    return [(0, 0), *((int(unpacked), int(packed)) for packed, unpacked in pairs)]
