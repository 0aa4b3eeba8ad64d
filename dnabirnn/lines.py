"""Lines of BED and bedGraph: a contig's name, start, end, and one of a few known tails."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from dnabirnn.compiled import inlined, kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dnabirnn.runs import Rows

__all__ = ["Lines"]

# Text that is written at once. A megabyte more or less makes no difference.
_BUFFER_BYTES = 1 << 20
# Digits of two int64, tabs and a newline.
_MOST_NUMBERS_BYTES = 2 * 19 + 4
_ZERO, _TAB, _NEWLINE = 48, 9, 10


class Lines:
    r"""Writes lines, many at a time.

    Parameters
    ----------
    file : binary file
    tails : sequence of str
        What may stand after the end: "REP\t981\t+".
    """

    def __init__(self, file: BinaryIO, tails: Sequence[str]) -> None:
        encoded = [tail.encode() for tail in tails]
        self._file = file
        self._tails = np.frombuffer(b"".join(encoded), np.uint8)
        self._tail_ends = np.cumsum([len(tail) for tail in encoded], dtype=np.int64)
        self._longest = max(map(len, encoded), default=0)
        self._buffer = np.empty(_BUFFER_BYTES, np.uint8)
        self._filled = 0

    def add(self, rows: Rows, tail: NDArray[np.integer]) -> None:
        """Write rows of a contig; `tail` is the number of each row's tail: (n,)."""
        name = np.frombuffer(rows.chrom.encode(), np.uint8)
        at_most = name.size + _MOST_NUMBERS_BYTES + self._longest
        if at_most > self._buffer.size:
            self.flush()
            self._buffer = np.empty(at_most, np.uint8)
        done = 0
        while done < tail.size:
            count = min(tail.size - done, (self._buffer.size - self._filled) // at_most)
            if not count:
                self.flush()
                continue
            part = slice(done, done + count)
            self._filled = _write(
                name,
                rows.start[part],
                rows.end[part],
                tail[part].astype(np.int64),
                self._tails,
                self._tail_ends,
                self._buffer,
                self._filled,
            )
            done += count

    def flush(self) -> None:
        """Hand what is buffered to the file."""
        self._file.write(self._buffer[: self._filled].data)
        self._filled = 0


@kernel
def _write(
    name: NDArray[np.uint8],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    tail: NDArray[np.int64],
    tails: NDArray[np.uint8],
    tail_ends: NDArray[np.int64],
    buffer: NDArray[np.uint8],
    at: int,
) -> int:
    """Lines of n rows into `buffer` from place `at`; where the next line begins."""
    for row in range(start.size):
        for i in range(name.size):
            buffer[at + i] = name[i]
        at += name.size
        buffer[at] = _TAB
        at = _write_number(buffer, at + 1, start[row])
        buffer[at] = _TAB
        at = _write_number(buffer, at + 1, end[row])
        buffer[at] = _TAB
        at += 1
        first = tail_ends[tail[row] - 1] if tail[row] else 0
        for i in range(first, tail_ends[tail[row]]):
            buffer[at] = tails[i]
            at += 1
        buffer[at] = _NEWLINE
        at += 1
    return at


@inlined
def _write_number(buffer: NDArray[np.uint8], at: int, number: int) -> int:
    """Digits of a number of 0 or more; the place behind them."""
    digits, bound = 1, 10
    while digits < 19 and number >= bound:
        digits += 1
        bound *= 10
    rest = np.uint64(number)
    for i in range(at + digits - 1, at - 1, -1):
        buffer[i] = _ZERO + rest % np.uint64(10)
        rest //= np.uint64(10)
    return at + digits
