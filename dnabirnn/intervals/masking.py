"""Mask the bases of intervals in a FASTA: lower case, or N."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from dnabirnn.alphabet import CODE_OF_BYTE, INVALID
from dnabirnn.errors import FastaError, LabelError, OptionError
from dnabirnn.files import (
    check_encoding,
    check_line,
    check_readable,
    lenient_text,
    read_blocks,
)
from dnabirnn.intervals.bed import parse_bed
from dnabirnn.intervals.regions import Regions
from dnabirnn.intervals.tolerance import check_past
from dnabirnn.names import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

    from dnabirnn.files import PathLike

__all__ = ["MaskedIntervals", "mask_fasta", "read_mask"]

_CASE_BIT = 0x20
_N = ord("N")
_NEWLINE, _HEADER = ord("\n"), ord(">")
_WHITE_SPACE = b" \t\r\n\v\f"
_IS_LETTER = np.array([byte not in _WHITE_SPACE for byte in range(256)])
_UPPER = bytes(range(256)).upper()


class MaskedIntervals(NamedTuple):
    """Intervals to mask, and how.

    Attributes
    ----------
    regions : Regions
    hard : bool
        Masked bases become N; otherwise lower case.
    unmask : bool
        Bases that are lower case in the FASTA become upper case first; otherwise they are kept.
    """

    regions: Regions
    hard: bool = False
    unmask: bool = False


def read_mask(
    bed: PathLike,
    *,
    classes: Sequence[str] = (),
    min_length_bp: int = 0,
    hard: bool = False,
    unmask: bool = False,
) -> MaskedIntervals:
    """Read the intervals to mask from a BED file.

    Parameters
    ----------
    bed : path
        BED3 to BED12 or narrowPeak. A row of twelve columns is one interval, from start to end.
        A file without rows, such as the calls of a genome without motifs, masks nothing.
    classes : sequence of str
        Only rows with one of these in column 4; all rows if it is empty.
    min_length_bp : int
        Only intervals of at least this length, after overlapping and adjacent ones are merged.
    hard, unmask : bool
        See `MaskedIntervals`.

    Raises
    ------
    LabelError
        A file that is not BED.
    OptionError
        A class that no row has.
    """
    frame = _read(bed)
    names = frame["name"].drop_nulls().unique(maintain_order=True).to_list()
    for name in classes if frame.height else ():
        if name not in names:
            raise OptionError(
                f"--classes {name}: no row of {bed} has this class; it has "
                f"{shortened(names) or 'none'}"
            )
    if classes:
        frame = frame.filter(pl.col("name").is_in(list(classes)))
    regions = Regions(frame, str(bed))
    if min_length_bp > 0:
        regions = regions.at_least(min_length_bp)
    return MaskedIntervals(regions, hard, unmask)


def _read(bed: PathLike) -> pl.DataFrame:
    """Return the rows of a BED, or none if it has none. It is read once, as it may be a pipe."""
    blocks = read_blocks(bed, LabelError)
    return parse_bed(blocks, str(bed), span=True, may_be_empty=True, tolerant=True)


def mask_fasta(
    fasta: PathLike,
    file: BinaryIO,
    mask: MaskedIntervals,
    progress: Callable[[int], None] = lambda bases: None,
) -> None:
    """Write a masked copy of a FASTA; headers, line ends and line widths are unchanged.

    The FASTA is read as a stream: memory does not grow with the sequence.

    Parameters
    ----------
    fasta : path
        Plain, gzip or bgzip; "-" is standard input.
    file : binary file
    mask : MaskedIntervals
    progress : callable
        Called with the size of each finished piece, in bases.

    Raises
    ------
    FastaError
        A file that is not FASTA of nucleotides; two records with the same name.
    LabelError
        Intervals on a contig that the FASTA lacks, many past the end of a contig, or one that lies
        mostly past it.
    """
    check_readable(fasta, FastaError)
    masker = _Masker(str(fasta), mask)
    blocks = read_blocks(fasta, FastaError)
    head = next(blocks, b"")
    check_encoding(head, str(fasta), FastaError)
    for header, text in _pieces(chain([head], blocks), str(fasta)):
        if header:
            masker.begin(text)
            file.write(text)
        else:
            masked, bases = masker.add(text)
            file.write(masked)
            progress(bases)
    masker.finish()


def _pieces(blocks: Iterable[bytes], source: str) -> Iterator[tuple[bool, bytes]]:
    """Yield (True, complete header line) and (False, piece of sequence, cut anywhere)."""
    header: bytearray | None = None
    line_starts = True
    for block in blocks:
        at = 0
        while at < len(block):
            if header is not None:
                end = block.find(b"\n", at) + 1 or len(block)
                header += block[at:end]
                if header.endswith(b"\n"):
                    yield True, bytes(header)
                    header, line_starts = None, True
                else:
                    check_line(len(header), source, FastaError)
                at = end
            elif line_starts and block[at] == _HEADER:
                header = bytearray()
            else:
                end = block.find(b"\n>", at) + 1 or len(block)
                yield False, block[at:end]
                line_starts, at = block[end - 1] == _NEWLINE, end
    if header is not None:
        yield True, bytes(header)


class _Masker:
    """Masks pieces of sequence, contig by contig."""

    def __init__(self, source: str, mask: MaskedIntervals) -> None:
        self._source = source
        self._mask = mask
        self._name: str | None = None
        self._seen: set[str] = set()
        self._intervals: NDArray[np.int64] = np.empty((0, 2), dtype=np.int64)
        self._done = 0
        self._past: list[pl.DataFrame] = []

    def begin(self, header: bytes) -> None:
        """Start a contig."""
        self._end()
        words = header[1:].split(None, 1)
        if not words:
            raise FastaError(f"{self._source}: a header without a name; write one after '>'")
        self._name = lenient_text(words[0])
        if self._name in self._seen:
            raise FastaError(
                f"{self._source}: record {self._name!r} occurs twice; names must be unique: "
                "rename one of them"
            )
        self._seen.add(self._name)
        self._intervals = self._mask.regions.of(self._name)
        self._done = 0

    def add(self, text: bytes) -> tuple[bytes, int]:
        """Return a piece of sequence, masked, and the number of its bases."""
        codes = text.translate(CODE_OF_BYTE, _WHITE_SPACE)
        if self._name is None and codes:
            raise FastaError(
                f"{self._source}: not FASTA: it begins with {chr(text.lstrip()[0])!r}, not with a "
                "'>' header"
            )
        if INVALID in codes:
            letter = chr(text.translate(None, _WHITE_SPACE)[codes.index(INVALID)])
            raise FastaError(
                f"{self._source}: record {self._name!r}: {letter!r} is not a nucleotide letter"
            )
        begin, self._done = self._done, self._done + len(codes)
        first = np.searchsorted(self._intervals[:, 1], begin, side="right")
        last = np.searchsorted(self._intervals[:, 0], self._done)
        if self._mask.unmask:
            text = text.translate(_UPPER)
        if first >= last:
            return text, len(codes)
        letters = np.frombuffer(bytearray(text), np.uint8)
        self._paint(letters, (self._intervals[first:last] - begin).clip(0, len(codes)))
        return letters.tobytes(), len(codes)

    def _paint(self, letters: NDArray[np.uint8], intervals: NDArray[np.int64]) -> None:
        """Mask intervals; their coordinates count letters only, not white space."""
        positions = np.flatnonzero(_IS_LETTER[letters])
        # +1 at each start and -1 at each end: the running sum is 1 inside an interval. Intervals
        # are disjoint, so no two start or end at the same position.
        changes = np.zeros(positions.size + 1, dtype=np.int8)
        changes[intervals[:, 0]] += 1
        changes[intervals[:, 1]] -= 1
        masked = positions[np.cumsum(changes[:-1], dtype=np.int8) > 0]
        if self._mask.hard:
            letters[masked] = _N
        else:
            letters[masked] |= _CASE_BIT

    def _end(self) -> None:
        if self._name is None or not len(self._intervals):
            return
        if self._intervals[-1, 1] > self._done:
            own = (pl.col("chrom") == self._name) & (pl.col("end") > self._done)
            rows = self._mask.regions.frame.filter(own)
            self._past.append(rows.with_columns(length=pl.lit(self._done, pl.Int64)))

    def finish(self) -> None:
        """Check that every interval is on a contig of the FASTA, and at most a few past an end."""
        self._end()
        if not self._seen:
            raise FastaError(
                f"{self._source}: no records; the file is empty: give a FASTA with sequences"
            )
        missing = [name for name in self._mask.regions.names if name not in self._seen]
        if missing:
            raise LabelError(
                f"{self._mask.regions.source}: intervals on {shortened(missing)}, which the FASTA "
                f"lacks; it has {shortened(sorted(self._seen))}; give the FASTA that was scored"
            )
        if self._past:
            regions = self._mask.regions
            check_past(pl.concat(self._past), regions.frame.height, regions.source)
