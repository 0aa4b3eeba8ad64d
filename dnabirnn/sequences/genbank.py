"""GenBank parser (https://www.ncbi.nlm.nih.gov/Sitemap/samplerecord.html).

The name of a record is that of its VERSION line, such as NC_000913.3; if it has none, that of its
ACCESSION line, or of its LOCUS line. All letters of GenBank files are lower case, so lower case
does not mean soft-masked here: no base is masked.

`GenbankLines` is also used by the reader of labels, so that both find the same records, names and
topologies in a file.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from dnabirnn.alphabet import INVALID
from dnabirnn.errors import FastaError
from dnabirnn.files import text_lines
from dnabirnn.sequences.records import Record

if TYPE_CHECKING:
    from Bio.SeqRecord import SeqRecord

    from dnabirnn.errors import DnabirnnError
    from dnabirnn.sequences.records import ParseContext

__all__ = [
    "FlatLines",
    "GenbankLines",
    "first_name",
    "flat_records",
    "is_genbank",
    "is_placeholder",
    "parse_genbank",
]

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

_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t\r]*(?:#[^\n]*)?\n)*"  # blank lines and comments
    rb"(?:LOCUS(?:[ \t]{3,}(?!\d+[ \t]+\d+\s)\S|[ \t]+\S+[ \t]+\d+[ \t]+(?:bp|aa|rc)\b)"
    rb"|\S+\.SEQ[ \t]+Genetic Sequence Data Bank)",
    re.IGNORECASE,
)
"""First lines of GenBank files. The second is the header of NCBI's releases. The row of a BED with
a contig called "locus" has two numbers after it."""

_LOCUS = re.compile(
    r"LOCUS\s+(?:(?P<name>\S.*)\s+)?(?P<length>\d+)\s*(?P<unit>bp|aa|rc)\b(?P<rest>.*)", re.I
)
_SHORT_LOCUS = re.compile(r"LOCUS(?:\s+(?P<name>\S+))?\s*$", re.I)
"""A LOCUS line without a length, as some tools of EMBOSS write it."""
_CIRCULAR = re.compile(r"\bcircular\b", re.I)
_BODY = ("FEATURES", "ORIGIN", "BASE COUNT", "CONTIG", "WGS", "TSA", "TLS")
"""Keywords that end the header of a record, in the form in which Biopython knows them."""
_PLACEHOLDER = re.compile(r"(?:[.\-]|<?unknown(?: id)?>?|<?none>?|n/a|xxx|)(?:\.\d*)?", re.I)
"""What programs write instead of a name: SnapGene, Addgene, BioPerl, Biopython, EMBOSS."""


def is_genbank(head: bytes) -> bool:
    r"""Return whether a file begins like GenBank, after blank lines and comments.

    Examples
    --------
    >>> is_genbank(b"LOCUS       NC_000913"), is_genbank(b">LOCUS"), is_genbank(b"LOCUS\t1\t9\n")
    (True, False, False)
    """
    return _BEGINNING.match(head) is not None


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


class FlatLines(Protocol):
    """Lines of a flat file for Biopython, and what they say of the current record."""

    protein: bool

    @property
    def name(self) -> str:
        """Name of the current record."""

    def __iter__(self) -> Iterator[str]:
        """Return the lines."""


class GenbankLines(Iterator[str]):
    """Lines of a GenBank text, changed so that Biopython reads them correctly.

    Biopython relies on columns of the LOCUS line, which a long name shifts, and on upper case.
    So LOCUS lines are written anew, header lines that are not needed become empty, and keywords
    become upper case. Each line remains one line.

    Parameters
    ----------
    lines : iterable of str
        As from `text_lines`.
    source : str
        Name of the file, for errors.
    error : class
        Exception to raise for a LOCUS line that cannot be read, or a record without a name.

    Attributes
    ----------
    number : int
        Number of the last line, from 1.
    circular, protein : bool
        Topology and kind of the current record, by its LOCUS line.
    """

    def __init__(self, lines: Iterable[str], source: str, error: type[DnabirnnError]) -> None:
        self.number = 0
        self.circular = self.protein = False
        self._lines = iter(lines)
        self._source = source
        self._error = error
        self._names: dict[str, str] = {}
        self._in_header = self._in_sequence = False
        self._locus_line = 0

    @property
    def name(self) -> str:
        """Name of the current record: that of VERSION, ACCESSION or LOCUS, in this order."""
        name = first_name(map(self._names.get, ("VERSION", "ACCESSION", "LOCUS")))
        if not name:
            raise self._error(
                f"{self._source}, line {self._locus_line}: record without a name; write one after "
                "LOCUS"
            )
        return name

    @property
    def other_names(self) -> list[str]:
        """Other names that a FASTA may use: without the version, ACCESSION and LOCUS."""
        name = self.name
        others = [re.sub(r"\.\d+$", "", name), *map(self._names.get, ("LOCUS", "ACCESSION"))]
        return [one for one in others if one and one != name and not is_placeholder(one)]

    def __next__(self) -> str:
        """Return the next line."""
        line = next(self._lines)
        self.number += 1
        if self._in_sequence and not line.startswith(("//", "LOCUS")):
            return self._sequence(line)
        if line[:1].isspace() or not line:
            return "\n" if self._in_header else line
        keyword = line.split(None, 1)[0].upper()
        if keyword == "LOCUS":
            return self._begin(line)
        if line.startswith("//"):
            self._in_header = self._in_sequence = False
        body = next((one for one in _BODY if line[: len(one)].upper() == one), None)
        if body is not None and not line[len(body) : len(body) + 1].strip():
            self._in_header, self._in_sequence = False, body == "ORIGIN"
            if body == "FEATURES":
                return "FEATURES             Location/Qualifiers\n"
            return body + ("\n" if body == "ORIGIN" else line[len(body) :])
        if not self._in_header:
            return line
        if keyword in ("VERSION", "ACCESSION"):
            self._names.setdefault(keyword, (line.split()[1:2] or [""])[0])
        return "\n"

    @staticmethod
    def _sequence(line: str) -> str:
        """Return a line of sequence with its letters where Biopython expects them.

        Some programs write no number before the letters, or another number of spaces.
        """
        letters = line.lstrip(" \t0123456789")
        return f"{'':10}{letters}" if letters.strip() else "\n"

    def _begin(self, line: str) -> str:
        """Begin a record. Return its LOCUS line in a form without fixed columns."""
        found = _LOCUS.match(line) or _SHORT_LOCUS.match(line)
        if found is None:
            raise self._error(
                f"{self._source}, line {self.number}: {' '.join(line.split())[:90]!r}: no name and "
                "length in bp; write both, with a space between them"
            )
        parts = found.groupdict()
        name = "_".join((parts["name"] or "").split())
        self._names = {"LOCUS": name}
        self._locus_line, self._in_header, self._in_sequence = self.number, True, False
        self.circular = bool(_CIRCULAR.search(parts.get("rest", "")))
        self.protein = parts.get("unit", "").lower() == "aa"
        text = name or "record"
        if "length" in parts:
            topology = "circular" if self.circular else "linear"
            text += f" {parts['length']} bp DNA {topology} UNK 01-JAN-1980"
        return f"LOCUS       {text}\n"


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

    # Notes are not used here, so no warning says that they are not UTF-8.
    text = text_lines(blocks, reading.source, FastaError, "GenBank", warn=False)
    lines = GenbankLines(text, reading.source, FastaError)
    scanner = GenBankScanner()  # type: ignore[no-untyped-call]
    yield from flat_records(scanner, lines, reading, "GenBank")


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
