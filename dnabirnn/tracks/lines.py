"""Compiled writer of text lines.

A line is a contig's name, start, end, one of a few known tails, numbers, and one of a few known
finals, see `dnabirnn.tracks.layouts.Layout`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnabirnn.compiled import inlined, kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnabirnn.tracks.rows import Rows

__all__ = ["Lines"]

# Bytes of text per write. A megabyte more or less makes no difference in speed.
_BUFFER_BYTES = 1 << 20
# Longest number: 19 digits of an int64, and one tab.
_NUMBER_BYTES = 20
_ZERO, _TAB, _NEWLINE = 48, 9, 10


class Lines:
    r"""Writer of lines, many at a time.

    Parameters
    ----------
    file : binary file
    tails : sequence of str
        Possible texts after the end column, such as "REP\t981\t+".
    finals : sequence of str
        Text at the end of a line, one for each tail, such as "\t0,114,178". By default empty.
    """

    def __init__(self, file: BinaryIO, tails: Sequence[str], finals: Sequence[str] = ()) -> None:
        self._file = file
        self._tails = _Texts.of(tails)
        self._finals = _Texts.of(finals or [""] * len(tails))
        self._buffer = np.empty(_BUFFER_BYTES, np.uint8)
        self._filled = 0

    def add(
        self,
        rows: Rows,
        tail: NDArray[np.integer],
        numbers: NDArray[np.int64] | None = None,
    ) -> None:
        """Write rows of one contig.

        Parameters
        ----------
        rows : Rows
        tail : ndarray, (n,)
            Number of each row's tail.
        numbers : ndarray, (n, k) int64, optional
            Numbers after the tail, each after a tab. None is negative.
        """
        name = np.frombuffer(rows.chrom.encode(), np.uint8)
        further = np.empty((tail.size, 0), np.int64) if numbers is None else numbers
        at_most = name.size + 2 + (2 + further.shape[1]) * _NUMBER_BYTES
        at_most += self._tails.longest + self._finals.longest
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
                np.ascontiguousarray(further[part]),
                self._tails.letters,
                self._tails.ends,
                self._finals.letters,
                self._finals.ends,
                self._buffer,
                self._filled,
            )
            done += count

    def flush(self) -> None:
        """Write the buffer to the file."""
        self._file.write(self._buffer[: self._filled].data)
        self._filled = 0


class _Texts(NamedTuple):
    """Texts joined end to end, and the end of each."""

    letters: NDArray[np.uint8]
    ends: NDArray[np.int64]
    longest: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Texts:
        encoded = [text.encode() for text in texts]
        return cls(
            np.frombuffer(b"".join(encoded), np.uint8),
            np.cumsum([len(text) for text in encoded], dtype=np.int64),
            max(map(len, encoded), default=0),
        )


@kernel
def _write(
    name: NDArray[np.uint8],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    tail: NDArray[np.int64],
    numbers: NDArray[np.int64],
    tails: NDArray[np.uint8],
    tail_ends: NDArray[np.int64],
    finals: NDArray[np.uint8],
    final_ends: NDArray[np.int64],
    buffer: NDArray[np.uint8],
    at: int,
) -> int:
    """Write the lines of n rows into `buffer` at `at`. Return where the next line begins."""
    for row in range(start.size):
        for i in range(name.size):
            buffer[at + i] = name[i]
        at += name.size
        buffer[at] = _TAB
        at = _write_number(buffer, at + 1, start[row])
        buffer[at] = _TAB
        at = _write_number(buffer, at + 1, end[row])
        buffer[at] = _TAB
        at = _write_text(buffer, at + 1, tails, tail_ends, tail[row])
        for k in range(numbers.shape[1]):
            buffer[at] = _TAB
            at = _write_number(buffer, at + 1, numbers[row, k])
        at = _write_text(buffer, at, finals, final_ends, tail[row])
        buffer[at] = _NEWLINE
        at += 1
    return at


@inlined
def _write_text(
    buffer: NDArray[np.uint8],
    at: int,
    texts: NDArray[np.uint8],
    ends: NDArray[np.int64],
    number: int,
) -> int:
    """Write one of several joined texts. Return the position after it."""
    first = ends[number - 1] if number else 0
    for i in range(first, ends[number]):
        buffer[at] = texts[i]
        at += 1
    return at


@inlined
def _write_number(buffer: NDArray[np.uint8], at: int, number: int) -> int:
    """Write the digits of a non-negative number. Return the position after them."""
    digits, bound = 1, 10
    while digits < 19 and number >= bound:
        digits += 1
        bound *= 10
    rest = np.uint64(number)
    for i in range(at + digits - 1, at - 1, -1):
        buffer[i] = _ZERO + rest % np.uint64(10)
        rest //= np.uint64(10)
    return at + digits
