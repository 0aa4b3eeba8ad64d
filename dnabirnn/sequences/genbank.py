"""GenBank parser (https://www.ncbi.nlm.nih.gov/Sitemap/samplerecord.html).

The name of a record is that of its VERSION line, such as NC_000913.3. All letters of GenBank files
are lower case, so lower case does not mean soft-masked here: no base is masked.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from dnabirnn.alphabet import INVALID
from dnabirnn.errors import FastaError
from dnabirnn.files import check_line
from dnabirnn.sequences.records import Record

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from Bio.SeqRecord import SeqRecord

    from dnabirnn.sequences.records import ParseContext

__all__ = ["is_genbank", "parse_genbank"]

_FATAL = ("Premature end of file", "Expected sequence length")
"""First words of Biopython warnings that mean a wrong sequence; they are raised as errors."""
_REMEDY = "create or download the file again"


_BIOPYTHON_ERRORS = (
    ValueError,
    AssertionError,
    LookupError,
    AttributeError,
    TypeError,
    OverflowError,
)
"""Exceptions that Biopython raises for damaged records."""


def is_genbank(head: bytes) -> bool:
    """Return whether a file begins like GenBank.

    Examples
    --------
    >>> is_genbank(b"LOCUS       NC_000913"), is_genbank(b">LOCUS")
    (True, False)
    """
    return head.startswith(b"LOCUS ")


def parse_genbank(blocks: Iterable[bytes], reading: ParseContext) -> Iterator[Record]:
    """Yield the records of a GenBank text that comes in blocks, cut anywhere.

    Memory grows with the longest record, by several bytes per base while it is read.

    Raises
    ------
    FastaError
        A record of a protein, without sequence, or that Biopython cannot read; a letter that is
        not a nucleotide code; a duplicate name; a text that ends inside a record.
    """
    from Bio.GenBank.Scanner import GenBankScanner  # loads Biopython

    text = io.TextIOWrapper(
        io.BufferedReader(_Stream(blocks, reading.source)), "utf-8", "backslashreplace"
    )
    scanner = GenBankScanner()  # type: ignore[no-untyped-call]
    found: Iterator[SeqRecord] = scanner.parse_records(  # type: ignore[no-untyped-call]
        text, do_features=False
    )
    name = None
    while True:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                entry = next(found, None)
        except _BIOPYTHON_ERRORS as cause:
            raise _unreadable(cause, reading, name) from cause
        for warning in caught:
            if str(warning.message).startswith(_FATAL):
                raise _unreadable(warning.message, reading, name)
        if entry is None:
            break
        name = reading.name((entry.id or "").encode())
        yield _record(entry, name, reading)
        del entry
    if name is None:
        raise FastaError(f"{reading.source}: no records; give a GenBank file with sequences")


def _unreadable(cause: object, reading: ParseContext, name: str | None) -> FastaError:
    place = "in the first record" if name is None else f"in the record after {name!r}"
    reason = " ".join(str(cause).split()) or type(cause).__name__
    return FastaError(f"{reading.source}: damaged GenBank {place} ({reason[:200]}); {_REMEDY}")


def _record(entry: SeqRecord, name: str, reading: ParseContext) -> Record:
    where = f"{reading.source}: record {name!r}"
    if entry.annotations.get("molecule_type") == "protein":
        raise FastaError(f"{where}: is a protein; give DNA or RNA")
    if entry.seq is None or not entry.seq.defined:
        raise FastaError(
            f"{where}: has no sequence, only references to it; download the full record "
            "(efetch -format gbwithparts)"
        )
    letters = bytes(entry.seq)
    codes = bytearray(reading.codes(letters))
    if INVALID in codes:
        position = codes.index(INVALID)
        raise FastaError(
            f"{where}: {chr(letters[position])!r} at base {position + 1} is not a nucleotide "
            "letter (only IUPAC nucleotide letters are read)"
        )
    return Record(
        name,
        np.frombuffer(codes, np.uint8),
        np.zeros(len(codes), dtype=np.bool_) if reading.case else None,
    )


def _checked(blocks: Iterable[bytes], source: str) -> Iterator[bytes]:
    """Yield the blocks unchanged; raise for a line that is too long."""
    size = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        size = len(block) - end if end else size + len(block)
        check_line(size, source, FastaError)
        yield block


class _Stream(io.RawIOBase):
    """A readable stream over blocks of bytes, for Biopython."""

    def __init__(self, blocks: Iterable[bytes], source: str) -> None:
        self._blocks = _checked(blocks, source)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        self._left = self._left or next(self._blocks, b"")
        count = min(len(target), len(self._left))
        target[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
