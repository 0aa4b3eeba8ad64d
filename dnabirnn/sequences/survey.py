"""Sizes and a sample of the sequences, found by reading them once; for estimates."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dnabirnn.files import is_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dnabirnn.alphabet import Codes
    from dnabirnn.files import PathLike
    from dnabirnn.sequences.records import Contig

__all__ = ["Stretch", "Survey", "most_bases", "survey_contigs", "write_pieces"]

_PIECE_BP = 100_000
_SAMPLE_BP = 4_000_000
_LETTERS = np.frombuffer(b"ACGTN", np.uint8)
_MAX_BASES_PER_BYTE = {".gz": 5, ".bgz": 5, ".2bit": 4}
"""Largest number of bases per stored byte, by the ending of the file name. Gzip compresses sequence
of all four letters 3.5 to 4.5 times."""


class Stretch(NamedTuple):
    """A stretch of a contig."""

    name: str
    codes: Codes


@dataclass
class Survey:
    """Sizes and a sample of the sequences that were read.

    Attributes
    ----------
    lengths : dict of str to int
        Length of each contig in bases.
    wanted_bp, read_bp : int
        Number of requested bases, and of bases that must be scored for them.
    seconds : float
        Time of reading.
    sample : list of Stretch
        Every n-th piece, of up to 100 kb, of the sequence that must be scored; 4 Mb at most.
    """

    lengths: dict[str, int] = field(default_factory=dict)
    wanted_bp: int = 0
    read_bp: int = 0
    seconds: float = 0.0
    sample: list[Stretch] = field(default_factory=list)
    _stride: int = 1
    _pieces: int = 0
    _held_bp: int = 0

    @property
    def bases(self) -> int:
        """Total length of all contigs."""
        return sum(self.lengths.values())

    @property
    def longest_bp(self) -> int:
        """Length of the longest contig."""
        return max(self.lengths.values(), default=0)

    def add(self, contig: Contig, wanted: NDArray[np.int64], around_bp: int) -> None:
        """Add a contig; `wanted` are its requested intervals (n, 2), sorted and disjoint."""
        length = len(contig.codes)
        self.lengths[contig.name] = length
        self.wanted_bp += int((wanted[:, 1] - wanted[:, 0]).sum())
        for start, end in _widened(wanted, around_bp, length):
            self.read_bp += end - start
            for first in range(start, end, _PIECE_BP):
                self._offer(contig, first, min(first + _PIECE_BP, end))

    def _offer(self, contig: Contig, start: int, end: int) -> None:
        if self._pieces % self._stride == 0:
            name = f"{contig.name}_{start}_{self._pieces}"
            self.sample.append(Stretch(name, contig.codes[start:end].copy()))
            self._held_bp += end - start
            # The total length is not known while reading. So when the sample is too large, drop
            # every other piece, and take half as many from then on.
            if self._held_bp > _SAMPLE_BP and len(self.sample) > 1:
                self.sample = self.sample[::2]
                self._stride *= 2
                self._held_bp = sum(len(piece.codes) for piece in self.sample)
        self._pieces += 1


def _widened(wanted: NDArray[np.int64], by_bp: int, length: int) -> Iterator[tuple[int, int]]:
    """Yield the intervals extended by `by_bp` on both sides, joined where they overlap or touch."""
    held: tuple[int, int] | None = None
    for start, end in wanted.tolist():
        first, last = max(start - by_bp, 0), min(end + by_bp, length)
        if held is not None and first <= held[1]:
            held = held[0], max(last, held[1])
            continue
        if held is not None:
            yield held
        held = first, last
    if held is not None:
        yield held


def survey_contigs(
    contigs: Iterable[Contig],
    wanted: Callable[[str], NDArray[np.int64]] | None = None,
    around_bp: int = 0,
    progress: Callable[[int], object] = lambda bases: None,
) -> Survey:
    """Read all contigs, and return their sizes and a sample.

    Parameters
    ----------
    contigs : iterable of Contig
        Read one at a time.
    wanted : callable, name -> ndarray (n, 2) int64, optional
        Requested intervals of a contig, sorted and disjoint; by default the whole contig.
    around_bp : int
        Bases that must be read on both sides of each interval.
    progress : callable
        Called with the length of each contig, in bases.
    """
    begun = time.monotonic()
    found = Survey()
    for contig in contigs:
        whole = np.array([[0, len(contig.codes)]], np.int64)
        found.add(contig, whole if wanted is None else wanted(contig.name), around_bp)
        progress(len(contig.codes))
    found.seconds = time.monotonic() - begun
    return found


def write_pieces(path: Path, pieces: Sequence[Stretch]) -> None:
    """Write pieces as FASTA."""
    with path.open("wb") as file:
        for piece in pieces:
            file.write(f">{piece.name}\n".encode())
            file.write(_LETTERS[piece.codes].tobytes())
            file.write(b"\n")


def most_bases(paths: Sequence[PathLike]) -> int | None:
    """Return an upper bound of the bases in files from their sizes; None if one is not regular."""
    if any(is_stream(path) or not os.path.isfile(path) for path in paths):
        return None
    bases = 0
    for path in paths:
        ending = os.path.splitext(os.fspath(path))[1].lower()
        bases += os.stat(path).st_size * _MAX_BASES_PER_BYTE.get(ending, 1)
    return bases
