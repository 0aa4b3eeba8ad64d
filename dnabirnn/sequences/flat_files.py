"""What GenBank and EMBL have in common: names of records, and reading them with Biopython."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dnabirnn.alphabet import INVALID
from dnabirnn.errors import FastaError
from dnabirnn.sequences.records import Record

if TYPE_CHECKING:
    from Bio.SeqRecord import SeqRecord

    from dnabirnn.errors import DnabirnnError
    from dnabirnn.sequences.records import ParseContext

__all__ = ["CIRCULAR", "FlatLines", "first_name", "flat_records", "is_placeholder"]

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

CIRCULAR = re.compile(r"\bcircular\b", re.I)
"""Topology in the first line of a record."""
_PLACEHOLDER = re.compile(r"(?:[.\-]|<?unknown(?: id)?>?|<?none>?|n/a|xxx|)(?:\.\d*)?", re.I)
"""What programs write instead of a name: SnapGene, Addgene, BioPerl, Biopython, EMBOSS."""


def first_name(candidates: Iterable[str | None]) -> str:
    """Return the first of several names that is not a placeholder, or else the last of them.

    Examples
    --------
    >>> first_name([".", "unknown", "Exported"]), first_name(["NC_000913.3", "NC_000913"])
    ('Exported', 'NC_000913.3')
    """
    names = [name or "" for name in candidates]
    return next((name for name in names if not is_placeholder(name)), names[-1])


def is_placeholder(name: str) -> bool:
    """Return whether a program wrote this instead of a name."""
    return _PLACEHOLDER.fullmatch(name) is not None


class FlatLines(Iterator[str]):
    """Lines of a flat file, changed so that Biopython reads them correctly; a base class.

    Parameters
    ----------
    lines : iterable of str
        As from `text_lines`.
    source : str
        Name of the file, for errors.
    error : class
        Exception to raise for a first line that cannot be read, or a record without a name.

    Attributes
    ----------
    number : int
        Number of the last line in the file, from 1.
    circular, protein : bool
        Topology and kind of the current record, by its first line.
    """

    _FIRST_WORD: str
    """Word that a record begins with."""
    _NAMES: tuple[str, ...]
    """Where a name may stand, the best place first."""
    _OTHER_NAMES: tuple[str, ...]

    def __init__(self, lines: Iterable[str], source: str, error: type[DnabirnnError]) -> None:
        self.number = 0
        self.circular = self.protein = False
        self._lines = iter(lines)
        self._source = source
        self._error = error
        self._names: dict[str, str] = {}
        self._first_line = 0

    @property
    def name(self) -> str:
        """Name of the current record."""
        name = first_name(map(self._names.get, self._NAMES))
        if not name:
            raise self._error(
                f"{self._source}, line {self._first_line}: record without a name; write one after "
                f"{self._FIRST_WORD}"
            )
        return name

    @property
    def other_names(self) -> list[str]:
        """Other names that a FASTA may use, such as the name without its version."""
        name = self.name
        others = [re.sub(r"\.\d+$", "", name), *map(self._names.get, self._OTHER_NAMES)]
        return [one for one in others if one and one != name and not is_placeholder(one)]


def flat_records(
    scanner: Any, lines: FlatLines, reading: ParseContext, form: str
) -> Iterator[Record]:
    """Yield the records of a flat file, read by a scanner of Biopython."""
    found: Iterator[SeqRecord] = scanner.parse_records(_File(iter(lines)), do_features=False)
    name = None
    while True:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                entry = next(found, None)
        except FastaError:
            raise
        except _BIOPYTHON_ERRORS as cause:
            raise _unreadable(cause, reading, name, form) from cause
        for warning in caught:
            if str(warning.message).startswith(_FATAL):
                raise _unreadable(warning.message, reading, name, form)
        if entry is None:
            break
        name = reading.name(lines.name.encode())
        if lines.protein:
            raise FastaError(f"{reading.source}: record {name!r}: is a protein; give DNA or RNA")
        yield _record(entry, name, reading)
        del entry
    if name is None:
        raise FastaError(f"{reading.source}: no records; give {form} with sequences")


def _unreadable(cause: object, reading: ParseContext, name: str | None, form: str) -> FastaError:
    place = "in the first record" if name is None else f"in the record after {name!r}"
    reason = " ".join(str(cause).split()) or type(cause).__name__
    return FastaError(f"{reading.source}: damaged {form} {place} ({reason[:200]}); {_REMEDY}")


def _record(entry: SeqRecord, name: str, reading: ParseContext) -> Record:
    where = f"{reading.source}: record {name!r}"
    if entry.seq is None or not entry.seq.defined:
        raise FastaError(
            f"{where}: has no sequence, only references to it; download the full record "
            "(such as with efetch -format gbwithparts)"
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


class _File(io.TextIOBase):
    """Text file for Biopython, which reads only lines."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        """Return the next line, or an empty text at the end."""
        return next(self._lines, "")
